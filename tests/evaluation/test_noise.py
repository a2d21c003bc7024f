from __future__ import annotations

import numpy as np
import pytest

from assay_nb.evaluation import check_headroom, noise_floor


def test_two_equal_runs_have_no_noise() -> None:
    floor = noise_floor([1, 0, 1, None], [1, 0, 1, 1])

    assert (floor.rows, floor.changed, floor.deviation) == (3, 0.0, 0.0)


def test_noise_floor_finds_the_noise_that_was_put_in() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(4_000)
    once, again = truth + rng.normal(0, 0.1, 4_000), truth + rng.normal(0, 0.1, 4_000)

    floor = noise_floor(once.tolist(), again.tolist())

    assert floor.deviation == pytest.approx(0.1 * 2**0.5, rel=0.05)
    assert abs(floor.shift) < 0.01


def test_prompt_at_the_ceiling_has_no_headroom() -> None:
    headroom = check_headroom([1] * 19 + [0], test_rows=40)

    assert not headroom.is_enough
    assert "ceiling" in headroom.reason


def test_prompt_that_fails_half_its_rows_has_headroom() -> None:
    assert check_headroom([1, 0] * 10, test_rows=40).is_enough


def test_noise_larger_than_the_room_ends_it() -> None:
    rng = np.random.default_rng(2)
    noise = noise_floor(rng.random(30).tolist(), rng.random(30).tolist())

    headroom = check_headroom([0.9] * 20, test_rows=30, noise=noise)

    assert not headroom.is_enough
    assert "Noise" in headroom.reason


def test_baseline_without_a_score_has_no_headroom() -> None:
    assert not check_headroom([None, None], test_rows=30).is_enough


def test_a_later_look_takes_more_rows_that_can_get_better() -> None:
    baseline = [1] * 16 + [0] * 4  # of 40 test rows about eight

    assert check_headroom(baseline, test_rows=40, alpha=0.02).is_enough
    second = check_headroom(baseline, test_rows=40, alpha=0.0025)
    assert not second.is_enough
    assert "a test needs 9" in second.reason
