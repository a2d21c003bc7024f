"""Rate limits: how many calls one person may start and run at once, so that nobody else waits for them.

Each replica counts for itself. What a workspace's admin allows a member is in the database, and applies to
all replicas together: see `accounting.allowances`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from assay_nb.errors import LimitReached
from assay_nb.gateway.settings import LimitSettings
from assay_nb.text.english import count

_REMEMBERED = 20_000


@dataclass(slots=True)
class Slot:
    """A person's calls: how many may still start, since when, and how many run."""

    tokens: float
    at: float
    running: int = 0


class Limiter:
    """Counts calls by person: how many start in a minute, and how many run.

    Time is monotonic, so a change of the clock gives nobody more calls.
    """

    def __init__(
        self, settings: LimitSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._people: OrderedDict[str, Slot] = OrderedDict()
        self._running = 0

    @contextmanager
    def slot(self, user: str) -> Generator[None]:
        """Hold a slot for a call while it runs.

        Raises:
            LimitReached: If this person, or everybody together, already has as many calls as allowed.
        """
        slot = self.take(user)
        try:
            yield
        finally:
            self.give_back(slot)

    def take(self, user: str) -> Slot:
        """Return a slot for a call. Whoever takes it gives it back, however the call ends.

        Raises:
            LimitReached: If this person, or everybody together, already has as many calls as allowed.
        """
        usage = self._usage(user)
        self._check(usage)
        usage.tokens -= 1
        usage.running += 1
        self._running += 1
        return usage

    def give_back(self, slot: Slot) -> None:
        """Let another call have the slot."""
        slot.running -= 1
        self._running -= 1

    @property
    def running(self) -> int:
        """How many calls run."""
        return self._running

    def _check(self, usage: Slot) -> None:
        limits = self._settings
        if usage.running >= limits.calls_at_once:
            raise LimitReached(
                f"You already have {count(limits.calls_at_once, 'call')} running, which is the limit.",
                hint="Wait until one has finished.",
                retry_after=2.0,
            )
        if usage.tokens < 1:
            wait = (1 - usage.tokens) * 60 / limits.calls_per_minute
            raise LimitReached(
                f"You started {count(limits.calls_per_minute, 'call')} within a minute, which is the limit.",
                hint=f"Try again in {count(max(1, round(wait)), 'second')}.",
                retry_after=wait,
            )
        if self._running >= limits.streams:
            raise LimitReached(
                "The gateway is running as many calls as it can.",
                hint="Try again in a few seconds.",
                retry_after=5.0,
            )

    def _usage(self, user: str) -> Slot:
        now, most = self._clock(), float(self._settings.calls_per_minute)
        usage = self._people.get(user)
        if usage is None:
            usage = self._people[user] = Slot(most, now)
            self._drop_idle()
        usage.tokens = min(most, usage.tokens + (now - usage.at) * most / 60)
        usage.at = now
        self._people.move_to_end(user)
        return usage

    def _drop_idle(self) -> None:
        while len(self._people) > _REMEMBERED:
            user, usage = self._people.popitem(last=False)
            if usage.running:
                self._people[user] = usage
                return
