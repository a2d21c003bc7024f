"""The engine of a hub's kernel: it asks the gateway, and holds no key."""
