"""Run tokens in hub mode: what the workers of a run are handed in place of the hub token.

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

from assay_nb.engine.remote.client import ACTIVE, part
from assay_nb.errors import AssayError

if TYPE_CHECKING:
    from assay_nb.engine.remote.client import GatewayClient

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


async def lend(client: GatewayClient, workspace: str | None, seconds: int) -> RunPass:
    """Return a pass for workers that are to make calls in a workspace.

    Raises:
        AssayError: What the gateway answered.
    """
    told = await client.ask("POST", _path(workspace), {"seconds": seconds})
    return RunPass(client.url, told["id"], told["expires_at"], told["token"])


async def take_back(client: GatewayClient, workspace: str | None, run_pass: RunPass) -> None:
    """End a pass before its time, and the calls that workers are making with it."""
    await client.ask("DELETE", f"{_path(workspace)}/{part(run_pass.id)}")


def _path(workspace: str | None) -> str:
    return f"api/v1/workspaces/{part(workspace or ACTIVE)}/run-tokens"


class Passes:
    """The passes of one run, one for each of its workspaces, made when they are first needed.

    Args:
        client: The kernel's own, with its hub token.
    """

    def __init__(self, client: GatewayClient, now: Callable[[], float] = time.time) -> None:
        self._client = client
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
                held = self._passes[workspace] = await lend(self._client, workspace, _SECONDS)
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
                await take_back(self._client, workspace, one)
