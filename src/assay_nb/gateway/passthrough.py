"""Pass-through: any SDK's own requests, with the workspace's key in the place of the hub token."""

from __future__ import annotations

from assay_nb.gateway.route import Route

ROUTES: tuple[Route, ...] = ()
