"""The Jupyter Server extension: what the JupyterLab extension asks, answered beside the notebook server.

A key that is typed in JupyterLab travels from the browser to this server and into the vault; no kernel
carries it. On a hub the server holds no vault: it asks the gateway, and takes no key at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction]  # Jupyter Server looks for it by this name
    return [{"module": "assay_nb.labserver"}]


def _load_jupyter_server_extension(server_app: ServerApp) -> None:  # pyright: ignore[reportUnusedFunction]  # and for this one
    from assay_nb.labserver.extension import load

    load(server_app)
