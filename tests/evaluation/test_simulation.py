"""Verdicts held against a known truth, and each safeguard taken away to see that it was needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from assay_nb.evaluation import (
    check_headroom,
    paired_verdict,
    pairwise_verdict,
    row_key,
    sign_test_power,
    split_rows,
)
from assay_nb.evaluation.differences import gather_differences
from assay_nb.evaluation.intervals import mean_interval
from assay_nb.evaluation.paired import ALPHA, run_paired_test
from tests.evaluation.simulate import (
    FEATURES,
    Judge,
    TaskModel,
    ceiling,
    floor,
    judge_both_orders,
    judge_one_order,
    make_answers,
    share_improved,
)

RUNS = 4_000
OLD = "Extract the order from {{ticket}}."
REAL = f"{OLD} Return JSON with the keys id, city and date."
NULL = f"{OLD} You are a world-class expert. This is very important."
HARM = f"{OLD} Explain your reasoning before the JSON."

BIASED_JUDGES = {
    "blind": Judge(accuracy=0.5),
    "accurate": Judge(accuracy=0.95),
    "reported first-place bias": Judge(first_place=0.72),
    "extreme first-place bias": Judge(first_place=0.95),
    "second-place bias": Judge(first_place=0.1),
    "length bias": Judge(length_bias=0.95),
    "self-preference": Judge(self_preference=0.95),
    "reported flips": Judge(flip_rate=0.136),
    "a coin": Judge(flip_rate=0.5),
    "everything at once": Judge(0.6, 0.85, 0.85, 0.85, 0.25),
}


def _false_improved(
    judging: Callable[..., np.ndarray], judge: Judge, *, rows: int = 30, runs: int = RUNS
) -> float:
    """The share of comparisons of a prompt with itself that are called improved."""
    rng = np.random.default_rng(17)
    old, new = make_answers(rng, (runs, rows)), make_answers(rng, (runs, rows))
    return share_improved(judging(rng, judge, old, new))


@pytest.mark.slow
@pytest.mark.parametrize("name", BIASED_JUDGES)
@pytest.mark.parametrize("rows", [12, 30])
def test_no_bias_of_a_judge_makes_a_prompt_better_than_itself(name: str, rows: int) -> None:
    share = _false_improved(judge_both_orders, BIASED_JUDGES[name], rows=rows)

    assert share <= ceiling(ALPHA, RUNS)


def test_judging_in_one_order_makes_a_prompt_better_than_itself() -> None:
    share = _false_improved(judge_one_order, Judge(first_place=0.72))

    assert share > 0.3


def test_first_place_bias_of_72_percent_is_noticed_as_inconsistency() -> None:
    rng = np.random.default_rng(5)
    old, new = make_answers(rng, (200,)), make_answers(rng, (200,))
    judge = Judge(accuracy=0.5, first_place=0.72)
    picks = ["second", "first"]

    result = pairwise_verdict(
        [picks[int(first)] for first in judge.prefers_first(rng, old, new)],
        [picks[int(first)] for first in judge.prefers_first(rng, new, old)],
    )

    assert result.verdict == "invalid"


@pytest.mark.slow
def test_better_answers_win_in_both_orders() -> None:
    rng = np.random.default_rng(9)
    old = make_answers(rng, (RUNS, 60), good=0.3)
    new = make_answers(rng, (RUNS, 60), good=0.8)

    assert share_improved(judge_both_orders(rng, Judge(accuracy=0.9), old, new)) > 0.8


# --- pass and fail ----------------------------------------------------------------------------------


def _share_kept(new: str, rows: int, *, runs: int = RUNS) -> float:
    model, rng = TaskModel(), np.random.default_rng(23)
    difficulty = model.difficulty(rng, (runs, rows))
    before, after = model.run(rng, OLD, difficulty), model.run(rng, new, difficulty)
    return share_improved(after.astype(int) - before.astype(int))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [12, 30, 60])
def test_null_edit_is_called_improved_at_most_once_in_forty(rows: int) -> None:
    assert _share_kept(NULL, rows) <= ceiling(ALPHA, RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [30, 60])
def test_harmful_edit_is_practically_never_called_improved(rows: int) -> None:
    assert _share_kept(HARM, rows) < 0.005


def test_real_gain_is_found_as_often_as_the_power_curve_says() -> None:
    model, rows = TaskModel(), 29
    grid = np.linspace(-model.spread, model.spread, 2_001)
    old, new = model.rates(OLD, grid), model.rates(REAL, grid)
    expected = sign_test_power(
        rows, float((new * (1 - old)).mean()), float((old * (1 - new)).mean())
    )

    kept = _share_kept(REAL, rows)

    assert floor(expected, RUNS) <= kept <= ceiling(expected, RUNS)
    assert model.true_effect(OLD, REAL) == pytest.approx(
        FEATURES["Return JSON with the keys id, city and date."], abs=0.01
    )


# --- scores -----------------------------------------------------------------------------------------


def _false_improved_scores(
    draw: Callable[[np.random.Generator, int], np.ndarray], rows: int, runs: int
) -> float:
    rng = np.random.default_rng(31)
    verdicts = [paired_verdict([0.0] * rows, draw(rng, rows)).verdict for _ in range(runs)]
    return verdicts.count("improved") / runs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "runs"), [(8, 1_000), (11, 400), pytest.param(40, 150, id="drawn flips")]
)
def test_scores_without_change_are_called_improved_at_most_once_in_forty(
    rows: int, runs: int
) -> None:
    share = _false_improved_scores(lambda rng, n: rng.normal(0, 0.3, n), rows, runs)

    assert share <= ceiling(ALPHA, runs)


def _clustered_null(rng: np.random.Generator, groups: int, each: int) -> np.ndarray:
    return np.repeat(rng.choice([-1, 0, 1], groups, p=[0.4, 0.2, 0.4]), each)


@pytest.mark.slow
@pytest.mark.parametrize("ignore_clusters", [False, True])
def test_ignoring_clusters_breaks_the_error_rate(ignore_clusters: bool) -> None:
    runs, groups, each = 300, 9, 4
    rng = np.random.default_rng(41)
    names = None if ignore_clusters else [row // each for row in range(groups * each)]

    verdicts = [
        paired_verdict(
            [0] * groups * each, _clustered_null(rng, groups, each), clusters=names
        ).verdict
        for _ in range(runs)
    ]
    share = verdicts.count("improved") / runs

    if ignore_clusters:
        assert share > 0.15
    else:
        assert share <= ceiling(ALPHA, runs)


# --- safeguards, taken away one by one --------------------------------------------------------------


def _claims_improved(
    scores: list[float], *, with_interval: bool = True, fewest: int = 6
) -> tuple[bool, float | None]:
    """The decision, with a switch for each safeguard; all on, it is the one under test."""
    differences = gather_differences([0.0] * len(scores), scores)
    test, interval = run_paired_test(differences), mean_interval(differences)
    p = test.p
    if p is None and fewest <= differences.discordant:
        wins = int((differences.rows > 0).sum())
        p = _mid_p(wins, differences.discordant - wins)
    return p is not None and p <= ALPHA and (not with_interval or interval.low > 0), p


def _mid_p(wins: int, losses: int) -> float:
    """What is often used on few rows, since the exact test cannot reject there."""
    from scipy.stats import binom

    rows = wins + losses
    return float(binom.sf(wins, rows, 0.5) + binom.pmf(wins, rows, 0.5) / 2)


LOPSIDED = [0.01, 0.02, 0.03, 0.015, 0.025, 0.012, 1.0]


def test_without_the_interval_one_lopsided_row_would_be_an_improvement() -> None:
    """All seven rows gain, so the test rejects; six of them gain next to nothing."""
    assert _claims_improved(LOPSIDED, with_interval=False)[0]
    assert not _claims_improved(LOPSIDED)[0]

    result = paired_verdict([0.0] * 7, LOPSIDED)
    assert result.verdict == "no detectable difference"
    assert result.p <= ALPHA
    assert result.interval[0] <= 0


def test_without_a_least_number_of_rows_chance_would_pass_too_often() -> None:
    def false_rate(fewest: int) -> float:
        """Exact, over all outcomes of five rows that each go either way."""
        outcomes = np.array(np.meshgrid(*[[-1.0, 1.0]] * 5)).reshape(5, -1).T
        return float(np.mean([_claims_improved(list(o), fewest=fewest)[0] for o in outcomes]))

    assert false_rate(fewest=6) == 0.0
    assert false_rate(fewest=5) > ALPHA


def _improved_by_memory(*, leak: bool, runs: int = 300, rows: int = 60) -> float:
    """A proposer that copies every failing row it is shown into the prompt, and finds nothing else.

    A row that stands in the prompt passes; the rest of the world does not change.
    """
    model, rng = TaskModel(), np.random.default_rng(53)
    improved = 0
    for run in range(runs):
        keys = [row_key({"run": run, "row": row}) for row in range(rows)]
        split = split_rows(keys)
        difficulty = model.difficulty(rng, (rows,))
        seen = range(rows) if leak else split.dev
        tried = model.run(rng, OLD, difficulty)
        failing = [row for row in seen if not tried[row]]
        after = model.run(rng, OLD, difficulty)
        after[failing] = True
        test = list(split.test)
        before = model.run(rng, OLD, difficulty)
        improved += paired_verdict(before[test], after[test]).verdict == "improved"
    return improved / runs


@pytest.mark.slow
def test_proposer_that_sees_test_rows_turns_memory_into_improvement() -> None:
    assert _improved_by_memory(leak=False) <= ceiling(ALPHA, 300)
    assert _improved_by_memory(leak=True) > 0.5


@pytest.mark.slow
def test_best_of_three_null_candidates_is_not_confirmed_by_the_rows_that_chose_it() -> None:
    runs, rows = 2_000, 40
    model, rng = TaskModel(), np.random.default_rng(61)
    difficulty = model.difficulty(rng, (runs, 1, rows))
    before = model.run(rng, OLD, difficulty)
    tried = model.run(rng, OLD, np.broadcast_to(difficulty, (runs, 3, rows)))
    best = tried.sum(axis=2).argmax(axis=1)
    chosen = tried[np.arange(runs), best]
    fresh = model.run(rng, OLD, difficulty[:, 0])
    again = model.run(rng, OLD, difficulty[:, 0])

    same_rows = share_improved(chosen.astype(int) - before[:, 0].astype(int))
    other_rows = share_improved(fresh.astype(int) - again.astype(int))

    assert other_rows <= ceiling(ALPHA, runs)
    assert same_rows > ceiling(ALPHA, runs)


def test_headroom_gate_stops_where_no_verdict_could_be_improved() -> None:
    model, rng = TaskModel(base=0.97, spread=0.03), np.random.default_rng(71)
    baseline = model.run(rng, OLD, model.difficulty(rng, (40,)))

    assert not check_headroom(baseline.tolist(), test_rows=30).is_enough
