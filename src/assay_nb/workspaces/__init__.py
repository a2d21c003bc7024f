"""Workspaces: their names, their members, and what each role may do."""
