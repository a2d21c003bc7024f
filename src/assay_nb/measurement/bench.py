"""The bench that a run works at: who answers, how many at once, what was answered before, what it may cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assay_nb.engine.call import Call
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.measurement.answers import (
    CONCURRENCY,
    MOST_CONCURRENT,
    Answer,
    Ask,
    Job,
    ask_executor,
    stream_answers,
)
from assay_nb.measurement.cache import Cache, digest
from assay_nb.measurement.purse import Purse
from assay_nb.measurement.target import Target

if TYPE_CHECKING:
    from assay_nb.engine.run_pass import Passes

KNOBS = ("temperature", "top_p", "effort", "max_output_tokens", "system")


@dataclass
class Bench:
    """What the calls of one run share.

    Attributes:
        session: The process's engine and control.
        purse: What may be spent.
        concurrency: Calls under way at once.
        executor: Who makes them instead of this process; None for this process.
        fresh: Whether to ask again what was answered before.
    """

    session: Session
    purse: Purse = field(default_factory=Purse)
    concurrency: int = CONCURRENCY
    executor: Executor | None = None
    fresh: bool = False

    def __post_init__(self) -> None:
        count: Any = self.concurrency
        if (
            isinstance(count, bool)
            or not isinstance(count, int)
            or not 0 < count <= MOST_CONCURRENT
        ):
            raise WrongUsage(f"concurrency is a whole number from 1 to {MOST_CONCURRENT}.")

    @cached_property
    def cache(self) -> Cache | None:
        return None if self.fresh else Cache(cache_directory(self.session))

    @cached_property
    def ask(self) -> Ask:
        if self.executor is not None:
            return ask_executor(self.executor, self._passes)
        return self.session.engine.ask

    @cached_property
    def _passes(self) -> Passes | None:
        if self.executor is None or self.session.config.gateway_url is None:
            return None
        from assay_nb.engine.remote import RemoteEngine
        from assay_nb.engine.run_pass import Passes

        engine = self.session.engine
        assert isinstance(engine, RemoteEngine), "hub mode has a gateway's engine"
        return Passes(engine)

    async def stream(self, jobs: Iterable[Job]) -> AsyncIterator[tuple[Job, Answer]]:
        """Yield each job with its answer, on the background loop."""
        answers: Any = stream_answers(
            jobs, self.ask, cache=self.cache, purse=self.purse, concurrency=self.concurrency
        )
        try:
            async for pair in answers:
                yield pair
        finally:
            await answers.aclose()
            if self._passes is not None:
                await self._passes.give_back()

    def answers(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Answer]]:
        """Yield each job with its answer, to code that is not async, in the caller's own thread.

        A metric may hold a database connection or draw a picture: it runs where it was written. Close
        the generator where the loop over it can fail: the calls go on until then.
        """
        return self.session.portal.iterate(lambda: self.stream(jobs))

    def close(self) -> None:
        if "cache" in vars(self) and self.cache is not None:
            self.cache.close()


def cache_directory(session: Session) -> Path:
    """Return where finished rows are kept: beside the vault, for its owner only."""
    return session.config.home / "runs"


@dataclass(frozen=True)
class Task:
    """One prompt on one model, to be run on many rows.

    Attributes:
        prompt: The template.
        target: Who answers.
        options: Knobs and `system`.
    """

    prompt: str
    target: Target
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @cached_property
    def shelf(self) -> str:
        """The name of the cache file: whatever changes an answer is in it, and nothing else."""
        return digest("playground", self.prompt, identity(self.target), self.options)

    def job(self, values: Mapping[str, str], repeat: object = 0, tag: Any = None) -> Job:
        """Return the job of one row; another `repeat` asks the same again."""
        call = make_call("playground", self.prompt, self.target, values=values, **self.options)
        return Job(call, tag, self.shelf, digest(values, repeat))


def make_call(instrument: str, prompt: str, target: Target, **options: Any) -> Call:
    """Return the call of an instrument on a target; options that are None are left out."""
    given = {name: value for name, value in options.items() if value is not None}
    return Call(
        instrument=instrument,
        prompt=prompt,
        workspace=target.workspace,
        model=target.name,
        options=given,
    )


def identity(target: Target) -> tuple[str, ...]:
    """Return what tells one answering model from another: the same name elsewhere is another model."""
    parts = urlsplit(target.endpoint)
    practice = parts.hostname == "127.0.0.1" and parts.path.startswith("/practice/")
    # The practice provider listens on another port each time, and always answers alike.
    place = "practice" if practice else target.endpoint
    return (target.workspace, str(target.provider), target.model, place)


def number_repeats(values: Iterable[Mapping[str, str]]) -> list[int]:
    """Return for each row how many equal ones came before it.

    Equal rows are asked separately: one answer counted twice would look like two that agree.
    """
    seen: dict[str, int] = {}
    numbers: list[int] = []
    for one in values:
        key = digest(one)
        numbers.append(seen.get(key, 0))
        seen[key] = numbers[-1] + 1
    return numbers


def make_bench(
    session: Session, *, budget: float | None = None, max_calls: int | None = None, **settings: Any
) -> Bench:
    """Return a bench with these limits and settings; those that are None stay as they are."""
    given = {name: value for name, value in settings.items() if value is not None}
    return Bench(session, Purse(budget, max_calls), **given)
