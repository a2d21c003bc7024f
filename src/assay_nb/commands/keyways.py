"""Keyways for commands: how a key gets into a workspace, and what a hub refuses in a kernel."""

from __future__ import annotations

from argparse import Namespace
from functools import partial

from assay_nb.commands.registry import program
from assay_nb.connections.keyway import Keyway
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, KeyAct, PermissionDenied, WorkspaceNotFound
from assay_nb.render.document import Inline, sentence

KEY_IN_KERNEL = "On a hub, a key never goes through a kernel, so nothing was stored."


def find_way(session: Session, workspace: str | None) -> Keyway:
    """Return how a key gets into a workspace here; None is the active one."""
    return session.portal.call(session.control.keyway, workspace)


def how_to_add(session: Session, args: Namespace, workspace: str | None) -> list[Inline]:
    """Return how keys get into a workspace: by a command, or on a hub on a page, and by whom.

    Where the active one is gone, it is said how to choose another: what is beside it is shown all the same.
    """
    try:
        way = find_way(session, workspace)
    except WorkspaceNotFound as error:
        return sentence(str(error))
    act: KeyAct = "change" if session.mode == "hub" else "add"
    return sentence(way.say(act, program=program(args)))


def how_to_start(session: Session, args: Namespace, workspace: str | None) -> list[Inline]:
    """Return how to begin in a workspace that has no key, and what can be done meanwhile."""
    return sentence(find_way(session, workspace).say_start(program=program(args)))


async def tell_step(
    session: Session,
    workspace: str | None,
    act: KeyAct,
    connection: str,
    *,
    program: str = "assay-nb",
) -> str:
    """Return the next step on a hub, or where keys are changed there while the gateway cannot say by whom.

    Raises:
        WorkspaceNotFound: If there is no such workspace.
    """
    try:
        way = await session.control.keyway(workspace)
    except WorkspaceNotFound:
        raise
    except AssayError as error:  # the gateway is not there, and knows its pages alone
        page = session.config.gateway_url
        return f"Owners and admins change keys on the hub's page: {page} ({error.message})"
    return way.say(act, connection, program=program)


def refuse_on_hub(
    session: Session, args: Namespace, message: str, act: KeyAct, connection: str = ""
) -> None:
    """Refuse what is done on a page of the hub, and never in a kernel.

    Args:
        session: Where it was asked for; in solo mode, nothing is refused.
        args: The command's arguments.
        message: What is not done here.
        act: What was asked for.
        connection: The connection that it was asked of.

    Raises:
        PermissionDenied: With the page's address, and whom to ask if the person's role does not allow it.
    """
    if session.mode != "hub":
        return
    tell = partial(tell_step, session, args.workspace, act, connection, program=program(args))
    raise PermissionDenied(message, hint=session.portal.call(tell))
