"""The watchdog: ends calls that are silent for too long, or take too long."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from assay_nb.errors import ProviderUnavailable
from assay_nb.gateway.calls.inflight import ActiveCall

IDLE = 300.0
"""Seconds without a byte in either direction. A thinking model is silent for minutes."""

EVERY = 0.5
"""Seconds from one look for silent calls to the next."""


class Heartbeat:
    """Notes when a call last moved, and when it must be over.

    Noting costs next to nothing, and no timer is set: the `Watchdog` looks at all calls now and then.
    """

    __slots__ = ("_call", "_clock", "_end", "_last")

    def __init__(self, call: ActiveCall, total: float) -> None:
        self._call = call
        self._clock = asyncio.get_running_loop().time
        self._last = self._clock()
        self._end = self._last + total

    def beat(self) -> None:
        """Note that a byte has passed."""
        self._last = self._clock()

    def check(self, idle: float) -> None:
        """End the call if it was silent for too long, or lasts too long, in whichever direction."""
        now = self._clock()
        if now - self._last < idle and now < self._end:
            return
        why = "was silent for too long" if now < self._end else "took longer than a call may"
        self._call.end(ProviderUnavailable(f"The call {why}, so its connection was closed."))


class Watchdog:
    """Looks at all running calls, and ends those that are stuck."""

    def __init__(self) -> None:
        self._running: set[Heartbeat] = set()

    @contextmanager
    def watch(self, call: ActiveCall, total: float) -> Generator[Heartbeat]:
        """Watch over a call while the block lasts."""
        heartbeat = self.begin(call, total)
        try:
            yield heartbeat
        finally:
            self.end(heartbeat)

    def begin(self, call: ActiveCall, total: float) -> Heartbeat:
        """Watch over a call from now on. Whoever begins it ends it, however the call ends."""
        heartbeat = Heartbeat(call, total)
        self._running.add(heartbeat)
        return heartbeat

    def end(self, heartbeat: Heartbeat) -> None:
        """Stop watching over a call."""
        self._running.discard(heartbeat)

    async def run(self) -> None:
        """Look at every call, again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            for heartbeat in list(self._running):
                heartbeat.check(IDLE)
