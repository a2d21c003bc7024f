"""Authentication of a request: find its caller, and check that the route is open to them.

Routes say who may come in by them; the functions here keep to it, before a handler sees the request.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.auth.caller import Caller
from assay_nb.gateway.auth.identity import Person, check_person, parse_authorization
from assay_nb.gateway.auth.run_tokens import RunToken, find_purpose
from assay_nb.gateway.auth.sessions import XSRF_FIELD, XSRF_HEADER, check_origin, check_xsrf
from assay_nb.gateway.http.context import ACTIVE
from assay_nb.gateway.http.responses import NotSignedIn
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.services import Services
from assay_nb.store.run_token_rows import Purpose

_WRONG_ROUTE: Mapping[Purpose, str] = {
    "calls": "A run token is only good for the calls of its run.",
    "pass-through": "This token is only good for requests that are passed through to a provider.",
}

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def authenticate(route: Route, request: web.Request, services: Services) -> Caller | None:
    """Return the caller of a request if the route is open to them; None where it is open to everybody.

    Raises:
        NotSignedIn: If no token or cookie is shown, or the hub does not know it.
        PermissionDenied: If the route is not open to this caller.
    """
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


def find_known_caller(route: Route, request: web.Request, services: Services) -> Caller | None:
    """Return a member who shows a token that was found good lately; None for everybody else.

    It waits for nothing. Whoever is not found is let in or refused by `authenticate`.
    """
    token = _find_token(route, request)
    if token is None:
        return None
    purpose = find_purpose(token)
    run = services.run_tokens.recall(token) if purpose else None
    if purpose and (run is None or run.purpose != route.run_tokens):
        return None
    shown = token if run is None else run.hub_token
    person = services.identity.find_known(shown)
    if person is None or person.kind != "user":
        return None
    if run is None:
        return Caller(person, "token", shown)
    if run.user != person.name or not _names_workspace_of(run, request, services):
        return None
    return Caller(person, "run", shown, run=run)


def check_operator(person: Person) -> None:
    """Let in hub admins, and tokens that may read the hub's own metrics.

    Raises:
        PermissionDenied: For everybody else.
    """
    if not (person.admin or "read:metrics" in person.scopes):
        raise PermissionDenied(
            "Only the hub's operator may see this.",
            hint="Show a hub admin's token, or a service's with the scope read:metrics.",
        )


async def _find_caller(route: Route, request: web.Request, services: Services) -> Caller:
    token = _find_token(route, request)
    if token is not None and find_purpose(token):
        tokens = services.run_tokens
        run = tokens.recall(token) or await run_sync(tokens.find, token)
        person = await services.identity.identify(run.hub_token)
        return Caller(person, "run", run.hub_token, run=run)
    if token is not None:
        person = await services.identity.identify(token)
        return Caller(person, "token", token)
    session = services.sessions.read(request)
    if session is None or await services.has_session_ended(session.token):
        raise NotSignedIn(
            "You are not signed in.",
            hint="Send `Authorization: Bearer TOKEN` with a JupyterHub token.",
        )
    person = await services.identity.identify(session.token)
    return Caller(person, "browser", session.token, session)


def _find_token(route: Route, request: web.Request) -> str | None:
    header = request.headers.get("Authorization")
    if header is not None:
        return parse_authorization(header)
    return next(
        (request.headers[name] for name in route.token_headers if name in request.headers), None
    )


async def _check_run(
    route: Route, request: web.Request, user: str, run: RunToken, services: Services
) -> None:
    """Keep a run token to its purpose, its person and its workspace.

    Raises:
        PermissionDenied: For any other route, or another workspace.
    """
    if route.run_tokens != run.purpose or user != run.user:
        raise PermissionDenied(_WRONG_ROUTE[run.purpose], hint="Show a hub token.")
    if _names_workspace_of(run, request, services):
        return
    named = request.match_info["workspace"]
    if await services.find_workspace_id(user, named) != run.workspace_id:
        raise PermissionDenied("This run token is for another workspace.")


def _names_workspace_of(run: RunToken, request: web.Request, services: Services) -> bool:
    """Say whether a path is known to name a run token's workspace, without a look at the database."""
    named = request.match_info["workspace"]
    if named == ACTIVE or named == run.workspace_id.hex():
        return True
    return services.recall_workspace_id(run.user, named) == run.workspace_id


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
