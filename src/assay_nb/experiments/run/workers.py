"""Workers: many jobs at once, within the limits, cached, each row's error kept as that row's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

from assay_nb.engine.call import Call
from assay_nb.errors import (
    AssayError,
    BadReply,
    KeyPasted,
    LimitReached,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from assay_nb.experiments.run.cache import Cache
from assay_nb.experiments.run.failures import (
    PATIENCE,
    Effect,
    cost_of,
    describe_cause,
    find_effect,
    says_nothing_of_others,
)
from assay_nb.experiments.run.jobs import KEPT, PAYLOADS, Ask, Job, JobResult
from assay_nb.experiments.run.pace import CLOCK, Clock, Pace, Pause
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.spending.budget import Budget, Hold, OverBudget
from assay_nb.experiments.spending.estimates import Estimate, estimate_call
from assay_nb.experiments.spending.limits import CONCURRENCY
from assay_nb.instruments.base import Provenance, Result
from assay_nb.messages import label_of

_MOST_PATIENCE = 600.0
_PATIENCE_AT_FIRST = 60.0
"""Seconds that a run waits in all without an answer in between; and where no row has been answered at all and
nobody says when a limit opens: one that counts by the minute has opened by then."""

_LEAST_WAIT = 0.2
_TOLD_WAIT = 5.0
"""Seconds between two calls at a hub's limit, and of a wait for one that is worth telling."""

_ASKED_TO = 1.5
"""Seconds. A call's own retries wait less than that unless the provider asks for more."""

LATE = 3600.0
"""Seconds after a run token's end when its last call has surely ended too."""

_HOPELESS = 8
"""So many failures before any success end the whole run: the next thousand would fail alike."""

_TRIES, _LAST_TRIES = 2, 3
"""How often a row that meets a limit is sent before others get their turn, and once it is alone at the end."""

_UNREACHED = 3
"""So many waits, of 14 seconds in all, for a server that has answered before and cannot be reached any more."""

_GIVEN_UP = 3
"""So many rows in a row that break off a second time, alone: the others that broke off are not asked again."""

Came: TypeAlias = tuple[Job, JobResult] | Pause
"""What a run yields: a job with its answer, or that it waits."""


async def stream_answers(
    jobs: Iterable[Job],
    ask: Ask,
    *,
    cache: Cache | None = None,
    purse: Budget | None = None,
    concurrency: int = CONCURRENCY,
    all_may_fail: bool = False,
    clock: Clock = CLOCK,
) -> AsyncIterator[Came]:
    """Yield each job with its answer, as they come. At most `concurrency` calls are under way at once.

    Jobs are taken from the iterable one by one, so it may be long; closing the iterator stops the
    calls under way, and every row that had finished is in the cache. Where the purse does not cover a
    call, no later one is sent either, and jobs that were answered earlier are still yielded. The same
    holds where a provider's quota is used up for longer than a row waits, such as for the day, where a
    limit does not open at all, and where a server that had answered cannot be reached any more.

    A limit is waited for by all workers together, and no row is lost to it; each wait is yielded as a
    `Pause`. A row whose reply broke off is asked once more, after all others and alone.

    Raises:
        OverBudget: At the end, if the purse did not cover each call.
        RateLimited: At the end, if a quota is used up for longer.
        ProviderUnavailable: At the end, if the server cannot be reached any more.
        AssayError: What would hit every row alike; and, unless all of them may fail, the first one's
            error where not a single row was answered.
    """
    pending = iter(jobs)
    done: asyncio.Queue[Came | BaseException | None] = asyncio.Queue()
    pace = Pace(concurrency, clock, done.put_nowait)
    crew = _Crew(pending, ask, cache, purse or Budget(), done, pace, clock, working=concurrency)
    workers = [asyncio.create_task(crew.work()) for _ in range(concurrency)]
    try:
        left = len(workers)
        failure: BaseException | None = None
        while left:
            item = await done.get()
            if item is None:
                left -= 1
            elif isinstance(item, BaseException):
                failure = item
                break  # what is under way would fail as well
            else:
                yield item
        failure = failure or crew.over or (None if all_may_fail else crew.hopeless)
        if failure is not None:
            raise failure
        await asyncio.gather(*workers)  # a fault of the executor's, say, is told and not swallowed
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


class _Refused(Exception):
    """A row was not answered, for a reason that may pass. Unlike the error itself, it does not end the run."""

    def __init__(self, error: ProviderError, effect: Effect) -> None:
        super().__init__()
        self.error = error
        self.effect = effect


@dataclass
class _Crew:
    """What the workers of one run share.

    Attributes:
        later: The jobs that get their turn after all others, alone: with what came of them at first where their
            reply broke off, and with None where they met a limit.
    """

    jobs: Iterator[Job]
    ask: Ask
    cache: Cache | None
    purse: Budget
    done: asyncio.Queue[Came | BaseException | None]
    pace: Pace
    clock: Clock
    working: int
    succeeded: int = 0
    kept: int = 0
    failed: int = 0
    unreached: int = 0
    first_error: AssayError | None = None
    over: OverBudget | RateLimited | ProviderUnavailable | None = None
    ended: bool = False
    later: list[tuple[Job, JobResult | None]] = field(
        default_factory=list[tuple[Job, "JobResult | None"]]
    )

    @property
    def hopeless(self) -> AssayError | None:
        """The first error, if every call failed and nothing was answered before either."""
        return None if self.succeeded or self.kept else self.first_error

    async def work(self) -> None:
        """Take one job after the other until there are none."""
        try:
            while not self.ended and (job := next(self.jobs, None)) is not None:
                answer = await self._answer(job)
                if answer is not None:
                    self.done.put_nowait((job, answer))
                if answer is None or answer.cached:  # it has not waited, and others want the loop
                    await asyncio.sleep(0)
            self.working -= 1
            if not self.working:
                await self._answer_later()
        except AssayError as error:
            self.done.put_nowait(error)
        finally:
            self.ended = True  # there are no more jobs, or something went wrong
            self.done.put_nowait(None)

    async def _answer(self, job: Job) -> JobResult | None:
        """Return the answer; None where it is not covered, or comes later."""
        if job.unfit is not None:
            return JobResult(error=job.unfit, sent=False)
        if self.cache and job.shelf and (kept := find_kept(self.cache, job)):
            self.kept += 1
            return kept
        try:
            return await self._try(job, _TRIES)
        except _Refused as refused:
            is_broken = refused.effect is Effect.BROKEN_OFF
            self.later.append((job, self._failed(refused.error) if is_broken else None))
            return None

    async def _answer_later(self) -> None:
        """Answer the rows that were put off, one after the other: nothing else is under way now."""
        misses = 0
        for job, first in self.later:
            answer = first
            if self.over is None and (first is None or misses < _GIVEN_UP):
                try:
                    answer = await self._try(job, _LAST_TRIES) or first
                except _Refused as refused:
                    answer = self._failed(refused.error)
                if first is not None and answer is not None and answer is not first:
                    misses = misses + 1 if answer.error else 0
                    made = answer.requests + job.requests
                    answer = replace(answer, again=True, requests=made)
            if answer is not None:
                self.done.put_nowait((job, answer))

    async def _try(self, job: Job, tries: int) -> JobResult | None:
        """Send a job, so often where it meets a limit; return None where it is not covered, or the run is over.

        Raises:
            _Refused: If it met a limit each time, or its reply broke off.
        """
        while True:
            burst = await self.pace.enter()
            try:
                hold = await self._set_aside(job)
                if hold is None:
                    return None
                return await self._send(job, hold)
            except _Refused as refused:
                if not self._may_go_on(job, refused, burst):
                    # Why nobody answers is told as this row's error. A used-up quota explains itself.
                    is_gone = refused.effect is Effect.UNREACHED and refused.error is self.over
                    return self._failed(refused.error) if is_gone else None
                tries -= 1
                if refused.effect is Effect.BROKEN_OFF or not tries:
                    raise
            finally:
                self.pace.leave()

    def _may_go_on(self, job: Job, refused: _Refused, burst: int) -> bool:
        """Make everybody wait after a refusal, as it asks; say whether the run goes on after that."""
        error, pace = refused.error, self.pace
        who, why = _name(job), describe_cause(error)
        match refused.effect:
            case Effect.BROKEN_OFF:
                pace.narrow(burst)
                return True
            case Effect.WAITS:
                wait = error.retry_after or 0.0
                is_over = pace.waited + wait > _MOST_PATIENCE
                if not is_over:
                    pace.hold(wait, who, why)
            case Effect.UNREACHED:
                is_over = self.unreached >= _UNREACHED
                # On a hub it may be the gateway.
                if not is_over and pace.back_off(burst, "the server", why):
                    self.unreached += 1
            case Effect.BACKS_OFF:
                most = _MOST_PATIENCE if self.succeeded else _PATIENCE_AT_FIRST
                is_over = pace.waited >= most
                if not is_over:
                    pace.back_off(burst, who, why)
            case _:
                is_over = True
        if is_over and isinstance(error, RateLimited | ProviderUnavailable):
            self.over = self.over or error
        return self.over is None

    async def _set_aside(self, job: Job) -> Hold | None:
        if self.over is not None:
            return None
        try:
            kind = job.call.instrument
            return await self.purse.set_aside(kind, self._estimate(job), job.requests)
        except OverBudget as error:
            self.over = error
            return None

    async def _send(self, job: Job, hold: Hold) -> JobResult:
        cost, made = None, None
        try:
            result = await self._ask(job, replace(job.call, max_requests=hold.cap))
            answer = self._price(make_answer(hold.kind, result), job.target)
            cost, made = answer.cost, answer.requests
        # These may be one row's bad luck. Any other error would hit every row, and ends the run.
        except KeyPasted as error:
            cost, made = 0.0, 0
            return self._failed(error)
        except ProviderError as error:
            cost = cost_of(error, job.requests)
            effect = find_effect(error)
            if effect is Effect.UNREACHED and not (self.succeeded or self.kept):
                effect = Effect.OF_ROW  # it may never have been there
            if effect is Effect.OF_ALL:
                raise
            if effect is not Effect.OF_ROW:
                raise _Refused(error, effect) from None
            return self._failed(error)
        finally:
            self.purse.settle(hold, cost, made)
        self.succeeded += 1
        self.unreached = 0
        self.pace.succeed()
        if self.cache and job.shelf and answer.whole:
            self.cache.save(job.shelf, job.name, _write(answer))
        return answer

    def _estimate(self, job: Job) -> Estimate:
        if job.target is None or self.purse.limits.budget is None:
            return Estimate()
        return estimate_call(job.call, job.target, self.purse.limits, job.requests)

    def _price(self, answer: JobResult, target: Target | None) -> JobResult:
        """Return the answer with its cost, where the person's own price says it or practice costs nothing."""
        tokens = answer.input_tokens, answer.output_tokens
        if answer.cost is not None or target is None or None in tokens:
            return answer
        cost = self.purse.limits.price(target, tokens[0] or 0, tokens[1] or 0)
        return replace(answer, cost=cost)

    async def _ask(self, job: Job, call: Call) -> Result:
        """Ask; and where a hub's limit on calls is reached, wait until it is not."""
        until = self.clock.now() + _MOST_PATIENCE
        while True:
            try:
                return await self.ask(call, partial(self._hear, job))
            except LimitReached as error:
                wait = error.retry_after
                if wait is None or wait > PATIENCE or self.clock.now() + wait > until:
                    raise  # a day's allowance, say: nobody waits for that
            if wait >= _TOLD_WAIT:
                self.done.put_nowait(Pause(wait, "the hub", "your limit there is reached"))
            await self.clock.sleep(max(wait, _LEAST_WAIT))

    def _hear(self, job: Job, seconds: float) -> None:
        """Make everybody wait while a call does that was asked to."""
        if seconds >= _ASKED_TO:
            self.pace.hold(seconds, _name(job), "it asks to wait")

    def _failed(self, error: AssayError) -> JobResult:
        self.first_error = self.first_error or error
        self.failed += not says_nothing_of_others(error)
        if self.failed >= _HOPELESS and not self.succeeded:
            raise error
        return JobResult(error=str(error), stop=error.stop if isinstance(error, BadReply) else None)


def _name(job: Job) -> str:
    """Return who answers a job, for people."""
    named = job.target and job.target.provider
    return label_of(named) if named else "the provider"


def find_kept(cache: Cache, job: Job) -> JobResult | None:
    """Return what was answered earlier, and whole; None where it has to be asked."""
    kept = cache.find(job.shelf, job.name)
    if kept is None:
        return None
    answer = _read(kept)
    blank = answer.output is not None and not answer.output.strip()
    return answer if answer.whole and not blank else None


def make_answer(instrument: str, result: Result) -> JobResult:
    """Return a result as the answer that is kept of it; a judgement without a score is a row that failed."""
    source: Provenance = result.provenance
    fault: str | None = getattr(result, "fault", None)
    payload = PAYLOADS[instrument](result) if instrument in PAYLOADS else {}
    return JobResult(
        payload=payload,
        input_tokens=source.usage.input_tokens,
        output_tokens=source.usage.output_tokens,
        cost=source.cost,
        seconds=source.seconds,
        model=source.model,
        practice=source.practice,
        requests=source.requests,
        error=fault,
        stop=None if fault else getattr(result, "stop", "end"),
        thought=getattr(result, "thought", False),
        result=result,
    )


def _write(answer: JobResult) -> dict[str, Any]:
    return {**{name: getattr(answer, name) for name in KEPT}, "payload": dict(answer.payload)}


def _read(kept: Mapping[str, Any]) -> JobResult:
    known = {name: kept[name] for name in (*KEPT, "payload") if name in kept}
    # What was kept before `stop` stood beside the payload has it within.
    known.setdefault("stop", kept.get("payload", {}).get("stop", "end"))
    return JobResult(**known, cached=True)
