from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from assay_nb.evaluation import (
    paired_verdict,
    power_curve,
    rows_needed,
    sign_test_power,
    sign_test_rows,
    smallest_detectable,
)
from assay_nb.evaluation.paired import ALPHA, sign_test
from tests.evaluation.simulate import floor


@pytest.mark.parametrize(
    ("deviation", "effect", "rows"),
    [(0.5, 0.1, 199), (0.5, 0.2, 51), (0.7, 0.1, 387), (0.7, 0.2, 99), (0.3, 0.1, 73)],
)
def test_rows_needed_follow_the_textbook_formula_and_two_for_the_deviation(
    deviation: float, effect: float, rows: int
) -> None:
    assert rows_needed(effect, deviation) == rows
    assert rows_needed(-effect, deviation) == rows


@pytest.mark.parametrize("alpha", [0.025, 0.02, 0.0025])
@pytest.mark.parametrize(
    ("better", "worse"),
    [(0.15, 0.05), (0.25, 0.05), (0.4, 0.1), (0.1, 0), (0.2, 0.1), (0.35, 0.15)],
)
def test_rows_needed_for_pass_and_fail_have_the_power_that_they_promise(
    better: float, worse: float, alpha: float
) -> None:
    effect = better - worse
    deviation = (better + worse - effect**2) ** 0.5

    rows = rows_needed(effect, deviation, alpha=alpha, step=1.0)
    short = rows_needed(effect, deviation, alpha=alpha)

    assert sign_test_power(rows, better, worse, alpha=alpha) >= 0.79  # the test goes by whole rows
    assert short < rows


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "deviation"), [(0.3, 0.5), (0.2, 0.5)])
def test_rows_needed_for_scores_have_the_power_that_they_promise(
    effect: float, deviation: float
) -> None:
    rng, runs = np.random.default_rng(5), 300
    rows = rows_needed(effect, deviation)

    found = [
        paired_verdict([0.0] * rows, rng.normal(effect, deviation, rows)).verdict == "improved"
        for _ in range(runs)
    ]

    assert np.mean(found) >= floor(0.8, runs)


@pytest.mark.slow
def test_the_range_of_rows_holds_the_true_number_eight_times_in_ten() -> None:
    """An effect of +.10 that takes 165 rows, seen on 40: one figure ranged from 65 to 4,179."""
    rng, runs, better, worse = np.random.default_rng(7), 400, 0.15, 0.05
    truth = rows_needed(better - worse, (better + worse - (better - worse) ** 2) ** 0.5, step=1.0)

    held = [
        low <= truth <= (high or np.inf)
        for low, high in (
            _range_after(*rng.multinomial(40, (better, worse, 1 - better - worse)))
            for _ in range(runs)
        )
    ]

    assert np.mean(held) >= floor(0.8, runs)


@cache
def _range_after(wins: int, losses: int, ties: int) -> tuple[int, int | None]:
    old, new = [0] * wins + [1] * losses + [0] * ties, [1] * wins + [0] * (losses + ties)
    return paired_verdict(old, new).rows_needed or (0, None)


@pytest.mark.parametrize("step", [0.0, 1.0])
def test_smallest_detectable_is_the_inverse_of_rows_needed(step: float) -> None:
    effect = smallest_detectable(80, 0.4, step=step)

    assert rows_needed(effect, 0.4, step=step) == 80
    assert rows_needed(effect * 0.98, 0.4, step=step) > 80


def test_smallest_detectable_on_two_rows_is_a_number() -> None:
    assert 0 < smallest_detectable(2, 0.4, alpha=0.0025) < 10


def test_a_difference_of_zero_cannot_be_planned_for() -> None:
    with pytest.raises(ValueError, match="zero"):
        rows_needed(0.0, 0.5)


def test_sign_test_power_is_the_sum_over_all_tables() -> None:
    from math import comb

    rows, better, worse = 12, 0.4, 0.1
    by_hand = sum(
        comb(rows, w)
        * comb(rows - w, k)
        * better**w
        * worse**k
        * (1 - better - worse) ** (rows - w - k)
        for w in range(rows + 1)
        for k in range(rows + 1 - w)
        if w + k >= 6 and sign_test(w, k) <= ALPHA
    )

    assert sign_test_power(rows, better, worse) == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("rows", [5, 8, 20, 100, 1_000])
def test_sign_test_says_improved_at_most_once_in_forty_under_no_change(
    rows: int, share: float
) -> None:
    assert sign_test_power(rows, share, share) <= ALPHA


@pytest.mark.slow
def test_fewest_rows_reach_the_power_and_one_less_does_not() -> None:
    rows = sign_test_rows(0.3, 0.05)

    assert rows is not None
    assert sign_test_power(rows, 0.3, 0.05) >= 0.8


def test_a_change_for_the_worse_has_no_number_of_rows() -> None:
    assert sign_test_rows(0.1, 0.2) is None
    assert sign_test_power(50, 0.0, 0.0) == 0.0


def test_power_grows_along_the_curve() -> None:
    powers = [power for _, power in power_curve((10, 20, 40, 80, 160), better=0.25, worse=0.05)]

    assert powers == sorted(powers)
    assert np.isclose(powers[-1], 1.0, atol=0.05)
