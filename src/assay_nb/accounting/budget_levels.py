"""Budget levels: how full a limit is, and how that is said.

What counts against a limit is not always spent: where a price is not known, an estimate counts. So it is said to
be counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay_nb.store.allowance_rows import EVERYBODY, Counter, Period, Used

WARN_AT = 0.8
"""The share of a limit from which on people are warned."""

_WHEN: dict[Period, str] = {"day": "today", "month": "this month"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How full a limit is: the fuller of its two halves, calls and money.

    Attributes:
        unit: What is counted: calls, or millionths of a dollar.
        counted: How much of it is counted.
        limit: How much of it is allowed.
        period: In a day or a month.
        model: The models that it is about; `""` for all.
        together: Whether it is for all members together.
    """

    unit: str
    counted: int
    limit: int
    period: Period
    model: str = ""
    together: bool = False

    @classmethod
    def of(cls, counter: Counter, limits: tuple[int | None, int | None], used: Used) -> Level:
        """Return how full a limit is of which at least one half is set."""
        calls, micros = limits
        halves = [
            cls(
                unit=unit,
                counted=counted,
                limit=limit,
                period=counter.period,
                model=counter.model,
                together=counter.user == EVERYBODY,
            )
            for unit, counted, limit in (
                ("calls", used.calls, calls),
                ("micros", used.micros, micros),
            )
            if limit is not None
        ]
        return max(halves, key=lambda half: half.share)

    @property
    def share(self) -> float:
        """How much of the limit is counted, from 0 up; a limit of nothing is full."""
        return self.counted / self.limit if self.limit else 1.0

    @property
    def is_near(self) -> bool:
        """Whether people are warned of it."""
        return self.share >= WARN_AT

    def header(self) -> str:
        """Return it for the header `X-Assay-Budget`: `used=83%; counted=1.66; limit=2.00; unit=dollars; …`."""
        money = self.unit == "micros"
        counted, limit = (
            (f"{self.counted / 1e6:.4f}", f"{self.limit / 1e6:.4f}")
            if money
            else (str(self.counted), str(self.limit))
        )
        unit, whose = "dollars" if money else "calls", "all" if self.together else "own"
        share = f"{min(self.share, 9.99):.0%}"
        return (
            f"used={share}; counted={counted}; limit={limit}; unit={unit}; "
            f"period={self.period}; of={whose}"
        )

    def say(self) -> str:
        """Return a sentence for people."""
        if self.unit == "micros":
            counted, limit = f"${self.counted / 1e6:.2f}", f"${self.limit / 1e6:.2f}"
        else:
            counted, limit = f"{self.counted:,}", f"{self.limit:,} calls"
        whose = "the workspace's" if self.together else "your"
        models = f" for {self.model}" if self.model else ""
        return f"{counted} of {whose} {limit}{models} are counted {_WHEN[self.period]}."


def fullest(levels: Iterable[Level]) -> Level | None:
    """Return the level of the limit that is nearest to its end, or None where there is none."""
    return max(levels, key=lambda level: level.share, default=None)


def name_limit(counter: Counter, limits: tuple[int | None, int | None], of_calls: bool) -> str:
    """Return the beginning of a sentence that says which limit is used up."""
    calls, micros = limits
    whose = "The workspace's" if counter.user == EVERYBODY else "Your"
    models = f" for {counter.model}" if counter.model else ""
    when = _WHEN[counter.period]
    if of_calls:
        return f"{whose} {calls or 0} calls{models} for {when} are made"
    return f"{whose} ${(micros or 0) / 1_000_000:.2f}{models} for {when} are counted"
