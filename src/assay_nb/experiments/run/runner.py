"""The runner of many calls: who answers, how many at once, what was answered before, what it may cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay_nb.engine.call import Call
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.experiments.run.cache import Cache, digest
from assay_nb.experiments.run.executors import ask_executor
from assay_nb.experiments.run.jobs import Ask, Job, JobResult
from assay_nb.experiments.run.pace import Pause
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.run.workers import Came, find_kept, stream_answers
from assay_nb.experiments.spending.budget import Budget
from assay_nb.experiments.spending.estimates import estimate_call
from assay_nb.experiments.spending.limits import Limits
from assay_nb.experiments.spending.plan import Step
from assay_nb.instruments.exchange.validation import check_prompt
from assay_nb.text.redaction import describe_secret, secret_in
from assay_nb.text.templates import fill

if TYPE_CHECKING:
    from assay_nb.engine.remote.run_tokens import Passes

KNOBS = ("temperature", "top_p", "effort", "max_output_tokens", "system")


@dataclass
class Runner:
    """What the calls of one run share.

    Attributes:
        session: The process's engine and control.
        limits: What may be spent.
        executor: Who makes the calls instead of this process; None for this process.
        fresh: Whether to ask again what was answered before.
        count_cut: Whether metrics and judges see replies that are not whole.
    """

    session: Session
    limits: Limits = field(default_factory=Limits)
    executor: Executor | None = None
    fresh: bool = False
    count_cut: bool = False

    @cached_property
    def purse(self) -> Budget:
        """What was spent so far, and what may still be."""
        return Budget(self.limits)

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
        from assay_nb.engine.remote.engine import RemoteEngine
        from assay_nb.engine.remote.run_tokens import Passes

        engine = self.session.engine
        assert isinstance(engine, RemoteEngine), "hub mode has a gateway's engine"
        return Passes(engine.client)

    async def stream(
        self, jobs: Iterable[Job], *, all_may_fail: bool = False
    ) -> AsyncIterator[Came]:
        """Yield each job with its answer, and each wait, on the background loop; see `stream_answers`."""
        if self.limits.max_calls is not None:  # what they take is not spent on retries of others
            jobs = list(jobs)
            open_ = sum(job.requests for job in jobs if self.is_open(job))
            self.purse.expected = max(self.purse.expected, open_)
        answers: Any = stream_answers(
            jobs,
            self.ask,
            cache=self.cache,
            purse=self.purse,
            concurrency=self.limits.concurrency,
            all_may_fail=all_may_fail,
        )
        try:
            async for came in answers:
                yield came
        finally:
            await answers.aclose()
            if self._passes is not None:
                await self._passes.give_back()

    def answers(
        self, jobs: Iterable[Job], *, all_may_fail: bool = False
    ) -> Generator[tuple[Job, JobResult]]:
        """Yield each job with its answer, as `follow` does, and pass over the waits."""
        with closing(self.follow(jobs, all_may_fail=all_may_fail)) as stream:
            for came in stream:
                if not isinstance(came, Pause):
                    yield came

    def follow(self, jobs: Iterable[Job], *, all_may_fail: bool = False) -> Generator[Came]:
        """Yield each job with its answer, and each wait, to code that is not async, in the caller's own thread.

        A metric may hold a database connection or draw a picture: it runs where it was written. Close
        the generator where the loop over it can fail: the calls go on until then.
        """
        return self.session.portal.iterate(lambda: self.stream(jobs, all_may_fail=all_may_fail))

    def is_open(self, job: Job) -> bool:
        """Return whether a job has to be asked: no earlier answer is kept that counts."""
        if job.unfit is not None:
            return False
        return self.cache is None or not job.shelf or find_kept(self.cache, job) is None

    def plan(self, name: str, jobs: Sequence[Job]) -> Step:
        """Return what these jobs will take: those that have to be asked, and what they are likely to cost."""
        fit = [job for job in jobs if job.unfit is None]
        asked = [job for job in fit if self.is_open(job)]
        estimates = [
            estimate_call(job.call, job.target, self.limits, job.requests)
            for job in asked
            if job.target is not None
        ]
        costs = [one.likely for one in estimates if one.likely is not None]
        return Step(
            name,
            jobs[0].call.instrument if jobs else "",
            sum(job.requests for job in asked),
            sum(costs) if len(costs) == len(asked) else None,
            cached=len(fit) - len(asked),
            tokens=(sum(e.tokens[0] for e in estimates), sum(e.tokens[1] for e in estimates)),
        )

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
        name = digest(values, repeat)
        unfit = find_unfit(self.prompt, values)
        return Job(call, tag, self.shelf, name, target=self.target, unfit=unfit)


def find_unfit(prompt: str, values: Mapping[str, str]) -> str | None:
    """Return why a row cannot be sent, in one sentence; None where it can.

    It is one row's affair: the others are sent.
    """
    for name, value in values.items():
        if shape := secret_in(value):
            return f"Column '{name}' holds something shaped like {describe_secret(shape)}. It was not sent."
    try:
        check_prompt(fill(prompt, values), "the row was not sent")
    except WrongUsage as error:
        return error.message
    return None


def check_fit(jobs: Sequence[Job]) -> None:
    """Raise `WrongUsage` if there is no row that can be sent; what hits every row ends the run."""
    if jobs and all(job.unfit is not None for job in jobs):
        raise WrongUsage(
            f"None of the {len(jobs):,} rows can be sent. The first: {jobs[0].unfit}",
            hint="Change the prompt or the data; nothing was sent.",
        )


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
    # The practice provider listens on another port each time, and always answers alike.
    place = "practice" if target.practice else target.endpoint
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


def make_runner(
    session: Session,
    *,
    executor: Executor | None = None,
    fresh: bool = False,
    count_cut: bool = False,
    **limits: Any,
) -> Runner:
    """Return a runner with these settings, and limits by their names in `Limits`."""
    return Runner(session, Limits.of(**limits), executor, fresh, count_cut)
