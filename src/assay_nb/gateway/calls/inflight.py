"""Active calls, and how they are ended when their caller may no longer make them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from anyio import CancelScope

from assay_nb.errors import AssayError, PermissionDenied
from assay_nb.gateway.auth.caller import Caller

Holds = Callable[[Caller, bytes], Awaitable[AssayError | None]]
"""Says why a person may no longer call in a workspace; None while they may."""


@dataclass(eq=False)
class ActiveCall:
    """One running call.

    Attributes:
        caller: The person who made it.
        workspace_id: The workspace that it runs in.
        stop: What closes its connection to the provider, and lets whoever runs it tell the caller why.
        ended_by: The reason, once it was ended.
    """

    caller: Caller
    workspace_id: bytes
    stop: Callable[[], None]
    ended_by: AssayError | None = None

    def end(self, reason: AssayError) -> None:
        """Close the connection to the provider; the caller is told why."""
        if self.ended_by is None:
            self.ended_by = reason
            self.stop()


class ActiveCalls:
    """All running calls of this replica."""

    def __init__(self) -> None:
        self._calls: set[ActiveCall] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def hold(self, caller: Caller, workspace_id: bytes) -> Generator[ActiveCall]:
        """Run a call so that it can be ended from outside.

        The block is then cancelled and ends without an error: look at `ended_by` after it.
        """
        scope = CancelScope()
        call = ActiveCall(caller, workspace_id, scope.cancel)
        self.add(call)
        try:
            with scope:
                yield call
        finally:
            self.remove(call)

    def add(self, call: ActiveCall) -> None:
        """Note a call that begins. Whoever adds it removes it, however it ends."""
        self._calls.add(call)
        self._idle.clear()

    def remove(self, call: ActiveCall) -> None:
        """Forget a call that is over."""
        self._calls.discard(call)
        if not self._calls:
            self._idle.set()

    def end(self, user: str | None, workspace_id: bytes, reason: AssayError) -> None:
        """End the calls of a person in a workspace; None ends everybody's."""
        for call in list(self._calls):
            if call.workspace_id == workspace_id and user in (None, call.caller.user):
                call.end(reason)

    def end_all(self, reason: AssayError) -> None:
        """End every call."""
        for call in list(self._calls):
            call.end(reason)

    async def idle(self) -> None:
        """Wait until no call is running."""
        await self._idle.wait()

    def __len__(self) -> int:
        return len(self._calls)

    async def watch(self, holds: Holds, seconds: float) -> None:
        """Check every running call at this interval, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.look(holds)

    async def look(self, holds: Holds) -> None:
        """End the calls whose caller may no longer make them."""
        groups: dict[tuple[str, bytes, bytes], list[ActiveCall]] = {}
        for call in self._calls:
            run = call.caller.run.digest if call.caller.run else b""
            groups.setdefault((call.caller.token, run, call.workspace_id), []).append(call)
        for calls in groups.values():
            first = calls[0]
            reason = await holds(first.caller, first.workspace_id)
            if reason is not None:
                for call in calls:
                    call.end(reason)


def taken_out() -> PermissionDenied:
    """Return the reason for ending the calls of a person who was removed from a workspace."""
    return PermissionDenied(
        "The call was ended: you are no longer a member of this workspace.",
        hint="Choose one of yours: `%assay workspace list` shows them.",
    )
