"""The sub-commands, defined once for `assay-nb X` in a terminal and `%assay X` in a notebook.

A command is a function of the session, the parsed arguments and the desk (what may be asked of the
person); it returns an `Outcome`. The faces differ only in how they show it. `tree` lists them all.
"""
