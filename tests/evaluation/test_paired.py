from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay_nb.evaluation.differences import gather_differences
from assay_nb.evaluation.paired import ALPHA, run_paired_test, sign_flip_test, sign_test


@pytest.mark.parametrize(
    ("wins", "rows", "numerator"),
    [(8, 9, 1 + 9), (9, 10, 1 + 10), (10, 12, 1 + 12 + 66), (12, 15, 1 + 15 + 105 + 455)],
)
def test_sign_test_gives_the_binomial_tail_computed_by_hand(
    wins: int, rows: int, numerator: int
) -> None:
    assert sign_test(wins, rows - wins) == pytest.approx(numerator / 2**rows, rel=1e-12)
    assert sign_test(wins, rows - wins) <= ALPHA


@pytest.mark.parametrize(("wins", "losses"), [(5, 0), (7, 2), (8, 2), (9, 3), (11, 4)])
def test_one_win_less_than_the_significant_count_is_not_significant(wins: int, losses: int) -> None:
    assert sign_test(wins, losses) > ALPHA


def test_sign_flip_equals_the_enumeration_of_all_flips() -> None:
    sample = np.array([0.3, -0.1, 0.25, 0.4, 0.05, 0.15, -0.02])

    by_hand = [
        sum(s * d for s, d in zip(signs, sample, strict=True))
        for signs in product((1, -1), repeat=7)
    ]

    assert sign_flip_test(sample) == np.mean([total >= sample.sum() - 1e-12 for total in by_hand])


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(6, 14), st.integers(0, 14))
def test_sign_flip_of_equal_differences_is_the_sign_test(rows: int, losses: int) -> None:
    losses = min(losses, rows)
    sample = np.array([1.0] * (rows - losses) + [-1.0] * losses)

    assert sign_flip_test(sample) == pytest.approx(sign_test(rows - losses, losses), abs=1e-12)


def test_drawn_flips_never_give_p_of_zero_and_repeat_with_their_seed() -> None:
    sample = np.linspace(0.1, 1.0, 40)

    assert sign_flip_test(sample, seed=1) == 1 / 10_000
    mixed = sample * np.where(np.arange(40) % 3, 1, -1)
    assert sign_flip_test(mixed, seed=1) == sign_flip_test(mixed, seed=1)


@pytest.mark.slow
def test_drawn_flips_come_close_to_all_flips() -> None:
    sample = np.random.default_rng(5).normal(0.3, 1.0, 17)
    exact = stats.permutation_test(
        (sample,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=True,
    ).pvalue

    assert sign_flip_test(sample, seed=3) == pytest.approx(exact, abs=0.015)


def test_pass_fail_gets_mcnemar_and_scores_get_sign_flips() -> None:
    flags = gather_differences([0, 0, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 1, 1, 1, 1])
    wins = gather_differences([0] * 7, [1, -1, 1, 1, 1, 1, 0])
    scores = gather_differences([0.0] * 7, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])

    assert run_paired_test(flags).name == "exact McNemar test"
    assert run_paired_test(wins).name == "exact sign test"
    assert run_paired_test(scores).name == "sign-flip permutation test (exact)"


def test_clusters_flip_as_wholes() -> None:
    names = [row // 2 for row in range(14)]
    differences = gather_differences([0] * 14, [1] * 14, names)

    result = run_paired_test(differences)

    assert result.p == 1 / 2**7
    assert result.name == "sign-flip permutation test (by cluster, exact)"


def test_clusters_of_one_row_change_nothing() -> None:
    old, new = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.2, 0.4, 0.2, 0.9, 0.6, 0.8]

    alone = run_paired_test(gather_differences(old, new))
    clustered = run_paired_test(gather_differences(old, new, list("abcdef")))

    assert clustered == alone


def test_five_differing_rows_get_no_p() -> None:
    assert run_paired_test(gather_differences([0] * 30, [1] * 5 + [0] * 25)).p is None
    assert run_paired_test(gather_differences([0] * 30, [1] * 6 + [0] * 24)).p == 1 / 64


def test_rounding_noise_is_no_difference() -> None:
    assert gather_differences([0.3 - 0.1] * 8, [0.2] * 8).discordant == 0
