"""Is the new prompt better on these rows? The one public answer, and how it shows itself."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, TypeAlias, cast

from assay_nb.errors import WrongUsage
from assay_nb.evaluation.differences import Differences, Score, gather_differences
from assay_nb.evaluation.intervals import MeanInterval, mean_interval
from assay_nb.evaluation.paired import MIN_DISCORDANT, PairedTest, run_paired_test
from assay_nb.evaluation.power import rows_needed, smallest_detectable
from assay_nb.render.bundle import bundle, plain
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Document,
    FinePrint,
    Heading,
    Interval,
    Intervals,
    Paragraph,
    Table,
    Tone,
)

Verdict: TypeAlias = Literal[
    "improved", "regressed", "no detectable difference", "equivalent", "invalid"
]

MAX_ERRORS = 0.2
"""Above this share of rows without a score, what is left no longer stands for the data."""

_SHOWN_ROWS = 20
_TONES: Mapping[Verdict, Tone] = {
    "improved": "good",
    "regressed": "bad",
    "no detectable difference": "neutral",
    "equivalent": "info",
    "invalid": "warning",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A row whose score changed, by its index in the lists."""

    row: int
    old: float
    new: float

    @property
    def is_fixed(self) -> bool:
        """Whether the new prompt does better on this row."""
        return self.new > self.old


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PairedVerdict:
    """What a paired comparison of two prompts on the same rows can honestly claim.

    Attributes:
        verdict: `"improved"` and `"regressed"` say that a test at one-sided .025 ruled out chance *and*
            that the interval lies on one side of zero. `"no detectable difference"` does not say that
            there is none; `"equivalent"` does, within the margin. `"invalid"` says nothing of the prompts.
        reason: Why, in a sentence or two.
        n: The rows compared, those with a score on both sides.
        effect: The mean of `new - old` over them; None when invalid.
        interval: Its 95% interval, low and high.
        interval_method: Which interval that is.
        p: One-sided, in the direction of the effect. None where too few rows differ for any test.
        test: Which test gave it.
        discordant: How many rows (or clusters) differ: all that the test has to go on.
        rows_needed: About how many rows show an effect of the observed size (of the margin's size,
            where one was given) 8 times in 10. A plan, not a promise: the observed effect is itself uncertain.
        smallest_detectable: The effect that this many rows show 8 times in 10.
        changes: The rows whose score changed.
        errors: Rows left out, since one side has no score.
        margin: The margin of equivalence that was asked for.
        seed: What drew the resamples.
        notes: What else a reader should know, such as how often a judge contradicted itself.
    """

    schema: ClassVar[str] = "assay.verdict.v1"

    verdict: Verdict
    reason: str
    n: int
    effect: float | None = None
    interval: tuple[float, float] | None = None
    interval_method: str | None = None
    p: float | None = None
    test: str | None = None
    discordant: int = 0
    rows_needed: int | None = None
    smallest_detectable: float | None = None
    changes: tuple[Change, ...] = ()
    errors: tuple[int, ...] = ()
    margin: float | None = None
    seed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def fixed(self) -> tuple[int, ...]:
        """Indices of the rows on which the new prompt does better."""
        return tuple(change.row for change in self.changes if change.is_fixed)

    @property
    def broken(self) -> tuple[int, ...]:
        """Indices of the rows on which the new prompt does worse."""
        return tuple(change.row for change in self.changes if not change.is_fixed)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON-ready data."""
        fields = asdict(self)
        fields.update(
            schema=self.schema,
            interval=list(self.interval) if self.interval else None,
            changes=[asdict(change) for change in self.changes],
            fixed=list(self.fixed),
            broken=list(self.broken),
            errors=list(self.errors),
            notes=list(self.notes),
        )
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> PairedVerdict:
        """Return the verdict that `to_dict` described."""
        derived = {"schema", "fixed", "broken"}
        values = {name: value for name, value in fields.items() if name not in derived}
        values["interval"] = tuple(values["interval"]) if values["interval"] else None
        values["changes"] = tuple(Change(**change) for change in values["changes"])
        values["errors"], values["notes"] = tuple(values["errors"]), tuple(values["notes"])
        return cls(**values)

    def to_document(self) -> Document:
        """Return the verdict as a document: headline, picture, rows fixed and broken, fine print."""
        return Document(tuple(_show(self)))

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return bundle(self.to_document(), self.to_dict())

    def __repr__(self) -> str:
        return plain(self.to_document())


def paired_verdict(
    old: Sequence[Score],
    new: Sequence[Score],
    *,
    margin: float | None = None,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    exploratory: bool = False,
) -> PairedVerdict:
    """Return whether the new prompt is better than the old one on these rows, and how sure that is.

    "Improved" takes two things: an exact or sign-flip test that rules out chance at one-sided .025, and a
    95% interval wholly above zero. A change that does nothing therefore passes at most once in forty.

        >>> verdict = paired_verdict([False] * 9 + [True], [True] * 9 + [True])
        >>> verdict.verdict, verdict.fixed
        ('improved', (0, 1, 2, 3, 4, 5, 6, 7, 8))

    Args:
        old: One score per row under the old prompt: pass or fail, a number (more is better), or None where
            the row failed to run.
        new: The same rows in the same order, under the new prompt.
        margin: A difference too small to care about, in units of the score. With it, an interval
            wholly within ±margin gives "equivalent".
        clusters: What each row belongs to (its document, its customer), where rows are not independent.
        seed: Draws the resamples; the same seed gives the same verdict.
        exploratory: Say that these rows were also used to choose the prompt. Then nothing is "improved".

    Raises:
        WrongUsage: If a score is neither a number nor None, or the margin is not a positive number.
    """
    before, after = _read_scores(old, "old"), _read_scores(new, "new")
    clusters = None if clusters is None else list(clusters)  # a Series would be read by its labels
    _check_margin(margin)
    problem = _find_problem(before, after, clusters)
    if problem:
        return PairedVerdict(verdict="invalid", reason=problem, n=0, margin=margin, seed=seed)
    result = _compare(before, after, margin, clusters, seed)
    if result.errors and result.verdict in {"improved", "regressed", "equivalent"}:
        result = _doubt_errors(result, before, after, clusters)
    if exploratory:
        result = _as_exploratory(result)
    return result


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
        hint="A score is True or False, a number, or None for a row that failed to run.",
    )


def _check_margin(margin: float | None) -> None:
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise WrongUsage(
            f"A margin of {margin} is not a positive number.",
            hint="Give the largest difference that does not matter to you, such as margin=0.05.",
        )


def _find_problem(
    before: list[float | None], after: list[float | None], clusters: Sequence[Hashable] | None
) -> str | None:
    """Return why nothing can be said of these scores, or None when something can."""
    rows = len(before)
    if rows != len(after):
        return f"{rows} old scores and {len(after)} new ones: each row needs both."
    if clusters is not None and len(clusters) != rows:
        return f"{rows} rows and {len(clusters)} clusters: each row needs its own."
    if not rows:
        return "There are no rows."
    if any(s is not None and not math.isfinite(s) for s in (*before, *after)):
        return "A score is infinite or not a number. A row that failed to run has the score None."
    kept = _complete(before, after)
    if not kept:
        return "No row has a score on both sides: every one failed to run."
    if rows - len(kept) > MAX_ERRORS * rows:
        return f"{rows - len(kept)} of {rows} rows failed to run; up to {MAX_ERRORS:.0%} may."
    if len({clusters[row] for row in kept} if clusters is not None else kept) < 2:
        return "A single row, or rows of a single cluster, cannot tell a difference from chance."
    return None


def _complete(before: list[float | None], after: list[float | None]) -> list[int]:
    return [
        row
        for row, (a, b) in enumerate(zip(before, after, strict=True))
        if a is not None and b is not None
    ]


def _compare(
    before: list[float | None],
    after: list[float | None],
    margin: float | None,
    clusters: Sequence[Hashable] | None,
    seed: int,
) -> PairedVerdict:
    kept = _complete(before, after)
    old, new = (
        [cast("float", before[row]) for row in kept],
        [cast("float", after[row]) for row in kept],
    )
    differences = gather_differences(
        old, new, None if clusters is None else [clusters[row] for row in kept]
    )
    test = run_paired_test(differences, seed=seed)
    interval = mean_interval(differences, seed=seed)
    verdict = _decide(differences, test, interval, margin)
    needed = _plan(differences, interval, margin, verdict)
    detectable = smallest_detectable(len(kept), interval.deviation)
    return PairedVerdict(
        verdict=verdict,
        reason=_explain(verdict, differences, test, margin, needed, detectable),
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
        margin=margin,
        seed=seed,
    )


def _decide(
    differences: Differences, test: PairedTest, interval: MeanInterval, margin: float | None
) -> Verdict:
    if margin is not None and differences.units >= MIN_DISCORDANT and interval.is_within(margin):
        return "equivalent"
    if test.rejects and interval.low > 0:
        return "improved"
    if test.rejects and interval.high < 0:
        return "regressed"
    return "no detectable difference"


def _plan(
    differences: Differences, interval: MeanInterval, margin: float | None, verdict: Verdict
) -> int | None:
    """Return how many rows to plan for, or None where there is no effect to plan for."""
    effect, rows = margin or differences.effect, len(differences.rows)
    if not effect:
        return None
    needed = rows_needed(effect, interval.deviation)
    if verdict != "no detectable difference" or margin:
        return needed
    enough = math.ceil(rows * MIN_DISCORDANT / max(1, differences.discordant))
    return max(needed, enough, rows + 1)


def _explain(
    verdict: Verdict,
    differences: Differences,
    test: PairedTest,
    margin: float | None,
    needed: int | None,
    detectable: float,
) -> str:
    effect, rows = differences.effect, len(differences.rows)
    if verdict == "equivalent":
        return f"Whatever difference there is lies within the margin of ±{margin:g} that you set."
    if verdict in {"improved", "regressed"}:
        side = "above" if verdict == "improved" else "below"
        return f"Chance is ruled out (one-sided {_p(test.p)}), and the whole interval lies {side} zero."
    plan = f" With {rows} rows, a difference of {detectable:.2g} is found 8 times in 10"
    plan += f"; {_target(effect, margin)} takes about {needed:,} rows." if needed else "."
    if test.p is None:
        units = "clusters" if differences.clustered else "rows"
        return (
            f"Cannot tell: {test.discordant or 'no'} {units} differ, and "
            f"fewer than {MIN_DISCORDANT} can show nothing." + plan
        )
    if test.rejects:
        return (
            f"Cannot tell: the test points one way (one-sided {_p(test.p)}), but the interval "
            "still holds zero, since a few rows carry most of the difference." + plan
        )
    return f"Cannot tell it from chance (one-sided {_p(test.p)})." + plan


def _target(effect: float, margin: float | None) -> str:
    return f"one of ±{margin:g}" if margin else f"the one seen, {effect:+.2g},"


def _p(p: float | None) -> str:
    assert p is not None
    return f"p = {p:.3g}" if p >= 0.001 else "p < 0.001"


def _doubt_errors(
    result: PairedVerdict,
    before: list[float | None],
    after: list[float | None],
    clusters: Sequence[Hashable] | None,
) -> PairedVerdict:
    """Withdraw a claim that rests on rows that were left out.

    A prompt that breaks down on its hardest rows would look better for it. So the claim must also hold
    when each failure counts as the lowest score seen.
    """
    lowest = min(score for score in (*before, *after) if score is not None)
    filled = [[lowest if score is None else score for score in side] for side in (before, after)]
    strict = _compare(list(filled[0]), list(filled[1]), result.margin, clusters, result.seed)
    if strict.verdict == result.verdict:
        return result
    reason = (
        f"Cannot tell: {len(result.errors)} rows failed to run, and counting each of them as a "
        f"lowest score undoes the difference."
    )
    return replace(result, verdict="no detectable difference", reason=reason)


def _as_exploratory(result: PairedVerdict) -> PairedVerdict:
    note = (
        "Exploratory: too few rows to keep some back, so these were seen while choosing the prompt."
    )
    result = replace(result, notes=(note, *result.notes))
    if result.verdict != "improved":
        return result
    reason = f"Rows that helped to choose a prompt cannot confirm it. {result.reason}"
    return replace(result, verdict="no detectable difference", reason=reason)


# --- showing ----------------------------------------------------------------------------------------


def _show(result: PairedVerdict) -> list[Block]:
    tone = _TONES[result.verdict]
    blocks: list[Block] = [Heading(_headline(result))]
    if result.effect is None or result.interval is None:
        return [*blocks, Callout(tone, (result.reason,))]
    blocks.append(Paragraph((Badge(result.verdict, tone), " ", result.reason)))
    row = Interval("new − old", result.interval[0], result.effect, result.interval[1], tone)
    blocks.append(Intervals((row,), result.margin, "mean difference in score, with 95% interval"))
    blocks += [Callout("info", (note,)) for note in result.notes]
    if result.changes:
        blocks += _show_changes(result)
    return [*blocks, FinePrint((_fine_print(result),))]


def _headline(result: PairedVerdict) -> str:
    name = result.verdict.capitalize()
    if result.effect is None or result.interval is None:
        return name
    low, high = result.interval
    return f"{name}: {result.effect:+.2f} per row ({low:+.2f} to {high:+.2f})"


def _show_changes(result: PairedVerdict) -> list[Block]:
    broken = [change for change in result.changes if not change.is_fixed]
    fixed = [change for change in result.changes if change.is_fixed]
    # Broken rows first: they are what a reader who likes the new prompt would rather not look at.
    shown = [*broken[:_SHOWN_ROWS], *fixed[:_SHOWN_ROWS]]
    rows = [_show_change(change) for change in shown]
    blocks: list[Block] = [
        Heading(f"Rows fixed: {len(fixed)}, broken: {len(broken)}", level=2),
        Table(("row", "", "old", "new"), rows),
    ]
    if len(shown) < len(result.changes):
        more = len(result.changes) - len(shown)
        blocks.append(Paragraph((f"{more} more in `.fixed` and `.broken`.",)))
    return blocks


def _show_change(change: Change) -> tuple[str | Badge, ...]:
    badge = Badge("fixed", "good") if change.is_fixed else Badge("broken", "bad")
    return str(change.row), badge, f"{change.old:g}", f"{change.new:g}"


def _fine_print(result: PairedVerdict) -> str:
    p = "p not computed" if result.p is None else f"one-sided {_p(result.p)}"
    left_out = f" · {len(result.errors)} left out, failed to run" if result.errors else ""
    return (
        f"{result.n} rows, {result.discordant} of them differ{left_out} · {result.test}, "
        f"{p} · {result.interval_method} · seed {result.seed}"
    )
