"""Tokens for the pass-through: what other programs on a hub server are handed in place of the hub token.

A hub token opens its person's whole notebook server, and software that reads a key may send it anywhere. A token
of these passes requests through in one workspace, for hours, and is good for nothing at any other address. The
kernel that handed it out keeps it good for as long as it lives, so that a program which was started with
it goes on, and takes it back in the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyio import CancelScope, move_on_after

from assay_nb.engine.remote.client import ACTIVE, part
from assay_nb.errors import AssayError

if TYPE_CHECKING:
    from assay_nb.engine.remote.client import GatewayClient

_LOOK = 60.0
"""Seconds from one look at the clock to the next: a loop that sleeps for hours misses a suspended machine."""

_SHORTEST = 0.5
_GOODBYE = 2.0

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PassToken:
    """A token for the pass-through.

    Attributes:
        id: What the gateway calls it.
        workspace: The id of the workspace that it is good in.
        expires_at: Until when, in seconds since 1970.
        token: What a program shows as its key.
    """

    id: str
    workspace: str
    expires_at: int
    token: str = field(repr=False)


async def issue_token(client: GatewayClient, workspace: str | None) -> PassToken:
    """Return a new token for programs, in a workspace by name or id; None is the active one.

    Raises:
        AssayError: What the gateway answered.
    """
    path = f"api/v1/workspaces/{part(workspace or ACTIVE)}/run-tokens"
    told = await client.ask("POST", path, {"purpose": "pass-through"})
    return PassToken(told["id"], workspace or ACTIVE, told["expires_at"], told["token"])


async def extend_token(client: GatewayClient, token: str) -> PassToken:
    """Make a token of one's own valid for as long as a new one, and return it with its new end.

    Raises:
        AssayError: If it is good for nothing by now, or the gateway gives no answer.
    """
    told = await client.ask("POST", "api/v1/run-tokens/extend", {"token": token})
    return PassToken(told["id"], told["workspace"], told["expires_at"], token)


async def revoke_token(client: GatewayClient, token: PassToken) -> None:
    """End a token, and within seconds the requests that run with it."""
    where = f"api/v1/workspaces/{part(token.workspace)}/run-tokens"
    await client.ask("DELETE", f"{where}/{part(token.id)}")


class KeptTokens:
    """The tokens that this process has handed out, one for each workspace.

    Args:
        client: The process's own, with its hub token.
    """

    def __init__(
        self,
        client: GatewayClient,
        now: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = client
        self._now = now
        self._sleep = sleep
        self._kept: dict[str, PassToken] = {}

    @property
    def values(self) -> frozenset[str]:
        """The tokens themselves, as programs show them."""
        return frozenset(one.token for one in self._kept.values())

    async def get(self, workspace: str) -> tuple[str, bool]:
        """Return the token for a workspace by its id, and whether it is new: then `keep` wants to be started.

        Raises:
            AssayError: If the gateway gives none.
        """
        kept = self._kept.get(workspace)
        if kept is not None and await self._extend(workspace, kept):
            return kept.token, False
        issued = self._kept[workspace] = await issue_token(self._client, workspace)
        return issued.token, True

    async def keep(self, workspace: str) -> None:
        """Extend a token whenever half of its time is over, until it is given back; give it back when cancelled."""
        kept = self._kept.get(workspace)
        if kept is None:
            return
        lasts = kept.expires_at - self._now()
        try:
            while (left := kept.expires_at - self._now()) > 0:
                await self._sleep(max(_SHORTEST, min(_LOOK, left / 4)))
                held = self._kept.get(workspace)
                if held is None or held.id != kept.id:
                    return
                kept = held
                # Whatever is wrong may be right again in a minute: what is over is refused at its use.
                if kept.expires_at - self._now() < lasts / 2:
                    await self._extend(workspace, kept)
                    kept = self._kept.get(workspace, kept)
        except asyncio.CancelledError:
            if self._kept.pop(workspace, None) is not None:
                await self._end(kept)
            raise

    async def give_back(self) -> None:
        """End all of them. One whose end the gateway cannot be told of expires by itself."""
        kept, self._kept = self._kept, {}
        for one in kept.values():
            await self._end(one)

    async def _extend(self, workspace: str, one: PassToken) -> bool:
        try:
            later = await extend_token(self._client, one.token)
        except AssayError:
            return False
        if self._kept.get(workspace) is one:
            self._kept[workspace] = later
        return True

    async def _end(self, one: PassToken) -> None:
        # A process that is about to end tells the gateway, and is not held up by it for long.
        with CancelScope(shield=True), move_on_after(_GOODBYE), suppress(AssayError):
            await revoke_token(self._client, one)
