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
from assay_nb.errors import AssayError, PermissionDenied, WorkspaceNotFound

if TYPE_CHECKING:
    from assay_nb.engine.remote.client import GatewayClient

_LOOK = 60.0
"""Seconds from one look at the clock to the next: a loop that sleeps for hours misses a suspended machine."""

_SHORTEST = 0.5
_GOODBYE = 2.0

Sleep = Callable[[float], Awaitable[None]]
Replace = Callable[[str, str], None]


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


async def end_token(client: GatewayClient, token: str) -> bool:
    """End a token, and within seconds the requests that run with it; False if it was good for nothing already.

    Raises:
        AssayError: If the gateway has not ended it, or gives no answer.
    """
    told = await client.ask("POST", "api/v1/run-tokens/end", {"token": token})
    return bool(told["ended"])


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
        self._ending: set[str] = set()

    @property
    def values(self) -> frozenset[str]:
        """The tokens themselves, as programs show them."""
        return frozenset((*self._ending, *(one.token for one in self._kept.values())))

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

    async def keep(self, workspace: str, replace: Replace) -> None:
        """Extend a token whenever half of its time is over, until it is given back; give it back when cancelled.

        One that has expired, because the machine was suspended or the gateway away, makes room for a new one.
        It ends without one where this person may not call any more.

        Args:
            workspace: Whose token, by the workspace's id.
            replace: Is told of the expired token and the new one.
        """
        kept = self._kept.get(workspace)
        if kept is None:
            return
        lasts = kept.expires_at - self._now()
        try:
            while True:
                left = kept.expires_at - self._now()
                await self._sleep(max(_SHORTEST, min(_LOOK, left / 4)) if left > 0 else _LOOK)
                held = self._kept.get(workspace)
                if held is None or held.id != kept.id:
                    return
                kept = await self._renew(workspace, held, lasts, replace)
        except (PermissionDenied, WorkspaceNotFound):
            self._kept.pop(workspace, None)
        except asyncio.CancelledError:
            if self._kept.pop(workspace, None) is not None:
                await self._say_goodbye(kept.token)
            raise

    async def _renew(
        self, workspace: str, kept: PassToken, lasts: float, replace: Replace
    ) -> PassToken:
        """Extend a token, or put a new one in its place, if it is time; whatever is wrong may be right in a minute.

        Raises:
            PermissionDenied: If an expired one gets no successor, ever.
            WorkspaceNotFound: Likewise.
        """
        left = kept.expires_at - self._now()
        if left > lasts / 2 or (left > 0 and await self._extend(workspace, kept)):
            return self._kept.get(workspace, kept)
        if left > 0:
            return kept
        try:
            issued = await issue_token(self._client, workspace)
        except (PermissionDenied, WorkspaceNotFound):
            raise
        except AssayError:
            return kept
        if self._kept.get(workspace) is not kept:  # given back or replaced meanwhile
            await self._say_goodbye(issued.token)
            return kept
        self._kept[workspace] = issued
        replace(kept.token, issued.token)
        return issued

    async def give_back(self) -> bool:
        """End all of them, and say whether one was good until now.

        Raises:
            AssayError: If one could not be ended. It is extended no more, and ended by the next of these.
        """
        self._ending |= {one.token for one in self._kept.values()}
        self._kept.clear()
        were_good = [await self._end(token) for token in sorted(self._ending)]
        return any(were_good)

    async def _extend(self, workspace: str, one: PassToken) -> bool:
        try:
            later = await extend_token(self._client, one.token)
        except AssayError:
            return False
        if self._kept.get(workspace) is one:
            self._kept[workspace] = later
        return True

    async def _end(self, token: str) -> bool:
        was_good = await end_token(self._client, token)
        self._ending.discard(token)
        return was_good

    async def _say_goodbye(self, token: str) -> None:
        # A process that is about to end tells the gateway, and is not held up by it for long: what it is not
        # told of expires by itself.
        with CancelScope(shield=True), move_on_after(_GOODBYE), suppress(AssayError):
            await end_token(self._client, token)
