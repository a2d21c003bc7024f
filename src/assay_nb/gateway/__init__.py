"""The gateway, a JupyterHub service: it holds the vault, authenticates callers and makes the calls.

`configure_hub` is for a `jupyterhub_config.py`, and importing it loads nothing else of this package.
"""

from assay_nb.gateway.hub_config import configure_hub

__all__ = ["configure_hub"]
