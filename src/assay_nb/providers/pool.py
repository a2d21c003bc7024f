"""Connection pool: each connection serves one request at a time, the one that was used last first.

httpcore's own pool asks every idle connection whether it is still open, when a request comes and when it
ends: with 32 of them that was a fifth of a gateway's processor time, and it grew with the calls that run.
Here each connection is a pool of one. Which of them are idle is known without asking, and only the one that
is about to be used is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import anyio
import httpx2

IDLE = 256
"""Idle connections that are kept at most, each about 30 KiB with its TLS. A new one costs a handshake."""

EXPIRY = 30.0
"""Seconds after which an idle connection is closed."""

_Origin: TypeAlias = "tuple[bytes, bytes, int | None]"


class ConnectionPool(httpx2.AsyncBaseTransport):
    """The connections of one event loop that go by the same proxy, or by none.

    Args:
        open_one: Returns a transport for one connection. It connects when it is first used.
        most: Connections that are open at most. Further requests wait.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        open_one: Callable[[], httpx2.AsyncBaseTransport],
        *,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_one = open_one
        self._most = most
        self._clock = clock
        self._slots = asyncio.Semaphore(most)
        self._busy: set[_Lane] = set()
        self._idle: OrderedDict[_Lane, float] = OrderedDict()
        self._idle_at: dict[_Origin, deque[_Lane]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its connection is free again when the response is closed.

        Raises:
            PoolTimeout: If none becomes free within the request's own time for that.
        """
        await self._wait_for_slot(request.extensions.get("timeout", {}).get("pool"))
        try:
            lane, surplus = self._take(request.url)
        except BaseException:
            self._slots.release()
            raise
        try:
            await _close(surplus)
            response = await lane.transport.handle_async_request(request)
            assert isinstance(response.stream, httpx2.AsyncByteStream)
        except BaseException:
            await self.drop(lane)  # whatever state it is in
            raise
        response.stream = _Body(response.stream, self, lane)
        return response

    async def aclose(self) -> None:
        """Close all connections, also those in use."""
        lanes = [*self._busy, *self._idle]
        self._idle.clear()
        self._idle_at.clear()
        await _close(lanes)

    async def give_back(self, lane: _Lane) -> None:
        """Take a connection back whose response was closed."""
        if self._free(lane):
            self._idle[lane] = self._clock()
            self._idle_at.setdefault(lane.origin, deque()).append(lane)
            await _close(self._take_out(IDLE))

    async def drop(self, lane: _Lane) -> None:
        """Close a connection whose state is not known."""
        self._free(lane)
        await _close([lane])

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._busy) + len(self._idle)

    async def _wait_for_slot(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds if self._slots.locked() else None):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx2.PoolTimeout("No connection became free.") from None

    def _take(self, url: httpx2.URL) -> tuple[_Lane, list[_Lane]]:
        """Return a connection to the URL's origin, and those to close for it."""
        origin = (url.raw_scheme, url.raw_host, url.port)
        surplus = self._take_out(IDLE)
        there = self._idle_at.get(origin)
        if there:
            lane = there.pop()  # the one used last; those at the other end grow old
            del self._idle[lane]
            self._tidy(origin)
        else:
            surplus += self._take_out(self._most - len(self._busy) - 1)
            lane = _Lane(origin, self._open_one())
        self._busy.add(lane)
        return lane, surplus

    def _take_out(self, most: int) -> list[_Lane]:
        """Take out the idle connections that are too old, or more than so many: the oldest first."""
        dropped: list[_Lane] = []
        too_old = self._clock() - EXPIRY
        while self._idle:
            lane, since = next(iter(self._idle.items()))
            if since > too_old and len(self._idle) <= most:
                break
            del self._idle[lane]
            self._idle_at[lane.origin].popleft()
            self._tidy(lane.origin)
            dropped.append(lane)
        return dropped

    def _tidy(self, origin: _Origin) -> None:
        if not self._idle_at[origin]:
            del self._idle_at[origin]

    def _free(self, lane: _Lane) -> bool:
        """Say whether a connection was in use, and let the next request begin."""
        if lane not in self._busy:
            return False
        self._busy.remove(lane)
        self._slots.release()
        return True


class _Lane:
    """One connection at most, and the origin that it leads to."""

    def __init__(self, origin: _Origin, transport: httpx2.AsyncBaseTransport) -> None:
        self.origin = origin
        self.transport = transport


class _Body(httpx2.AsyncByteStream):
    """A response's body, which gives its connection back when it is closed."""

    def __init__(self, body: httpx2.AsyncByteStream, pool: ConnectionPool, lane: _Lane) -> None:
        self._body = body
        self._pool = pool
        self._lane = lane

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        except BaseException:
            await self._pool.drop(self._lane)
            raise
        await self._pool.give_back(self._lane)


async def _close(lanes: list[_Lane]) -> None:
    if not lanes:
        return
    with anyio.CancelScope(shield=True):
        for lane in lanes:
            await lane.transport.aclose()
