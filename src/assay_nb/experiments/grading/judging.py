"""Judging many outputs: jobs for the judge, its answers, and the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.evaluation import PairedVerdict, pairwise_verdict
from assay_nb.experiments.batch import (
    Batch,
    summarise,
)
from assay_nb.experiments.data.rows import Rows, values_for
from assay_nb.experiments.grading.judge import judge_job, judge_output
from assay_nb.experiments.grading.judged_rows import Judgements
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.runner import Runner, make_runner
from assay_nb.experiments.run.table import TableRun
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.experiments.spending.plan import Plan
from assay_nb.instruments.judge import Judgement, RubricLike, parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC
from assay_nb.instruments.playground import Run
from assay_nb.text.templates import fill


class Judging(TableRun[Judgements]):
    """A table of judgements under way."""

    title: ClassVar[str] = "Judge"

    def __init__(
        self,
        runner: Runner,
        batch: Batch,
        *,
        against: Batch | None = None,
        rubric: RubricLike | None = None,
        workspace: str | None = None,
        model: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if against is not None and len(against.answers) != len(batch.answers):
            raise WrongUsage(
                "The two tables have different numbers of rows, so no row has its pair."
            )
        if against is not None and not are_pairs(batch.rows, against.rows):
            raise WrongUsage(
                "The two tables are of different rows, so no row has its pair.",
                hint="Run both prompts on the same rows: the same data, with the same limit or sample.",
            )
        super().__init__(runner)
        wanted = runner.limits
        self._batch = batch.take(wanted.choose(batch.rows))
        self._against = against and against.take(wanted.choose(against.rows))
        sides = [self._batch] if self._against is None else [self._batch, self._against]
        self._notes = tuple(dict.fromkeys(note for side in sides for note in side.notes))
        self._rubric = parse_rubric(rubric or DEFAULT_RUBRIC)
        self._workspace, self._model = workspace, model
        self._options = dict(options or {})
        self._answers: list[JobResult | None] = [None] * len(self._batch.answers)
        self._judge: Target | None = None

    def _begin(self, jobs: Sequence[Job]) -> Sequence[str]:
        return self._notes

    def _keep(self, job: Job, answer: JobResult) -> None:
        self._answers[job.tag] = answer

    async def plan(self) -> Plan:
        """Return what it would take. Nothing is sent."""
        jobs = await self._prepare()
        step = self._runner.plan("judging", jobs)
        self._runner.close()
        return Plan((step,), self.title, notes=self._notes)

    async def _prepare(self) -> list[Job]:
        control = self._runner.session.control
        source = self._batch.provenance
        judged = f"{source.provider}/{source.model}" if source.provider else None
        target = await find_target(control, self._workspace or control.selected, judged)
        self._judge = await find_judge(control, target, self._model)
        self._runner.limits.check_prices([self._judge])
        return list(self._jobs(self._judge))

    def result(self) -> Judgements:
        name = self._judge.workspace_name if self._judge else ""
        return Judgements(
            self._batch.rows,
            tuple(self._batch.outputs),
            self._rubric,
            tuple(self._answers),
            self._verdict(),
            self._stopped,
            self._inputs(),
            self._lost(),
            summarise(self._answers, name, self._judge.name if self._judge else None),
            self._notes,
        )

    def _inputs(self) -> tuple[str, ...]:
        """Return what was sent for the variables of each row, in one line."""
        prompt = self._batch.prompt
        if not all(self._batch.rows):  # read back from JSON, which does not hold the data
            return ("",) * len(self._batch.rows)
        sent = [values_for(prompt, row) for row in self._batch.rows]
        return tuple(" · ".join(values.values()) for values in sent)

    def _lost(self) -> dict[str, dict[str, int]]:
        """Return how many replies were no observations, by side and reason."""
        sides = {"judged": self._batch, "against": self._against}
        found: dict[str, dict[str, int]] = {}
        for name, batch in sides.items():
            ends = {} if batch is None else batch.ends
            if counts := {end: count for end, count in ends.items() if end != "whole"}:
                found[name] = counts
        return {} if self._runner.count_cut else found

    def _jobs(self, judge: Target) -> Iterator[Job]:
        rubric = [criterion.to_dict() for criterion in self._rubric]
        for index, (output, other) in enumerate(zip(*self._observed(), strict=True)):
            if output is None or (self._against is not None and other is None):
                continue
            row = self._batch.rows[index]
            task = fill(self._batch.prompt, values_for(self._batch.prompt, row))
            first, second = (output, None) if other is None else (other, output)
            yield judge_job(
                judge, task, first, rubric, against=second, tag=index, options=self._options
            )

    def _observed(self) -> tuple[list[str | None], list[str | None]]:
        """Return the outputs that count, and those of the other table."""
        count_cut = self._runner.count_cut
        judged = self._batch.observed(count_cut=count_cut)
        if self._against is None:
            return judged, [None] * len(judged)
        return judged, self._against.observed(count_cut=count_cut)

    def _verdict(self) -> PairedVerdict | None:
        if self._against is None or self._stopped is not None:
            return None
        pairs = [a.payload.get("preferences") if a else None for a in self._answers]
        lengths = tuple(
            [len(output or "") for output in side.outputs] for side in (self._against, self._batch)
        )
        return pairwise_verdict(
            [pair[0] if pair else None for pair in pairs],
            [pair[1] if pair else None for pair in pairs],
            lengths=(lengths[0], lengths[1]),
            lost=self._lost_rows(),
        )

    def _lost_rows(self) -> tuple[list[str | None], list[str | None]]:
        """Return why each row is no observation, on the old side and on the new one."""
        old, new = (
            [answer.lost if answer else "not reached" for answer in side.answers]
            for side in (self._against or self._batch, self._batch)
        )
        return ([None] * len(old), [None] * len(new)) if self._runner.count_cut else (old, new)


def are_pairs(rows: Rows, others: Rows) -> bool:
    """Return whether two tables are of the same rows: by their number in the data, or by what they hold."""
    numbers = ([table.number(i) for i in range(len(table))] for table in (rows, others))
    return next(numbers) == next(numbers) or rows.items == others.items


async def judge_any(
    session: Session,
    prompt: str,
    output: str | Run | Batch | None,
    *,
    against: str | Run | Batch | None = None,
    rubric: RubricLike | None = None,
    values: Mapping[str, object] | None = None,
    workspace: str | None = None,
    model: str | None = None,
    options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Judgement | Judgements | Plan:
    """Judge one output, or a table of them; see `assay_nb.judge`."""
    if isinstance(output, Batch):
        if against is not None and not isinstance(against, Batch):
            raise WrongUsage("A table of outputs is compared with another table of outputs.")
        judging = Judging(
            make_runner(session, **settings),
            output,
            against=against,
            rubric=rubric,
            workspace=workspace,
            model=model,
            options=options,
        )
        return await (judging.plan() if dry_run else _run_keeping(judging))
    if isinstance(against, Batch):
        raise WrongUsage("A single output is compared with a single output.")
    return await judge_output(
        session,
        prompt,
        output,
        against=against,
        rubric=rubric,
        workspace=workspace,
        model=model,
        values=values,
        options=options,
    )


async def _run_keeping(judging: Judging) -> Judgements:
    """Judge to the end; an error that ends it carries what is there, which was paid for."""
    try:
        return await judging.run()
    except AssayError as error:
        error.partial = judging.result()
        raise
