"""Suite runs: play the cases, check the outputs, ask the judge, compare with an earlier prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.evaluation import paired_verdict
from assay_nb.evaluation.splits import MIN_ROWS
from assay_nb.experiments.batch import Batch
from assay_nb.experiments.data.rows import Row, Rows, find_notes
from assay_nb.experiments.grading.judged_rows import Judgements
from assay_nb.experiments.grading.judging import Judging
from assay_nb.experiments.playground import Playing, Side
from assay_nb.experiments.run.jobs import JobResult
from assay_nb.experiments.run.progress import OnProgress, watch_steps
from assay_nb.experiments.run.runner import Runner
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.experiments.spending.plan import JUDGE_TOKENS, Plan, Step, plan_step
from assay_nb.experiments.suites.expectations import find_failed
from assay_nb.experiments.suites.file import Suite
from assay_nb.experiments.suites.result import CaseResult, SuiteResult
from assay_nb.instruments.playground import explain_stop


def run_suite(
    session: Session,
    suite: Suite,
    *,
    against: str | None = None,
    threshold: float | None = None,
    workspace: str | None = None,
    model: str | None = None,
    judge_model: str | None = None,
    runner: Runner | None = None,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> SuiteResult:
    """Run a suite; with `against`, an earlier version of the prompt, compare the two on the same cases.

    `on_note` is told what to know of the prompts before the first call.
    """
    running = _Running(
        session,
        suite,
        runner or Runner(session),
        workspace,
        model or suite.model,
        judge_model,
        on_progress,
    )
    prompts = [suite.prompt] if against is None else [suite.prompt, against]
    running.check(prompts)
    notes = find_notes(prompts, running.rows)
    if on_note is not None:
        for note in notes:
            on_note(note)
    batch = running.play(suite.prompt)
    cases = running.score(batch)
    verdict = None
    if against is not None:
        old = running.score(running.play(against))
        # Cases that somebody wrote to be passed are no sample of anything below the usual minimum.
        verdict = paired_verdict(
            [case.score for case in old],
            [case.score for case in cases],
            lost=([case.lost for case in old], [case.lost for case in cases]),
            exploratory=len(cases) < MIN_ROWS,
        )
    bar = suite.threshold if threshold is None else threshold
    return SuiteResult(suite.name, tuple(cases), bar, verdict, batch.provenance, notes)


def plan_suite(
    session: Session,
    suite: Suite,
    runner: Runner,
    *,
    against: str | None = None,
    workspace: str | None = None,
    model: str | None = None,
    judge_model: str | None = None,
) -> Plan:
    """Return what a suite would take. Nothing is sent."""
    running = _Running(session, suite, runner, workspace, model or suite.model, judge_model, None)
    return running.plan([suite.prompt] if against is None else [suite.prompt, against])


@dataclass
class _Running:
    session: Session
    suite: Suite
    runner: Runner
    workspace: str | None
    model: str | None
    judge_model: str | None
    on_progress: OnProgress | None

    @property
    def rows(self) -> Rows:
        """The cases' values."""
        return Rows(tuple(Row(case.values) for case in self.suite.cases))

    def play(self, prompt: str) -> Batch:
        playing = self._playing(prompt)
        watch_steps(playing.steps(), self.on_progress)
        batch = playing.result()
        assert isinstance(batch, Batch)
        if playing.cause is not None:  # a suite that is half run says nothing
            raise playing.cause
        if None in batch.answers:
            raise WrongUsage(
                f"The limits cover {sum(a is not None for a in batch.answers):,} of "
                f"{len(batch.answers):,} cases, and a suite that is half run says nothing.",
                hint="Raise --budget or --max-calls; what was answered is kept, and costs nothing again.",
            )
        return batch

    def check(self, prompts: Sequence[str]) -> None:
        """Raise `WrongUsage` before anything is sent where the limits do not cover every case."""
        self._find_judge()
        Plan(tuple(self._plays(prompts))).check(self.runner.limits)

    def plan(self, prompts: Sequence[str]) -> Plan:
        """Return what it would take. Nothing is sent."""
        judge, steps = self._find_judge(), list(self._plays(prompts))
        if judge is not None:
            calls = len(prompts) * len(self.suite.cases)
            limits = self.runner.limits
            steps.append(plan_step("judging, at most", "judge", calls, judge, JUDGE_TOKENS, limits))
        notes = find_notes(prompts, self.rows)
        return Plan(tuple(steps), f"Suite {self.suite.name}", notes=notes)

    def _plays(self, prompts: Sequence[str]) -> Iterator[Step]:
        for prompt in prompts:
            yield from self.session.portal.call(self._playing(prompt).plan).steps

    def _find_judge(self) -> Target | None:
        """Return who judges; None for a suite without a rubric."""
        if self.suite.rubric is None:
            if self.judge_model is not None:
                raise WrongUsage(
                    f"The suite {self.suite.name} has no rubric, so it has nothing for a judge. "
                    "Nothing was sent.",
                    hint="Add `rubric` to the suite, or leave --judge-model out.",
                )
            return None
        judge = self.session.portal.call(self._look_up_judge)
        self.runner.limits.check_prices([judge])
        return judge

    async def _look_up_judge(self) -> Target:
        control = self.session.control
        target = await find_target(control, self.workspace or control.selected, self.model)
        return await find_judge(control, target, self.judge_model)

    def _playing(self, prompt: str) -> Playing:
        options = {"system": self.suite.system} if self.suite.system else {}
        side = Side(prompt=prompt, model=self.model)
        # An empty value is what a case is about, if somebody wrote it there.
        return Playing(
            self.runner,
            [side],
            self.rows,
            workspace=self.workspace,
            options=options,
            keep_empty=True,
        )

    def score(self, batch: Batch) -> list[CaseResult]:
        judged = self._judge(batch)
        return [self._score_case(batch, judged, number) for number in range(len(batch.answers))]

    def _score_case(self, batch: Batch, judged: Judgements | None, number: int) -> CaseResult:
        # Of some of the cases, where a limit or a sample chose them.
        place = batch.rows.number(number)
        answer, case = batch.answers[number] or JobResult(), self.suite.cases[place]
        output = answer.observed(count_cut=self.runner.count_cut)
        if output is None:
            return _lose_case(answer, place)
        bad = find_failed(case, output)
        reasons = [f"{name} {_shown(case.expect[name])} is not met" for name in bad]
        score = None if judged is None else judged.scores[number]
        if judged is not None:
            reasons += judged.why(number)
        if bad:
            score = 0.0
        elif judged is None:
            score = 1.0
        lost = "failed" if score is None else None
        return CaseResult(output, score, tuple(bad), tuple(reasons), answer.stop, lost, place)

    def _judge(self, batch: Batch) -> Judgements | None:
        if self.suite.rubric is None:
            return None
        judging = Judging(
            self.runner,
            batch,
            rubric=self.suite.rubric,
            workspace=self.workspace,
            model=self.judge_model,
        )
        watch_steps(judging.steps(), self.on_progress)
        result = judging.result()
        if judging.cause is not None:
            raise judging.cause
        if result.stopped == "budget":
            raise WrongUsage(
                "The limits ended before every case was judged, and a suite that is half judged says nothing.",
                hint="Raise --budget or --max-calls; what was answered is kept, and costs nothing again.",
            )
        return result


def _lose_case(answer: JobResult, place: int) -> CaseResult:
    """Return what came of a case without a whole reply: no score, and why."""
    why = answer.error or explain_stop(answer.stop, thought=answer.thought) or "No reply came."
    lost = answer.lost or "failed"
    return CaseResult(answer.output, None, (), (why,), answer.stop, lost, place)


def _shown(expected: Any) -> str:
    return json.dumps(expected, ensure_ascii=False)
