"""The calls that run now, and ending them when their person may no longer make them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio import CancelScope

from assay_nb.errors import AssayError, PermissionDenied
from assay_nb.gateway.http.context import Caller

Holds = Callable[[Caller, bytes], Awaitable[AssayError | None]]
"""Says whether a person may still call in a workspace: None, or why not."""


@dataclass(eq=False)
class ActiveCall:
    """One running call.

    Attributes:
        caller: Whose it is.
        workspace_id: On whose account.
        scope: What is cancelled to end it.
        ended_by: Why it was ended, once it was.
    """

    caller: Caller
    workspace_id: bytes
    scope: CancelScope = field(default_factory=CancelScope)
    ended_by: AssayError | None = None

    def end(self, reason: AssayError) -> None:
        """Close the connection to the provider, and let the handler say why."""
        if self.ended_by is None:
            self.ended_by = reason
            self.scope.cancel()


class Running:
    """All running calls of this replica."""

    def __init__(self) -> None:
        self._held: set[ActiveCall] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def hold(self, caller: Caller, workspace_id: bytes) -> Generator[ActiveCall]:
        """Run a call so that it can be ended from outside.

        What stands in the block is cancelled then, and the block ends without an error: look at
        `ended_by` after it.
        """
        held = ActiveCall(caller, workspace_id)
        self._held.add(held)
        self._idle.clear()
        try:
            with held.scope:
                yield held
        finally:
            self._held.discard(held)
            if not self._held:
                self._idle.set()

    def end(self, user: str | None, workspace_id: bytes, reason: AssayError) -> None:
        """End the calls of a person, or of everybody, in a workspace."""
        for held in list(self._held):
            if held.workspace_id == workspace_id and user in (None, held.caller.user):
                held.end(reason)

    def end_all(self, reason: AssayError) -> None:
        """End every call."""
        for held in list(self._held):
            held.end(reason)

    async def idle(self) -> None:
        """Wait until no call runs."""
        await self._idle.wait()

    def __len__(self) -> int:
        return len(self._held)

    async def watch(self, holds: Holds, seconds: float) -> None:
        """Look at every running call again and again, for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self.look(holds)

    async def look(self, holds: Holds) -> None:
        """End the calls whose person may no longer make them."""
        groups: dict[tuple[str, bytes, bytes], list[ActiveCall]] = {}
        for held in self._held:
            run = held.caller.run.digest if held.caller.run else b""
            groups.setdefault((held.caller.token, run, held.workspace_id), []).append(held)
        for calls in groups.values():
            first = calls[0]
            reason = await holds(first.caller, first.workspace_id)
            if reason is not None:
                for held in calls:
                    held.end(reason)


def taken_out() -> PermissionDenied:
    """Return the reason for whoever was taken out of a workspace while their call ran."""
    return PermissionDenied(
        "The call was ended: you are no longer a member of this workspace.",
        hint="`%assay workspace list` shows yours.",
    )
