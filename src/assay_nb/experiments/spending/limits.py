"""What a run may cost: one value, checked in one place, for every run of many calls behind every face."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from assay_nb.errors import WrongUsage
from assay_nb.experiments.data.rows import Rows
from assay_nb.experiments.run.target import Target
from assay_nb.text.english import a

CONCURRENCY = 8
MOST_CONCURRENT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one run. Zero means none: no call, no dollar, no row. None means no limit.

    Attributes:
        budget: US dollars. A call that it does not cover is not sent.
        max_calls: Requests, with retries and repairs.
        concurrency: Calls under way at once, from 1 to 256.
        limit: How many of the first rows are run.
        sample: How many rows are drawn instead, the same ones each time.
        price_in: US dollars per million input tokens, for a model whose price is not known here.
        price_out: The same for output tokens.

    Raises:
        WrongUsage: If one of them is negative, is not finite, or is not a number of its kind.
    """

    budget: float | None = None
    max_calls: int | None = None
    concurrency: int = CONCURRENCY
    limit: int | None = None
    sample: int | None = None
    price_in: float | None = None
    price_out: float | None = None

    def __post_init__(self) -> None:
        for name in ("budget", "price_in", "price_out"):
            object.__setattr__(self, name, _read_amount(name, getattr(self, name)))
        for name in ("max_calls", "limit", "sample"):
            object.__setattr__(self, name, _read_count(name, getattr(self, name), 0))
        at_once = _read_count("concurrency", self.concurrency, 1, MOST_CONCURRENT)
        object.__setattr__(self, "concurrency", CONCURRENCY if at_once is None else at_once)
        if (self.price_in is None) != (self.price_out is None):
            raise WrongUsage(
                "A price has two parts, price_in for input tokens and price_out for output tokens.",
                hint="Give both, in dollars per million tokens: 0 where a part is free.",
            )
        if self.limit is not None and self.sample is not None:
            raise WrongUsage(
                "limit takes the first rows and sample draws rows, and a run does only one of the two.",
                hint="Leave one of them out.",
            )

    @classmethod
    def of(cls, **given: Any) -> Limits:
        """Return limits from what was given; what is None keeps its default."""
        return cls(**{name: value for name, value in given.items() if value is not None})

    def price(self, target: Target, input_tokens: float, output_tokens: float) -> float | None:
        """Return about how many dollars so many tokens cost; None where nobody has said."""
        known = target.price(input_tokens, output_tokens)
        if known is not None or self.price_in is None or self.price_out is None:
            return known
        return (input_tokens * self.price_in + output_tokens * self.price_out) / 1e6

    def check_prices(self, targets: Iterable[Target]) -> None:
        """Raise `WrongUsage` for a budget that cannot be kept, since a model's price is not known."""
        if self.budget is None:
            return
        for target in targets:
            if target.provider is not None and self.price(target, 1, 1) is None:
                raise WrongUsage(
                    f"The price of {target.name} is not known here, so a budget in dollars cannot be kept. "
                    "Nothing was sent.",
                    hint="Give its price in dollars per million tokens, such as price_in=0.15 and "
                    "price_out=0.60 (--price-in, --price-out), or limit the calls with max_calls "
                    "(--max-calls) in place of the budget.",
                )

    def choose(self, rows: Rows) -> Rows:
        """Return the rows that are to be run.

        A sample is drawn with a fixed seed, so that a run which goes on later finds its rows again.

        Raises:
            WrongUsage: If that leaves none.
        """
        total = len(rows)
        if self.sample is not None:
            drawn = random.Random(0).sample(range(total), min(self.sample, total))  # noqa: S311 - no secret
            chosen = sorted(drawn)
        else:
            chosen = list(range(total if self.limit is None else min(self.limit, total)))
        if not chosen:
            raise WrongUsage(
                "No row is left to run: the limit on rows is 0. Nothing was sent.",
                hint="Leave limit and sample out, or give a number above 0.",
            )
        return rows if len(chosen) == total else rows.take(chosen)


def _read_amount(name: str, value: Any) -> float | None:
    """Return an amount in dollars as a float, whatever kind of number it came as."""
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, Real):
        amount = _as_float(value)
        if math.isfinite(amount) and amount >= 0:
            return amount
    raise WrongUsage(
        f"{name} is an amount in dollars, 0 or more, and not {_name(value)}.",
        hint="Give a number such as 2.50, or leave it out.",
    )


def _as_float(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _read_count(name: str, value: Any, least: int, most: int | None = None) -> int | None:
    """Return a count as an int, whatever kind of whole number it came as."""
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, Integral):
        count = int(value)
        if count >= least and (most is None or count <= most):
            return count
    bound = f"from {least} to {most}" if most else f"of {least} or more"
    raise WrongUsage(
        f"{name} is a whole number {bound}, and not {_name(value)}.",
        hint="Give a number such as 8, or leave it out.",
    )


def _name(value: Any) -> str:
    """Return a number as it is written; of anything else its kind only: it may be a key."""
    if isinstance(value, (int, float)):
        short = isinstance(value, float) or value.bit_length() < 64
        return repr(value) if short else "a number of so many digits"
    return a(type(value).__name__)
