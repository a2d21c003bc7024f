"""Adding the handlers to a running Jupyter Server."""

# pyright: reportUnknownMemberType=false
# jupyter_server's own types are partial.

from __future__ import annotations

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join

from assay_nb.engine.session import Session
from assay_nb.labserver.handlers import ROUTES

PREFIX = "assay-nb/api/v1"
"""Under the server's base URL; the paths below it read like the gateway's."""


def load(server_app: ServerApp, session: Session | None = None) -> None:
    """Add the routes. Nothing is opened and no thread starts before the first request."""
    app = server_app.web_app
    base = url_path_join(app.settings["base_url"], PREFIX)
    app.settings["assay_nb_session"] = session
    rules = [(url_path_join(base, path), handler) for path, handler in ROUTES]
    app.add_handlers(".*$", rules)
