"""The table of routes: whatever is not in it is not served."""

from __future__ import annotations

from assay_nb.gateway.auth import oauth
from assay_nb.gateway.handlers import (
    connections,
    instruments,
    keys,
    models,
    prices,
    run_tokens,
    system,
    usage,
    workspaces,
)
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.pages import views
from assay_nb.gateway.proxy import handler

ROUTES: tuple[Route, ...] = (
    *system.ROUTES,
    *workspaces.ROUTES,
    *keys.ROUTES,
    *models.ROUTES,
    *prices.ROUTES,
    *usage.ROUTES,
    *connections.ROUTES,
    *instruments.ROUTES,
    *run_tokens.ROUTES,
    *handler.ROUTES,
    *oauth.ROUTES,
    *views.ROUTES,
)
