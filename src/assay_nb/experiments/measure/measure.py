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

from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from assay_nb.engine.session import Session
from assay_nb.evaluation import (
    FIRST_SHARE,
    Headroom,
    NoiseFloor,
    PairedVerdict,
    choose_candidate,
)
from assay_nb.experiments.batch import name_rows, summarise
from assay_nb.experiments.data.fingerprint import fingerprint
from assay_nb.experiments.data.rows import (
    Row,
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
from assay_nb.experiments.measure.design import Design
from assay_nb.experiments.measure.ledger import name_legacy_pair
from assay_nb.experiments.measure.looks import (
    UNCOUNTED,
    Glance,
    Sight,
    prepare_look,
)
from assay_nb.experiments.measure.outputs import Outputs, Place, Wanted
from assay_nb.experiments.measure.result import Measurement, StoppedAt
from assay_nb.experiments.measure.settings import Settings
from assay_nb.experiments.run.cache import digest
from assay_nb.experiments.run.jobs import JobResult
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import KNOBS, Runner, Task, identity
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.experiments.spending.budget import OverBudget
from assay_nb.experiments.spending.plan import PROPOSAL_TOKENS, Plan, Step, guess_tokens, plan_step
from assay_nb.instruments.judge import parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC, Criterion

_OLD: Place = ("old", 0, 0)


class Measuring:
    """A measurement under way: iterate `steps`, then read `result`."""

    def __init__(
        self, session: Session, old: str, new: str | None, data: Any, settings: Settings
    ) -> None:
        self._settings = settings
        self._design = Design(old, new, data, settings)
        self._session = session
        self._runner = Runner(
            session, settings.limits, settings.executor, settings.fresh, settings.count_cut
        )
        self._purse = self._runner.purse
        self._outputs_began = False
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
        self._grader: Grader
        self._outputs: Outputs
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
        self._runner.close()
        return self._plan

    def partial(self) -> Measurement | None:
        """Return what is there of a run that was stopped or failed; None where nothing was answered."""
        if not self._outputs_began or not self._outputs.answers:
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
        yield Progress(self._outputs.title, self._describe_plan(), 0, self._plan.calls)
        try:
            yield from self._run()
        except OverBudget:
            self._stop("budget", self._describe_budget())
        finally:
            self._runner.close()
        self._result = self._finish()

    # --- before

    def _prepare(self, *, check: bool = True) -> None:
        self._target, judge = self._session.portal.call(self._find_targets)
        self._design.choose_rows(practice=self._target.practice)
        self._grader = self._find_grader(judge)
        title = "Measuring" if self._design.new is not None else "Improving, measured"
        self._outputs = Outputs(self._runner, self._design.rows, self._see, title)
        self._outputs_began = True
        self._outputs.add("old", Task(self._design.old, self._target, self._settings.options))
        if self._design.new is not None:
            self._outputs.add("new", Task(self._design.new, self._target, self._settings.options))
        self._settings.limits.check_prices({self._target, judge})
        self._plan = Plan(tuple(self._plan_steps()), title, notes=self._design.notes)
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

    def _find_grader(self, judge: Target) -> Grader:
        if self._settings.metric is not None:
            return MetricGrader(Scorer(self._settings.metric), count_cut=self._settings.count_cut)
        return JudgeGrader(judge, [criterion.to_dict() for criterion in self._criteria])

    @property
    def _criteria(self) -> tuple[Criterion, ...]:
        return parse_rubric(self._settings.rubric or DEFAULT_RUBRIC)

    def _plan_steps(self) -> Iterator[Step]:
        sample = [
            self._outputs.filled("old", row) for row in range(min(50, len(self._design.rows)))
        ]
        tokens = guess_tokens(sample, self._settings.options)
        limits = self._settings.limits
        dev, test = self._design.split.dev, self._design.split.test

        def runs(name: str, wanted: list[Wanted], more: int = 0) -> Step:
            asked, cached = self._outputs.count_open(wanted)
            step = plan_step(name, "playground", asked + more, self._target, tokens, limits)
            return replace(step, cached=cached)

        yield runs("noise floor", [Wanted("old", row, 1) for row in self._design.noise_rows])
        yield from self._grader.plan("judging noise", len(self._design.noise_rows), limits)
        if self._design.new is None:
            count = self._settings.candidates
            yield runs("old prompt on dev rows", [Wanted("old", row) for row in dev])
            yield plan_step("critique", "critique", 1, self._target, PROPOSAL_TOKENS, limits)
            edits, whole = min(count, 2), int(count > 1)
            yield plan_step("edits", "improve", edits, self._target, PROPOSAL_TOKENS, limits)
            yield plan_step("rewrite", "rewrite", whole, self._target, PROPOSAL_TOKENS, limits)
            yield runs("candidates on dev rows", [], count * len(dev))
            yield from self._grader.plan("judging candidates", count * len(dev), limits)
            yield runs("the test", [Wanted("old", row) for row in test], len(test))
        else:
            wanted = [Wanted(name, row) for row in test for name in ("old", "new")]
            yield runs("the test", wanted)
        yield from self._grader.plan("judging the test", len(test), limits)

    # --- the run

    def _run(self) -> Iterator[Progress]:
        if (
            self._design.new is None and self._design.next_share is None
        ):  # whatever is proposed could not be shown
            self._stop("looks", self._design.forecast() or "")
            return
        yield from self._measure_noise()
        if self._design.new is None:
            yield from self._choose()
        if self._stopped is None:
            yield from self._confirm()

    def _measure_noise(self) -> Iterator[Progress]:
        rows = self._design.noise_rows
        wanted = [Wanted("old", row, repeat) for row in rows for repeat in (0, 1)]
        yield from self._outputs.gather("the old prompt, twice", wanted)
        yield from self._grader.compare(self._outputs, "judging noise", _OLD, ("old", 0, 1), rows)
        self._noise = self._grader.noise(rows)

    def _choose(self) -> Iterator[Progress]:
        """Find the new prompt, or say where the search ended."""
        dev = self._design.split.dev
        yield from self._outputs.gather(
            "the old prompt on dev rows", [Wanted("old", row) for row in dev]
        )
        assert self._noise is not None
        self._headroom = self._grader.headroom(
            dev,
            len(self._design.split.test),
            self._noise,
            self._settings.top,
            self._design.next_share or FIRST_SHARE,
        )
        if self._headroom is not None and not self._headroom.is_enough:
            self._stop("headroom", self._headroom.reason)
            return
        yield Progress(self._outputs.title, "candidates", 0, self._settings.candidates)
        self._candidates = propose(
            self._runner,
            self._target,
            self._design.old,
            self._grader.failures(self._outputs, dev),
            self._design.rows,
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
            self._outputs.add(
                candidate.name, Task(candidate.text, self._target, self._settings.options)
            )
        wanted = [Wanted(candidate.name, row) for row in dev for candidate in open_]
        yield from self._outputs.gather("candidates on dev rows", wanted)
        sides: dict[str, list[float | None]] = {}
        baseline: list[float | None] = []
        for candidate in open_:
            place: Place = (candidate.name, 0, 0)
            yield from self._grader.compare(self._outputs, "judging candidates", _OLD, place, dev)
            baseline, sides[candidate.name] = self._grader.screen(candidate.name, dev)
        screening = choose_candidate(baseline, sides)
        gains = dict(screening.gains)
        self._candidates = [replace(c, gain=gains.get(c.name)) for c in self._candidates]
        if screening.chosen is None:
            self._stop("screening", screening.describe())
            return
        self._design.new = next(c.text for c in self._candidates if c.name == screening.chosen)
        self._outputs.add("new", Task(self._design.new, self._target, self._settings.options))

    def _confirm(self) -> Iterator[Progress]:
        """Test the new prompt, once. Old and new take turns, so that a bad hour hits both alike."""
        rows = self._design.split.test
        wanted = [Wanted(name, row) for row in rows for name in ("old", "new")]
        yield from self._outputs.gather("the test", wanted)
        place: Place = ("new", 0, 0)
        yield from self._grader.compare(self._outputs, "judging the test", _OLD, place, rows)
        self._judge(tuple(sorted(rows, key=lambda row: self._design.names[row])))

    def _judge(self, rows: tuple[int, ...]) -> None:
        """Give the verdict. Rows come by their names: in another order they give the same one."""
        clusters = [self._design.clusters[row] for row in rows] if self._design.clusters else None
        self._glance = prepare_look(self._design.ledger, self._sight(rows))
        terms = Terms(
            rows=rows,
            clusters=clusters,
            margin=self._settings.margin,
            seed=self._settings.seed,
            exploratory=self._design.split.exploratory,
            alpha=self._glance.alpha,
            earlier=self._glance.earlier,
            top=self._settings.top,
        )
        paired = self._glance.finish(self._grader.verdict(self._outputs, terms))
        if self._design.ledger is None:
            paired = replace(paired, notes=(*paired.notes, UNCOUNTED))
        elif self._glance.is_new and paired.n:  # written down before anybody sees it
            self._design.ledger.append(self._glance.look)
        self._cards = make_cards(paired.changes, rows, self._outputs, self._grader)
        self._paired = self._design.on_rows(paired, rows)

    def _sight(self, rows: tuple[int, ...]) -> Sight:
        names = (
            digest(self._design.old),
            self._design.new and digest(self._design.new),
            self._target.name,
        )
        clusters = [self._design.clusters[row] for row in rows] if self._design.clusters else None
        return Sight(
            pair=self._pair,
            legacy=name_legacy_pair(*names),
            prompts=self._design.prompts,
            terms=digest(self._settings.margin, self._settings.seed, clusters),
            unseen=self._settings.rows == "unseen",
            practice=self._target.practice,
            rows=tuple(self._design.names[row] for row in rows),
            inputs=tuple(
                dict.fromkeys(name for row in rows for name in self._design.hashes(row)[1:])
            ),
            scores=tuple(self._grader.scores(rows)),
            kept=tuple(self._grader.kept(self._outputs, rows)),
        )

    def _see(self, place: Place, row: Row, answer: JobResult) -> None:
        self._grader.see(place, row, answer)

    def _stop(self, at: StoppedAt, reason: str) -> None:
        self._stopped = (at, reason)

    def _describe_plan(self) -> str:
        parts = [*self._design.notes, self._plan.describe()]
        if self._design.left_out:
            rows = name_rows(self._design.left_out)
            parts.insert(0, f"{rows} left out, with nothing for a variable.")
        if self._plan.calls and (looks := self._design.forecast()):
            parts.append(looks)
        return " ".join(parts)

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
        judge = self._grader.judge
        knobs = {k: v for k, v in self._settings.options.items() if k in KNOBS}
        return digest(
            self._design.prompts,
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
        return digest(self._pair, self._design.split.test_id, self._settings.margin, look)

    def _finish(self, *, record: bool = True) -> Measurement:
        test = self._design.split.test
        judge = self._grader.judge
        figures = tuple(
            self._outputs.figures(name, test, self._grader.mean(name, test))
            for name in ("old", "new")
            if self._paired is not None
        )
        answers = list(self._outputs.answers.values())
        source = summarise(answers, self._target.workspace_name, self._target.name)
        unknown = self._purse.unpriced > 0
        source = replace(
            source, requests=self._purse.calls, cost=None if unknown else self._purse.spent
        )
        at, reason = self._stopped or (None, "")
        result = Measurement(
            old=self._design.old,
            new=self._design.new,
            paired=self._paired,
            reason=self._paired.reason if self._paired else reason,
            stopped_at=at,
            dev=tuple(map(self._design.rows.number, self._design.split.dev)),
            test=tuple(map(self._design.rows.number, test)),
            exploratory=self._design.split.exploratory,
            noise=self._noise,
            headroom=self._headroom,
            candidates=tuple(self._candidates),
            looks=self._glance.look.number if self._glance else 1,
            cards=self._cards if self._paired else (),
            plan=self._plan.to_dict(),
            notes=self._design.notes,
            judge=judge.name if judge else None,
            provenance=source,
        )
        if figures:
            result = replace(result, figures=(figures[0], figures[1]))
        if self._design.ledger is None or not record:
            return result
        return replace(result, ledger=str(self._design.ledger.write(self._entry(result))))

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
        tested = self._design.split.test if self._paired else ()
        return {
            "id": self._id,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "look": self._look_in_ledger(),
            "test_id": self._design.split.test_id,
            "seed": self._settings.seed,
            "model": self._target.name,
            "knobs": {k: v for k, v in self._settings.options.items() if k in KNOBS},
            "metric": getattr(self._settings.metric, "__qualname__", None),
            "dev_rows": [self._design.keys[row][:16] for row in self._design.split.dev],
            "test_rows": [self._design.keys[row][:16] for row in self._design.split.test],
            "scores": self._grader.record(tested),
            "sha256": {
                "old": digest(self._design.old),
                "new": self._design.new and digest(self._design.new),
            },
            **fields,
        }
