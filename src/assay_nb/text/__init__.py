"""Pure functions on strings: segments, anchors, edits, templates, credentials by their shape."""
