"""Is the new prompt better on these rows? The one public answer."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeAlias, cast

from assay_nb.errors import WrongUsage
from assay_nb.evaluation.cases import Bounds, Case, Runs
from assay_nb.evaluation.claims import Change, PairedVerdict, Verdict
from assay_nb.evaluation.differences import Differences, Score, gather_differences
from assay_nb.evaluation.intervals import MeanInterval, mean_interval
from assay_nb.evaluation.lost import Lost, Reasons, count_lost, describe_lost, suggest_step
from assay_nb.evaluation.paired import ALPHA, PairedTest, fewest_discordant, run_paired_test
from assay_nb.evaluation.planning import describe_plan, plan_rows, step_of
from assay_nb.evaluation.power import smallest_detectable
from assay_nb.evaluation.showing import say_p

__all__ = ["Case", "Change", "PairedVerdict", "Verdict", "check_terms", "decide", "paired_verdict"]

MAX_ERRORS = 0.2
"""Above this share of rows without a score, what is left no longer stands for the data."""

Earlier: TypeAlias = Sequence[Sequence[tuple[Score, Score]]]
"""Per row, the scores (old, new) of earlier runs of the same two prompts."""


def paired_verdict(
    old: Sequence[Score],
    new: Sequence[Score],
    *,
    margin: float | None = None,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    exploratory: bool = False,
    alpha: float = ALPHA,
    lost: tuple[Reasons, Reasons] | None = None,
    earlier: Earlier | None = None,
    bounds: tuple[float, float] | None = None,
) -> PairedVerdict:
    """Return whether the new prompt is better than the old one on these rows, and how sure that is.

    "Improved" takes two things: an exact or sign-flip test that rules out chance at one-sided `alpha`, and
    an interval at the same level that lies wholly above zero. At .025 a change that does nothing
    therefore passes at most once in forty. And it has to hold a second time with every missing score
    counted against it, the old one's as the highest score and the new one's as the lowest; where it does
    not, those rows decide, and the verdict is "invalid".

        >>> verdict = paired_verdict([False] * 9 + [True], [True] * 9 + [True])
        >>> verdict.verdict, verdict.fixed
        ('improved', (0, 1, 2, 3, 4, 5, 6, 7, 8))

    Args:
        old: One score per row under the old prompt: pass or fail, a number (more is better), or None where
            there is no whole reply to score.
        new: The same rows in the same order, under the new prompt.
        margin: A difference too small to care about, in units of the score. With it, an interval
            wholly within ±margin gives "equivalent".
        clusters: What each row belongs to (its document, its customer), where rows are not independent.
        seed: Draws the resamples; the same seed gives the same verdict.
        exploratory: Say that these rows were also used to choose the prompt. Then nothing is "improved".
        alpha: The one-sided level. .025 for a single look at these rows; `share_of_look` says what a
            repeated one has left.
        lost: Per row why a reply is missing, of the old side and of the new: `"length"`, `"filtered"`,
            `"failed"`. Missing scores without a reason count as failed.
        earlier: Per row the scores (old, new) of earlier runs of the same two prompts. They are averaged with
            this one's: a repeated run is never another row.
        bounds: The lowest and the highest possible score. By default 0 and 1 where all scores lie
            there, and otherwise the lowest and highest seen.

    Raises:
        WrongUsage: If a score is neither a number nor None, or margin or alpha is out of range.
    """
    before, after = _read_scores(old, "old"), _read_scores(new, "new")
    check_terms(margin, alpha)
    reasons = lost or (None, None)
    _check_lengths(len(before), old_reasons=reasons[0], earlier=earlier)
    _check_lengths(len(after), new_reasons=reasons[1])
    counted = {
        side: found
        for side, scores, why in (("old", before, reasons[0]), ("new", after, reasons[1]))
        if (found := count_lost([score is None for score in scores], why))
    }
    runs = _gather_runs(before, after, earlier)
    case = Case(
        old=runs[0],
        new=runs[1],
        clusters=None if clusters is None else list(clusters),  # a Series is read by its labels
        margin=margin,
        seed=seed,
        alpha=alpha,
        bounds=bounds,
    )
    return decide(case, counted, exploratory=exploratory)


def decide(case: Case, lost: Lost, *, exploratory: bool = False) -> PairedVerdict:
    """Return the verdict on a case, of which these replies were lost."""
    before, after = case.means()
    problem = _find_problem(case, before, after)
    if problem:
        reason = f"{problem} {describe_lost(lost)}".strip()
        result = PairedVerdict(
            verdict="invalid", reason=reason, n=0, margin=case.margin, seed=case.seed
        )
        return replace(result, lost=lost, alpha=case.alpha, runs=case.runs)
    result = replace(_compare(case, before, after), lost=lost)
    if not case.complete:
        result = _withstand_lost(result, case)
    if case.runs > 1:
        note = f"Scores are averages of {case.runs} runs of the same two prompts, row by row."
        result = replace(result, notes=(*result.notes, note))
    return _as_exploratory(result) if exploratory else result


# --- reading ----------------------------------------------------------------------------------------


def _read_scores(scores: Sequence[Score], side: str) -> list[float | None]:
    return [_read_score(score, side, row) for row, score in enumerate(scores)]


def _read_score(score: object, side: str, row: int) -> float | None:
    if score is None:
        return None
    if not isinstance(score, (str, bytes)):
        with suppress(TypeError, ValueError):
            return float(cast("Any", score))
    raise WrongUsage(
        f"The {side} score of row {row} is of type {type(score).__name__}, not a number.",
        hint="A score is True or False, a number, or None for a row without a whole reply.",
    )


def check_terms(margin: float | None, alpha: float) -> None:
    """Raise `WrongUsage` where a margin or a level is out of range."""
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise WrongUsage(
            f"A margin of {margin} is not a positive number.",
            hint="Give the largest difference that does not matter to you, such as margin=0.05.",
        )
    if not 0 < alpha < 0.5:
        raise WrongUsage(
            f"An alpha of {alpha} is not between 0 and 0.5.",
            hint="Leave it out for one look at these rows: that is 0.025, one-sided.",
        )


def _check_lengths(rows: int, **given: Sequence[Any] | None) -> None:
    for name, values in given.items():
        if values is not None and len(values) != rows:
            raise WrongUsage(
                f"{name.replace('_', ' ')} has {len(values)} rows, and the scores have {rows}.",
                hint="Give one entry per row: None, or an empty list, where there is nothing to say.",
            )


def _gather_runs(
    before: list[float | None], after: list[float | None], earlier: Earlier | None
) -> tuple[list[Runs], list[Runs]]:
    more = earlier or [()] * max(len(before), len(after))
    old = [
        (now, *(_read(pair[0]) for pair in runs)) for now, runs in zip(before, more, strict=False)
    ]
    new = [
        (now, *(_read(pair[1]) for pair in runs)) for now, runs in zip(after, more, strict=False)
    ]
    return old, new


def _read(score: Score) -> float | None:
    return None if score is None else float(score)


def _find_problem(case: Case, before: list[float | None], after: list[float | None]) -> str | None:
    """Return why nothing can be said of these scores, or None when something can."""
    rows, clusters = len(before), case.clusters
    if rows != len(after):
        return f"{rows} old scores and {len(after)} new ones: each row needs both."
    if clusters is not None and len(clusters) != rows:
        return f"{rows} rows and {len(clusters)} clusters: each row needs its own."
    if not rows:
        return "There are no rows."
    if not all(map(math.isfinite, case.known)):
        return (
            "A score is infinite or not a number. A row without a whole reply has the score None."
        )
    kept = _complete(before, after)
    if not kept:
        return "No row has a score on both sides."
    if rows - len(kept) > MAX_ERRORS * rows:
        return f"{rows - len(kept)} of {rows} rows lack a score; up to {MAX_ERRORS:.0%} may."
    if len({clusters[row] for row in kept} if clusters is not None else kept) < 2:
        return "A single row, or rows of a single cluster, cannot tell a difference from chance."
    return None


def _complete(before: list[float | None], after: list[float | None]) -> list[int]:
    return [
        row
        for row, (a, b) in enumerate(zip(before, after, strict=True))
        if a is not None and b is not None
    ]


# --- deciding ---------------------------------------------------------------------------------------


def _compare(case: Case, before: list[float | None], after: list[float | None]) -> PairedVerdict:
    kept = _complete(before, after)
    old, new = (
        [cast("float", before[row]) for row in kept],
        [cast("float", after[row]) for row in kept],
    )
    clusters = None if case.clusters is None else [case.clusters[row] for row in kept]
    differences = gather_differences(old, new, clusters)
    test = run_paired_test(differences, seed=case.seed, alpha=case.alpha)
    interval = mean_interval(differences, seed=case.seed, alpha=case.alpha)
    verdict = _decide(differences, test, interval, case)
    needed = plan_rows(differences, interval, verdict, case)
    detectable = smallest_detectable(
        len(kept), interval.deviation, alpha=case.alpha, step=step_of(differences)
    )
    return PairedVerdict(
        verdict=verdict,
        reason=_explain(verdict, differences, test, case, needed, detectable),
        n=len(kept),
        effect=differences.effect,
        interval=(interval.low, interval.high),
        interval_method=interval.method,
        p=test.p,
        test=test.name,
        discordant=test.discordant,
        rows_needed=needed,
        smallest_detectable=detectable,
        changes=tuple(
            Change(row, a, b)
            for row, a, b, difference in zip(kept, old, new, differences.rows, strict=True)
            if difference
        ),
        errors=tuple(sorted(set(range(len(before))) - set(kept))),
        alpha=case.alpha,
        runs=case.runs,
        margin=case.margin,
        seed=case.seed,
    )


def _decide(
    differences: Differences, test: PairedTest, interval: MeanInterval, case: Case
) -> Verdict:
    enough = differences.units >= fewest_discordant(case.alpha)
    if case.margin is not None and enough and interval.is_within(case.margin):
        return "equivalent"
    if test.rejects and interval.low > 0:
        return "improved"
    if test.rejects and interval.high < 0:
        return "regressed"
    return "no detectable difference"


def _explain(
    verdict: Verdict,
    differences: Differences,
    test: PairedTest,
    case: Case,
    needed: tuple[int, int | None] | None,
    detectable: float,
) -> str:
    if verdict == "equivalent":
        return (
            f"Whatever difference there is lies within the margin of ±{case.margin:g} that you set."
        )
    if verdict in {"improved", "regressed"}:
        side = "above" if verdict == "improved" else "below"
        return f"Chance is ruled out (one-sided {say_p(test.p)}), and the whole interval lies {side} zero."
    plan = describe_plan(differences, case, needed, detectable)
    if test.p is None:
        units = "clusters" if differences.clustered else "rows"
        return (
            f"Cannot tell: {test.discordant or 'no'} {units} differ, and "
            f"fewer than {fewest_discordant(case.alpha)} can show nothing. {plan}"
        )
    if test.rejects:
        return (
            f"Cannot tell: the test points one way (one-sided {say_p(test.p)}), but the interval "
            f"still holds zero, since a few rows carry most of the difference. {plan}"
        )
    return f"Cannot tell it from chance (one-sided {say_p(test.p)}). {plan}"


# --- what may take a claim back ---------------------------------------------------------------------


def _withstand_lost(result: PairedVerdict, case: Case) -> PairedVerdict:
    """Return the verdict if it holds with every lost reply counted against it, and "invalid" otherwise.

    A prompt that breaks down on its hardest rows would look better for it, and one whose old rival was cut
    on its best rows would too.
    """
    told = describe_lost(result.lost)
    undone = any(
        _compare(case.filled(*fill), *case.filled(*fill).means()).verdict != result.verdict
        for fill in _worst_fills(result.verdict, case.span())
    )
    if not undone:
        note = f"{told} These rows are left out.".strip()
        return replace(result, notes=(*result.notes, note))
    reason = (
        f"The rows without a whole reply decide: without them the verdict would be “{result.verdict}”, and "
        f"with each of them counted against it, it would not. {told} {suggest_step(result.lost)}"
    )
    return replace(result, verdict="invalid", reason=reason)


def _worst_fills(verdict: Verdict, span: Bounds) -> list[Bounds]:
    """Return what the lost scores, old and new, have to be taken for to speak against a verdict."""
    low, high = span
    against_new, against_old = (high, low), (low, high)
    return {
        "improved": [against_new],
        "regressed": [against_old],
        "equivalent": [against_new, against_old],
    }.get(verdict, [])


def _as_exploratory(result: PairedVerdict) -> PairedVerdict:
    note = (
        "Exploratory: too few rows to keep some back, so these were seen while choosing the prompt."
    )
    result = replace(result, notes=(note, *result.notes))
    if result.verdict != "improved":
        return result
    reason = f"Rows that helped to choose a prompt cannot confirm it. {result.reason}"
    return replace(result, verdict="no detectable difference", reason=reason)
