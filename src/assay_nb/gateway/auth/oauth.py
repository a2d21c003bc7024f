"""Sign-in with a browser by the hub's OAuth: to the hub, and back with a code that it turns into a token.

This follows the hub's documentation for services. The token is kept in a cookie that scripts cannot read
and browsers do not send to other paths of the hub.
"""

from __future__ import annotations

from urllib.parse import unquote, urlencode

from aiohttp import web

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.auth.identity import check_person
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import DONE
from assay_nb.gateway.services import Services

CALLBACK = "oauth_callback"


def send_to_hub(services: Services, back_to: str) -> web.Response:
    """Return the response that sends a browser to the hub to sign in."""
    response = web.Response(status=302)
    state = services.sessions.begin_login(response, _within(services, back_to))
    query = urlencode(
        {
            "client_id": f"service-{services.settings.hub.service}",
            "redirect_uri": _redirect_uri(services),
            "response_type": "code",
            "state": state,
        }
    )
    response.headers["Location"] = f"{services.settings.hub_pages}api/oauth2/authorize?{query}"
    return response


async def finish_login(context: RequestContext) -> web.Response:
    """Take the code that the browser brings back, and sign it in."""
    services, query = context.services, context.request.query
    state, code = query.get("state", ""), query.get("code", "")
    back_to = services.sessions.finish_login(context.request, state)
    if back_to is None or not code:
        raise _not_started()
    hub = services.settings.hub
    token = await services.hub.exchange(code, _redirect_uri(services), f"service-{hub.service}")
    if token is None:
        raise _not_started()
    check_person(await services.identity.identify(token))
    response = web.Response(status=302, headers={"Location": back_to})
    services.sessions.forget_login(response, state)
    services.sessions.begin(response, token)
    return response


async def sign_out(context: RequestContext) -> web.Response:
    """End the browser's session: its cookie, and the token in it, are refused from now on.

    The hub's own session goes on until the browser opens the hub's page for signing out.
    """
    response = json_answer({"done": True})
    await context.services.end_session(context.caller)
    context.services.sessions.end(response)
    return response


def _redirect_uri(services: Services) -> str:
    # The hub registers only a path for services; without a host, nobody can change where it leads. With subdomains
    # the path alone would lead back to the hub, which registers the service's own host.
    settings = services.settings
    origin = (settings.public_origin or "") if settings.hub.subdomains else ""
    return f"{origin}{settings.prefix}{CALLBACK}"


def _within(services: Services, path: str) -> str:
    """Return the path to come back to: the front page, where it is not one of ours."""
    prefix = services.settings.prefix
    return path if path.startswith(prefix) and not _leads_elsewhere(path) else prefix


def _leads_elsewhere(path: str) -> bool:
    """Return whether a browser could read a path as another one: it resolves dots, also escaped ones."""
    if not path.isascii() or not path.isprintable() or "\\" in path:
        return True
    segments = unquote(path.partition("?")[0].partition("#")[0]).split("/")
    return "." in segments or ".." in segments or "\\" in "".join(segments)


def _not_started() -> PermissionDenied:
    return PermissionDenied(
        "This sign-in did not start in this browser, or it started too long ago.",
        hint="Open the page again, and sign in from there.",
    )


ROUTES = (
    Route(
        method="GET",
        path=CALLBACK,
        who="open",
        handler=finish_login,
        summary="Where the hub sends a browser back to",
        listed=False,
    ),
    Route(
        method="POST",
        path="api/v1/sign-out",
        who="session",
        handler=sign_out,
        summary="End the browser's session here, at every replica",
        reply=DONE,
    ),
)
