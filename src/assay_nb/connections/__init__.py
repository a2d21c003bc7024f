"""Connections: which servers there are, and what is known about each, as data. No I/O."""
