"""Pace: when the calls of a run may go out, and how many at once.

A limit that one call meets is everybody's: what others send meanwhile is refused as well, and some services
count it. So all wait together, as long as they were told or a little longer each time, and fewer go out at once
afterwards. Where nothing goes wrong, nothing is waited for.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_FIRST = 2.0
_LONGEST = 60.0
"""Seconds of the first wait where nobody says how long, and of the longest: each is twice the one before."""

_LEAST = 0.2
"""Seconds; a limit that opens at once may not be hammered."""

_TOLD = 1.0
"""Seconds; a shorter wait is over before it is read."""

_CALM = 4
_CALM_AFTER_BREAK = 10
"""Calls that have to succeed before one more may be under way: after a limit, and after a reply that broke off."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, as a run has it.

    Attributes:
        now: Returns seconds, from any beginning.
        sleep: Waits for seconds.
        jitter: A factor for waits that nobody asked for, so that several runs do not come back at once.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = lambda: random.uniform(0.75, 1.25)  # noqa: S311 - no secret


CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait of a whole run.

    Attributes:
        seconds: How long.
        who: Whom it waits for.
        why: What is the matter, as a clause.
    """

    seconds: float
    who: str
    why: str

    def __str__(self) -> str:
        return f"waiting {math.ceil(self.seconds)} s for {self.who}: {self.why}"


@dataclass(slots=True)
class _Width:
    """How many calls may be under way: half of them where that was too many, later one more at a time.

    Attributes:
        most: The width that was asked for.
        calm: Successes before it grows by one.
        doubts: Whether each fall doubles `calm`: growing again was wrong then, and not just too early.
    """

    most: int
    calm: int
    doubts: bool = False
    now: int = 0
    since: int = 0

    def __post_init__(self) -> None:
        self.now = self.most

    def fall(self) -> None:
        self.now, self.since = max(1, self.now // 2), 0
        self.calm *= 2 if self.doubts else 1

    def rise(self) -> None:
        self.since += 1
        if self.since >= self.calm:
            self.now, self.since = min(self.most, self.now + 1), 0


class Pace:
    """The pace of one run.

    Attributes:
        waited: Seconds that the run was told to wait since a call succeeded.
        rounds: Waits since then that nobody had said the length of.
    """

    def __init__(self, most: int, clock: Clock, on_pause: Callable[[Pause], None]) -> None:
        """Begin at full pace.

        Args:
            most: Calls that may be under way at once.
            clock: The time.
            on_pause: Told of each wait that is long enough to be noticed.
        """
        self.waited = 0.0
        self.rounds = 0
        self._clock = clock
        self._on_pause = on_pause
        self._limited = _Width(most, _CALM)
        self._broken = _Width(most, _CALM_AFTER_BREAK, doubts=True)
        self._inside = 0
        self._opens = 0.0
        self._burst = 0
        self._room = asyncio.Event()

    async def enter(self) -> int:
        """Wait until a call may go out, and return its burst, for `back_off` and `narrow`."""
        while True:
            if (left := self._opens - self._clock.now()) > 0:
                await self._clock.sleep(left)
            elif self._inside >= min(self._limited.now, self._broken.now):
                self._room.clear()
                await self._room.wait()
            else:
                self._inside += 1
                return self._burst

    def leave(self) -> None:
        """Say that a call is over, however it ended."""
        self._inside -= 1
        self._room.set()

    def succeed(self) -> None:
        """Say that a call was answered."""
        self.waited, self.rounds = 0.0, 0
        self._limited.rise()
        self._broken.rise()
        self._room.set()

    def hold(self, seconds: float, who: str, why: str) -> None:
        """Let no call out for so many seconds."""
        now = self._clock.now()
        opens = now + max(seconds, _LEAST)
        if opens <= self._opens:
            return
        self.waited += opens - max(now, self._opens)
        self._opens = opens
        if seconds >= _TOLD:
            self._on_pause(Pause(seconds, who, why))

    def back_off(self, burst: int, who: str, why: str) -> bool:
        """Hold for a time that nobody has said, and narrow; return whether that is news.

        Calls that went out together are refused one by one: that is one refusal, and not many.
        """
        if burst != self._burst:
            return False
        self._burst += 1
        self._limited.fall()
        seconds = min(_FIRST * 2**self.rounds, _LONGEST) * self._clock.jitter()
        self.rounds += 1
        self.hold(seconds, who, why)
        return True

    def narrow(self, burst: int) -> None:
        """Let fewer out at once: a reply broke off, as some servers do with it when another request comes."""
        if burst == self._burst:
            self._burst += 1
            self._broken.fall()
