"""Outputs of several prompts on the same rows, gathered once and kept while a run needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from assay_nb.experiments.data.rows import Row, Rows, values_for
from assay_nb.experiments.measure.result import SideFigures
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.pace import Pause
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import Runner, Task, number_repeats
from assay_nb.text.templates import fill

Place: TypeAlias = tuple[str, int, int]
"""A prompt's name in this run, a row's index, and the repeat."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One output to produce: task, row and repeat number."""

    name: str
    row: int
    repeat: int = 0


class Outputs:
    """The outputs of one run."""

    def __init__(
        self, runner: Runner, rows: Rows, see: Callable[[Place, Row, JobResult], None], title: str
    ) -> None:
        """Prepare a trial.

        Args:
            runner: Makes the calls.
            rows: The data.
            see: Called with each output as it comes, in the caller's thread.
            title: What the run is called while it is shown.
        """
        self.runner = runner
        self.rows = rows
        self.title = title
        self._see = see
        self._tasks: dict[str, Task] = {}
        self._repeats: dict[str, list[int]] = {}
        self._answers: dict[Place, JobResult] = {}

    def add(self, name: str, task: Task) -> None:
        """Add a prompt under a name."""
        self._tasks[name] = task
        self._repeats[name] = number_repeats(values_for(task.prompt, row) for row in self.rows)

    def task(self, name: str) -> Task:
        return self._tasks[name]

    def answer(self, name: str, row: int, repeat: int = 0) -> JobResult:
        """Return an answer that was gathered."""
        return self._answers[name, row, repeat]

    def output(self, name: str, row: int, repeat: int = 0) -> str | None:
        return self._answers[name, row, repeat].output

    def observed(self, name: str, row: int, repeat: int = 0) -> str | None:
        """Return an output if it counts: None where it was lost, unless cut ones were asked to count."""
        answer = self._answers[name, row, repeat]
        return answer.observed(count_cut=self.runner.count_cut)

    def lost(self, name: str, row: int) -> str | None:
        """Return why a reply does not count; None where it does."""
        return None if self.observed(name, row) is not None else self._answers[name, row, 0].lost

    def values(self, name: str, row: int) -> dict[str, str]:
        """Return what a prompt's variables stand for in a row."""
        return values_for(self._tasks[name].prompt, self.rows[row])

    def filled(self, name: str, row: int) -> str:
        """Return a prompt as it is sent for a row."""
        return fill(self._tasks[name].prompt, self.values(name, row))

    def count_open(self, wanted: Sequence[Wanted]) -> tuple[int, int]:
        """Return how many of these have to be asked, and how many were answered before."""
        jobs = [self._job(one) for one in wanted if self._place(one) not in self._answers]
        fit = [job for job in jobs if job.unfit is None]
        asked = sum(self.runner.is_open(job) for job in fit)
        return asked, len(fit) - asked

    def gather(self, step: str, wanted: Sequence[Wanted]) -> Iterator[Progress]:
        """Get these outputs, in this order as far as there is one, and yield how far it is."""
        missing = [one for one in wanted if self._place(one) not in self._answers]
        progress = Progress(self.title, step, total=len(missing))
        yield progress
        with closing(self.runner.follow(map(self._job, missing))) as stream:
            for came in stream:
                if not isinstance(came, Pause):
                    job, answer = came
                    place: Place = job.tag
                    self._answers[place] = replace(answer, result=None)
                    self._see(place, self.rows[place[1]], answer)
                progress = progress.follow(came)
                yield progress

    def figures(self, name: str, rows: Sequence[int], score: float | None) -> SideFigures:
        """Return what a prompt took on these rows, on average."""
        answers = [self._answers[name, row, 0] for row in rows]
        return SideFigures(
            score=score,
            input_tokens=_mean([answer.input_tokens for answer in answers]),
            output_tokens=_mean([answer.output_tokens for answer in answers]),
            cost=_mean([answer.cost for answer in answers]),
            seconds=_mean([answer.seconds for answer in answers]),
        )

    @property
    def answers(self) -> Mapping[Place, JobResult]:
        return self._answers

    def _place(self, one: Wanted) -> Place:
        return one.name, one.row, one.repeat

    def _job(self, one: Wanted) -> Job:
        task = self._tasks[one.name]
        # Equal rows are told apart by their number, so that each is asked for itself.
        repeat = [self._repeats[one.name][one.row], one.repeat]
        values = values_for(task.prompt, self.rows[one.row])
        return task.job(values, repeat if any(repeat) else 0, self._place(one))


def _mean(values: Sequence[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
