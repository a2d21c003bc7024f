"""How much one person may ask for at once, so that nobody else waits for them.

What stands here is each replica's own. What a workspace's admin allows a member is in the database, and
holds for all replicas together: see `workspaces.allowances`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from assay_nb.errors import LimitReached
from assay_nb.gateway.settings import LimitSettings

_REMEMBERED = 20_000


@dataclass(slots=True)
class _Usage:
    tokens: float
    at: float
    running: int = 0


class Limiter:
    """Counts calls by person: how many begin in a minute, and how many run.

    Time is monotonic, so that no change of the clock gives anybody more.
    """

    def __init__(
        self, settings: LimitSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._people: OrderedDict[str, _Usage] = OrderedDict()
        self._running = 0

    @contextmanager
    def slot(self, user: str) -> Generator[None]:
        """Hold a place for a call while it runs.

        Raises:
            LimitReached: If the person has too many already, or everybody together has.
        """
        usage = self._usage(user)
        self._check(usage)
        usage.tokens -= 1
        usage.running += 1
        self._running += 1
        try:
            yield
        finally:
            usage.running -= 1
            self._running -= 1

    @property
    def running(self) -> int:
        """How many calls run."""
        return self._running

    def _check(self, usage: _Usage) -> None:
        limits = self._settings
        if usage.running >= limits.calls_at_once:
            raise LimitReached(
                f"{limits.calls_at_once} of your calls are running, which is as many as may.",
                hint="Wait until one is done.",
                retry_after=2.0,
            )
        if usage.tokens < 1:
            wait = (1 - usage.tokens) * 60 / limits.calls_per_minute
            raise LimitReached(
                f"You have begun {limits.calls_per_minute} calls within a minute, which is as many as may.",
                hint=f"Go on in {max(1, round(wait))} seconds.",
                retry_after=wait,
            )
        if self._running >= limits.streams:
            raise LimitReached(
                "The gateway has as many calls running as it can carry.",
                hint="Try again in a few seconds.",
                retry_after=5.0,
            )

    def _usage(self, user: str) -> _Usage:
        now, most = self._clock(), float(self._settings.calls_per_minute)
        usage = self._people.get(user)
        if usage is None:
            usage = self._people[user] = _Usage(most, now)
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
