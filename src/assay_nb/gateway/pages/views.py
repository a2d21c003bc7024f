"""The pages that people see in a browser: workspaces, members and keys.

They work without a script, and have none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.connections.presets import PRESETS, find_preset
from assay_nb.egress.origins import OFFICIAL
from assay_nb.engine.control import WorkspaceFacts
from assay_nb.engine.usage_shown import PARTS, tell_usage
from assay_nb.errors import AssayError, workspace_gone
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import NotFound
from assay_nb.gateway.http.route import Handler, Route
from assay_nb.gateway.pages import forms
from assay_nb.gateway.pages.cards import PLACED, Card, cards_of
from assay_nb.gateway.pages.dispatch import answer_form
from assay_nb.gateway.pages.templates import check_navigation, draw, draw_error, show_static
from assay_nb.gateway.policy import check_provider, is_preset_open
from assay_nb.messages import PROVIDERS
from assay_nb.store.workspace_rows import Role
from assay_nb.workspaces.roles import ROLES, Action, is_allowed

_CALLS = 20
_ROLE: dict[str, Role] = {role: role for role in ROLES}


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
        workspaces=[(one, await cards_of(context, one)) for one in workspaces],
        gone="" if any(one.active for one in workspaces) else workspace_gone().message,
        budget=await control.budget(),
    )


@_page
async def show_workspace(context: RequestContext) -> web.Response:
    """Show one workspace: keys, members, limits, calls."""
    control, services = context.control, context.services
    where = await control.show_workspace(context.workspace)
    may, cards = May(where), await cards_of(context, where)
    usage = await _usage(context, where, may)
    listed = await run_sync(services.resources.allowances.list, bytes.fromhex(where.id))
    shown = [one for one in listed if may.manage_members or one.user in ("", context.user)]
    return draw(
        context,
        "workspace",
        title=where.name,
        where=where,
        may=may,
        cards=cards,
        way=await control.keyway(where.id),
        has_named=any(not card.was_there for card in cards),
        members=await control.members(where.id),
        roles=ROLES if may.manage_owners else ROLES[1:],
        models=_models(context),
        allowances=shown,
        limits=await run_sync(
            services.resources.list_limits, bytes.fromhex(where.id), context.user
        ),
        budget=await control.budget(),
        calls=await control.calls(where.id, _CALLS),
        usage=usage,
        parts=[part for part in PARTS if part != "member" or usage["everyone"]],
    )


async def _usage(context: RequestContext, where: WorkspaceFacts, may: May) -> dict[str, Any]:
    """Return what calls used this month, for a page: everybody's for those who manage the members."""
    by = context.request.query.get("by", "day")
    part = PARTS.get(by, "day")
    everyone = where.kind == "team" and may.manage_members
    return tell_usage(await context.control.usage(where.id, by=(part,), everyone=everyone))


@_page
async def show_key(context: RequestContext) -> web.Response:
    """Show one provider's key, how to get one, and the form to enter it."""
    check_provider(context.services.settings, context.provider)
    return await _show_key(context, context.provider, OFFICIAL[context.provider])


@_page
async def show_connection(context: RequestContext) -> web.Response:
    """Show a connection that people have named, and the forms to change it."""
    return await _show_key(context, context.connection, "")


async def _show_key(context: RequestContext, connection: str, official: str) -> web.Response:
    where = await context.control.show_workspace(context.workspace)
    cards: dict[str, Card] = {card.key.connection: card for card in await cards_of(context, where)}
    if connection not in cards:
        raise NotFound(f"'{where.name}' has no connection '{connection}'.")
    card = cards[connection]
    return draw(
        context,
        "key",
        title=f"{card.setup.name} key" if card.was_there else card.setup.name,
        where=where,
        may=May(where),
        card=card,
        way=await context.control.keyway(where.id),
        official=official,
        placed=PLACED,
        origins=context.services.settings.allow_origins,
    )


@_page
async def show_presets(context: RequestContext) -> web.Response:
    """Show what a connection can be made to."""
    where = await context.services.authorize(context.user, context.workspace, "manage_keys")
    settings = context.services.settings
    usable = {name: is_preset_open(settings, one) for name, one in PRESETS.items()}
    return draw(
        context,
        "presets",
        title="Add a connection",
        where=await context.control.show_workspace(where.id.hex()),
        usable=[one for name, one in PRESETS.items() if usable[name]],
        barred=[one for name, one in PRESETS.items() if not usable[name]],
    )


@_page
async def show_new_connection(context: RequestContext) -> web.Response:
    """Show the form that makes a connection from a preset."""
    where = await context.services.authorize(context.user, context.workspace, "manage_keys")
    preset, settings = find_preset(context.part("preset")), context.services.settings
    return draw(
        context,
        "connection",
        title=preset.label,
        where=await context.control.show_workspace(where.id.hex()),
        preset=preset,
        name="" if preset.name in PROVIDERS else preset.name,
        placed=PLACED,
        origins=settings.allow_origins,
        is_open=is_preset_open(settings, preset),
    )


async def sign_out(context: RequestContext) -> web.Response:
    """End the browser's session here, and go to the hub's page that ends its own.

    The hub would otherwise sign the browser in again at the next click, without a question. Its page also ends
    every token that it has given for this session, the one in our cookie among them.
    """
    check_navigation(context.request)
    location = f"{context.services.settings.hub_pages}logout"
    response = web.Response(status=303, headers={"Location": location})
    await context.services.end_session(context.caller)
    context.services.sessions.end(response)
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


async def change_connection(context: RequestContext) -> web.Response:
    """Do what a form on a named connection's page asks for."""
    return await answer_form(context, forms.CONNECTION)


async def make_connection(context: RequestContext) -> web.Response:
    """Make the connection that a form describes."""
    return await answer_form(context, forms.NEW)


def _models(context: RequestContext) -> list[str]:
    allowed = context.services.settings.is_model_allowed
    known = context.control.known_models()
    return [name for name in known if allowed(*name.split("/", 1))]


_WORKSPACE = "workspaces/{workspace}"
_KEY = f"{_WORKSPACE}/keys/{{provider}}"
_CONNECTION = f"{_WORKSPACE}/connections/{{name}}"
_ADD = f"{_WORKSPACE}/add"


def _both(
    path: str,
    show: Handler,
    change: Handler,
    summary: str,
    action: Action | None = None,
    to_see: Action = "view",
) -> tuple[Route, Route]:
    return (
        Route(
            method="GET",
            path=path,
            who="page",
            handler=show,
            summary=summary,
            action=to_see if action else None,
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
    *_both(_CONNECTION, show_connection, change_connection, "One connection", "manage_keys"),
    Route(
        method="GET",
        path=_ADD,
        who="page",
        handler=show_presets,
        summary="What a connection can be made to",
        action="manage_keys",
        listed=False,
    ),
    *_both(
        f"{_ADD}/{{preset}}",
        show_new_connection,
        make_connection,
        "A new connection",
        "manage_keys",
        "manage_keys",
    ),
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
