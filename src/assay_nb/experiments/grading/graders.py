"""Who says which output is better: a metric in code, or a judge that sees both.

A metric scores each output by itself, in the notebook's own thread. A judge sees an old and a new
output of the same row in both orders. The rest of a run need not know which of the two is at work.

Neither sees a reply that is not whole, unless that was asked for: an output that was cut at the token limit
says nothing of the prompt, and would be scored as if it did.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from assay_nb.evaluation import (
    Change,
    Headroom,
    NoiseFloor,
    PairedVerdict,
    check_headroom,
    combine_judgements,
    noise_floor,
    paired_verdict,
    pairwise_verdict,
)
from assay_nb.evaluation.paired import ALPHA
from assay_nb.experiments.data.rows import Row
from assay_nb.experiments.grading.judge import judge_job
from assay_nb.experiments.grading.metrics import Scored, Scorer
from assay_nb.experiments.measure.candidates import Failure
from assay_nb.experiments.measure.cards import RowCard, choose_changes
from assay_nb.experiments.measure.ledger import Pair
from assay_nb.experiments.measure.outputs import Outputs, Place
from assay_nb.experiments.run.jobs import JobResult
from assay_nb.experiments.run.pace import Pause
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.spending.limits import Limits
from assay_nb.experiments.spending.plan import PROPOSAL_TOKENS, Step, plan_step

Scores = list["float | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a verdict is made on.

    Attributes:
        rows: The test rows.
        clusters: What each belongs to, in the same order; None where rows are independent.
        margin: A difference too small to care about.
        seed: Draws the resamples.
        exploratory: Whether these rows helped to choose the prompt.
        alpha: What this look may spend, one-sided.
        earlier: Per row, scores of earlier runs to average with.
        top: The best possible score, where it is known: what a lost reply may have had.
    """

    rows: Sequence[int]
    clusters: Sequence[Hashable] | None = None
    margin: float | None = None
    seed: int = 0
    exploratory: bool = False
    alpha: float = ALPHA
    earlier: Sequence[Sequence[Pair]] | None = None
    top: float | None = None


class Grader(Protocol):
    """Scores outputs, and gives the verdict."""

    judge: Target | None

    def see(self, place: Place, row: Row, answer: JobResult) -> None: ...
    def plan(self, name: str, pairs: int, limits: Limits) -> Sequence[Step]: ...
    def compare(
        self, trial: Outputs, step: str, old: Place, new: Place, rows: Sequence[int]
    ) -> Iterator[Progress]: ...
    def noise(self, rows: Sequence[int]) -> NoiseFloor: ...
    def headroom(
        self,
        rows: Sequence[int],
        test_rows: int,
        noise: NoiseFloor,
        top: float | None,
        alpha: float = ALPHA,
    ) -> Headroom | None: ...
    def failures(self, trial: Outputs, rows: Sequence[int]) -> list[Failure]: ...
    def screen(self, name: str, rows: Sequence[int]) -> tuple[Scores, Scores]: ...
    def verdict(self, trial: Outputs, terms: Terms) -> PairedVerdict: ...
    def mean(self, name: str, rows: Sequence[int]) -> float | None: ...
    def record(self, rows: Sequence[int]) -> list[Any]: ...
    def scores(self, rows: Sequence[int]) -> list[Pair]: ...
    def kept(self, trial: Outputs, rows: Sequence[int]) -> list[tuple[bool, bool]]: ...
    def explain(self, row: int, *, fixed: bool) -> str: ...


class MetricGrader:
    """Scores every output with the notebook's metric, as it comes."""

    judge: Target | None = None

    def __init__(self, scorer: Scorer, *, count_cut: bool = False) -> None:
        self._scorer = scorer
        self._count_cut = count_cut
        self._scored: dict[Place, Scored] = {}

    def see(self, place: Place, row: Row, answer: JobResult) -> None:
        output = answer.observed(count_cut=self._count_cut)
        if output is not None:
            self._scored[place] = self._scorer.score(row, output, place[1])

    def plan(self, name: str, pairs: int, limits: Limits) -> Sequence[Step]:
        return ()

    def compare(
        self, trial: Outputs, step: str, old: Place, new: Place, rows: Sequence[int]
    ) -> Iterator[Progress]:
        return iter(())

    def noise(self, rows: Sequence[int]) -> NoiseFloor:
        return noise_floor(self._scores("old", rows), self._scores("old", rows, 1))

    def headroom(
        self,
        rows: Sequence[int],
        test_rows: int,
        noise: NoiseFloor,
        top: float | None,
        alpha: float = ALPHA,
    ) -> Headroom | None:
        baseline = self._scores("old", rows)
        within = all(score is None or 0 <= score <= 1 for score in baseline)
        if top is None and not within:
            return None  # the best possible score is not known
        return check_headroom(
            baseline, test_rows=test_rows, noise=noise, top=top or 1.0, alpha=alpha
        )

    def failures(self, trial: Outputs, rows: Sequence[int]) -> list[Failure]:
        found = [
            Failure(trial.rows[row], trial.output("old", row) or "", scored.score, scored.feedback)
            for row in rows
            if (scored := self._scored.get(("old", row, 0)))
        ]
        best = max((failure.score for failure in found), default=0.0)
        return sorted((f for f in found if f.score < max(best, 1.0)), key=lambda f: f.score)

    def screen(self, name: str, rows: Sequence[int]) -> tuple[Scores, Scores]:
        return self._scores("old", rows), self._scores(name, rows)

    def verdict(self, trial: Outputs, terms: Terms) -> PairedVerdict:
        return paired_verdict(
            self._scores("old", terms.rows),
            self._scores("new", terms.rows),
            margin=terms.margin,
            clusters=terms.clusters,
            seed=terms.seed,
            exploratory=terms.exploratory,
            alpha=terms.alpha,
            lost=_lost(trial, terms.rows),
            earlier=terms.earlier,
            bounds=self._bounds(terms),
        )

    def _bounds(self, terms: Terms) -> tuple[float, float] | None:
        """Return between what a lost reply's score may lie, where the best possible one was named."""
        if terms.top is None:
            return None
        known = [s for pair in self.scores(terms.rows) for s in pair if s is not None]
        return min([0.0, *known]), max([terms.top, *known])

    def mean(self, name: str, rows: Sequence[int]) -> float | None:
        known = [score for score in self._scores(name, rows) if score is not None]
        return sum(known) / len(known) if known else None

    def record(self, rows: Sequence[int]) -> list[Any]:
        return [list(pair) for pair in self.scores(rows)]

    def scores(self, rows: Sequence[int]) -> list[Pair]:
        """Return the score of each row, old and new; None where there is no whole reply."""
        return list(zip(self._scores("old", rows), self._scores("new", rows), strict=True))

    def kept(self, trial: Outputs, rows: Sequence[int]) -> list[tuple[bool, bool]]:
        """Return whether each score, old and new, rests on a reply from the cache; none does on nothing."""

        def is_kept(name: str, row: int) -> bool:
            return (name, row, 0) not in self._scored or trial.answer(name, row).cached

        return [(is_kept("old", row), is_kept("new", row)) for row in rows]

    def explain(self, row: int, *, fixed: bool) -> str:
        """Return the metric's feedback on the worse of the two outputs."""
        scored = self._scored.get(("old" if fixed else "new", row, 0))
        return scored.feedback if scored else ""

    def _scores(self, name: str, rows: Sequence[int], repeat: int = 0) -> Scores:
        found = [self._scored.get((name, row, repeat)) for row in rows]
        return [scored.score if scored else None for scored in found]


class JudgeGrader:
    """Asks a judge which of two outputs is better, in both orders, without saying which is new."""

    def __init__(self, judge: Target, rubric: Sequence[Mapping[str, Any]]) -> None:
        self.judge: Target | None = judge
        self._judge = judge
        self._rubric = [dict(criterion) for criterion in rubric]
        self._said: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._answers: dict[tuple[str, int], JobResult] = {}
        self._failing: set[tuple[str, int]] = set()

    def see(self, place: Place, row: Row, answer: JobResult) -> None:
        pass

    def plan(self, name: str, pairs: int, limits: Limits) -> Sequence[Step]:
        tokens = PROPOSAL_TOKENS[0] / 3, PROPOSAL_TOKENS[1] / 6
        return [plan_step(name, "judge", 2 * pairs, self._judge, tokens, limits)]

    def compare(
        self, trial: Outputs, step: str, old: Place, new: Place, rows: Sequence[int]
    ) -> Iterator[Progress]:
        """Judge the outputs of two places on these rows; the first part of a place names the prompt."""
        name = f"{new[0]}/{new[2]}"
        pairs = {
            row: (trial.observed(old[0], row, old[2]), trial.observed(new[0], row, new[2]))
            for row in rows
        }
        self._failing |= {
            (name, row) for row, (a, b) in pairs.items() if a is not None and b is None
        }
        jobs = [
            judge_job(self._judge, trial.filled("old", row), a, self._rubric, against=b, tag=row)
            for row, (a, b) in pairs.items()
            if a is not None and b is not None
        ]
        progress = Progress(trial.title, step, total=len(jobs))
        with closing(trial.runner.follow(jobs)) as stream:
            for came in stream:
                if not isinstance(came, Pause):
                    job, answer = came
                    preferences = answer.payload.get("preferences")
                    self._answers[name, job.tag] = answer
                    if preferences:
                        self._said[name, job.tag] = (preferences[0], preferences[1])
                progress = progress.follow(came)
                yield progress

    def noise(self, rows: Sequence[int]) -> NoiseFloor:
        scores = combine_judgements(*self._orders("old/1", rows)).scores
        return noise_floor([0 if score is not None else None for score in scores], scores)

    def headroom(
        self,
        rows: Sequence[int],
        test_rows: int,
        noise: NoiseFloor,
        top: float | None,
        alpha: float = ALPHA,
    ) -> Headroom | None:
        return None  # a comparison has no ceiling

    def failures(self, trial: Outputs, rows: Sequence[int]) -> list[Failure]:
        return []

    def screen(self, name: str, rows: Sequence[int]) -> tuple[Scores, Scores]:
        place = f"{name}/0"
        scores = combine_judgements(*self._orders(place, rows)).scores
        # A row that the old prompt lost says nothing of the candidate; one that the candidate lost does.
        known = [
            score is not None or (place, row) in self._failing
            for row, score in zip(rows, scores, strict=True)
        ]
        return [0.0 if one else None for one in known], list(scores)

    def verdict(self, trial: Outputs, terms: Terms) -> PairedVerdict:
        lengths = tuple(
            [len(trial.observed(name, row) or "") for row in terms.rows] for name in ("old", "new")
        )
        return pairwise_verdict(
            *self._orders("new/0", terms.rows),
            lengths=(lengths[0], lengths[1]),
            margin=terms.margin,
            clusters=terms.clusters,
            seed=terms.seed,
            exploratory=terms.exploratory,
            alpha=terms.alpha,
            lost=_lost(trial, terms.rows),
            earlier=[[new for _, new in runs] for runs in terms.earlier or [()] * len(terms.rows)],
        )

    def mean(self, name: str, rows: Sequence[int]) -> float | None:
        return None

    def record(self, rows: Sequence[int]) -> list[Any]:
        return [list(self._said.get(("new/0", row), (None, None))) for row in rows]

    def scores(self, rows: Sequence[int]) -> list[Pair]:
        """Return 1, 0 or -1 for the new output of each row, beside 0 for the old; None without a judgement."""
        won = combine_judgements(*self._orders("new/0", rows)).scores
        return [(None, None) if score is None else (0.0, float(score)) for score in won]

    def kept(self, trial: Outputs, rows: Sequence[int]) -> list[tuple[bool, bool]]:
        """Return whether both outputs and the judgement of each row came from the cache."""
        return [(known, known) for known in (self._is_kept(trial, row) for row in rows)]

    def _is_kept(self, trial: Outputs, row: int) -> bool:
        if ("new/0", row) not in self._said:
            return True
        answers = (trial.answer("old", row), trial.answer("new", row), self._answers["new/0", row])
        return all(answer.cached for answer in answers)

    def explain(self, row: int, *, fixed: bool) -> str:
        """Return the judge's reasons, from the order in which it saw the old output first."""
        answer = self._answers.get(("new/0", row))
        reasons: Mapping[str, str] = answer.payload.get("reasons", {}) if answer else {}
        said = " ".join(text for text in reasons.values() if text)
        return f"The judge, who saw the old one first: {said}" if said else ""

    def _orders(self, name: str, rows: Sequence[int]) -> tuple[list[Any], list[Any]]:
        pairs = [self._said.get((name, row), (None, None)) for row in rows]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _lost(trial: Outputs, rows: Sequence[int]) -> tuple[list[str | None], list[str | None]]:
    """Return per row why the old and the new reply do not count."""
    old, new = ([trial.lost(name, row) for row in rows] for name in ("old", "new"))
    return old, new


def make_cards(
    changes: Sequence[Change], rows: Sequence[int], trial: Outputs, grader: Grader
) -> tuple[RowCard, ...]:
    """Return the cards of the rows that changed most: the worst ten broken, then the best ten fixed."""
    listed = sorted(changes, key=lambda change: rows[change.row])
    return tuple(
        RowCard(
            row=trial.rows.number(rows[change.row]),
            old_score=change.old,
            new_score=change.new,
            values={
                **trial.values("new", rows[change.row]),
                **trial.values("old", rows[change.row]),
            },
            old=trial.output("old", rows[change.row]),
            new=trial.output("new", rows[change.row]),
            why=grader.explain(rows[change.row], fixed=change.is_fixed),
        )
        for change in choose_changes(listed)
    )
