"""Calls through the gateway: how many at once, and the same one only once."""
