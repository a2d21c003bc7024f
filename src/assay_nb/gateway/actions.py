"""Actions of the gateway's members: each change of a workspace, its members and its keys, once.

The JSON API and the pages both call these: the rule, the change, the end of the calls that it takes the right
from, and the line in the log belong together. What a handler or a form adds is how the values come in and how
the outcome is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import Allowance
from assay_nb.connections.presets import Preset
from assay_nb.egress.origins import PLACEMENT, parse_endpoint
from assay_nb.engine.connect_form import check_key_given, fill_in
from assay_nb.engine.control import KeyCheck, ModelFacts, Removal, WorkspaceFacts
from assay_nb.engine.endpoints import would_lose_key
from assay_nb.engine.local.credentials import find_destinations, missing_key
from assay_nb.errors import WorkspaceNotFound, WrongUsage
from assay_nb.gateway.calls.inflight import taken_out
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.policy import check_model
from assay_nb.gateway.process.logs import Changed
from assay_nb.messages import NO_KEY, PROVIDERS, Destination, Kind
from assay_nb.models.catalog import parse_model

# --- workspaces


async def create_workspace(context: RequestContext, name: str) -> WorkspaceFacts:
    """Make a team workspace that the caller owns."""
    created = await context.control.create_workspace(name)
    _log(context, "workspace created", created.id)
    return created


async def restore_workspace(context: RequestContext, name: str) -> WorkspaceFacts:
    """Bring back a deleted workspace that the caller owned, without its keys."""
    workspaces = context.services.resources.workspaces
    restored = (await run_sync(workspaces.restore, context.user, name)).id.hex()
    _log(context, "workspace restored", restored)
    return await context.control.show_workspace(restored)


async def use_workspace(context: RequestContext, where: str | None = None) -> WorkspaceFacts:
    """Make the workspace the one that the caller works in when they name none.

    Args:
        context: Its path names the workspace.
        where: Its id, where the name in the path may have changed since.
    """
    return await context.control.use_workspace(where or await find_id(context))


async def choose_model(
    context: RequestContext, model: str | None, where: str | None = None
) -> str | None:
    """Choose the model of calls that name none, and return it; None leaves it to the default.

    Args:
        context: Its path names the workspace.
        model: Its name, with the provider's where that is not clear.
        where: The workspace's id, where the name in the path may have changed since.

    Raises:
        PermissionDenied: If the operator's lists, or the caller's role, do not allow it.
        ProviderKeyMissing: If the workspace has no connection of this name.
    """
    where = where or await find_id(context)
    await check_choice(context, model, where)
    chosen = await context.control.set_model(where, model)
    _log(context, "model chosen", where)
    return chosen


async def check_choice(context: RequestContext, model: str | None, where: str) -> None:
    """Refuse a model that the operator's lists bar; calls to it would be refused later.

    Args:
        context: Its caller is a member of the workspace.
        model: The model's name; None is always allowed.
        where: The workspace's id.

    Raises:
        PermissionDenied: If they do.
        ProviderKeyMissing: If the workspace has no connection of this name.
        WrongUsage: If it is not the name of a model.
    """
    if model is not None:
        connection, name = parse_model(model)
        there = await _find_destination(context, where, connection, name)
        check_model(context.services.settings, there, name)


async def _find_destination(
    context: RequestContext, where: str, connection: str, model: str
) -> Destination:
    """Return where a connection leads; one that is there from the start leads to its provider without a key."""
    resources, workspace_id = context.services.resources, bytes.fromhex(where)
    there = (await run_sync(find_destinations, resources, workspace_id)).get(connection)
    if there is not None:
        return there
    for provider in PROVIDERS:
        if provider == connection:
            return parse_endpoint(provider)
    workspace = await context.services.authorize(context.user, where, "view")
    asked = f"{connection}/{model}"
    raise await run_sync(missing_key, resources, workspace, context.user, connection, asked)


async def rename_workspace(context: RequestContext, name: str) -> WorkspaceFacts:
    """Give the workspace another name."""
    renamed = await context.control.rename_workspace(await find_id(context), name)
    _log(context, "workspace renamed", renamed.id)
    return renamed


async def transfer_workspace(context: RequestContext, user: str) -> str:
    """Hand the workspace to another member; the caller stays in it as an admin. Return its id."""
    where = await find_id(context)
    await run_sync(context.services.resources.workspaces.transfer, context.user, where, user)
    _log(context, "workspace handed over", where, user)
    return where


async def delete_workspace(context: RequestContext) -> None:
    """Delete the workspace and its keys, and end the calls that run in it."""
    where = await find_id(context)
    await context.control.delete_workspace(where)
    gone = WorkspaceNotFound("The call was ended: its workspace was deleted.")
    context.services.active_calls.end(None, bytes.fromhex(where), gone)
    _log(context, "workspace deleted", where)


# --- members


async def add_member(context: RequestContext, user: str, role: str | None) -> str:
    """Add a person to the workspace, as a member unless a role is given. Return the role."""
    where, role = await find_id(context), role or "member"
    await context.control.add_member(where, user, role)
    _log(context, "member added", where, user)
    return role


async def change_role(context: RequestContext, user: str, role: str) -> None:
    """Change what a member may do."""
    where = await find_id(context)
    await context.control.set_role(where, user, role)
    _log(context, "role changed", where, user)


async def remove_member(context: RequestContext, user: str) -> None:
    """Take a person out of the workspace, or oneself, and end the calls that they have running in it."""
    where = await find_id(context)
    if user == context.user:
        await context.control.leave_workspace(where)
    else:
        await context.control.remove_member(where, user)
    context.services.active_calls.end(user, bytes.fromhex(where), taken_out())
    _log(context, "member removed", where, user)


async def set_price(
    context: RequestContext, model: str, price: tuple[float, float] | None
) -> ModelFacts:
    """Set what a model costs in the workspace, or forget it, and return what is known of the model then.

    Raises:
        PermissionDenied: If the operator's lists, or the caller's role, do not allow it.
        WrongUsage: If a price makes no sense.
    """
    where = await find_id(context)
    await check_choice(context, model, where)
    facts = await context.control.set_price(where, model, price)
    _log(context, "price set", where, f"{facts.provider}/{facts.name}")
    return facts


async def set_allowance(context: RequestContext, allowance: Allowance) -> Allowance:
    """Set what a member, each member, or all together may use; without figures, no limit.

    Raises:
        PermissionDenied: If the caller's role does not allow it.
        WrongUsage: If a figure is not from 0 up.
    """
    where = await context.services.authorize(context.user, context.workspace, "manage_members")
    await run_sync(context.services.resources.allowances.set, where.id, allowance)
    _log(context, "allowance set", where.id.hex(), allowance.user)
    return allowance


def in_micros(dollars: float | None) -> int | None:
    """Return US dollars in millionths."""
    return None if dollars is None else round(dollars * 1_000_000)


# --- keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connection leads, as far as somebody says so.

    Attributes:
        endpoint: The SDK's base URL; None keeps what is stored, or takes the provider's own.
        kind: What the server speaks; None keeps what is stored.
        placement: How the key is put on a request; None keeps what is stored, or takes the kind's own.
    """

    endpoint: str | None = None
    kind: Kind | None = None
    placement: str | None = None


def place_by_preset(preset: Preset, parts: Mapping[str, str], said: Place, key: str) -> Place:
    """Return where a preset leads; what somebody says beside it comes first.

    Args:
        preset: The preset.
        parts: What fills the holes in its address.
        said: What takes the place of the preset's address, kind or placement.
        key: The key; `""` for none.

    Raises:
        WrongUsage: If a part is missing, unknown or not a name, or the service needs a key and there is none.
    """
    check_key_given(preset, given=bool(key.strip()))
    if unknown := sorted(set(parts) - set(preset.holes)):
        raise WrongUsage(
            f"{preset.label} has no part {unknown[0][:40]!r} in its address.",
            hint=f"Name only these: {', '.join(preset.holes) or 'none'}.",
        )
    usual = (preset.placement or PLACEMENT[preset.provider]) if key.strip() else None
    return Place(
        endpoint=said.endpoint or fill_in(preset, parts),
        kind=said.kind or preset.kind,
        placement=said.placement or usual,  # said always: what is stored may be another server's
    )


async def save_key(
    context: RequestContext, connection: str, key: str, place: Place, *, check: bool
) -> KeyCheck:
    """Test a key with the server's free listing call, and store it for a connection, which may be new.

    Args:
        context: Its path names the workspace.
        connection: The connection's name.
        key: The key; `""` for a server that needs none, which the caller of this function has asked about.
        place: Where the connection leads.
        check: Whether to test it before.
    """
    if key.strip() and place.placement == NO_KEY:
        raise WrongUsage(
            "A key was entered for a server that needs none, so nothing was stored.",
            hint="Leave the key out, or say how the server takes it.",
        )
    where, held = await find_id(context), bytearray(key.encode("utf-8", "surrogatepass"))
    try:
        with context.services.limiter.slot(context.user):
            outcome = await context.control.set_key(
                where,
                connection,
                held,
                endpoint=place.endpoint,
                check=check,
                kind=place.kind,
                placement=place.placement,
            )
    finally:
        held[:] = bytes(len(held))
    _log(context, "key stored", where, connection)
    return outcome


async def check_nothing_lost(context: RequestContext, connection: str) -> None:
    """Refuse an empty key where one is stored: a script whose variable is not set sends such a key.

    Raises:
        WrongUsage: If the connection has a key.
    """
    if would_lose_key(await context.control.keys(context.workspace), connection):
        raise WrongUsage(
            "The key is empty, so the stored one was kept.",
            hint="Remove the stored key first, if the server needs none.",
        )


async def test_key(context: RequestContext, connection: str) -> KeyCheck:
    """Open a connection's key and ask the server for its list of models."""
    services = context.services
    where = await services.authorize(context.user, context.workspace, "manage_keys")
    with services.limiter.slot(context.user):
        return await context.control.test_key(where.id.hex(), connection)


async def rename_connection(context: RequestContext, connection: str, new_name: str) -> None:
    """Give a connection another name; its key is sealed again under it, and nobody enters it again."""
    where = await find_id(context)
    await context.control.rename_connection(where, connection, new_name)
    _log(context, "connection renamed", where, f"{connection} -> {new_name}")


async def remove_key(context: RequestContext, connection: str) -> Removal:
    """Delete a connection and its key; only revoking the key at the provider ends it."""
    where = await find_id(context)
    removal = await context.control.remove_key(where, connection)
    _log(context, "key removed", where, connection)
    return removal


async def find_id(context: RequestContext) -> str:
    """Return the id of the workspace in the path; a name can be given to another one meanwhile."""
    return (await context.control.show_workspace(context.workspace)).id


def _log(context: RequestContext, what: str, workspace: str, subject: str = "") -> None:
    context.services.log(Changed(what, context.user, workspace, subject))
