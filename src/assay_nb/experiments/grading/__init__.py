"""Scores for outputs: metrics in Python, and judges that are models."""
