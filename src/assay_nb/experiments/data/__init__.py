"""Rows of data, as a table or a file gives them, and their fingerprint."""
