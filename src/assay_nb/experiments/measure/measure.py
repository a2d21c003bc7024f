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

from collections.abc import Generator, Hashable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.evaluation import (
    FIRST_SHARE,
    Headroom,
    NoiseFloor,
    PairedVerdict,
    Split,
    choose_candidate,
    row_key,
    share_of_look,
    split_rows,
)
from assay_nb.evaluation.splits import MIN_ROWS
from assay_nb.experiments.batch import name_rows, summarise
from assay_nb.experiments.data.fingerprint import fingerprint
from assay_nb.experiments.data.rows import (
    Row,
    Rows,
    check_columns,
    leave_out_blank,
    read_rows,
    values_for,
)
from assay_nb.experiments.grading.graders import (
    Grader,
    JudgeGrader,
    MetricGrader,
    Terms,
    make_cards,
)
from assay_nb.experiments.grading.metrics import Scorer
from assay_nb.experiments.measure.candidates import Candidate, propose
from assay_nb.experiments.measure.cards import RowCard
from assay_nb.experiments.measure.ledger import Ledger, Look, name_keys, name_legacy_pair
from assay_nb.experiments.measure.looks import (
    UNCOUNTED,
    Glance,
    Sight,
    choose_unseen,
    count_looks,
    forecast,
    prepare_look,
)
from assay_nb.experiments.measure.outputs import Outputs, Place, Wanted
from assay_nb.experiments.measure.result import Measurement, StoppedAt
from assay_nb.experiments.measure.settings import Settings, check_settings, find_ledger
from assay_nb.experiments.run.cache import digest
from assay_nb.experiments.run.jobs import JobResult
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import KNOBS, Runner, Task, identity
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.experiments.spending.budget import OverBudget
from assay_nb.experiments.spending.plan import PROPOSAL_TOKENS, Plan, Step, guess_tokens, plan_step
from assay_nb.instruments.judge import parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC, Criterion

NOISE_ROWS = 12
"""Rows that the old prompt is run on twice: enough to see noise, and little beside the test."""

_OLD: Place = ("old", 0, 0)


class Measuring:
    """A measurement under way: iterate `steps`, then read `result`."""

    def __init__(
        self, session: Session, old: str, new: str | None, data: Any, settings: Settings
    ) -> None:
        self._settings = settings
        self._old, self._new = old, new
        self._rows: Rows = settings.limits.choose(read_rows(data, old))
        for prompt in (old, new):
            if prompt is not None:
                check_columns(prompt, self._rows)
        self._left_out: tuple[int, ...] = ()
        if not settings.keep_empty:
            self._rows, self._left_out = leave_out_blank(old, self._rows)
        self._session = session
        check_settings(settings)
        self._bench = Runner(
            session, settings.limits, settings.executor, settings.fresh, settings.count_cut
        )
        self._purse = self._bench.purse
        self._ledger = (
            None if settings.ledger in (None, False) else Ledger(find_ledger(settings.ledger))
        )
        self._keys = [row_key(row) for row in self._rows]
        self._names = name_keys(self._keys)
        self._clusters = self._find_clusters()
        self._trial_began = False
        self._noise: NoiseFloor | None = None
        self._headroom: Headroom | None = None
        self._candidates: list[Candidate] = []
        self._glance: Glance | None = None
        self._cards: tuple[RowCard, ...] = ()
        # Before it runs: a metric may count its own calls.
        self._measure = fingerprint(settings.metric) if settings.metric else None
        self._paired: PairedVerdict | None = None
        self._stopped: tuple[StoppedAt, str] | None = None
        self._result: Measurement | None = None
        self._target: Target
        self._referee: Grader
        self._split: Split
        self._trial: Outputs
        self._plan = Plan(())

    # --- what a caller uses

    @property
    def result(self) -> Measurement:
        """The result, once `steps` has been read to its end."""
        assert self._result is not None
        return self._result

    def plan(self) -> Plan:
        """Return what it would take. Nothing is sent."""
        self._prepare(check=False)
        self._bench.close()
        return self._plan

    def partial(self) -> Measurement | None:
        """Return what is there of a run that was stopped or failed; None where nothing was answered."""
        if not self._trial_began or not self._trial.answers:
            return None
        self._stop("stopped", "The run was stopped before its end. What was answered is kept.")
        self._paired = None
        return self._finish(record=False)

    def steps(self) -> Generator[Progress]:
        """Measure, and yield how far it is.

        Raises:
            WrongUsage: Before anything is sent, where the data, the metric or the budget do not do.
        """
        self._prepare()
        yield Progress(self._trial.title, self._describe_plan(), 0, self._plan.calls)
        try:
            yield from self._run()
        except OverBudget:
            self._stop("budget", self._describe_budget())
        finally:
            self._bench.close()
        self._result = self._finish()

    # --- before

    def _prepare(self, *, check: bool = True) -> None:
        self._target, judge = self._session.portal.call(self._find_targets)
        self._split = self._make_split()
        self._referee = self._find_referee(judge)
        title = "Measuring" if self._new is not None else "Improving, measured"
        self._trial = Outputs(self._bench, self._rows, self._see, title)
        self._trial_began = True
        self._trial.add("old", Task(self._old, self._target, self._settings.options))
        if self._new is not None:
            self._trial.add("new", Task(self._new, self._target, self._settings.options))
        self._settings.limits.check_prices({self._target, judge})
        self._plan = Plan(tuple(self._plan_steps()), title)
        if check:
            self._plan.check(self._settings.limits)
        self._purse.expected = self._plan.calls

    async def _find_targets(self) -> tuple[Target, Target]:
        control, wanted = self._session.control, self._settings
        workspace = wanted.workspace or control.selected
        target = await find_target(control, workspace, wanted.model)
        if wanted.metric is not None:
            return target, target
        return target, await find_judge(control, target, wanted.judge_model)

    def _find_referee(self, judge: Target) -> Grader:
        if self._settings.metric is not None:
            return MetricGrader(Scorer(self._settings.metric), count_cut=self._settings.count_cut)
        return JudgeGrader(judge, [criterion.to_dict() for criterion in self._criteria])

    @property
    def _criteria(self) -> tuple[Criterion, ...]:
        return parse_rubric(self._settings.rubric or DEFAULT_RUBRIC)

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
        if self._new is not None and not self._settings.holdout and not chosen_here:
            split = self._make_test(tuple(range(len(self._rows))), ())
        if self._settings.rows == "all":
            return split
        names = [self._names[row] for row in split.test]
        hashes = [self._hashes(row) for row in split.test]
        chosen = choose_unseen(self._past, self._prompts, names, hashes)
        unseen = self._make_test(tuple(split.test[index] for index in chosen), split.dev)
        return replace(unseen, exploratory=split.exploratory or unseen.exploratory)

    def _make_test(self, rows: tuple[int, ...], dev: tuple[int, ...]) -> Split:
        """Return a split whose test rows are these."""
        name = digest(sorted(self._keys[row] for row in rows))[:16]
        return Split(dev, rows, len(rows) < MIN_ROWS, name)

    def _hashes(self, row: int) -> list[str]:
        """Return what tells a row when it comes again: its hash, and those of what the prompts are filled with."""
        filled = [values_for(p, self._rows[row]) for p in (self._old, self._new) if p is not None]
        return list(dict.fromkeys([self._names[row], *(digest(one)[:16] for one in filled)]))

    @property
    def _past(self) -> list[Look]:
        return self._ledger.looks(practice=self._target.practice) if self._ledger else []

    @property
    def _prompts(self) -> str:
        return digest(digest(self._old), self._new and digest(self._new))

    def _plan_steps(self) -> Iterator[Step]:
        sample = [self._trial.filled("old", row) for row in range(min(50, len(self._rows)))]
        tokens = guess_tokens(sample, self._settings.options)
        limits = self._settings.limits
        dev, test = self._split.dev, self._split.test

        def runs(name: str, wanted: list[Wanted], more: int = 0) -> Step:
            asked, cached = self._trial.count_open(wanted)
            step = plan_step(name, "playground", asked + more, self._target, tokens, limits)
            return replace(step, cached=cached)

        yield runs("noise floor", [Wanted("old", row, 1) for row in self._noise_rows])
        yield from self._referee.plan("judging noise", len(self._noise_rows), limits)
        if self._new is None:
            count = self._settings.candidates
            yield runs("old prompt on dev rows", [Wanted("old", row) for row in dev])
            yield plan_step("critique", "critique", 1, self._target, PROPOSAL_TOKENS, limits)
            edits, whole = min(count, 2), int(count > 1)
            yield plan_step("edits", "improve", edits, self._target, PROPOSAL_TOKENS, limits)
            yield plan_step("rewrite", "rewrite", whole, self._target, PROPOSAL_TOKENS, limits)
            yield runs("candidates on dev rows", [], count * len(dev))
            yield from self._referee.plan("judging candidates", count * len(dev), limits)
            yield runs("the test", [Wanted("old", row) for row in test], len(test))
        else:
            wanted = [Wanted(name, row) for row in test for name in ("old", "new")]
            yield runs("the test", wanted)
        yield from self._referee.plan("judging the test", len(test), limits)

    @property
    def _noise_rows(self) -> tuple[int, ...]:
        return (self._split.dev or self._split.test)[:NOISE_ROWS]

    # --- the run

    def _run(self) -> Iterator[Progress]:
        if (
            self._new is None and self._next_share is None
        ):  # whatever is proposed could not be shown
            self._stop("looks", self._forecast() or "")
            return
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
            dev,
            len(self._split.test),
            self._noise,
            self._settings.top,
            self._next_share or FIRST_SHARE,
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
            options=self._settings.options,
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
        self._judge(tuple(sorted(rows, key=lambda row: self._names[row])))

    def _judge(self, rows: tuple[int, ...]) -> None:
        """Give the verdict. Rows come by their names: in another order they give the same one."""
        clusters = [self._clusters[row] for row in rows] if self._clusters else None
        self._glance = prepare_look(self._ledger, self._sight(rows))
        terms = Terms(
            rows=rows,
            clusters=clusters,
            margin=self._settings.margin,
            seed=self._settings.seed,
            exploratory=self._split.exploratory,
            alpha=self._glance.alpha,
            earlier=self._glance.earlier,
            top=self._settings.top,
        )
        paired = self._glance.finish(self._referee.verdict(self._trial, terms))
        if self._ledger is None:
            paired = replace(paired, notes=(*paired.notes, UNCOUNTED))
        elif self._glance.is_new and paired.n:  # written down before anybody sees it
            self._ledger.append(self._glance.look)
        self._cards = make_cards(paired.changes, rows, self._trial, self._referee)
        self._paired = self._on_rows(paired, rows)

    def _sight(self, rows: tuple[int, ...]) -> Sight:
        names = (digest(self._old), self._new and digest(self._new), self._target.name)
        clusters = [self._clusters[row] for row in rows] if self._clusters else None
        return Sight(
            pair=self._pair,
            legacy=name_legacy_pair(*names),
            prompts=self._prompts,
            terms=digest(self._settings.margin, self._settings.seed, clusters),
            unseen=self._settings.rows == "unseen",
            practice=self._target.practice,
            rows=tuple(self._names[row] for row in rows),
            inputs=tuple(dict.fromkeys(name for row in rows for name in self._hashes(row)[1:])),
            scores=tuple(self._referee.scores(rows)),
            kept=tuple(self._referee.kept(self._trial, rows)),
        )

    def _see(self, place: Place, row: Row, answer: JobResult) -> None:
        self._referee.see(place, row, answer)

    def _on_rows(self, paired: PairedVerdict, rows: tuple[int, ...]) -> PairedVerdict:
        """Return the verdict with rows by their number in the data, not among the test rows."""
        numbers = [self._rows.number(row) for row in rows]
        changes = [replace(change, row=numbers[change.row]) for change in paired.changes]
        return replace(
            paired,
            changes=tuple(sorted(changes, key=lambda change: change.row)),
            errors=tuple(sorted(numbers[row] for row in paired.errors)),
        )

    def _stop(self, at: StoppedAt, reason: str) -> None:
        self._stopped = (at, reason)

    def _describe_plan(self) -> str:
        parts = [self._plan.describe()]
        if self._left_out:
            rows = name_rows(self._left_out)
            parts.insert(0, f"{rows} left out, with nothing for a variable.")
        if self._plan.calls and (looks := self._forecast()):
            parts.append(looks)
        return " ".join(parts)

    @property
    def _next_share(self) -> float | None:
        """What a next look at the test rows may spend; None where they are used up."""
        return share_of_look(
            count_looks(self._past, [self._hashes(row) for row in self._split.test])
        )

    def _forecast(self) -> str | None:
        """Return what to know of these rows before money is spent on another look at them."""
        every = range(len(self._rows))
        candidates = self._split.test if self._split.dev else every
        return forecast(
            self._past,
            [self._hashes(row) for row in self._split.test],
            [self._hashes(row) for row in candidates],
        )

    def _describe_budget(self) -> str:
        spent = f"${self._purse.spent:.2f}" if not self._purse.unpriced else "their cost not known"
        return (
            f"{self._purse.calls:,} calls were made, {spent}, and the next was not covered. A test that "
            "is half done says nothing. What was answered is kept: with a larger budget it goes on from here."
        )

    # --- afterwards

    @property
    def _pair(self) -> str:
        """Names what is compared, and how: both prompts, the model and its knobs, the metric or the judge."""
        judge = self._referee.judge
        knobs = {k: v for k, v in self._settings.options.items() if k in KNOBS}
        return digest(
            self._prompts,
            identity(self._target),
            knobs,
            self._measure or (judge and identity(judge)),
            [criterion.to_dict() for criterion in self._criteria] if judge else None,
            self._settings.count_cut,
        )

    @property
    def _id(self) -> str:
        """Names the run: a look that is shown again is the same run, a further look another."""
        look = self._glance.look.id if self._glance else None
        return digest(self._pair, self._split.test_id, self._settings.margin, look)

    def _finish(self, *, record: bool = True) -> Measurement:
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
            dev=tuple(map(self._rows.number, self._split.dev)),
            test=tuple(map(self._rows.number, test)),
            exploratory=self._split.exploratory,
            noise=self._noise,
            headroom=self._headroom,
            candidates=tuple(self._candidates),
            looks=self._glance.look.number if self._glance else 1,
            cards=self._cards if self._paired else (),
            plan=self._plan.to_dict(),
            judge=judge.name if judge else None,
            provenance=source,
        )
        if figures:
            result = replace(result, figures=(figures[0], figures[1]))
        if self._ledger is None or not record:
            return result
        return replace(result, ledger=str(self._ledger.write(self._entry(result))))

    def _look_in_ledger(self) -> dict[str, Any] | None:
        """Return which look a run made or showed again; its file holds the rest."""
        if self._glance is None or self._paired is None or not self._paired.n:
            return None
        look = self._glance.look
        return {"id": look.id, "number": look.number, "alpha": look.alpha}

    def _entry(self, result: Measurement) -> dict[str, Any]:
        """Return what the ledger keeps: everything of the result but the rows' content."""
        fields = result.to_dict()
        for name in ("schema", "ledger", "dev", "test", "cards"):
            del fields[name]
        for candidate in fields["candidates"]:
            candidate["sha256"] = digest(candidate["text"])
        tested = self._split.test if self._paired else ()
        return {
            "id": self._id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "look": self._look_in_ledger(),
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
