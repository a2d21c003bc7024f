"""Instruments (critique, improve, rewrite, judge, lint): text to request, reply to result. No I/O."""
