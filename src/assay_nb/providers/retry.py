"""Retries: a few more attempts, where they cost nothing and may help.

One place decides this for all providers; the SDKs' own retries are off. Nothing is repeated once a
piece of a reply has been handed on, and no wait is longer than a person's patience.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio

from assay_nb.errors import ProviderError
from assay_nb.providers.failures import Failed
from assay_nb.providers.refusals import Refusal

T = TypeVar("T")

OnWait = Callable[[float, int], None]
"""Told how many seconds are waited before which attempt (2 is the first repetition)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how long.

    Attributes:
        attempts: The first one included.
        longest: Seconds. A provider that asks for a longer wait is not waited for: the error says when.
        base: Seconds before the first repetition; each further wait is twice as long.
        on_wait: Told before each wait.
        may_send: Asked before each further attempt; where it says no, the failure before it stands.
        sleep: Replaced in tests.
        jitter: A factor for each wait, so that many callers do not come back at once.
    """

    attempts: int = 3
    longest: float = 20.0
    base: float = 0.5
    on_wait: OnWait | None = None
    may_send: Callable[[], bool] = lambda: True
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = lambda: random.uniform(0.75, 1.25)  # noqa: S311 - no secret

    async def value(
        self,
        ask: Callable[[], Awaitable[T]],
        instead: Callable[[Refusal], T | None] = lambda refusal: None,
    ) -> T:
        """Return what `ask()` returns, asking again where it failed.

        Args:
            ask: Makes one attempt.
            instead: Asked, where the last attempt was refused, for what takes its place; None raises its error.
        """
        attempt = 1
        while True:
            try:
                return await ask()
            except Failed as exc:
                failed = exc.bare()
            # Outside of `except`: our error does not drag the SDK's along as its context.
            wait = self._find_wait(failed, attempt)
            is_last = wait > self.longest
            other = instead(failed.refusal) if is_last and failed.refusal else None
            # Nobody waits for an attempt that is not made.
            if (is_last and other is None) or not self.may_send():
                raise failed.error
            if other is not None:
                return other
            attempt += 1
            if self.on_wait:
                self.on_wait(wait, attempt)
            await self.sleep(wait)

    def _find_wait(self, failed: Failed, attempt: int) -> float:
        """Return the seconds before the next attempt; infinity where there is none."""
        if not failed.again or attempt >= self.attempts:
            return math.inf
        asked = failed.error.retry_after if isinstance(failed.error, ProviderError) else None
        return max(self.base * 2 ** (attempt - 1) * self.jitter(), asked or 0.0)
