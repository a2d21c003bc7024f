"""How far a run is: what a face shows while it works."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.pace import Pause
from assay_nb.instruments.base import Provenance, Shown
from assay_nb.render.document import Document, Heading, Meter, Paragraph, Scorecard


@dataclass(frozen=True, repr=False)
class Progress(Shown):
    """A step of a run and how much of it is done.

    Attributes:
        title: What runs.
        step: What it does now.
        done: Rows done in this step.
        total: Rows that this step has.
        failed: Rows without an answer.
        cached: Rows that were paid for earlier.
        spent: Dollars so far, over all steps; None where prices are not known.
        waiting: What all rows wait for, as a phrase; empty while they do not.
    """

    schema: ClassVar[str] = "assay.progress.v1"

    title: str
    step: str = "rows"
    done: int = 0
    total: int = 0
    failed: int = 0
    cached: int = 0
    spent: float | None = None
    waiting: str = ""
    provenance: Provenance = field(default_factory=Provenance)

    def after(self, answer: JobResult) -> Progress:
        """Return the progress with one more row done."""
        cost = 0.0 if answer.cached else answer.cost
        return replace(
            self,
            done=self.done + 1,
            failed=self.failed + (answer.error is not None),
            cached=self.cached + answer.cached,
            spent=self.spent if cost is None else (self.spent or 0.0) + cost,
            waiting="",
        )

    def follow(self, came: tuple[Job, JobResult] | Pause) -> Progress:
        """Return the progress after what a run yields: a row that is done, or a wait."""
        return replace(self, waiting=str(came)) if isinstance(came, Pause) else self.after(came[1])

    @property
    def line(self) -> str:
        """The same in one line, for a terminal."""
        return f"{self.step}: " + " · ".join([f"{self.done:,} of {self.total:,}", *self._notes()])

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "title": self.title,
            "step": self.step,
            "done": self.done,
            "total": self.total,
            "failed": self.failed,
            "cached": self.cached,
            "spent": self.spent,
            **({"waiting": self.waiting} if self.waiting else {}),
        }

    def to_document(self) -> Document:
        notes = " · ".join(self._notes())
        bar = Meter(self.step, self.done, max(1, self.total), notes, judged=False)
        stop = Paragraph(["Interrupting keeps every row that is done; running it again goes on."])
        return Document([Heading(self.title), Scorecard([bar]), stop])

    def _notes(self) -> list[str]:
        notes = [f"{self.cached:,} from earlier"] if self.cached else []
        notes += [f"{self.failed:,} failed"] if self.failed else []
        notes += [f"≈ ${self.spent:.4f}"] if self.spent else []
        notes += [self.waiting] if self.waiting else []
        return notes


OnProgress: TypeAlias = Callable[[Progress], None]


def watch_steps(steps: Generator[Progress], on_progress: OnProgress | None) -> None:
    """Go through a run's steps, telling of each.

    The run ends with this function. An error of the listener's, or an interrupt that lands in it, would
    otherwise leave the calls going for as long as the traceback holds the steps.
    """
    with closing(steps):
        for progress in steps:
            if on_progress is not None:
                on_progress(progress)


def watch_answers(
    stream: Generator[tuple[Job, JobResult] | Pause],
    progress: Progress,
    on_progress: OnProgress | None,
) -> Iterator[tuple[Job, JobResult]]:
    """Yield the answers as they come, telling of each and of each wait.

    The calls end with it, as in `watch_steps`.
    """
    with closing(stream):
        for came in stream:
            progress = progress.follow(came)
            if on_progress is not None:
                on_progress(progress)
            if not isinstance(came, Pause):
                yield came
