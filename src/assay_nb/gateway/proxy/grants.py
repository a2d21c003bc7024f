"""Grants: what a person's requests by a connection may use, in one of their workspaces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from anyio.to_thread import run_sync

from assay_nb.connections.keyway import wanting
from assay_nb.egress.checks import ResponseHead
from assay_nb.engine.local.credentials import missing_key
from assay_nb.errors import KeyStep, ProviderAuthError, ProviderError
from assay_nb.gateway.resources import GatewayResources
from assay_nb.messages import Destination
from assay_nb.providers.wording import name_connection
from assay_nb.store.allowance_rows import applying
from assay_nb.store.changes import Remembered
from assay_nb.store.workspace_rows import Workspace


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person's requests by a connection may use.

    Attributes:
        workspace: Whose account pays.
        destination: Where its key may be sent.
        limited: Whether an admin has limited what the person may use.
        by_model: Whether that is different from model to model.
    """

    workspace: Workspace
    destination: Destination
    limited: bool
    by_model: bool = False

    def key_refused(self, head: ResponseHead) -> ProviderError:
        """Return the error for a provider's 401, whose own text may quote the key.

        The caller would think that their token is meant, so it names the workspace's key.
        """
        name, there = self.workspace.name, self.destination
        if there.keyless:
            text = f"{there.origin} asks for a key, and '{name}' has none for it."
            step = KeyStep("add", there.connection, there.endpoint)
        else:
            text = f"{name_connection(there)} does not accept the key of '{name}'."
            step = KeyStep("replace", there.connection)
        return wanting(head.refusal(ProviderAuthError, text, ""), step)


Authorize: TypeAlias = Callable[[str, "str | None"], Awaitable[Workspace]]

_Key: TypeAlias = "tuple[str, str | None, str]"
"""A person, a workspace and a connection, by name."""


class Grants:
    """The grants of all members.

    Who is a member, where a key may be sent and whether somebody is limited is read once, and again when
    the database was changed.

    Args:
        resources: The vault and the allowances.
        authorize: Returns a person's workspace, by name or id or the active one, if they may call there.
    """

    def __init__(self, resources: GatewayResources, authorize: Authorize) -> None:
        self._resources = resources  # the vault is opened by the first request
        self._changes = resources.changes
        self._authorize = authorize
        self._known: Remembered[_Key, Grant] = Remembered(self._changes)
        self._reading: dict[_Key, asyncio.Task[Grant]] = {}

    async def find(self, user: str, name: str | None, connection: str) -> Grant:
        """Return a person's grant: for a workspace by name or id, or for their active one.

        Raises:
            WorkspaceNotFound: If they are not a member of such a workspace.
            ProviderKeyMissing: If the workspace has no such connection. Nobody else's is taken instead.
        """
        key: _Key = (user, name, connection)
        grant = self.find_known(user, name, connection)
        if grant is not None:
            return grant
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(key))
            reading.add_done_callback(lambda done: self._forget_reading(key, done))
        # One look at the database for all who ask the same; a caller who hangs up does not cancel the others'.
        return await asyncio.shield(reading)

    def find_known(self, user: str, name: str | None, connection: str) -> Grant | None:
        """Return a grant that was read before, if the database was not changed meanwhile."""
        # Who is out may be so a few milliseconds later. The key is another matter: see `CachedVault`.
        return self._known.find((user, name, connection), self._changes.look_lately())

    async def _read(self, key: _Key) -> Grant:
        user, name, connection = key
        number = self._changes.look()
        workspace = await self._authorize(user, name)
        grant = await run_sync(self._look_up, workspace, user, connection)
        self._known.keep(key, number, grant)
        return grant

    def _forget_reading(self, key: _Key, done: asyncio.Task[Grant]) -> None:
        del self._reading[key]
        if not done.cancelled():
            done.exception()  # the callers that waited for it have it; there may be none left

    def _look_up(self, workspace: Workspace, user: str, connection: str) -> Grant:
        stored = self._resources.vault.find_key(workspace.id, connection)
        if stored is None:
            raise missing_key(self._resources, workspace, user, connection)
        limits = list(applying(self._resources.allowances.list(workspace.id), user))
        return Grant(
            workspace,
            stored.destination,
            limited=bool(limits),
            by_model=any(one.model for one in limits),
        )
