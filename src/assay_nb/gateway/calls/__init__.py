"""Calls through the gateway: active ones, limits on them, and idempotency."""
