"""The web application: the routes under their prefix, and what every request passes through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache, partial

from aiohttp import web

from assay_nb.errors import AssayError
from assay_nb.gateway.auth.authenticate import authenticate
from assay_nb.gateway.auth.caller import Caller
from assay_nb.gateway.auth.oauth import send_to_hub
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.openapi import DOCUMENT, describe
from assay_nb.gateway.http.responses import (
    NotFound,
    NotSignedIn,
    TooLarge,
    WrongMethod,
    add_safe_headers,
    error_answer,
)
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.process.housekeeping import keep_house
from assay_nb.gateway.proxy.reverse_proxy import open_reverse_proxy
from assay_nb.gateway.services import SERVICES, Services

WATCH_SECONDS = 10.0
"""How often active calls are checked. With the hub's answer, at most 40 s old, that is within a minute."""

_ROUTE = web.RequestKey("route", Route)
_CALLER = web.RequestKey("caller", Caller)
_Dispatch = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(services: Services, routes: tuple[Route, ...] = ROUTES) -> web.Application:
    """Return the application that serves the table of routes under the service's prefix."""
    app = web.Application(
        middlewares=[_answer], client_max_size=services.settings.limits.passthrough_body
    )
    app[SERVICES] = services
    app[DOCUMENT] = cache(partial(describe, routes, services.settings.prefix))
    for route in routes:
        app.router.add_route(
            route.method, services.settings.prefix + route.path, _enter(route, services)
        )
    app.cleanup_ctx.append(_run_tasks)
    app.cleanup_ctx.append(open_reverse_proxy)
    return app


async def _run_tasks(app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    tasks = {
        asyncio.create_task(services.active_calls.watch(services.holds, WATCH_SECONDS)),
        asyncio.create_task(keep_house(services)),
    }
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await services.resources.aclose()


def _enter(route: Route, services: Services) -> _Dispatch:
    """Return what a route's requests are handed to: authentication first, and then its handler.

    Both belong to the entry that was matched, so the guard and the handler cannot read a path differently.
    """

    async def enter(request: web.Request) -> web.StreamResponse:
        request[_ROUTE] = route
        try:
            caller = await authenticate(route, request, services)
        except NotSignedIn:
            if route.who == "page" and "Authorization" not in request.headers:
                return send_to_hub(services, request.raw_path)
            raise
        if caller is not None:
            request[_CALLER] = caller
        return await route.handler(RequestContext(request, services, caller))

    return enter


@web.middleware
async def _answer(request: web.Request, handler: _Dispatch) -> web.StreamResponse:
    """Answer every request, whatever happens, and log it."""
    services = request.app[SERVICES]
    began = time.monotonic()
    code, status = "", 499  # nginx's number for a client that hung up
    try:
        try:
            response = await handler(request)
        except AssayError as error:
            code = error.code
            response = error_answer(error)
        except web.HTTPException as error:
            response, code = _translate(error)
        except ConnectionError:
            raise
        except Exception as error:
            broken = services.went_wrong(error)
            code = broken.code
            response = error_answer(broken)
        add_safe_headers(response)
        status = response.status
        return response
    finally:
        _note(services, request, status, code, time.monotonic() - began)


def _translate(error: web.HTTPException) -> tuple[web.Response, str]:
    """Return aiohttp's own refusals in our form."""
    ours: AssayError
    if isinstance(error, web.HTTPMethodNotAllowed):
        ours = WrongMethod(
            "This address does not take this method.", hint="See `api/openapi.json` for the list."
        )
    elif isinstance(error, web.HTTPRequestEntityTooLarge):
        ours = TooLarge("The request is too large.")
    else:
        ours = NotFound("Nothing is at this address.", hint="See `api/openapi.json` for the list.")
    response = error_answer(ours)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = error.headers["Allow"]
    return response, ours.code


def _note(services: Services, request: web.Request, status: int, code: str, seconds: float) -> None:
    route = request.get(_ROUTE)
    services.note_answer(
        route.path if route else None, request.method, request.get(_CALLER), status, code, seconds
    )
