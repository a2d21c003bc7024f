"""The gateway's process: how it starts, what it refuses, what it does between requests."""
