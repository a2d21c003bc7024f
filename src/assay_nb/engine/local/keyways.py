"""Keyways: how a key gets into each workspace of this database, and the words for an error that wants one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from assay_nb.connections.keyway import Keyway, guide
from assay_nb.engine.control import BudgetFacts
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.errors import AssayError, StoreUnavailable, VaultIntegrityError
from assay_nb.models import catalog

if TYPE_CHECKING:
    from assay_nb.workspaces.membership import Workspace

_NAMED = 3
"""How many owners and admins are named; whoever wants one asks one of them."""


def find_keyway(resources: Resources, workspace: Workspace, user: str | None = None) -> Keyway:
    """Return how a key gets into a workspace, for the member whose role it shows.

    Args:
        resources: The workspaces, and on a hub the address of their pages.
        workspace: The workspace, as its member sees it.
        user: The member, for the demo calls that they have left; None leaves those out.
    """
    if resources.has_practice:
        return Keyway(mode="solo", workspace=workspace.name, demo=_demo(resources, workspace, user))
    names, more = resources.workspaces.find_managers(workspace.id, most=_NAMED)
    return Keyway(
        mode="hub",
        workspace=workspace.name,
        manages=resources.workspaces.may_manage_keys(workspace),
        managers=names,
        more=more,
        page=f"{resources.key_page}workspaces/{workspace.id.hex()}",
        demo=_demo(resources, workspace, user),
    )


def guide_member(
    error: AssayError, resources: Resources, workspace: Workspace, *, is_demo: bool = False
) -> None:
    """Put into an error that wants something done to a key how that is done here, and by whom.

    A database that cannot be read now takes nothing away from the error.

    Args:
        error: Any error; one that wants nothing stays as it is.
        resources: The workspaces.
        workspace: Whose key it is, as its member sees it.
        is_demo: Whether the operator's key for demo calls is meant.
    """
    if error.key_step is None:
        return
    if is_demo:
        error.key_step, error.hint = None, _TELL_OPERATOR
        return
    with suppress(StoreUnavailable):
        guide(error, find_keyway(resources, workspace))


@asynccontextmanager
async def guided(
    resources: Resources, workspace: Workspace, *, is_demo: bool = False
) -> AsyncGenerator[None]:
    """Do the same for what is raised within; see `guide_member`."""
    try:
        yield
    except AssayError as error:
        if error.key_step is not None:
            await run_sync(partial(guide_member, error, resources, workspace, is_demo=is_demo))
        raise


_TELL_OPERATOR = "Tell the operator: the key that pays for demo calls has to be stored again."


def read_budget(resources: Resources, user: str) -> BudgetFacts:
    """Return a person's demo calls; none where the operator has stored no key for them."""
    provider, _ = catalog.parse_model(catalog.DEMO_MODEL)
    if resources.vault.find_key(PLATFORM, provider, mode="demo") is None:
        return BudgetFacts(granted=0, left=0)
    budget = resources.budget
    return BudgetFacts(granted=budget.granted, left=budget.left(user))


def _demo(resources: Resources, workspace: Workspace, user: str | None) -> int:
    # Where the stored keys are not what they were, there are some: demo calls are for those who have none.
    with suppress(VaultIntegrityError):
        if user is not None and not resources.vault.find_keys(workspace.id):
            return read_budget(resources, user).left
    return 0
