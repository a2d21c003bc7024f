"""A judge that likes length against one that knows: what tells them apart, and what is lost by asking."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from assay_nb.evaluation import pairwise_verdict
from assay_nb.evaluation.paired import ALPHA
from tests.conftest import NIGHTLY
from tests.evaluation.simulate import Judge, ceiling, floor, judge_both_orders, make_answers

RUNS = 2_000 if NIGHTLY else 100
LENGTH_JUDGES = {
    "always": Judge(accuracy=0.5, length_bias=0.9999),
    "nearly always": Judge(accuracy=0.5, length_bias=0.95),
    "mostly": Judge(accuracy=0.5, length_bias=0.8),
}


def judge_rows(wins: int, losses: int, ties: int = 0) -> tuple[list[Any], list[Any]]:
    old_first = ["second"] * wins + ["first"] * losses + ["tie"] * ties
    new_first = ["first"] * wins + ["second"] * losses + ["tie"] * ties
    return old_first, new_first


# --- one verdict ------------------------------------------------------------------------------------


def test_longer_answers_that_win_throughout_are_not_improved() -> None:
    lengths = [400] * 30, [520] * 30

    result = pairwise_verdict(*judge_rows(25, 5), lengths=lengths)

    assert result.verdict == "invalid"
    assert "liking longer ones: they are longer in 30 of the 30 rows" in result.reason
    assert "metric" in result.reason
    assert pairwise_verdict(*judge_rows(25, 5)).verdict == "improved"  # control


def test_shorter_answers_that_win_throughout_are_not_improved_either() -> None:
    result = pairwise_verdict(*judge_rows(25, 5), lengths=([520] * 30, [400] * 30))

    assert result.verdict == "invalid"
    assert "liking shorter ones" in result.reason


def test_longer_old_answers_that_win_throughout_are_no_regression() -> None:
    result = pairwise_verdict(*judge_rows(5, 25), lengths=([520] * 30, [400] * 30))

    assert result.verdict == "invalid"
    assert "preference for the old answers" in result.reason


def test_rows_of_similar_length_that_say_the_same_confirm_it() -> None:
    old, new = [400] * 40, [520] * 28 + [405] * 12

    assert pairwise_verdict(*judge_rows(40, 0), lengths=(old, new)).verdict == "improved"
    split = pairwise_verdict(*judge_rows(28, 0, 12), lengths=(old, new))
    assert split.verdict == "invalid"
    assert "among the 12 rows where they are not, they win 0 and lose 0" in split.reason


def test_lengths_that_differ_both_ways_explain_nothing() -> None:
    old, new = [400] * 30, [300, 520] * 15

    assert pairwise_verdict(*judge_rows(25, 5), lengths=(old, new)).verdict == "improved"


def test_labels_of_a_few_letters_are_of_similar_length() -> None:
    lengths = [len("spam")] * 30, [len("billing")] * 30

    assert pairwise_verdict(*judge_rows(25, 5), lengths=lengths).verdict == "improved"


# --- many -------------------------------------------------------------------------------------------


def share_improved(
    judge: Judge, rows: int, longer: float, good: tuple[float, float] = (0.5, 0.5)
) -> tuple[float, float]:
    """Return how often the new answers are improved: by the verdict, and without their lengths."""
    rng = np.random.default_rng(round(100 * longer) + rows)
    with_lengths = without = 0
    for _ in range(RUNS):
        old = make_answers(rng, (rows,), good=good[0])
        new = make_answers(rng, (rows,), good=good[1], length=400 * longer)
        scores = judge_both_orders(rng, judge, old, new)
        if _improved_without_lengths(rows, int((scores > 0).sum()), int((scores < 0).sum())):
            without += 1
            with_lengths += _verdict(scores, old.length, new.length) == "improved"
    return with_lengths / RUNS, without / RUNS


@cache
def _improved_without_lengths(rows: int, wins: int, losses: int) -> bool:
    return pairwise_verdict(*judge_rows(wins, losses, rows - wins - losses)).verdict == "improved"


def _verdict(scores: np.ndarray, old: np.ndarray, new: np.ndarray) -> str:
    words = {1: ("second", "first"), 0: ("tie", "tie"), -1: ("first", "second")}
    pairs = [words[int(score)] for score in scores]
    lengths = [round(one) for one in old], [round(one) for one in new]
    return pairwise_verdict([a for a, _ in pairs], [b for _, b in pairs], lengths=lengths).verdict  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("longer", [1.0, 1.1, 1.3, 2.0])
@pytest.mark.parametrize("name", LENGTH_JUDGES)
def test_a_judge_of_length_makes_no_longer_answer_better(name: str, longer: float) -> None:
    share, plain = share_improved(LENGTH_JUDGES[name], 60, longer)

    print(
        f"judge of length ({name}), {longer:.0%} as long: {share:.1%} improved, {plain:.1%} before"
    )
    assert share <= ceiling(ALPHA, RUNS)
    if longer >= 1.3:
        assert plain > 0.5  # the control


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(
    ("rows", "longer", "least"),
    [(60, 1.0, 0.85), (60, 1.3, 0.4), (100, 1.3, 0.65), (200, 1.3, 0.9)],
)
def test_a_judge_of_quality_keeps_most_of_its_power(rows: int, longer: float, least: float) -> None:
    share, plain = share_improved(Judge(accuracy=0.9), rows, longer, good=(0.3, 0.8))

    print(
        f"judge of quality, {rows} rows, {longer:.0%} as long: {share:.0%} improved, {plain:.0%} before"
    )
    assert share >= floor(least, RUNS)
