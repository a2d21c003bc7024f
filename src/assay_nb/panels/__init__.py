"""Widgets for notebooks: workspace, keys, model and budget, and the review of an improvement.

A panel is one way of many: whatever it does, a magic and a command do as well. Where a front end has
no widgets, a panel shows its static form, which says the same and names the commands.
"""
