"""Reads whatever a server sends as a stream, and gives the SDKs one clean form of it."""
