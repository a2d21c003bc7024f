from __future__ import annotations

import numpy as np
import pytest

from assay_nb.evaluation import (
    power_curve,
    rows_needed,
    sign_test_power,
    sign_test_rows,
    smallest_detectable,
)
from assay_nb.evaluation.paired import ALPHA, sign_test


@pytest.mark.parametrize(
    ("deviation", "effect", "rows"),
    [(0.5, 0.1, 197), (0.5, 0.2, 50), (0.7, 0.1, 385), (0.7, 0.2, 97), (0.3, 0.1, 71)],
)
def test_rows_needed_follow_the_textbook_formula(
    deviation: float, effect: float, rows: int
) -> None:
    assert rows_needed(effect, deviation) == rows
    assert rows_needed(-effect, deviation) == rows


def test_smallest_detectable_is_the_inverse_of_rows_needed() -> None:
    effect = smallest_detectable(80, 0.4)

    assert rows_needed(effect, 0.4) == 80
    assert rows_needed(effect * 0.99, 0.4) > 80


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
