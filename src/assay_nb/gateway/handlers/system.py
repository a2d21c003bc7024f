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
from assay_nb.gateway.services import Services


async def show_health(context: RequestContext) -> web.Response:
    """Say whether the gateway can serve: whether what every call needs is there."""
    services = context.services
    hub, log = services.hub.state, await _look_at_log(services)
    try:
        vault = (await run_sync(services.resources.vault.find_state)).name
    except AssayError:
        vault = "unknown"
    failing = vault in {"sealed", "unknown"} or hub == "lost" or log == "failing"
    about = {"status": "failing" if failing else "ok", "vault": vault, "hub": hub, "log": log}
    return json_answer(about, status=503 if failing else 200)


async def _look_at_log(services: Services) -> str:
    """Say whether the calls log takes lines: while it does not, every call is refused."""
    try:
        calls = await run_sync(lambda: services.resources.calls)
        calls.check_room()
        await run_sync(calls.check)  # it writes only what could not be written before
    except AssayError:
        return "failing"
    return "ok"


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
    log={"enum": ["ok", "failing"]},
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
