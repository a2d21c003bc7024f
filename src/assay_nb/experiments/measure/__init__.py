"""Measurement: is the new prompt better on these rows? From two prompts to a verdict."""
