"""The whole way from prompts and rows to a verdict.

1. Preflight: variables against columns, a plan of calls and money, a stop where the budget does not cover it.
2. The split: dev rows may be shown to whoever proposes, test rows never.
3. The noise floor: the old prompt twice on a few rows.
4. Headroom: where nothing could be shown, nothing is spent on candidates.
5. Candidates, at most three, each through the checks before a row is run on it.
6. Screening on dev. It chooses, and is never called a result.
7. One test on the test rows: same rows, same model, old and new in turn.
8. The verdict, and the ledger.

A new prompt that is given skips 4 to 6, and all rows are test rows, unless an earlier run here proposed
it: then that run's dev rows chose it, and only the others count.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.evaluation import (
    Headroom,
    NoiseFloor,
    PairedVerdict,
    Split,
    choose_candidate,
    count_looks,
    describe_looks,
    row_key,
    split_rows,
)
from assay_nb.evaluation.splits import MIN_ROWS
from assay_nb.instruments.judge import RubricLike, parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC
from assay_nb.measurement.answers import Answer
from assay_nb.measurement.batch import summarise
from assay_nb.measurement.bench import KNOBS, Bench, Task, identity
from assay_nb.measurement.cache import digest
from assay_nb.measurement.ledger import DIRECTORY, Ledger
from assay_nb.measurement.metrics import Metric, Scorer
from assay_nb.measurement.plan import PROPOSAL_TOKENS, Plan, Step, guess_tokens, plan_step
from assay_nb.measurement.progress import Progress
from assay_nb.measurement.proposing import MAX_CANDIDATES, Candidate, propose
from assay_nb.measurement.purse import OverBudget, Purse
from assay_nb.measurement.referees import JudgeReferee, MetricReferee, Referee, Terms
from assay_nb.measurement.result import Measurement, StoppedAt
from assay_nb.measurement.rows import Row, Rows, check_columns, read_rows
from assay_nb.measurement.target import Target, find_judge, find_target
from assay_nb.measurement.trial import Place, Trial, Wanted

NOISE_ROWS = 12
"""Rows that the old prompt is run on twice: enough to see noise, and little beside the test."""

_OLD: Place = ("old", 0, 0)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure; see `assay_nb.measure`."""

    metric: Metric | None = None
    rubric: RubricLike | None = None
    workspace: str | None = None
    model: str | None = None
    judge_model: str | None = None
    budget: float | None = None
    max_calls: int | None = None
    margin: float | None = None
    cluster: str | None = None
    top: float | None = None
    candidates: int = MAX_CANDIDATES
    feedback: str | None = None
    concurrency: int = 8
    executor: Executor | None = None
    fresh: bool = False
    holdout: bool = False
    seed: int = 0
    ledger: str | Path | bool | None = True
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Measuring:
    """A measurement under way: iterate `steps`, then read `result`."""

    def __init__(
        self, session: Session, old: str, new: str | None, data: Any, settings: Settings
    ) -> None:
        self._settings = settings
        self._old, self._new = old, new
        self._rows: Rows = read_rows(data)
        for prompt in (old, new):
            if prompt is not None:
                check_columns(prompt, self._rows)
        self._session = session
        _check(settings)
        self._purse = Purse(settings.budget, settings.max_calls)
        self._bench = Bench(
            session, self._purse, settings.concurrency, settings.executor, settings.fresh
        )
        self._ledger = None if settings.ledger in (None, False) else Ledger(_place(settings.ledger))
        self._keys = [row_key(row) for row in self._rows]
        self._clusters = self._find_clusters()
        self._split = self._make_split()
        self._noise: NoiseFloor | None = None
        self._headroom: Headroom | None = None
        self._candidates: list[Candidate] = []
        self._looks = 1
        self._paired: PairedVerdict | None = None
        self._stopped: tuple[StoppedAt, str] | None = None
        self._result: Measurement | None = None
        self._target: Target
        self._referee: Referee
        self._trial: Trial
        self._plan = Plan(())

    # --- what a caller uses

    @property
    def result(self) -> Measurement:
        """The result, once `steps` has been read to its end."""
        assert self._result is not None
        return self._result

    def steps(self) -> Generator[Progress]:
        """Measure, and yield how far it is.

        Raises:
            WrongUsage: Before anything is sent, where the data, the metric or the budget do not do.
        """
        self._prepare()
        yield Progress(self._trial.title, self._plan.describe(), 0, self._plan.calls)
        try:
            yield from self._run()
        except OverBudget:
            self._stop("budget", self._describe_budget())
        finally:
            self._bench.close()
        self._result = self._finish()

    # --- before

    def _prepare(self) -> None:
        self._target, judge = self._session.portal.call(self._find_targets)
        self._referee = self._find_referee(judge)
        title = "Measuring" if self._new is not None else "Improving, measured"
        self._trial = Trial(self._bench, self._rows, self._see, title)
        self._trial.add("old", Task(self._old, self._target, self._settings.options))
        if self._new is not None:
            self._trial.add("new", Task(self._new, self._target, self._settings.options))
        self._plan = Plan(tuple(self._plan_steps()))
        self._plan.check(self._settings.budget, self._settings.max_calls)
        self._purse.estimates = self._plan.estimates

    async def _find_targets(self) -> tuple[Target, Target]:
        control, wanted = self._session.control, self._settings
        workspace = wanted.workspace or control.selected
        target = await find_target(control, workspace, wanted.model)
        if wanted.metric is not None:
            return target, target
        return target, await find_judge(control, target, wanted.judge_model)

    def _find_referee(self, judge: Target) -> Referee:
        if self._settings.metric is not None:
            return MetricReferee(Scorer(self._settings.metric))
        criteria = parse_rubric(self._settings.rubric or DEFAULT_RUBRIC)
        return JudgeReferee(judge, [criterion.to_dict() for criterion in criteria])

    def _find_clusters(self) -> list[Hashable] | None:
        name = self._settings.cluster
        if name is None:
            return None
        if any(name not in row for row in self._rows):
            raise WrongUsage(f"The data has no column '{name}' to cluster by.")
        return [str(row[name]) for row in self._rows]

    def _make_split(self) -> Split:
        split = split_rows(self._keys, clusters=self._clusters)
        chosen_here = self._ledger and self._new and self._ledger.proposed(self._new)
        if self._new is None or self._settings.holdout or chosen_here:
            return split
        everything = tuple(range(len(self._rows)))
        name = digest(sorted(self._keys))[:16]
        return Split((), everything, len(everything) < MIN_ROWS, name)

    def _plan_steps(self) -> Iterator[Step]:
        sample = [self._trial.filled("old", row) for row in range(min(50, len(self._rows)))]
        tokens = guess_tokens(sample, self._settings.options)
        dev, test = self._split.dev, self._split.test

        def runs(name: str, wanted: list[Wanted], more: int = 0) -> Step:
            calls = self._trial.count_open(wanted) + more
            return plan_step(name, "playground", calls, self._target, tokens)

        yield runs("noise floor", [Wanted("old", row, 1) for row in self._noise_rows])
        yield from self._referee.plan("judging noise", len(self._noise_rows))
        if self._new is None:
            count = self._settings.candidates
            yield runs("old prompt on dev rows", [Wanted("old", row) for row in dev])
            yield plan_step("critique", "critique", 1, self._target, PROPOSAL_TOKENS)
            yield plan_step("edits", "improve", min(count, 2), self._target, PROPOSAL_TOKENS)
            yield plan_step("rewrite", "rewrite", int(count > 1), self._target, PROPOSAL_TOKENS)
            yield runs("candidates on dev rows", [], count * len(dev))
            yield from self._referee.plan("judging candidates", count * len(dev))
            yield runs("the test", [Wanted("old", row) for row in test], len(test))
        else:
            wanted = [Wanted(name, row) for row in test for name in ("old", "new")]
            yield runs("the test", wanted)
        yield from self._referee.plan("judging the test", len(test))

    @property
    def _noise_rows(self) -> tuple[int, ...]:
        return (self._split.dev or self._split.test)[:NOISE_ROWS]

    # --- the run

    def _run(self) -> Iterator[Progress]:
        yield from self._measure_noise()
        if self._new is None:
            yield from self._choose()
        if self._stopped is None:
            yield from self._confirm()

    def _measure_noise(self) -> Iterator[Progress]:
        rows = self._noise_rows
        wanted = [Wanted("old", row, repeat) for row in rows for repeat in (0, 1)]
        yield from self._trial.gather("the old prompt, twice", wanted)
        yield from self._referee.compare(self._trial, "judging noise", _OLD, ("old", 0, 1), rows)
        self._noise = self._referee.noise(rows)

    def _choose(self) -> Iterator[Progress]:
        """Find the new prompt, or say where the search ended."""
        dev = self._split.dev
        yield from self._trial.gather(
            "the old prompt on dev rows", [Wanted("old", row) for row in dev]
        )
        assert self._noise is not None
        self._headroom = self._referee.headroom(
            dev, len(self._split.test), self._noise, self._settings.top
        )
        if self._headroom is not None and not self._headroom.is_enough:
            self._stop("headroom", self._headroom.reason)
            return
        yield Progress(self._trial.title, "candidates", 0, self._settings.candidates)
        self._candidates = propose(
            self._bench,
            self._target,
            self._old,
            self._referee.failures(self._trial, dev),
            self._rows,
            count=self._settings.candidates,
            feedback=self._settings.feedback,
        )
        if all(candidate.refused for candidate in self._candidates):
            self._stop("proposing", "No candidate passed the checks, so no money was spent on any.")
            return
        yield from self._screen(dev)

    def _screen(self, dev: tuple[int, ...]) -> Iterator[Progress]:
        open_ = [c for c in self._candidates if c.refused is None]
        for candidate in open_:
            self._trial.add(
                candidate.name, Task(candidate.text, self._target, self._settings.options)
            )
        wanted = [Wanted(candidate.name, row) for row in dev for candidate in open_]
        yield from self._trial.gather("candidates on dev rows", wanted)
        sides: dict[str, list[float | None]] = {}
        baseline: list[float | None] = []
        for candidate in open_:
            place: Place = (candidate.name, 0, 0)
            yield from self._referee.compare(self._trial, "judging candidates", _OLD, place, dev)
            baseline, sides[candidate.name] = self._referee.screen(candidate.name, dev)
        screening = choose_candidate(baseline, sides)
        gains = dict(screening.gains)
        self._candidates = [replace(c, gain=gains.get(c.name)) for c in self._candidates]
        if screening.chosen is None:
            self._stop("screening", screening.describe())
            return
        self._new = next(c.text for c in self._candidates if c.name == screening.chosen)
        self._trial.add("new", Task(self._new, self._target, self._settings.options))

    def _confirm(self) -> Iterator[Progress]:
        """Test the new prompt, once. Old and new take turns, so that a bad hour hits both alike."""
        rows = self._split.test
        wanted = [Wanted(name, row) for row in rows for name in ("old", "new")]
        yield from self._trial.gather("the test", wanted)
        place: Place = ("new", 0, 0)
        yield from self._referee.compare(self._trial, "judging the test", _OLD, place, rows)
        clusters = [self._clusters[row] for row in rows] if self._clusters else None
        terms = Terms(
            rows=rows,
            clusters=clusters,
            margin=self._settings.margin,
            seed=self._settings.seed,
            exploratory=self._split.exploratory,
        )
        paired = self._referee.verdict(self._trial, terms)
        self._paired = self._with_looks(_on_rows(paired, rows))

    def _see(self, place: Place, row: Row, answer: Answer) -> None:
        self._referee.see(place, row, answer)

    def _with_looks(self, paired: PairedVerdict) -> PairedVerdict:
        if self._ledger is None:
            return paired
        earlier = self._ledger.looks_at(self._split.test_id, self._id)
        self._looks = count_looks(earlier, self._split.test_id)
        said = describe_looks(self._looks)
        return replace(paired, notes=(*paired.notes, said)) if said else paired

    def _stop(self, at: StoppedAt, reason: str) -> None:
        self._stopped = (at, reason)

    def _describe_budget(self) -> str:
        spent = f"${self._purse.spent:.2f}" if not self._purse.unpriced else "their cost not known"
        return (
            f"{self._purse.calls:,} calls were made, {spent}, and the next was not covered. A test that "
            "is half done says nothing. What was answered is kept: with a larger budget it goes on from here."
        )

    # --- afterwards

    @property
    def _id(self) -> str:
        """Names the run: the same prompts, rows, model and metric again are the same run."""
        metric = self._settings.metric
        code = getattr(metric, "__code__", None)
        return digest(
            self._old,
            self._new,
            self._split.test_id,
            identity(self._target),
            getattr(metric, "__qualname__", type(metric).__name__),
            code.co_code.hex() if code else "",
            self._settings.margin,
        )

    def _finish(self) -> Measurement:
        test = self._split.test
        judge = self._referee.judge
        figures = tuple(
            self._trial.figures(name, test, self._referee.mean(name, test))
            for name in ("old", "new")
            if self._paired is not None
        )
        answers = list(self._trial.answers.values())
        source = summarise(answers, self._target.workspace_name, self._target.name)
        unknown = self._purse.unpriced > 0
        source = replace(
            source, requests=self._purse.calls, cost=None if unknown else self._purse.spent
        )
        at, reason = self._stopped or (None, "")
        result = Measurement(
            old=self._old,
            new=self._new,
            paired=self._paired,
            reason=self._paired.reason if self._paired else reason,
            stopped_at=at,
            dev=self._split.dev,
            test=test,
            exploratory=self._split.exploratory,
            noise=self._noise,
            headroom=self._headroom,
            candidates=tuple(self._candidates),
            looks=self._looks,
            plan=self._plan.to_dict(),
            judge=judge.name if judge else None,
            provenance=source,
        )
        if figures:
            result = replace(result, figures=(figures[0], figures[1]))
        if self._ledger is None:
            return result
        return replace(result, ledger=str(self._ledger.write(self._entry(result))))

    def _entry(self, result: Measurement) -> dict[str, Any]:
        """Return what the ledger keeps: everything of the result but the rows' content."""
        fields = result.to_dict()
        for name in ("schema", "ledger", "dev", "test"):
            del fields[name]
        for candidate in fields["candidates"]:
            candidate["sha256"] = digest(candidate["text"])
        tested = self._split.test if self._paired else ()
        return {
            "id": self._id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "test_id": self._split.test_id,
            "seed": self._settings.seed,
            "model": self._target.name,
            "knobs": {k: v for k, v in self._settings.options.items() if k in KNOBS},
            "metric": getattr(self._settings.metric, "__qualname__", None),
            "dev_rows": [self._keys[row][:16] for row in self._split.dev],
            "test_rows": [self._keys[row][:16] for row in self._split.test],
            "scores": self._referee.record(tested),
            "sha256": {"old": digest(self._old), "new": self._new and digest(self._new)},
            **fields,
        }


def _on_rows(paired: PairedVerdict, rows: tuple[int, ...]) -> PairedVerdict:
    """Return the verdict with rows by their number in the data, not among the test rows."""
    changes = tuple(replace(change, row=rows[change.row]) for change in paired.changes)
    return replace(paired, changes=changes, errors=tuple(rows[row] for row in paired.errors))


def _place(ledger: str | Path | bool | None) -> Path:
    return Path(DIRECTORY) if ledger is True or not ledger else Path(ledger)


def _check(settings: Settings) -> None:
    if not 1 <= settings.candidates <= MAX_CANDIDATES:
        raise WrongUsage(
            f"candidates is 1 to {MAX_CANDIDATES}: with more, luck wins.",
        )
    if settings.metric is not None and settings.rubric is not None:
        raise WrongUsage("A metric and a rubric are two measures; give one of them.")
