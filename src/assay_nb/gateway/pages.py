"""The pages that people see in a browser: workspaces, members and keys."""

from __future__ import annotations

from assay_nb.gateway.route import Route

ROUTES: tuple[Route, ...] = ()
