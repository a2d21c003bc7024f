"""What the workers of a run are handed in hub mode: a run token, and where it is shown.

A hub token does all that its person may do, so it stays in the kernel. A run token makes calls in one
workspace for an hour at most, and the gateway forgets it when the run is over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyio import CancelScope, move_on_after

from assay_nb.errors import AssayError

if TYPE_CHECKING:
    from assay_nb.engine.remote.engine import RemoteEngine

_SECONDS = 1800
_FLOOR = 900
"""Seconds that a pass has left at least when a call is handed out: it may wait for a worker."""

_GOODBYE = 5.0


@dataclass(frozen=True, slots=True)
class RunPass:
    """The right to make calls in one workspace, as one person, for a while.

    It can be pickled, since it is made to travel, and it prints without the token: what runs workers
    likes to log the arguments of what failed.
    """

    gateway_url: str
    id: str
    expires_at: int
    token: str = field(repr=False)


class Passes:
    """The passes of one run, one for each of its workspaces, made when they are first needed.

    Args:
        engine: The kernel's own, with its hub token.
    """

    def __init__(self, engine: RemoteEngine, now: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._now = now
        self._passes: dict[str | None, RunPass] = {}
        self._taken: list[tuple[str | None, RunPass]] = []
        self._turns: dict[str | None, asyncio.Lock] = {}

    async def get(self, workspace: str | None) -> RunPass:
        """Return a pass that is good for a while yet.

        Raises:
            AssayError: If the gateway gives none.
        """
        async with self._turns.setdefault(workspace, asyncio.Lock()):
            held = self._passes.get(workspace)
            if held is None or held.expires_at - self._now() < _FLOOR:
                held = self._passes[workspace] = await self._engine.lend(workspace, _SECONDS)
                self._taken.append((workspace, held))
            return held

    async def give_back(self) -> None:
        """End all of them. One whose end the gateway cannot be told of expires by itself."""
        taken, self._taken = self._taken, []
        self._passes.clear()
        self._turns.clear()
        # A run that was interrupted is over too.
        with CancelScope(shield=True), move_on_after(_GOODBYE), suppress(AssayError):
            for workspace, one in taken:
                await self._engine.take_back(workspace, one)
