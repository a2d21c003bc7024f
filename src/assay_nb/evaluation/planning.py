"""How many rows a next run takes: what a verdict says about it."""

from __future__ import annotations

import math

from assay_nb.evaluation.cases import Case
from assay_nb.evaluation.claims import Verdict
from assay_nb.evaluation.differences import Differences, load_stats
from assay_nb.evaluation.intervals import MeanInterval
from assay_nb.evaluation.looks import FIRST_SHARE
from assay_nb.evaluation.paired import fewest_discordant
from assay_nb.evaluation.power import POWER, rows_needed
from assay_nb.evaluation.showing import say_rows

_PLAN_TAIL = 0.1
"""The range of rows to plan for comes from the effect's 80% interval. A 95% interval holds zero whenever
nothing was detected, and then there never is an upper end."""


def plan_rows(
    differences: Differences, interval: MeanInterval, verdict: Verdict, case: Case
) -> tuple[int, int | None] | None:
    """Return from how many to how many rows to plan for, or None where there is no effect to plan for.

    At the level of a first look at least: after further looks, only rows that were never tested help.
    """
    alpha, rows = max(case.alpha, FIRST_SHARE), len(differences.rows)
    if case.margin:  # two tests have to succeed, and where nothing differs neither is easier
        needed = rows_needed(case.margin, interval.deviation, power=(1 + POWER) / 2, alpha=alpha)
        return needed, needed
    effect = abs(differences.effect)
    if not effect:
        return None
    least = fewest_discordant(alpha)
    if verdict == "no detectable difference":
        least = max(rows + 1, math.ceil(rows * least / max(1, differences.discordant)))

    def plan_for(size: float) -> int:
        needed = rows_needed(size, interval.deviation, alpha=alpha, step=step_of(differences))
        return max(least, needed)

    reach = _reach(differences, interval)
    low = plan_for(min(effect + reach, max(differences.scale, effect)))
    return low, plan_for(effect - reach) if effect > reach else None


def _reach(differences: Differences, interval: MeanInterval) -> float:
    """Return how far the ends of the effect's 80% interval lie from it."""
    quantile = load_stats().t.isf(_PLAN_TAIL, differences.units - 1)
    return float(quantile * interval.deviation / math.sqrt(len(differences.rows)))


def step_of(differences: Differences) -> float:
    """Return by how much rows differ, where the test can only go by whole rows; 0 for scores."""
    if differences.clustered or not differences.discordant or not differences.is_even:
        return 0.0
    return float(abs(differences.rows).max())


def describe_plan(
    differences: Differences, case: Case, needed: tuple[int, int | None] | None, detectable: float
) -> str:
    """Return what so many rows show, and how many the effect seen takes, in a sentence."""
    plan = f"With {len(differences.rows)} rows, a difference of {detectable:.2g} is found 8 times in 10"
    if needed is None:
        return f"{plan}."
    target = (
        f"one of ±{case.margin:g}" if case.margin else f"the one seen, {differences.effect:+.2g},"
    )
    fresh = " Only rows that were never tested count." if case.alpha < FIRST_SHARE else ""
    return f"{plan}; {target} takes {say_rows(needed)}.{fresh}"
