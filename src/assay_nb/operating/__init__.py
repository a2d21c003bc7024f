"""The operator's commands: they act on a gateway's database, as its configuration file names it."""
