"""All routes, in one table. What is not in it is not served."""

from __future__ import annotations

from assay_nb.gateway import (
    instruments,
    keys,
    login,
    pages,
    passthrough,
    runs,
    service,
    workspaces,
)
from assay_nb.gateway.route import Route

ROUTES: tuple[Route, ...] = (
    *service.ROUTES,
    *workspaces.ROUTES,
    *keys.ROUTES,
    *instruments.ROUTES,
    *runs.ROUTES,
    *passthrough.ROUTES,
    *login.ROUTES,
    *pages.ROUTES,
)
