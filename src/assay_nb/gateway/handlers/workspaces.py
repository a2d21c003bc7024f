"""Workspaces, their members and calls, and who one is."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.engine.control import (
    BudgetFacts,
    CallFacts,
    MemberFacts,
    Standing,
    WorkspaceFacts,
)
from assay_nb.gateway import actions
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import DONE, OPTIONAL_TEXT, TEXT, exactly, listed, schema_of

_DONE = {"done": True}


async def show_me(context: RequestContext) -> web.Response:
    """Tell the caller who they are here, and what they have."""
    from assay_nb._version import read_version

    control, caller = context.control, context.caller
    workspaces = await control.workspaces()
    vault = await run_sync(context.services.resources.vault.find_state)
    return json_answer(
        {
            "user": caller.user,
            "admin": caller.person.admin,
            "version": read_version(),
            "vault": vault.name,
            "page": context.services.settings.public_page,
            "workspaces": [one.to_dict() for one in workspaces],
            "budget": (await control.budget()).to_dict(),
        }
    )


async def show_standing(context: RequestContext) -> web.Response:
    """Tell what `%assay` alone shows. Where the gateway keeps its files is not for its members."""
    control = context.control
    if context.workspace is not None:
        control.selected = (await control.show_workspace(context.workspace)).id
    standing = await control.standing()
    return json_answer(replace(standing, mode="hub", vault_place="", master_key_place="").to_dict())


async def list_workspaces(context: RequestContext) -> web.Response:
    """List the caller's workspaces."""
    return json_answer([one.to_dict() for one in await context.control.workspaces()])


async def create_workspace(context: RequestContext) -> web.Response:
    """Make a team workspace that the caller owns."""
    fields = await context.json(name=str)
    created = await actions.create_workspace(context, fields["name"])
    return json_answer(created.to_dict(), status=201)


async def show_workspace(context: RequestContext) -> web.Response:
    """Show one workspace, with the model that calls in it use when none is named."""
    facts = await context.control.show_workspace(context.workspace)
    return json_answer(facts.to_dict())


async def change_workspace(context: RequestContext) -> web.Response:
    """Rename a workspace, choose its model, or make it the one that the caller works in."""
    fields = await context.json(name=(str, None), model=(str, None), active=(bool, None))
    where = await actions.find_id(context)
    await actions.check_choice(context, fields.get("model"), where)  # before anything is changed
    if fields.get("name") is not None:
        await actions.rename_workspace(context, fields["name"])
    if "model" in fields:
        await actions.choose_model(context, fields["model"], where)
    if fields.get("active"):
        await actions.use_workspace(context, where)
    return json_answer((await context.control.show_workspace(where)).to_dict())


async def delete_workspace(context: RequestContext) -> web.Response:
    """Delete a workspace and its keys, and end the calls that run in it."""
    await actions.delete_workspace(context)
    return json_answer(_DONE)


async def restore_workspace(context: RequestContext) -> web.Response:
    """Bring back a deleted workspace that the caller owned, without its keys."""
    fields = await context.json(name=str)
    return json_answer((await actions.restore_workspace(context, fields["name"])).to_dict())


async def transfer_workspace(context: RequestContext) -> web.Response:
    """Hand a workspace to another member; the giver stays as an admin."""
    fields = await context.json(user=str)
    where = await actions.transfer_workspace(context, fields["user"])
    return json_answer((await context.control.show_workspace(where)).to_dict())


async def list_members(context: RequestContext) -> web.Response:
    """List the members of a workspace."""
    return json_answer([one.to_dict() for one in await context.control.members(context.workspace)])


async def add_member(context: RequestContext) -> web.Response:
    """Add a person to a workspace."""
    fields = await context.json(user=str, role=(str, None))
    await actions.add_member(context, fields["user"], fields.get("role"))
    return json_answer(_DONE, status=201)


async def change_member(context: RequestContext) -> web.Response:
    """Change what a member may do."""
    fields = await context.json(role=str)
    await actions.change_role(context, context.part("user"), fields["role"])
    return json_answer(_DONE)


async def remove_member(context: RequestContext) -> web.Response:
    """Take a person out of a workspace, or oneself, and end the calls that they have running in it."""
    await actions.remove_member(context, context.part("user"))
    return json_answer(_DONE)


async def list_calls(context: RequestContext) -> web.Response:
    """List a workspace's latest calls: who, when, what, how many tokens. Never content."""
    limit = context.number("limit", default=20, most=1000)
    return json_answer(
        [one.to_dict() for one in await context.control.calls(context.workspace, limit)]
    )


_ONE = "api/v1/workspaces/{workspace}"
_WORKSPACE = schema_of(WorkspaceFacts)

ROUTES = (
    Route(
        method="GET",
        path="api/v1/me",
        who="member",
        handler=show_me,
        summary="Who the caller is here: workspaces, roles, demo calls left",
        reply=exactly(
            user=TEXT,
            admin={"type": "boolean"},
            version=TEXT,
            vault={"enum": ["empty", "open", "sealed"]},
            page=TEXT,
            workspaces=listed(_WORKSPACE),
            budget=schema_of(BudgetFacts),
        ),
    ),
    Route(
        method="GET",
        path="api/v1/workspaces",
        who="member",
        handler=list_workspaces,
        summary="The caller's workspaces",
        reply=listed(_WORKSPACE),
    ),
    Route(
        method="POST",
        path="api/v1/workspaces",
        who="member",
        handler=create_workspace,
        summary="Make a team workspace",
        body=exactly(name=TEXT),
        reply=_WORKSPACE,
        status=201,
    ),
    Route(
        method="GET",
        path=_ONE,
        who="member",
        action="view",
        handler=show_workspace,
        summary="One workspace",
        reply=_WORKSPACE,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/standing",
        who="member",
        action="view",
        handler=show_standing,
        summary="Where the caller stands in a workspace: keys, model, budget",
        reply=schema_of(Standing),
    ),
    Route(
        method="PATCH",
        path=_ONE,
        who="member",
        action="set_model",
        handler=change_workspace,
        summary="Rename a workspace, choose its model, or make it the caller's active one",
        body=exactly(
            name=OPTIONAL_TEXT,
            model=OPTIONAL_TEXT,
            active={"type": ["boolean", "null"]},
            optional=("name", "model", "active"),
        ),
        reply=_WORKSPACE,
        errors=(409,),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        who="session",
        action="delete",
        handler=delete_workspace,
        summary="Delete a workspace and its keys",
        reply=DONE,
    ),
    Route(
        method="POST",
        path="api/v1/restored",
        who="session",
        handler=restore_workspace,
        summary="Bring back a deleted workspace that the caller owned, without its keys",
        body=exactly(name=TEXT),
        reply=_WORKSPACE,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/owner",
        who="session",
        action="transfer",
        handler=transfer_workspace,
        summary="Hand a workspace to another member",
        body=exactly(user=TEXT),
        reply=_WORKSPACE,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/members",
        who="member",
        action="view",
        handler=list_members,
        summary="The members of a workspace",
        reply=listed(schema_of(MemberFacts)),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/members",
        who="session",
        action="manage_members",
        handler=add_member,
        summary="Add a member",
        body=exactly(user=TEXT, role=OPTIONAL_TEXT, optional=("role",)),
        reply=DONE,
        status=201,
    ),
    Route(
        method="PATCH",
        path=f"{_ONE}/members/{{user}}",
        who="session",
        action="manage_members",
        handler=change_member,
        summary="Change a member's role",
        body=exactly(role=TEXT),
        reply=DONE,
    ),
    Route(
        method="DELETE",
        path=f"{_ONE}/members/{{user}}",
        who="session",
        action="manage_members",
        handler=remove_member,
        summary="Remove a member, or leave",
        reply=DONE,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/calls",
        who="member",
        action="view",
        handler=list_calls,
        summary="The latest calls: who, when, what, how many tokens. Never content",
        query={"limit": {"type": "integer", "minimum": 1, "maximum": 1000}},
        reply=listed(schema_of(CallFacts)),
    ),
)
