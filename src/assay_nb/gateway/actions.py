"""Actions of the gateway's members: each change of a workspace, its members and its keys, once.

The JSON API and the pages both call these: the rule, the change, the end of the calls that it takes the right
from, and the line in the log belong together. What a handler or a form adds is how the values come in and how
the outcome is shown.
"""

from __future__ import annotations

from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import EVERYBODY, Allowance
from assay_nb.engine.control import KeyCheck, ModelFacts, Removal, WorkspaceFacts
from assay_nb.errors import WorkspaceNotFound
from assay_nb.gateway.calls.inflight import taken_out
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.policy import check_model, check_provider
from assay_nb.gateway.process.logs import Changed
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
    """
    check_choice(context, model)
    where = where or await find_id(context)
    chosen = await context.control.set_model(where, model)
    _log(context, "model chosen", where)
    return chosen


def check_choice(context: RequestContext, model: str | None) -> None:
    """Refuse a model that the operator's lists bar; calls to it would be refused later.

    Raises:
        PermissionDenied: If they do.
        WrongUsage: If it is not the name of a model.
    """
    if model is not None:
        provider, name = parse_model(model)
        check_model(context.services.settings, provider, name or "")


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
    check_choice(context, model)
    where = await find_id(context)
    facts = await context.control.set_price(where, model, price)
    _log(context, "price set", where, f"{facts.provider}/{facts.name}")
    return facts


async def set_allowance(
    context: RequestContext, user: str | None, calls: int | None, dollars: float | None
) -> Allowance:
    """Set what a member may use in a day, or everybody where none is named; without figures, no limit.

    Raises:
        PermissionDenied: If the caller's role does not allow it.
        WrongUsage: If a figure is not from 0 up.
    """
    where = await context.services.authorize(context.user, context.workspace, "manage_members")
    micros = None if dollars is None else round(dollars * 1_000_000)
    allowance = Allowance(user or EVERYBODY, calls, micros)
    await run_sync(context.services.resources.allowances.set, where.id, allowance)
    _log(context, "allowance set", where.id.hex(), allowance.user)
    return allowance


# --- keys


async def save_key(
    context: RequestContext, key: str, *, endpoint: str | None, check: bool
) -> KeyCheck:
    """Test a key with the provider's free listing call, and store it.

    Args:
        context: Its path names workspace and provider.
        key: The key; `""` for a server that needs none, which the caller of this function has asked about.
        endpoint: The base URL; the provider's own by default.
        check: Whether to test it before.
    """
    provider = context.provider
    check_provider(context.services.settings, provider)
    where, held = await find_id(context), bytearray(key.encode("utf-8", "surrogatepass"))
    try:
        with context.services.limiter.slot(context.user):
            outcome = await context.control.set_key(
                where, provider, held, endpoint=endpoint, check=check
            )
    finally:
        held[:] = bytes(len(held))
    _log(context, "key stored", where, provider)
    return outcome


async def test_key(context: RequestContext) -> KeyCheck:
    """Open a stored key and ask the provider for its list of models."""
    services = context.services
    where = await services.authorize(context.user, context.workspace, "manage_keys")
    with services.limiter.slot(context.user):
        return await context.control.test_key(where.id.hex(), context.provider)


async def remove_key(context: RequestContext) -> Removal:
    """Delete a key; only revoking it at the provider ends it."""
    where, provider = await find_id(context), context.provider
    removal = await context.control.remove_key(where, provider)
    _log(context, "key removed", where, provider)
    return removal


async def find_id(context: RequestContext) -> str:
    """Return the id of the workspace in the path; a name can be given to another one meanwhile."""
    return (await context.control.show_workspace(context.workspace)).id


def _log(context: RequestContext, what: str, workspace: str, subject: str = "") -> None:
    context.services.log(Changed(what, context.user, workspace, subject))
