"""Spending of a run: what it may cost, what it likely costs, and when it stops."""
