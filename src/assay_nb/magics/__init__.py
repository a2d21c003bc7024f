"""The IPython face: cell magics on the prompt in the cell, and `%assay` for everything around them.

`cells` runs an instrument and shows it live, `lines` runs the shared sub-commands, `arguments` says what
each magic takes, `completion` completes it.
"""
