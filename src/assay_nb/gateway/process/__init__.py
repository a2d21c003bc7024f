"""The gateway's process: start, hardening, maintenance, log and metrics."""
