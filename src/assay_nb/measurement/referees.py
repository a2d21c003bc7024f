"""Who says which output is better: a metric in code, or a judge that sees both.

A metric scores each output by itself, in the notebook's own thread. A judge sees an old and a new
output of the same row in both orders. The rest of a run need not know which of the two is at work.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from assay_nb.evaluation import (
    Headroom,
    NoiseFloor,
    PairedVerdict,
    check_headroom,
    combine_judgements,
    noise_floor,
    paired_verdict,
    pairwise_verdict,
)
from assay_nb.measurement.answers import Answer
from assay_nb.measurement.judging import judge_job
from assay_nb.measurement.metrics import Scored, Scorer
from assay_nb.measurement.plan import PROPOSAL_TOKENS, Step, plan_step
from assay_nb.measurement.progress import Progress
from assay_nb.measurement.proposing import Failure
from assay_nb.measurement.rows import Row
from assay_nb.measurement.target import Target
from assay_nb.measurement.trial import Place, Trial

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
    """

    rows: Sequence[int]
    clusters: Sequence[Hashable] | None = None
    margin: float | None = None
    seed: int = 0
    exploratory: bool = False


class Referee(Protocol):
    """Scores outputs, and gives the verdict."""

    judge: Target | None

    def see(self, place: Place, row: Row, answer: Answer) -> None: ...
    def plan(self, name: str, pairs: int) -> Sequence[Step]: ...
    def compare(
        self, trial: Trial, step: str, old: Place, new: Place, rows: Sequence[int]
    ) -> Iterator[Progress]: ...
    def noise(self, rows: Sequence[int]) -> NoiseFloor: ...
    def headroom(
        self, rows: Sequence[int], test_rows: int, noise: NoiseFloor, top: float | None
    ) -> Headroom | None: ...
    def failures(self, trial: Trial, rows: Sequence[int]) -> list[Failure]: ...
    def screen(self, name: str, rows: Sequence[int]) -> tuple[Scores, Scores]: ...
    def verdict(self, trial: Trial, terms: Terms) -> PairedVerdict: ...
    def mean(self, name: str, rows: Sequence[int]) -> float | None: ...
    def record(self, rows: Sequence[int]) -> list[Any]: ...


class MetricReferee:
    """Scores every output with the notebook's metric, as it comes."""

    judge: Target | None = None

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._scored: dict[Place, Scored] = {}

    def see(self, place: Place, row: Row, answer: Answer) -> None:
        if answer.output is not None:
            self._scored[place] = self._scorer.score(row, answer.output, place[1])

    def plan(self, name: str, pairs: int) -> Sequence[Step]:
        return ()

    def compare(
        self, trial: Trial, step: str, old: Place, new: Place, rows: Sequence[int]
    ) -> Iterator[Progress]:
        return iter(())

    def noise(self, rows: Sequence[int]) -> NoiseFloor:
        return noise_floor(self._scores("old", rows), self._scores("old", rows, 1))

    def headroom(
        self, rows: Sequence[int], test_rows: int, noise: NoiseFloor, top: float | None
    ) -> Headroom | None:
        baseline = self._scores("old", rows)
        within = all(score is None or 0 <= score <= 1 for score in baseline)
        if top is None and not within:
            return None  # the best possible score is not known
        return check_headroom(baseline, test_rows=test_rows, noise=noise, top=top or 1.0)

    def failures(self, trial: Trial, rows: Sequence[int]) -> list[Failure]:
        found = [
            Failure(trial.rows[row], trial.output("old", row) or "", scored.score, scored.feedback)
            for row in rows
            if (scored := self._scored.get(("old", row, 0)))
        ]
        best = max((failure.score for failure in found), default=0.0)
        return sorted((f for f in found if f.score < max(best, 1.0)), key=lambda f: f.score)

    def screen(self, name: str, rows: Sequence[int]) -> tuple[Scores, Scores]:
        return self._scores("old", rows), self._scores(name, rows)

    def verdict(self, trial: Trial, terms: Terms) -> PairedVerdict:
        return paired_verdict(
            self._scores("old", terms.rows),
            self._scores("new", terms.rows),
            margin=terms.margin,
            clusters=terms.clusters,
            seed=terms.seed,
            exploratory=terms.exploratory,
        )

    def mean(self, name: str, rows: Sequence[int]) -> float | None:
        known = [score for score in self._scores(name, rows) if score is not None]
        return sum(known) / len(known) if known else None

    def record(self, rows: Sequence[int]) -> list[Any]:
        old, new = self._scores("old", rows), self._scores("new", rows)
        return [[a, b] for a, b in zip(old, new, strict=True)]

    def _scores(self, name: str, rows: Sequence[int], repeat: int = 0) -> Scores:
        found = [self._scored.get((name, row, repeat)) for row in rows]
        return [scored.score if scored else None for scored in found]


class JudgeReferee:
    """Asks a judge which of two outputs is better, in both orders, without saying which is new."""

    def __init__(self, judge: Target, rubric: Sequence[Mapping[str, Any]]) -> None:
        self.judge: Target | None = judge
        self._judge = judge
        self._rubric = [dict(criterion) for criterion in rubric]
        self._said: dict[tuple[str, int], tuple[Any, Any]] = {}

    def see(self, place: Place, row: Row, answer: Answer) -> None:
        pass

    def plan(self, name: str, pairs: int) -> Sequence[Step]:
        tokens = PROPOSAL_TOKENS[0] / 3, PROPOSAL_TOKENS[1] / 6
        return [plan_step(name, "judge", 2 * pairs, self._judge, tokens)]

    def compare(
        self, trial: Trial, step: str, old: Place, new: Place, rows: Sequence[int]
    ) -> Iterator[Progress]:
        """Judge the outputs of two places on these rows; the first part of a place names the prompt."""
        name = f"{new[0]}/{new[2]}"
        jobs = [
            judge_job(
                self._judge, trial.filled("old", row), first, self._rubric, against=second, tag=row
            )
            for row in rows
            if (first := trial.output(old[0], row, old[2])) is not None
            and (second := trial.output(new[0], row, new[2])) is not None
        ]
        progress = Progress(trial.title, step, total=len(jobs))
        with closing(trial.bench.answers(jobs)) as answers:
            for job, answer in answers:
                preferences = answer.payload.get("preferences")
                if preferences:
                    self._said[name, job.tag] = (preferences[0], preferences[1])
                progress = progress.after(answer)
                yield progress

    def noise(self, rows: Sequence[int]) -> NoiseFloor:
        scores = combine_judgements(*self._orders("old/1", rows)).scores
        return noise_floor([0 if score is not None else None for score in scores], scores)

    def headroom(
        self, rows: Sequence[int], test_rows: int, noise: NoiseFloor, top: float | None
    ) -> Headroom | None:
        return None  # a comparison has no ceiling

    def failures(self, trial: Trial, rows: Sequence[int]) -> list[Failure]:
        return []

    def screen(self, name: str, rows: Sequence[int]) -> tuple[Scores, Scores]:
        scores = combine_judgements(*self._orders(f"{name}/0", rows)).scores
        return [0.0] * len(rows), list(scores)

    def verdict(self, trial: Trial, terms: Terms) -> PairedVerdict:
        lengths = tuple(
            [len(trial.output(name, row) or "") for row in terms.rows] for name in ("old", "new")
        )
        return pairwise_verdict(
            *self._orders("new/0", terms.rows),
            lengths=(lengths[0], lengths[1]),
            margin=terms.margin,
            clusters=terms.clusters,
            seed=terms.seed,
            exploratory=terms.exploratory,
        )

    def mean(self, name: str, rows: Sequence[int]) -> float | None:
        return None

    def record(self, rows: Sequence[int]) -> list[Any]:
        return [list(self._said.get(("new/0", row), (None, None))) for row in rows]

    def _orders(self, name: str, rows: Sequence[int]) -> tuple[list[Any], list[Any]]:
        pairs = [self._said.get((name, row), (None, None)) for row in rows]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
