"""Connections: which servers there are, and what is known of each, as data. No I/O."""
