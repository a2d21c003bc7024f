"""Connections: what servers say of themselves and of their models, without any I/O."""
