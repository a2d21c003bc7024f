"""Many calls at once: bounded, resumable, each answered from the cache where it was paid for before."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from assay_nb.engine.call import Call
from assay_nb.engine.portal import Portal
from assay_nb.errors import (
    AssayError,
    BadReply,
    KeyPasted,
    LimitReached,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    error_from_dict,
)
from assay_nb.experiments.run.budget import Budget, Hold, OverBudget
from assay_nb.experiments.run.cache import Cache
from assay_nb.experiments.run.estimates import Estimate, estimate_call
from assay_nb.experiments.run.limits import CONCURRENCY
from assay_nb.experiments.run.target import Target
from assay_nb.instruments.base import Provenance, Result

if TYPE_CHECKING:
    from assay_nb.engine.remote.engine import RemoteEngine
    from assay_nb.engine.remote.run_tokens import Passes, RunPass

Ask: TypeAlias = "Callable[[Call], Any]"
"""An async function from a call to its result."""

_PATIENCE = 60.0
_MOST_PATIENCE = 600.0
"""Seconds that one row waits for a limit on calls per minute, at a time and in all."""

_LATE = 3600.0
"""Seconds after a run token's end when its last call has surely ended too."""

_TOO_LONG = 413
_HOPELESS = 8
"""So many failures before any success end the whole run: the next thousand would fail alike."""

_OF_ONE_ROW = frozenset({400, 413, 422})
"""Statuses that may concern one row alone: it is too long, or against the provider's rules.

Another status (no credit, no such model, a key that is refused) would hit every row.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One call, and where its answer belongs.

    Attributes:
        call: What is asked.
        tag: Whatever tells the caller which job this was.
        shelf: The cache file; empty for what is not kept.
        name: The name in it.
        requests: How many requests the call makes, repairs aside.
        target: Who answers; None where that is not known, and neither is the price.
        unfit: Why it cannot be sent; None where it can. Then it is answered with that error.
    """

    call: Call
    tag: Any = None
    shelf: str = ""
    name: str = ""
    requests: int = 1
    target: Target | None = None
    unfit: str | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """What came of a job.

    Attributes:
        payload: The part of the result that is kept: a run's output, a judge's preferences.
        input_tokens: As the provider counted them.
        output_tokens: Likewise.
        cost: Dollars; None where prices are not known.
        seconds: Wall time.
        model: Who answered.
        practice: Whether it was the practice provider.
        requests: How many requests it took, repairs included.
        error: What went wrong with this row; None when nothing did.
        sent: Whether it was sent at all: a row that is unfit is not.
        stop: Why the reply ended, one of `messages.StopReason`: only `"end"` is whole. None without one.
        thought: Whether the model thought first: an empty reply used its output tokens for that.
        cached: Whether it was paid for earlier.
        result: The whole result; None from the cache.
    """

    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    model: str = ""
    practice: bool = False
    requests: int = 0
    error: str | None = None
    sent: bool = True
    stop: str | None = None
    thought: bool = False
    cached: bool = False
    result: Any = None

    @property
    def output(self) -> str | None:
        """A run's output as it came, whole or not; None for a row that failed."""
        return self.payload.get("output")

    @property
    def lost(self) -> str | None:
        """Why it is no observation: `"failed"`, or the word for a reply that is not whole. None if it is."""
        if self.stop is not None:
            return None if self.stop == "end" else self.stop
        return "failed" if self.error is not None or not self.payload else None

    @property
    def whole(self) -> bool:
        """Whether it is an observation: a reply that came, and came whole."""
        return self.lost is None

    def observed(self, *, count_cut: bool = False) -> str | None:
        """Return the output if it counts: one that is not whole does so only where that was asked for."""
        return self.output if self.whole or count_cut else None


_KEPT = (
    "stop",
    "input_tokens",
    "output_tokens",
    "cost",
    "seconds",
    "model",
    "practice",
    "requests",
)

PAYLOADS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "playground": lambda run: {"output": run.output},
    "judge": lambda judgement: {
        "score": judgement.score,
        "preferences": list(judgement.preferences),
        "answers": {mark.criterion: mark.answer for mark in judgement.marks},
        "reasons": _reasons(judgement),
    },
}


def _reasons(judgement: Any) -> dict[str, str]:
    """Return why, by criterion. Of a comparison: the words of the order in which `output` came first."""
    said = judgement.marks or next(iter(judgement.orders), ())
    return {one.criterion: one.reason for one in said}


async def stream_answers(
    jobs: Iterable[Job],
    ask: Ask,
    *,
    cache: Cache | None = None,
    purse: Budget | None = None,
    concurrency: int = CONCURRENCY,
    all_may_fail: bool = False,
) -> AsyncIterator[tuple[Job, JobResult]]:
    """Yield each job with its answer, as they come. At most `concurrency` calls are under way at once.

    Jobs are taken from the iterable one by one, so it may be long; closing the iterator stops the
    calls under way, and every row that had finished is in the cache. Where the purse does not cover a
    call, no later one is sent either, and jobs that were answered earlier are still yielded.

    Raises:
        OverBudget: At the end, if the purse did not cover each call.
        AssayError: What would hit every row alike; and, unless all of them may fail, the first one's
            error where not a single row was answered.
    """
    pending = iter(jobs)
    done: asyncio.Queue[tuple[Job, JobResult] | BaseException | None] = asyncio.Queue()
    crew = _Crew(pending, ask, cache, purse or Budget(), done)
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


@dataclass
class _Crew:
    """What the workers of one run share."""

    jobs: Iterator[Job]
    ask: Ask
    cache: Cache | None
    purse: Budget
    done: asyncio.Queue[tuple[Job, JobResult] | BaseException | None]
    succeeded: int = 0
    kept: int = 0
    failed: int = 0
    first_error: AssayError | None = None
    over: OverBudget | None = None
    ended: bool = False

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
        hold = await self._set_aside(job)
        return None if hold is None else await self._send(job, hold)

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
            await asyncio.sleep(max(wait, 0.2))

    def _failed(self, error: AssayError) -> JobResult:
        self.first_error = self.first_error or error
        self.failed += not _is_this_rows(error)
        if self.failed >= _HOPELESS and not self.succeeded:
            raise error
        return JobResult(error=str(error), stop=error.stop if isinstance(error, BadReply) else None)


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
    """Return a result as the answer that is kept of it."""
    source: Provenance = result.provenance
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
        stop=getattr(result, "stop", "end"),
        thought=getattr(result, "thought", False),
        result=result,
    )


def _write(answer: JobResult) -> dict[str, Any]:
    return {**{name: getattr(answer, name) for name in _KEPT}, "payload": dict(answer.payload)}


def _read(kept: Mapping[str, Any]) -> JobResult:
    known = {name: kept[name] for name in (*_KEPT, "payload") if name in kept}
    # What was kept before `stop` stood beside the payload has it within.
    known.setdefault("stop", kept.get("payload", {}).get("stop", "end"))
    return JobResult(**known, cached=True)


# --- who answers ------------------------------------------------------------------------------------


def ask_executor(executor: Executor, passes: Passes | None = None) -> Ask:
    """Return the function that has a call made by an executor's worker, which may be another machine.

    What travels is the call and its result, as plain data: no key, since a call has no field for one. The
    worker opens its own session, from its own environment; on a hub it is handed a run token instead, and
    asks the gateway.

    Args:
        executor: Who makes the calls.
        passes: In hub mode, what workers are let in with.
    """

    async def ask(call: Call) -> Result:
        from assay_nb.instruments.catalog import INSTRUMENTS

        lent = None if passes is None else await passes.get(call.workspace)
        told = await asyncio.wrap_future(executor.submit(answer_call, call.to_dict(), lent))
        if "error" in told:
            raise error_from_dict(told["error"])
        return INSTRUMENTS[call.instrument].read(told["result"])

    return ask


def answer_call(fields: Mapping[str, Any], lent: RunPass | None = None) -> dict[str, Any]:
    """Make one call in this process and return its result as plain data: what a worker runs.

    Args:
        fields: The call.
        lent: What the gateway lets this worker in with. None for a worker that has a vault.
    """
    from assay_nb.engine.session import current_session

    try:
        if lent is not None:
            portal, engine = _borrowed.open(lent)
        else:
            session = current_session()
            portal, engine = session.portal, session.engine
        return {"result": portal.call(engine.ask, Call.from_dict(fields)).to_dict()}
    except AssayError as error:
        return {"error": error.to_dict()}


class _Borrowed:
    """What a worker process makes calls with on run tokens: one loop, and an engine for each token.

    Two runs, perhaps of two people, may share a worker. So no engine is ever given another token.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal = Portal()
        self._engines: dict[RunPass, RemoteEngine] = {}

    def open(self, lent: RunPass) -> tuple[Portal, RemoteEngine]:
        """Return the loop and the engine for a pass."""
        from assay_nb.engine.remote.engine import connect_worker

        with self._lock:
            if lent not in self._engines:
                self._forget_expired()
                self._engines[lent] = connect_worker(lent)
            return self._portal, self._engines[lent]

    def _forget_expired(self) -> None:
        for one in [one for one in self._engines if one.expires_at + _LATE < time.time()]:
            self._portal.call(self._engines.pop(one).aclose)


_borrowed = _Borrowed()
