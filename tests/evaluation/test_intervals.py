from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from assay_nb.evaluation.differences import gather_differences
from assay_nb.evaluation.intervals import bootstrap_interval, mean_interval, t_interval
from tests.evaluation.simulate import floor

RUNS = 2_000


def test_t_interval_is_scipys() -> None:
    sample = np.random.default_rng(1).normal(0.2, 0.4, 12)

    expected = stats.ttest_1samp(sample, 0).confidence_interval(0.95)

    assert t_interval(sample, np.ones(12)) == pytest.approx(tuple(expected), rel=1e-12)


def test_bootstrap_interval_is_scipys_at_the_expanded_level() -> None:
    sample = np.random.default_rng(2).normal(0.2, 0.4, 40)
    level = 1 - 2 * stats.norm.sf(stats.t.ppf(0.975, 39) * (40 / 39) ** 0.5)

    expected = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=10_000,
        method="percentile",
        confidence_level=level,
        rng=np.random.default_rng(0),
    ).confidence_interval

    assert bootstrap_interval(sample, np.ones(40)) == pytest.approx(tuple(expected), abs=1e-12)


def test_clustered_error_equals_the_textbook_one_for_clusters_of_one() -> None:
    sample = np.random.default_rng(3).normal(size=15)

    low, high = t_interval(sample, np.ones(15))

    assert (high - low) / 2 == pytest.approx(stats.sem(sample) * stats.t.ppf(0.975, 14), rel=1e-12)


@pytest.mark.parametrize(
    ("rows", "method"),
    [(12, "Student's t"), (29, "Student's t"), (30, "paired bootstrap (10,000 resamples)")],
)
def test_method_changes_at_thirty_rows(rows: int, method: str) -> None:
    scores = np.random.default_rng(4).normal(0.5, 0.2, rows)

    assert mean_interval(gather_differences([0.0] * rows, list(scores))).method == method


def test_thirty_rows_in_ten_clusters_count_as_ten() -> None:
    scores = np.random.default_rng(4).normal(0.5, 0.2, 30)
    clustered = gather_differences([0.0] * 30, list(scores), [row // 3 for row in range(30)])

    assert mean_interval(clustered).method == "Student's t, by cluster"


@pytest.mark.parametrize("rows", [8, 25, 60, 400])
def test_rows_that_never_differ_leave_an_interval_of_some_width(rows: int) -> None:
    interval = mean_interval(gather_differences([1] * rows, [1] * rows))

    # Even a change in one row of so many, unseen with probability .025, must be inside.
    unseen = 1 - 0.025 ** (1 / rows)
    assert interval.high == -interval.low
    assert interval.high > unseen / 2


@pytest.mark.parametrize("rows", [6, 25, 60])
def test_rows_that_all_improve_do_not_give_certainty(rows: int) -> None:
    interval = mean_interval(gather_differences([0] * rows, [1] * rows))

    assert 0 < interval.low < 1
    assert interval.high == 1


def _t(sample: np.ndarray) -> tuple[float, float]:
    return t_interval(sample, np.ones(len(sample)))


def _bootstrap(sample: np.ndarray) -> tuple[float, float]:
    return bootstrap_interval(sample, np.ones(len(sample)), resamples=2_000)


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] - 1e-12 <= truth <= interval[1] + 1e-12


def _z(sample: np.ndarray) -> tuple[float, float]:
    """The mutant: a normal interval where a t interval belongs."""
    return stats.norm.interval(0.95, loc=sample.mean(), scale=stats.sem(sample))


def _coverage_of_ten_scores(method) -> float:
    samples = np.random.default_rng(11).normal(0.1, 0.3, (RUNS, 10))
    inside = [_holds(method(line), 0.1) for line in samples]
    return float(np.mean(inside))


@pytest.mark.slow
def test_t_interval_covers_and_a_normal_interval_does_not() -> None:
    assert _coverage_of_ten_scores(_t) >= floor(0.95, RUNS)
    assert _coverage_of_ten_scores(_z) < floor(0.95, RUNS)


SHARES = [
    (better, worse)
    for better in (0.02, 0.05, 0.15, 0.3, 0.5, 0.6, 0.8)
    for worse in (0.0, 0.05, 0.2, 0.4)
    if worse <= better and better + worse < 0.99
]


def _exact_coverage(method, rows: int, better: float, worse: float) -> float:
    """The probability of all tables of wins, losses and ties whose interval holds the truth."""
    covered = 0.0
    for wins in range(rows + 1):
        losses = np.arange(rows + 1 - wins)
        table = np.stack([np.full_like(losses, wins), losses, rows - wins - losses], axis=1)
        chances = stats.multinomial.pmf(table, rows, [better, worse, 1 - better - worse])
        for k in np.flatnonzero(chances > 1e-6):
            covered += chances[k] * _holds(method(rows, wins, int(k)), better - worse)
    return covered


@cache
def _ours(rows: int, wins: int, losses: int) -> tuple[float, float]:
    interval = mean_interval(gather_differences([0] * rows, _outcome(rows, wins, losses)))
    return interval.low, interval.high


@cache
def _plain_t(rows: int, wins: int, losses: int) -> tuple[float, float]:
    return _t(np.array(_outcome(rows, wins, losses), dtype=float))


def _outcome(rows: int, wins: int, losses: int) -> list[int]:
    return [1] * wins + [-1] * losses + [0] * (rows - wins - losses)


@pytest.mark.parametrize(
    ("rows", "least"),
    [(8, 0.94), (12, 0.94), (20, 0.94), (29, 0.94), pytest.param(30, 0.93, marks=pytest.mark.slow)],
)
def test_pass_fail_interval_covers_whatever_the_truth(rows: int, least: float) -> None:
    """Counts are discrete, so coverage swings around 95%; from thirty rows the bootstrap swings more."""
    covered = {shares: _exact_coverage(_ours, rows, *shares) for shares in SHARES}

    assert {shares: share for shares, share in covered.items() if share < least} == {}


@pytest.mark.parametrize(
    ("rows", "better", "worse", "most"),
    [(8, 0.02, 0.0, 0.2), (20, 0.02, 0.0, 0.4), (29, 0.02, 0.0, 0.5), (29, 0.6, 0.05, 0.94)],
)
def test_plain_t_on_pass_fail_does_not_cover(
    rows: int, better: float, worse: float, most: float
) -> None:
    """Why one win and one loss are added: without them the interval is far too sure of itself."""
    assert _exact_coverage(_plain_t, rows, better, worse) < most


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 50])
def test_interval_of_bounded_scores_covers(rows: int) -> None:
    runs = 1_200
    rng = np.random.default_rng(11)
    kind, size = rng.random((runs, rows)), rng.random((runs, rows))
    scores = np.where(kind < 0.5, 0.0, np.where(kind < 0.85, size / 2, -size / 2))
    truth = 0.35 * 0.25 - 0.15 * 0.25

    method = _t if rows < 30 else _bootstrap

    inside = [_holds(method(line), truth) for line in scores]

    assert np.mean(inside) >= floor(0.95, runs)


def _clustered_coverage(runs: int, *, ignore_clusters: bool) -> float:
    rng, groups, each = np.random.default_rng(7), 12, 5
    shared = np.repeat(rng.normal(0.0, 0.3, (runs, groups)), each, axis=1)
    scores = shared + rng.normal(0.0, 0.1, shared.shape)
    names = None if ignore_clusters else [row // each for row in range(groups * each)]
    inside = 0
    for line in scores:
        differences = gather_differences([0.0] * len(line), list(line), names)
        low, high = t_interval(differences.sums, differences.sizes)
        inside += low <= 0 <= high
    return inside / runs


def test_clustered_interval_covers_and_one_that_ignores_clusters_does_not() -> None:
    assert _clustered_coverage(1_000, ignore_clusters=False) >= floor(0.95, 1_000)
    assert _clustered_coverage(1_000, ignore_clusters=True) < 0.8
