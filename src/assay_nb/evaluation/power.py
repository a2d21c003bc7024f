"""How many rows does it take? Planning figures, to be read before money is spent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from assay_nb.evaluation.differences import load_stats
from assay_nb.evaluation.paired import ALPHA, MIN_DISCORDANT

POWER = 0.8


def rows_needed(effect: float, deviation: float, *, power: float = POWER) -> int:
    """Return how many rows show a mean difference of `effect` with probability `power`.

    A planning figure from the normal approximation: a difference of 0.1 with a standard deviation of 0.5
    takes 197 rows, twice the difference a quarter of that.

    Args:
        effect: The mean difference worth finding, of either sign, not zero.
        deviation: The standard deviation of one row's difference.
        power: The chance of finding it.
    """
    if effect == 0:
        raise ValueError("no number of rows shows a difference of zero")
    rows = (_reach(power) * deviation / effect) ** 2
    return max(MIN_DISCORDANT, math.ceil(rows - 1e-9))


def smallest_detectable(rows: int, deviation: float, *, power: float = POWER) -> float:
    """Return the mean difference that so many rows show with probability `power`."""
    return _reach(power) * deviation / math.sqrt(rows)


def sign_test_power(rows: int, better: float, worse: float) -> float:
    """Return the exact chance that the sign test says "improved" on pass/fail or win/loss rows.

    Args:
        rows: How many rows are tested.
        better: The share of rows that the new prompt truly fixes or wins.
        worse: The share that it truly breaks or loses.
    """
    import numpy as np

    if better + worse == 0:
        return 0.0
    stats: Any = load_stats()
    discordant = np.arange(MIN_DISCORDANT, rows + 1)
    # isf gives the count that more wins than which are significant.
    bar = stats.binom.isf(ALPHA, discordant, 0.5)
    found = stats.binom.sf(bar, discordant, better / (better + worse))
    return float((stats.binom.pmf(discordant, rows, better + worse) * found).sum())


def sign_test_rows(better: float, worse: float, *, power: float = POWER) -> int | None:
    """Return the fewest rows that reach `power` in the sign test; None above 100,000."""
    low, high = MIN_DISCORDANT, 100_000
    if better <= worse or sign_test_power(high, better, worse) < power:
        return None
    while low < high:
        middle = (low + high) // 2
        if sign_test_power(middle, better, worse) >= power:
            high = middle
        else:
            low = middle + 1
    return low


def power_curve(
    rows: Iterable[int], *, better: float, worse: float = 0.0
) -> list[tuple[int, float]]:
    """Return pairs of a number of rows and the chance that they show this change."""
    return [(n, sign_test_power(n, better, worse)) for n in rows]


def _reach(power: float) -> float:
    normal: Any = load_stats().norm
    return float(normal.isf(ALPHA) + normal.ppf(power))
