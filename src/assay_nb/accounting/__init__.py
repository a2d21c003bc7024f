"""Who may still call and what was called: allowances, the demo budget, and the log of calls."""
