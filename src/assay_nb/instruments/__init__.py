"""Critique, improve, rewrite, lint and their kin: text to request, reply to verified result. No I/O."""
