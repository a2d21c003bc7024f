"""The playground with data: one call per row, and perhaps a second prompt or model beside the first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, BadReply
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
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import Runner, Task, check_fit, make_runner, number_repeats
from assay_nb.experiments.run.target import Target, find_target
from assay_nb.experiments.spending.budget import OverBudget
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


class Playing:
    """A table under way.

    Iterate `steps` to run it; `result` gives what is there, at any time.

    Attributes:
        notes: What to know of the prompts before the first call: placeholders that nothing fills.
    """

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
        self._runner = runner
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
        self._stopped: str | None = "interrupted"

    async def stream(self) -> AsyncIterator[Progress]:
        """Run it, on the background loop, and yield how far it is."""
        jobs = await self._prepare()
        check_fit(jobs)
        told = " ".join([*self.notes, *describe_unfit(jobs, self._rows)])
        progress = Progress("Playground", told or "rows", total=len(jobs))
        yield progress
        progress = replace(progress, step="rows")
        stream = self._runner.stream(jobs)
        try:
            async with aclosing(cast("Any", stream)):
                async for job, answer in stream:
                    side, row = job.tag
                    self._answers[side][row] = replace(answer, result=None)
                    progress = progress.after(answer)
                    yield progress
            self._stopped = None
        except OverBudget:
            self._stopped = "budget"
        except AssayError:
            self._stopped = "failed"
            raise
        finally:
            self._runner.close()

    async def plan(self) -> Plan:
        """Return what it would take. Nothing is sent."""
        jobs = await self._prepare()
        names = self._labels if len(self._sides) > 1 else ("rows",)
        steps = [
            self._runner.plan(name, [job for job in jobs if job.tag[0] == side])
            for side, name in enumerate(names)
        ]
        self._runner.close()
        return Plan(tuple(steps), "Playground", notes=self.notes)

    async def _prepare(self) -> list[Job]:
        """Return the calls, in order: all rows are looked through before one is sent."""
        control = self._runner.session.control
        workspace = self._workspace or control.selected
        self._targets = [await find_target(control, workspace, side.model) for side in self._sides]
        self._runner.limits.check_prices(self._targets)
        return list(self._jobs())

    def steps(self) -> Generator[Progress]:
        """Run it from code that is not async, and yield how far it is."""
        return self._runner.session.portal.iterate(self.stream)

    async def run(self) -> Batch | SideBySide:
        """Run it to its end, on the background loop."""
        async for _ in self.stream():
            pass
        return self.result()

    def result(self) -> Batch | SideBySide:
        """Return what is there."""
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
