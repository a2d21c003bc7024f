from __future__ import annotations

import numpy as np
import pytest

from assay_nb.evaluation import (
    combine_judgements,
    combine_orders,
    length_figures,
    pairwise_verdict,
)
from tests.evaluation.simulate import Judge, judge_both_orders, make_answers


@pytest.mark.parametrize(
    ("old_first", "new_first", "score"),
    [
        ("second", "first", 1),
        ("first", "second", -1),
        ("first", "first", 0),
        ("second", "second", 0),
        ("tie", "tie", 0),
        ("second", "tie", 0),
        ("tie", "second", 0),
        (None, "first", None),
        ("second", None, None),
    ],
)
def test_a_win_takes_both_orders(old_first, new_first, score) -> None:
    assert combine_orders(old_first, new_first) == score


def test_judge_that_always_picks_the_first_wins_nothing_for_anybody() -> None:
    outcome = combine_judgements(["first"] * 10, ["first"] * 10)

    assert set(outcome.scores) == {0}
    assert outcome.inconsistent == 1.0
    assert outcome.first_place == 1.0


def test_judge_that_contradicts_itself_too_often_gives_no_verdict() -> None:
    torn = pairwise_verdict(["second"] * 11 + ["first"] * 9, ["first"] * 20)
    steady = pairwise_verdict(["second"] * 12 + ["first"] * 8, ["first"] * 20)

    assert torn.verdict == "invalid"
    assert "contradicted itself on 45%" in torn.reason
    assert steady.verdict == "improved"


def test_failed_judgements_are_left_out() -> None:
    result = pairwise_verdict(["second"] * 10 + [None], ["first"] * 11)

    assert result.errors == (10,)
    assert result.verdict == "improved"


def test_shares_ignore_rows_without_a_judgement() -> None:
    outcome = combine_judgements([None, "second"], ["first", "first"])

    assert outcome.inconsistent == 0.0
    assert outcome.scores == (None, 1)


def test_length_figures_compare_rows_of_similar_length() -> None:
    figures = length_figures([100, 100, 100, 100], [105, 95, 300, 400], [0, -1, 1, 1])

    assert (figures.mean_old, figures.mean_new) == (100, 225)
    assert figures.similar == 2
    assert figures.similar_win_rate == 0.25
    assert figures.win_rate == 0.625


def test_length_figures_without_any_similar_row_say_so() -> None:
    figures = length_figures([100], [300], [1])

    assert figures.similar_win_rate is None
    assert "no row has answers of similar length" in figures.describe()


def test_length_bias_shows_among_rows_of_similar_length() -> None:
    """Both orders agree on the longer answer, so only this comparison gives the judge away."""
    rng = np.random.default_rng(8)
    old = make_answers(rng, (1, 4_000), length=300)
    new = make_answers(rng, (1, 4_000), length=400)
    scores = judge_both_orders(rng, Judge(length_bias=0.9), old, new)[0].tolist()

    figures = length_figures(old.length[0].tolist(), new.length[0].tolist(), scores)

    assert figures.win_rate > 0.6
    assert figures.similar_win_rate == pytest.approx(0.5, abs=0.1)


def test_verdict_carries_what_is_known_of_the_judge() -> None:
    result = pairwise_verdict(["second"] * 8, ["first"] * 8, lengths=([10] * 8, [20] * 8))

    assert any("contradicted itself on 0%" in note for note in result.notes)
    assert any("Mean length 10 before and 20 after" in note for note in result.notes)
