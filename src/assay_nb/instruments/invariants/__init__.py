"""Invariants of a rewritten prompt: what was in the text before has to be there afterwards."""
