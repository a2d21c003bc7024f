"""The budget: asked before every call, so that nothing is sent which it does not cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class OverBudget(Exception):
    """The next call is not covered. Never reaches a person: a result says so instead."""


@dataclass(slots=True)
class Purse:
    """What may be spent, and what has been.

    A call's cost is known only afterwards. So each call is set aside at an estimate before it is sent, the
    dearest of its kind so far or the plan's, whichever is more, and a call that would go over is not sent.

    Attributes:
        budget: Dollars; None for no limit in money.
        max_calls: Requests; None for no limit.
        estimates: Dollars that one request of a kind is expected to cost, from the plan.
        spent: Dollars spent, as far as prices are known.
        calls: Requests made.
        unpriced: Requests whose cost is not known.
    """

    budget: float | None = None
    max_calls: int | None = None
    estimates: Mapping[str, float] = field(default_factory=dict[str, float])
    spent: float = 0.0
    calls: int = 0
    unpriced: int = 0
    _set_aside: float = 0.0
    _dearest: dict[str, float] = field(default_factory=dict[str, float])

    def set_aside(self, kind: str, requests: int = 1) -> float:
        """Reserve money for one call of a kind and return how much.

        Raises:
            OverBudget: If it is not covered.
        """
        each = max(self._dearest.get(kind, 0.0), self.estimates.get(kind, 0.0))
        amount = each * requests
        if self.budget is not None and self.spent + self._set_aside + amount > self.budget:
            raise OverBudget
        if self.max_calls is not None and self.calls + requests > self.max_calls:
            raise OverBudget
        self._set_aside += amount
        self.calls += requests
        return amount

    def settle(self, kind: str, amount: float, cost: float | None, requests: int = 1) -> None:
        """Replace what was set aside by what it cost, and learn what the next one may cost."""
        self._set_aside -= amount
        if cost is None:
            self.unpriced += requests
            return
        self.spent += cost
        self._dearest[kind] = max(self._dearest.get(kind, 0.0), cost / requests)
