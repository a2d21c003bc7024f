"""Handlers for a service manager: health, metrics and the OpenAPI document."""

from __future__ import annotations

from typing import get_args

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.errors import AssayError
from assay_nb.gateway.auth.identity import HubState
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.openapi import DOCUMENT
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import exactly
from assay_nb.gateway.process.metrics import CONTENT_TYPE


async def show_health(context: RequestContext) -> web.Response:
    """Say whether the gateway can serve: database and hub answer, and the vault is not sealed."""
    hub = context.services.hub.state
    try:
        vault = (await run_sync(context.services.resources.vault.find_state)).name
    except AssayError:
        return json_answer({"status": "failing", "vault": "unknown", "hub": hub}, status=503)
    if vault == "sealed" or hub == "lost":
        return json_answer({"status": "failing", "vault": vault, "hub": hub}, status=503)
    return json_answer({"status": "ok", "vault": vault, "hub": hub})


async def show_metrics(context: RequestContext) -> web.Response:
    """Return the counters for Prometheus."""
    return web.Response(
        body=context.services.metrics.text(), headers={"Content-Type": CONTENT_TYPE}
    )


async def show_openapi(context: RequestContext) -> web.Response:
    """Return the OpenAPI document of the routes."""
    return json_answer(context.request.app[DOCUMENT]())


_HEALTH = exactly(
    status={"enum": ["ok", "failing"]},
    vault={"enum": ["empty", "open", "sealed", "unknown"]},
    hub={"enum": list(get_args(HubState))},
)

ROUTES = (
    Route(
        method="GET",
        path="health",
        who="open",
        handler=show_health,
        summary="Whether the gateway can serve",
        reply=_HEALTH,
        errors=(503,),
    ),
    Route(
        method="GET",
        path="metrics",
        who="operator",
        handler=show_metrics,
        summary="Counters for Prometheus",
        reply={"type": "string"},
        media="text/plain",
    ),
    Route(
        method="GET",
        path="api/openapi.json",
        who="open",
        handler=show_openapi,
        summary="This document",
        reply={"type": "object"},
    ),
)
