"""The pages that people see in a browser: workspaces, members and keys.

They work without a script, and have none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.egress.origins import OFFICIAL
from assay_nb.engine.control import KeyFacts, Setup, WorkspaceFacts
from assay_nb.errors import AssayError, workspace_gone
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.route import Handler, Route
from assay_nb.gateway.pages import forms
from assay_nb.gateway.pages.forms import answer_form
from assay_nb.gateway.pages.templates import check_navigation, draw, draw_error, show_static
from assay_nb.gateway.policy import check_provider
from assay_nb.store.workspace_rows import Role
from assay_nb.workspaces.roles import ROLES, Action, is_allowed

_CALLS = 20
_ROLE: dict[str, Role] = {role: role for role in ROLES}


@dataclass(frozen=True, slots=True)
class Card:
    """What a page shows of one provider's key."""

    key: KeyFacts
    setup: Setup

    @property
    def state(self) -> str:
        """The state in a word, for the eye and for the style sheet."""
        if self.key.state == "ready":
            return "ready" if self.key.verified or self.key.keyless else "untested"
        return self.key.state

    @property
    def words(self) -> str:
        """The state in words."""
        if self.key.keyless:
            return "No key needed"
        return {
            "ready": "Ready",
            "untested": "Ready, not tested yet",
            "unreadable": "Cannot be opened: enter it again",
            "sealed": "The vault is sealed: the operator has to open it",
            "missing": "No key",
        }[self.state]

    @property
    def endpoint(self) -> str:
        """Where it is sent, unless that is the provider's own address."""
        return "" if self.key.endpoint == OFFICIAL[self.key.provider] else self.key.endpoint


class May:
    """What the caller's role allows, as templates ask for it: `may.manage_keys`."""

    def __init__(self, where: WorkspaceFacts) -> None:
        self._role: Role = _ROLE[where.role]

    def __getattr__(self, action: Action) -> bool:
        return is_allowed(self._role, action)


def _page(show: Callable[[RequestContext], Awaitable[web.Response]]) -> Handler:
    """Return a handler that answers errors with a page too."""

    async def handler(context: RequestContext) -> web.Response:
        check_navigation(context.request)  # outside: an error's page has the XSRF token too
        try:
            return await show(context)
        except AssayError as error:
            return draw_error(context, error)

    return handler


@_page
async def show_overview(context: RequestContext) -> web.Response:
    """Show the caller's workspaces."""
    control = context.control
    workspaces = await control.workspaces()
    return draw(
        context,
        "overview",
        title="Workspaces",
        workspaces=[(one, await _cards(context, one)) for one in workspaces],
        gone="" if any(one.active for one in workspaces) else workspace_gone().message,
        budget=await control.budget(),
    )


@_page
async def show_workspace(context: RequestContext) -> web.Response:
    """Show one workspace: keys, members, limits, calls."""
    control, services = context.control, context.services
    where = await control.show_workspace(context.workspace)
    may = May(where)
    listed = await run_sync(services.resources.allowances.list, bytes.fromhex(where.id))
    shown = [one for one in listed if may.manage_members or one.user in ("", context.user)]
    return draw(
        context,
        "workspace",
        title=where.name,
        where=where,
        may=may,
        cards=await _cards(context, where),
        members=await control.members(where.id),
        roles=ROLES if may.manage_owners else ROLES[1:],
        models=_models(context),
        allowances=shown,
        budget=await control.budget(),
        calls=await control.calls(where.id, _CALLS),
    )


@_page
async def show_key(context: RequestContext) -> web.Response:
    """Show one provider's key, how to get one, and the form to enter it."""
    settings = context.services.settings
    check_provider(settings, context.provider)
    where = await context.control.show_workspace(context.workspace)
    cards = await _cards(context, where)
    card = next(card for card in cards if card.key.provider == context.provider)
    return draw(
        context,
        "key",
        title=f"{card.setup.name} key",
        where=where,
        may=May(where),
        card=card,
        official=OFFICIAL[context.provider],
        origins=settings.allow_origins,
    )


async def sign_out(context: RequestContext) -> web.Response:
    """Forget the browser's session here, and go to the hub, which has one of its own."""
    check_navigation(context.request)
    base = context.services.settings.hub.base_url.strip("/")
    location = f"/{base}/hub/home" if base else "/hub/home"
    response = web.Response(status=303, headers={"Location": location})
    context.services.sessions.end(response)
    context.services.identity.forget(context.caller.token)
    return response


async def change_overview(context: RequestContext) -> web.Response:
    """Do what a form on the overview asks for."""
    return await answer_form(context, forms.OVERVIEW)


async def change_workspace(context: RequestContext) -> web.Response:
    """Do what a form on a workspace's page asks for."""
    return await answer_form(context, forms.WORKSPACE)


async def change_key(context: RequestContext) -> web.Response:
    """Do what a form on a key's page asks for."""
    return await answer_form(context, forms.KEY)


async def _cards(context: RequestContext, where: WorkspaceFacts) -> list[Card]:
    allowed = context.services.settings.allow_providers
    keys = await context.control.keys(where.id)
    return [
        Card(key, context.control.setup(key.provider)) for key in keys if key.provider in allowed
    ]


def _models(context: RequestContext) -> list[str]:
    allowed = context.services.settings.is_model_allowed
    known = context.control.known_models()
    return [name for name in known if allowed(*name.split("/", 1))]


_WORKSPACE = "workspaces/{workspace}"
_KEY = f"{_WORKSPACE}/keys/{{provider}}"


def _both(
    path: str, show: Handler, change: Handler, summary: str, action: Action | None = None
) -> tuple[Route, Route]:
    return (
        Route(
            method="GET",
            path=path,
            who="page",
            handler=show,
            summary=summary,
            action="view" if action else None,
            listed=False,
        ),
        Route(
            method="POST",
            path=path,
            who="page",
            handler=change,
            summary=f"{summary}: its forms",
            action=action,
            status=303,
            listed=False,
        ),
    )


ROUTES: tuple[Route, ...] = (
    *_both("", show_overview, change_overview, "The caller's workspaces"),
    *_both(_WORKSPACE, show_workspace, change_workspace, "One workspace", "view"),
    *_both(_KEY, show_key, change_key, "One key", "manage_keys"),
    Route(
        method="POST",
        path="sign-out",
        who="page",
        handler=sign_out,
        summary="End the browser's session here",
        status=303,
        listed=False,
    ),
    Route(
        method="GET",
        path="static/{name}",
        who="open",
        handler=show_static,
        summary="The pages' style",
        listed=False,
    ),
)
