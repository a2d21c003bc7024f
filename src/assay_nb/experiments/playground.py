"""The playground with data: one call per row, and perhaps a second prompt or model beside the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from assay_nb.engine.session import Session
from assay_nb.errors import BadReply
from assay_nb.experiments.batch import Batch, describe_failures, summarise
from assay_nb.experiments.comparison import SideBySide
from assay_nb.experiments.data.rows import (
    Rows,
    as_text,
    check_columns,
    find_blank,
    find_notes,
    read_rows,
    values_for,
)
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.runner import Runner, Task, check_fit, make_runner, number_repeats
from assay_nb.experiments.run.table import TableRun
from assay_nb.experiments.run.target import Target, find_target
from assay_nb.experiments.spending.plan import Plan
from assay_nb.instruments.playground import Run
from assay_nb.messages import StopReason
from assay_nb.text.placeholders import check_blocks
from assay_nb.text.templates import fill

_BLANK = "{{{{{}}}}} is empty. Set keep_empty=True (--keep-empty) to send such rows."


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a table: a prompt, and the model it runs on (None for the workspace's choice)."""

    prompt: str
    model: str | None = None


class Playing(TableRun[Batch | SideBySide]):
    """A table, or two side by side, under way.

    Attributes:
        notes: What to know of the prompts before the first call: placeholders that nothing fills.
    """

    title: ClassVar[str] = "Playground"

    def __init__(
        self,
        runner: Runner,
        sides: Sequence[Side],
        data: Any,
        *,
        workspace: str | None = None,
        options: Mapping[str, Any] | None = None,
        labels: tuple[str, str] = ("this prompt", "the other"),
        single: bool = False,
        keep_empty: bool = False,
    ) -> None:
        super().__init__(runner)
        self._sides = sides
        self._rows: Rows = runner.limits.choose(read_rows(data, sides[0].prompt))
        self._keep_empty = keep_empty or single
        self._single = single
        for side in sides:
            if single:
                check_blocks(side.prompt, given=bool(self._rows.columns))
                fill(side.prompt, self._rows[0])
            else:
                check_columns(side.prompt, self._rows)
        self.notes = find_notes([side.prompt for side in sides], self._rows)
        self._workspace = workspace
        self._options = dict(options or {})
        self._labels = labels
        self._targets: list[Target] = []
        self._answers: list[list[JobResult | None]] = [[None] * len(self._rows) for _ in sides]

    def _begin(self, jobs: Sequence[Job]) -> Sequence[str]:
        check_fit(jobs)
        return [*self.notes, *describe_unfit(jobs, self._rows)]

    def _keep(self, job: Job, answer: JobResult) -> None:
        side, row = job.tag
        self._answers[side][row] = answer

    async def plan(self) -> Plan:
        """Return what it would take. Nothing is sent."""
        jobs = await self._prepare()
        names = self._labels if len(self._sides) > 1 else ("rows",)
        steps = [
            self._runner.plan(name, [job for job in jobs if job.tag[0] == side])
            for side, name in enumerate(names)
        ]
        self._runner.close()
        return Plan(tuple(steps), self.title, notes=self.notes)

    async def _prepare(self) -> list[Job]:
        control = self._runner.session.control
        workspace = self._workspace or control.selected
        self._targets = [await find_target(control, workspace, side.model) for side in self._sides]
        self._runner.limits.check_prices(self._targets)
        return list(self._jobs())

    def result(self) -> Batch | SideBySide:
        batches = [self._batch(index) for index in range(len(self._sides))]
        if len(batches) == 1:
            return batches[0]
        left, right = map(_single, batches) if self._single else batches
        return SideBySide(left, right, self._labels)

    def _batch(self, side: int) -> Batch:
        answers = self._answers[side]
        target = self._targets[side] if self._targets else None
        name = target.workspace_name if target else ""
        source = summarise(answers, name, target.name if target else None)
        prompt = self._sides[side].prompt
        notes = find_notes([prompt], self._rows)
        return Batch(prompt, self._rows, tuple(answers), self._stopped, source, notes)

    def _jobs(self) -> Iterator[Job]:
        """Yield the rows in order, both sides of a row next to each other."""
        tasks = [
            Task(side.prompt, target, self._options)
            for side, target in zip(self._sides, self._targets, strict=True)
        ]
        repeats = [
            number_repeats(values_for(side.prompt, row) for row in self._rows)
            for side in self._sides
        ]
        for index, row in enumerate(self._rows):
            for side, task in enumerate(tasks):
                values = values_for(task.prompt, row)
                job = task.job(values, repeats[side][index], (side, index))
                if not self._keep_empty and (blank := find_blank(values)):
                    job = replace(job, unfit=_BLANK.format(blank))
                yield job


def describe_unfit(jobs: Sequence[Job], rows: Rows) -> list[str]:
    """Return what is left out, and why, for whoever watches the run begin."""
    left = {job.tag[1]: JobResult(error=job.unfit, sent=False) for job in jobs if job.unfit}
    answers = [left.get(index) for index in range(len(rows))]
    return list(describe_failures(answers, rows))


def _single(batch: Batch) -> Run:
    """Return a batch of one row as the run that it is."""
    answer = batch.answers[0]
    if answer is None or answer.output is None:
        raise BadReply(answer.error if answer and answer.error else "There is no reply.")
    stop = cast("StopReason", answer.stop or "end")
    source = replace(batch.provenance, seconds=answer.seconds)
    values = dict(batch.rows[0])
    return Run(
        batch.prompt, answer.output, values, stop=stop, thought=answer.thought, provenance=source
    )


def prepare(
    session: Session,
    prompt: str,
    values: Mapping[str, object] | None,
    *,
    data: Any,
    beside: str | None = None,
    beside_model: str | None = None,
    workspace: str | None = None,
    model: str | None = None,
    keep_empty: bool = False,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Playing:
    """Return a table, or a comparison, that is ready to run.

    Without data, a comparison is of single runs, with `values` as its only row.
    """
    runner = make_runner(session, **settings)
    sides = [Side(prompt=prompt, model=model)]
    if beside is not None or beside_model is not None:
        sides.append(Side(prompt=beside or prompt, model=beside_model or model))
    labels = (
        ("this prompt", "the other")
        if beside is not None
        else (model or "this model", str(beside_model))
    )
    single = data is None
    given = {name: as_text(value) for name, value in (values or {}).items()}
    rows = [given] if single else data
    return Playing(
        runner,
        sides,
        rows,
        workspace=workspace,
        options=options,
        labels=labels,
        single=single,
        keep_empty=keep_empty,
    )
