"""A table under way: one call per row, how far it is, and how it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar, cast

from assay_nb.errors import AssayError, ProviderError, ProviderUnavailable, RateLimited
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.pace import Pause
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import Runner
from assay_nb.experiments.spending.budget import OverBudget

Result = TypeVar("Result")


class TableRun(ABC, Generic[Result]):
    """A table under way.

    Iterate `steps` to run it; `result` gives what is there, at any time.

    Attributes:
        cause: The provider's error that ended it early with rows done: its quota is used up, or it is gone.
    """

    title: ClassVar[str]

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._stopped: str | None = "interrupted"
        self.cause: ProviderError | None = None

    async def stream(self) -> AsyncIterator[Progress]:
        """Run it, on the background loop, and yield how far it is."""
        jobs = await self._prepare()
        progress = Progress(self.title, " ".join(self._begin(jobs)) or "rows", total=len(jobs))
        yield progress
        progress = replace(progress, step="rows")
        stream = self._runner.stream(jobs)
        try:
            async with aclosing(cast("Any", stream)):
                async for came in stream:
                    if not isinstance(came, Pause):
                        job, answer = came
                        self._keep(job, replace(answer, result=None))
                    progress = progress.follow(came)
                    yield progress
            self._stopped = None
        except OverBudget:
            self._stopped = "budget"
        except (RateLimited, ProviderUnavailable) as error:
            # With some rows there, a quota that is used up, or a server that is gone, ends it as a budget does.
            if progress.done <= progress.failed:
                self._stopped = "failed"
                raise
            self.cause = error
            self._stopped = "quota" if isinstance(error, RateLimited) else "unreachable"
        except AssayError:
            self._stopped = "failed"
            raise
        finally:
            self._runner.close()

    def steps(self) -> Generator[Progress]:
        """Run it from code that is not async, and yield how far it is."""
        return self._runner.session.portal.iterate(self.stream)

    async def run(self) -> Result:
        """Run it to its end, on the background loop."""
        async for _ in self.stream():
            pass
        return self.result()

    @abstractmethod
    def result(self) -> Result:
        """Return what is there."""

    @abstractmethod
    async def _prepare(self) -> list[Job]:
        """Return the calls, in order: all rows are looked through before one is sent."""

    @abstractmethod
    def _begin(self, jobs: Sequence[Job]) -> Sequence[str]:
        """Return what is said before the first call."""

    @abstractmethod
    def _keep(self, job: Job, answer: JobResult) -> None:
        """Put the answer of a job where it belongs."""
