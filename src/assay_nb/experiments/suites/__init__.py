"""Suites: expectations in a file, run against a prompt."""
