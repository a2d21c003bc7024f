"""Who may do what: roles, membership, the demo budget and the log of calls."""
