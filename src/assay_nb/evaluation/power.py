"""How many rows does it take? Planning figures, to be read before money is spent."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from assay_nb.evaluation.differences import load_stats
from assay_nb.evaluation.paired import ALPHA, MIN_DISCORDANT, fewest_discordant

POWER = 0.8


def rows_needed(
    effect: float,
    deviation: float,
    *,
    power: float = POWER,
    alpha: float = ALPHA,
    step: float = 0.0,
) -> int:
    """Return how many rows show a mean difference of `effect` with probability `power`.

    A planning figure: a difference of 0.1 with a standard deviation of 0.5 takes 199 rows, twice the
    difference about a quarter of that. The normal approximation alone falls short, by two rows for scores
    (the test has to estimate the deviation too) and by ten or more for pass and fail, where the exact
    test can only go by whole rows. Both are made up for.

    Args:
        effect: The mean difference worth finding, of either sign, not zero.
        deviation: The standard deviation of one row's difference.
        power: The chance of finding it.
        alpha: The one-sided level of the test.
        step: By how much a row differs, where all that differ do so by the same amount: 1 for pass and
            fail. 0 for scores.
    """
    if effect == 0:
        raise ValueError("no number of rows shows a difference of zero")
    rows = (_reach(power, alpha) * deviation / effect) ** 2 + step / abs(effect)
    rows += _shortfall(power, alpha, step)
    return max(fewest_discordant(alpha), math.ceil(rows - 1e-9))


def smallest_detectable(
    rows: int,
    deviation: float,
    *,
    power: float = POWER,
    alpha: float = ALPHA,
    step: float = 0.0,
) -> float:
    """Return the mean difference that so many rows show with probability `power`; see `rows_needed`."""
    # On a handful of rows the approximation ends; half of them keep the figure finite, and large.
    left = max(rows - _shortfall(power, alpha, step), rows / 2)
    reach = _reach(power, alpha) * deviation
    return (step + math.sqrt(step**2 + 4 * reach**2 * left)) / (2 * left)


def sign_test_power(rows: int, better: float, worse: float, *, alpha: float = ALPHA) -> float:
    """Return the exact chance that the sign test says "improved" on pass/fail or win/loss rows.

    Args:
        rows: How many rows are tested.
        better: The share of rows that the new prompt truly fixes or wins.
        worse: The share that it truly breaks or loses.
        alpha: The one-sided level of the test.
    """
    import numpy as np

    if better + worse == 0:
        return 0.0
    stats: Any = load_stats()
    discordant = np.arange(fewest_discordant(alpha), rows + 1)
    # isf gives the count that more wins than which are significant.
    bar = stats.binom.isf(alpha, discordant, 0.5)
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


def _reach(power: float, alpha: float) -> float:
    normal: Any = load_stats().norm
    return float(normal.isf(alpha) + normal.ppf(power))


def _shortfall(power: float, alpha: float, step: float) -> float:
    """Return by how many rows the normal approximation is short.

    For scores half of z squared, since the deviation is estimated (Guenther). For the sign test it is what
    its variance under no change adds (Connor), beside the continuity correction of one row in `effect`.
    """
    bar = float(load_stats().norm.isf(alpha))
    return bar * _reach(power, alpha) if step else bar**2 / 2
