"""Workers: many jobs at once, within the limits, cached, each row's error kept as that row's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
from assay_nb.experiments.run.jobs import KEPT, PAYLOADS, Ask, Job, JobResult
from assay_nb.experiments.run.target import Target
from assay_nb.experiments.spending.budget import Budget, Hold, OverBudget
from assay_nb.experiments.spending.estimates import Estimate, estimate_call
from assay_nb.experiments.spending.limits import CONCURRENCY
from assay_nb.instruments.base import Provenance, Result

_PATIENCE = 60.0
_MOST_PATIENCE = 600.0
"""Seconds that one row waits for a limit per minute, a hub's or a provider's, at a time and in all."""

_LEAST_WAIT = 0.2
"""Seconds; a limit that opens at once may not be hammered."""

LATE = 3600.0
"""Seconds after a run token's end when its last call has surely ended too."""

_TOO_LONG = 413
_HOPELESS = 8
"""So many failures before any success end the whole run: the next thousand would fail alike."""

_OF_ONE_ROW = frozenset({400, 413, 422})
"""Statuses that may concern one row alone: it is too long, or against the provider's rules.

Another status (no credit, no such model, a key that is refused) would hit every row.
"""


async def stream_answers(
    jobs: Iterable[Job],
    ask: Ask,
    *,
    cache: Cache | None = None,
    purse: Budget | None = None,
    concurrency: int = CONCURRENCY,
    all_may_fail: bool = False,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[tuple[Job, JobResult]]:
    """Yield each job with its answer, as they come. At most `concurrency` calls are under way at once.

    Jobs are taken from the iterable one by one, so it may be long; closing the iterator stops the
    calls under way, and every row that had finished is in the cache. Where the purse does not cover a
    call, no later one is sent either, and jobs that were answered earlier are still yielded. The same
    holds where a provider's quota is used up for longer than a row waits, such as for the day. A shorter
    wait that a provider asks for is waited, by all workers together, and no row is lost to it.

    Raises:
        OverBudget: At the end, if the purse did not cover each call.
        RateLimited: At the end, if a quota is used up for longer.
        AssayError: What would hit every row alike; and, unless all of them may fail, the first one's
            error where not a single row was answered.
    """
    pending = iter(jobs)
    done: asyncio.Queue[tuple[Job, JobResult] | BaseException | None] = asyncio.Queue()
    crew = _Crew(pending, ask, cache, purse or Budget(), done, sleep)
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


class _Later(Exception):
    """A provider said when to come back. Unlike the error itself, it does not end the run."""

    def __init__(self, error: ProviderError) -> None:
        super().__init__()
        self.error = error


@dataclass
class _Crew:
    """What the workers of one run share."""

    jobs: Iterator[Job]
    ask: Ask
    cache: Cache | None
    purse: Budget
    done: asyncio.Queue[tuple[Job, JobResult] | BaseException | None]
    sleep: Callable[[float], Awaitable[None]]
    succeeded: int = 0
    kept: int = 0
    failed: int = 0
    first_error: AssayError | None = None
    over: OverBudget | RateLimited | None = None
    ended: bool = False
    opens: float = 0.0

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
        except AssayError as error:
            self.done.put_nowait(error)
        finally:
            self.ended = True  # there are no more jobs, or something went wrong
            self.done.put_nowait(None)

    async def _answer(self, job: Job) -> JobResult | None:
        """Return the answer; None where it is not covered."""
        if job.unfit is not None:
            return JobResult(error=job.unfit, sent=False)
        if self.cache and job.shelf and (kept := find_kept(self.cache, job)):
            self.kept += 1
            return kept
        until = time.monotonic() + _MOST_PATIENCE
        while True:
            await self._wait_until_open()
            hold = await self._set_aside(job)
            if hold is None:
                return None
            try:
                return await self._send(job, hold)
            except _Later as later:
                error = later.error
                wait = error.retry_after or 0.0
                if isinstance(error, RateLimited) and outlasts_a_row(error):
                    self.over = self.over or error
                    return None
                if time.monotonic() + wait > until:
                    return self._failed(error)
            self.opens = max(self.opens, time.monotonic() + max(wait, _LEAST_WAIT))

    async def _wait_until_open(self) -> None:
        """Wait as long as a provider has asked to: what is sent meanwhile would be refused as well."""
        while (left := self.opens - time.monotonic()) > 0:
            await self.sleep(left)

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
            result = await self._ask(replace(job.call, max_requests=hold.cap))
            answer = self._price(make_answer(hold.kind, result), job.target)
            cost, made = answer.cost, answer.requests
        # These may be one row's bad luck. Any other error would hit every row, and ends the run.
        except BadReply as error:  # it was answered, at a cost that nobody told
            return self._failed(error)
        except KeyPasted as error:
            cost, made = 0.0, 0
            return self._failed(error)
        except ProviderError as error:
            cost = _cost_of(error, job.requests)
            if _says_when(error):
                raise _Later(error) from None
            if not concerns_one_row(error):
                raise
            return self._failed(error)
        finally:
            self.purse.settle(hold, cost, made)
        self.succeeded += 1
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

    async def _ask(self, call: Call) -> Result:
        """Ask; and where a hub's limit on calls is reached, wait until it is not."""
        until = time.monotonic() + _MOST_PATIENCE
        while True:
            try:
                return await self.ask(call)
            except LimitReached as error:
                wait = error.retry_after
                if wait is None or wait > _PATIENCE or time.monotonic() + wait > until:
                    raise  # a day's allowance, say: nobody waits for that
            await self.sleep(max(wait, _LEAST_WAIT))

    def _failed(self, error: AssayError) -> JobResult:
        self.first_error = self.first_error or error
        self.failed += not _is_this_rows(error)
        if self.failed >= _HOPELESS and not self.succeeded:
            raise error
        return JobResult(error=str(error), stop=error.stop if isinstance(error, BadReply) else None)


def outlasts_a_row(error: RateLimited) -> bool:
    """Return whether a quota is used up for longer than a row waits, so that the run ends with what is there."""
    return error.daily or (error.retry_after or 0.0) > _PATIENCE


def _says_when(error: ProviderError) -> bool:
    """Return whether a provider said when to come back, or that it is not soon."""
    if isinstance(error, RateLimited):
        return error.daily or error.retry_after is not None
    wait = error.retry_after if isinstance(error, ProviderUnavailable) else None
    return wait is not None and wait <= _PATIENCE


def _is_this_rows(error: AssayError) -> bool:
    """Return whether a failure says nothing of other rows: a text that is too long, or that nobody answers.

    Data is often sorted, so the first rows may well be the longest.
    """
    if isinstance(error, BadReply):
        return error.stop in {"length", "filtered", "refusal"}
    return isinstance(error, KeyPasted) or getattr(error, "status", None) == _TOO_LONG


def concerns_one_row(error: ProviderError) -> bool:
    """Return whether a failure may be one row's: what is wrong with it alone, or bad luck."""
    return isinstance(error, RateLimited | ProviderUnavailable) or refuses_text(error)


def refuses_text(error: ProviderError) -> bool:
    """Return whether a provider did not take what was sent: it is too long, or against the rules."""
    return error.status in _OF_ONE_ROW


def _cost_of(error: ProviderError, requests: int) -> float | None:
    """Return what a failed call cost: nothing where the provider refused it, unknown where it broke off.

    Of several requests, others may have been answered before one was refused.
    """
    return None if error.status in {None, 200} or requests > 1 else 0.0


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
