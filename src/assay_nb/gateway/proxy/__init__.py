"""Proxy for other tools' clients: a request passes with the workspace's key."""
