"""The budget: asked before every call, so that nothing is sent which it does not cover.

What a call costs is known only afterwards, and many are under way at once. So calls run beside each other
only while the budget covers the *most* that all of them can cost, and once one of their kind has shown what
it costs. Where it does not, they go one at a time, each covered by what it is likely to cost. What is spent
exceeds the budget by no more than what a single call cost beyond what was likely, however many run at once.

Calls are let through in the order in which they came, so a run that ends at its limit has done its first rows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace

from assay_nb.experiments.spending.estimates import Estimate
from assay_nb.experiments.spending.limits import Limits

_SPARE = 5
"""Retries and repairs that a request may have beyond the first one, where the limit on calls has room."""


class OverBudget(Exception):
    """The next call is not covered. Never reaches a person: a result says so instead."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What is set aside for one call.

    Attributes:
        kind: The instrument.
        likely: Dollars that it is expected to cost.
        most: Dollars that it costs at most, as far as that is known.
        requests: Requests that it takes.
        cap: Requests that it may take, with retries and repairs; None for no limit.
    """

    kind: str
    likely: float
    most: float
    requests: int
    cap: int | None

    @property
    def counted(self) -> int:
        """Requests that may have been made, when nobody told how many were."""
        return self.requests if self.cap is None else self.cap


@dataclass(slots=True)
class _Waiting:
    """A call that waits for room."""

    kind: str
    estimate: Estimate
    requests: int
    hold: asyncio.Future[Hold]


@dataclass(slots=True)
class Budget:
    """What may be spent, and what has been.

    Attributes:
        limits: The limits.
        expected: Requests that the run still has to make: spare ones are taken from the rest.
        spent: Dollars spent, as far as prices are known.
        calls: Requests made.
        unpriced: Requests whose cost is not known.
    """

    limits: Limits = field(default_factory=Limits)
    expected: int = 0
    spent: float = 0.0
    calls: int = 0
    unpriced: int = 0
    _counted: int = 0
    _under_way: int = 0
    _most: list[float] = field(default_factory=list[float])
    _held: int = 0
    _dearest: dict[str, float] = field(default_factory=dict[str, float])
    _doubtful: float = 0.0
    _queue: deque[_Waiting] = field(default_factory=deque[_Waiting])

    @property
    def left(self) -> Limits:
        """The limits of what follows on this run: the same ones, less what is gone."""
        budget, calls = self.limits.budget, self.limits.max_calls
        return replace(
            self.limits,
            budget=None if budget is None else max(0.0, budget - self.spent - self._doubtful),
            max_calls=None if calls is None else max(0, calls - self._counted),
        )

    async def set_aside(self, kind: str, estimate: Estimate, requests: int = 1) -> Hold:
        """Reserve what one call may take, as soon as the limits allow it and it is its turn.

        Raises:
            OverBudget: If they do not, and no call under way could give anything back.
        """
        waiting = _Waiting(kind, estimate, requests, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._admit()
        try:
            return await waiting.hold
        except asyncio.CancelledError:
            self._withdraw(waiting)
            raise

    def settle(self, hold: Hold, cost: float | None, requests: int | None) -> None:
        """Replace what was set aside by what it took, and let the next ones through.

        Args:
            hold: What was set aside.
            cost: Dollars; None where nobody told: then what was expected counts as spent.
            requests: Requests that were made; None where nobody told: then all that it could make count.
        """
        self._release(hold)
        self._counted += hold.counted if requests is None else requests
        made = hold.requests if requests is None else requests
        self.calls += made
        if cost is None:
            self.unpriced += made
            self._doubtful += hold.likely
        else:
            self.spent += cost
            if requests:  # a reply came; what was refused says nothing of what replies cost
                each = cost / hold.requests
                self._dearest[hold.kind] = max(self._dearest.get(hold.kind, 0.0), each)
        self._admit()

    def _admit(self) -> None:
        """Let through who waits, in order, as far as there is room; end those for whom there is none."""
        while self._queue:
            first = self._queue[0]
            if not first.hold.done():
                hold = self._find_room(first.kind, first.estimate, first.requests)
                if hold is not None:
                    self._take(hold)
                    first.hold.set_result(hold)
                elif self._under_way:
                    return  # what comes back may be enough
                else:
                    first.hold.set_exception(OverBudget())
            self._queue.popleft()

    def _take(self, hold: Hold) -> None:
        self._under_way += 1
        self._held += hold.counted
        self._most.append(hold.most)
        self.expected = max(0, self.expected - hold.requests)

    def _release(self, hold: Hold) -> None:
        self._under_way -= 1
        self._held -= hold.counted
        self._most.remove(hold.most)

    def _withdraw(self, waiting: _Waiting) -> None:
        """Give back what a call that was cancelled in the queue had, or its place in it."""
        hold = waiting.hold
        if hold.done() and not hold.cancelled() and hold.exception() is None:
            self._release(hold.result())
            self.expected += waiting.requests
        self._admit()

    def _find_room(self, kind: str, estimate: Estimate, requests: int) -> Hold | None:
        seen = self._dearest.get(kind, 0.0) * requests
        likely = max(estimate.likely or 0.0, seen)
        most = max(estimate.most or 0.0, likely)
        cap = self._find_cap(requests)
        hold = Hold(kind, likely, most, requests, cap)
        return hold if cap != 0 and self._covers(hold) else None

    def _covers(self, hold: Hold) -> bool:
        budget = self.limits.budget
        if budget is None:
            return True
        if budget == 0:  # nothing is nothing, also where a call costs nothing
            return False
        gone = self.spent + self._doubtful
        if not self._under_way:
            return gone + hold.likely <= budget
        if hold.kind not in self._dearest:
            return False  # what this kind costs shows when the first one is back
        return gone + sum(self._most) + hold.most <= budget

    def _find_cap(self, requests: int) -> int | None:
        """Return how many requests a call may make; 0 where it may make none."""
        if self.limits.max_calls is None:
            return None
        left = self.limits.max_calls - self._counted - self._held
        if left < requests:
            return 0
        still_to_come = max(0, self.expected - requests)
        spare = max(0, min(_SPARE * requests, left - requests - still_to_come))
        return requests + spare
