"""The web application: the table of routes, and what every request goes through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.errors import AssayError, PermissionDenied
from assay_nb.gateway.auth.identity import Person, check_person, parse_authorization
from assay_nb.gateway.auth.oauth import send_to_hub
from assay_nb.gateway.auth.run_tokens import RunToken, is_run_token
from assay_nb.gateway.auth.sessions import XSRF_FIELD, XSRF_HEADER, check_origin, check_xsrf
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.context import ACTIVE, Caller, RequestContext
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
from assay_nb.gateway.process.logs import Answered
from assay_nb.gateway.proxy.handler import open_relay
from assay_nb.gateway.services import SERVICES, Services

WATCH_SECONDS = 10.0
"""How often running calls are looked at: with the hub's answer, at most 40 seconds old, within a minute."""

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ROUTE = web.RequestKey("route", Route)
_CALLER = web.RequestKey("caller", Caller)
_Dispatch = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(services: Services, routes: tuple[Route, ...] = ROUTES) -> web.Application:
    """Return the application that serves the table of routes under the service's prefix."""
    app = web.Application(
        middlewares=[_answer], client_max_size=services.settings.limits.passthrough_body
    )
    app[SERVICES] = services
    for route in routes:
        app.router.add_route(
            route.method, services.settings.prefix + route.path, _enter(route, services)
        )
    app.cleanup_ctx.append(_run_tasks)
    app.cleanup_ctx.append(open_relay)
    return app


async def _run_tasks(app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    tasks = {
        asyncio.create_task(services.running.watch(services.holds, WATCH_SECONDS)),
        asyncio.create_task(keep_house(services)),
    }
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await services.backing.aclose()


def _enter(route: Route, services: Services) -> _Dispatch:
    """Return what a route's requests are handed to: identity and rights first, and then its handler.

    Both belong to the entry that was matched, so a path can't be read one way by the guard and another
    way by the handler.
    """

    async def enter(request: web.Request) -> web.StreamResponse:
        request[_ROUTE] = route
        try:
            caller = await _let_in(route, request, services)
        except NotSignedIn:
            if route.who == "page" and "Authorization" not in request.headers:
                return send_to_hub(services, request.raw_path)
            raise
        if caller is not None:
            request[_CALLER] = caller
        return await route.handler(RequestContext(request, services, route, caller))

    return enter


async def _let_in(route: Route, request: web.Request, services: Services) -> Caller | None:
    if route.who == "open":
        return None
    caller = await _find_caller(route, request, services)
    if caller.run is not None:
        await _check_run(route, request, caller.user, caller.run, services)
    if route.who == "operator":
        check_operator(caller.person)
        return caller
    check_person(caller.person)
    if caller.via == "browser":
        await _check_change(request, caller, services)
    elif route.who in {"session", "page"}:
        raise PermissionDenied(
            "Keys and members are managed in a browser: any code in a kernel has this token.",
            hint=f"Open {services.settings.public_page} on the hub.",
        )
    return caller


async def _find_caller(route: Route, request: web.Request, services: Services) -> Caller:
    token = _find_token(route, request)
    if token is not None and is_run_token(token):
        run = await run_sync(services.run_tokens.find, token)
        person = await services.identity.identify(run.hub_token)
        return Caller(person, "run", run.hub_token, run=run)
    if token is not None:
        person = await services.identity.identify(token)
        return Caller(person, "token", token)
    session = services.sessions.read(request)
    if session is None:
        raise NotSignedIn(
            "Nobody is signed in.",
            hint="Send `Authorization: Bearer TOKEN` with a JupyterHub token.",
        )
    person = await services.identity.identify(session.token)
    return Caller(person, "browser", session.token, session)


async def _check_run(
    route: Route, request: web.Request, user: str, run: RunToken, services: Services
) -> None:
    """Keep a worker to the calls of its run.

    Raises:
        PermissionDenied: For any other route, or another workspace.
    """
    if not route.run_tokens or user != run.user:
        raise PermissionDenied(
            "A run token is for the calls of one run, and for nothing else.",
            hint="Show a hub token.",
        )
    named = request.match_info["workspace"]
    if named != ACTIVE and await services.find_workspace_id(user, named) != run.workspace_id:
        raise PermissionDenied("This run token is for another workspace.")


def _find_token(route: Route, request: web.Request) -> str | None:
    header = request.headers.get("Authorization")
    if header is not None:
        return parse_authorization(header)
    return next(
        (request.headers[name] for name in route.token_headers if name in request.headers), None
    )


async def _check_change(request: web.Request, caller: Caller, services: Services) -> None:
    if request.method in _SAFE_METHODS:
        return
    assert caller.session is not None
    check_origin(request, services.public_origin)
    sent = request.headers.get(XSRF_HEADER)
    if sent is None and request.content_type == "application/x-www-form-urlencoded":
        field = (await request.post()).get(XSRF_FIELD)
        sent = field if isinstance(field, str) else None
    check_xsrf(caller.session, sent)


def check_operator(person: Person) -> None:
    """Let in hub admins, and tokens that may read the hub's own metrics.

    Raises:
        PermissionDenied: For everybody else.
    """
    if not (person.admin or "read:metrics" in person.scopes):
        raise PermissionDenied(
            "This is for the hub's operator.",
            hint="A hub admin's token will do, or a service's with the scope read:metrics.",
        )


@web.middleware
async def _answer(request: web.Request, handler: _Dispatch) -> web.StreamResponse:
    """Answer every request, whatever happens, and note that it was."""
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
        ours = WrongMethod("This address has no such method.", hint="`api/openapi.json` lists all.")
    elif isinstance(error, web.HTTPRequestEntityTooLarge):
        ours = TooLarge("The request is too large.")
    else:
        ours = NotFound(
            "Nothing is at this address.", hint="`api/openapi.json` lists what there is."
        )
    response = error_answer(ours)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = error.headers["Allow"]
    return response, ours.code


def _note(services: Services, request: web.Request, status: int, code: str, seconds: float) -> None:
    route, caller = request.get(_ROUTE), request.get(_CALLER)
    name = route.path if route else "(none)"
    method = request.method if route and request.method in _METHODS else "(other)"
    services.metrics.note_answer(name, method, status, seconds)
    if status == 401:
        services.metrics.refused.inc()
        services.log.count_refusal()
    elif name != "health" and route is not None:
        who = (caller.user, caller.via) if caller else ("", "")
        services.log(Answered(name, method, status, round(seconds * 1000, 1), *who, error=code))
