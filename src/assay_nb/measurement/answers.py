"""Many calls at once: bounded, resumable, each answered from the cache where it was paid for before."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from assay_nb.engine.call import Call
from assay_nb.engine.portal import Portal
from assay_nb.errors import (
    AssayError,
    BadReply,
    LimitReached,
    ProviderUnavailable,
    RateLimited,
    error_from_dict,
)
from assay_nb.instruments.base import Provenance, Result
from assay_nb.measurement.cache import Cache
from assay_nb.measurement.purse import OverBudget, Purse

if TYPE_CHECKING:
    from assay_nb.engine.remote import RemoteEngine
    from assay_nb.engine.run_pass import Passes, RunPass

Ask: TypeAlias = "Callable[[Call], Any]"
"""An async function from a call to its result."""

CONCURRENCY = 8
MOST_CONCURRENT = 256
_PATIENCE = 60.0
_MOST_PATIENCE = 600.0
"""Seconds that one row waits for a limit on calls per minute, at a time and in all."""

_LATE = 3600.0
"""Seconds after a run token's end when its last call has surely ended too."""

_HOPELESS = 8
"""So many failures before any success end the whole run: the next thousand would fail alike."""


@dataclass(frozen=True, slots=True)
class Job:
    """One call, and where its answer belongs.

    Attributes:
        call: What is asked.
        tag: Whatever tells the caller which job this was.
        shelf: The cache file; empty for what is not kept.
        name: The name in it.
        requests: How many requests the call makes, repairs aside.
    """

    call: Call
    tag: Any = None
    shelf: str = ""
    name: str = ""
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
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
    cached: bool = False
    result: Any = None

    @property
    def output(self) -> str | None:
        """A run's output; None for a row that failed."""
        return self.payload.get("output")


_KEPT = ("input_tokens", "output_tokens", "cost", "seconds", "model", "practice", "requests")

PAYLOADS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "playground": lambda run: {"output": run.output, "stop": run.stop},
    "judge": lambda judgement: {
        "score": judgement.score,
        "preferences": list(judgement.preferences),
        "answers": {mark.criterion: mark.answer for mark in judgement.marks},
    },
}


async def stream_answers(
    jobs: Iterable[Job],
    ask: Ask,
    *,
    cache: Cache | None = None,
    purse: Purse | None = None,
    concurrency: int = CONCURRENCY,
) -> AsyncIterator[tuple[Job, Answer]]:
    """Yield each job with its answer, as they come. At most `concurrency` calls are under way at once.

    Jobs are taken from the iterable one by one, so it may be long; closing the iterator stops the
    calls under way, and every row that had finished is in the cache.

    Raises:
        OverBudget: Once the calls under way have ended, if the purse did not cover the next.
        AssayError: What would hit every row alike.
    """
    pending = iter(jobs)
    done: asyncio.Queue[tuple[Job, Answer] | BaseException | None] = asyncio.Queue()
    crew = _Crew(pending, ask, cache, purse or Purse(), done)
    workers = [asyncio.create_task(crew.work()) for _ in range(concurrency)]
    try:
        left = len(workers)
        failure: BaseException | None = None
        while left:
            item = await done.get()
            if item is None:
                left -= 1
            elif isinstance(item, BaseException):
                failure = failure or item
                if not isinstance(item, OverBudget):
                    break  # what is under way would fail as well
            else:
                yield item
        if failure is not None:
            raise failure
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
    purse: Purse
    done: asyncio.Queue[tuple[Job, Answer] | BaseException | None]
    succeeded: int = 0
    failed: int = 0
    ended: bool = False

    async def work(self) -> None:
        """Take one job after the other until there are none."""
        try:
            while not self.ended and (job := next(self.jobs, None)) is not None:
                answer = await self._answer(job)
                self.done.put_nowait((job, answer))
                if answer.cached:  # it has not waited for anything, and others want the loop
                    await asyncio.sleep(0)
        except (AssayError, OverBudget) as error:
            self.ended = True
            self.done.put_nowait(error)
        finally:
            self.done.put_nowait(None)

    async def _answer(self, job: Job) -> Answer:
        if self.cache and job.shelf and (kept := self.cache.find(job.shelf, job.name)):
            return _read(kept)
        kind = job.call.instrument
        amount = self.purse.set_aside(kind, job.requests)
        cost = None
        try:
            result = await self._ask(job.call)
            answer = make_answer(kind, result)
            cost = answer.cost
        # These may be one row's bad luck. Any other error would hit every row, and ends the run.
        except BadReply as error:  # it was answered, at a cost that nobody told
            return self._failed(error)
        except (RateLimited, ProviderUnavailable) as error:
            cost = 0.0
            return self._failed(error)
        finally:
            self.purse.settle(kind, amount, cost, job.requests)
        self.succeeded += 1
        if self.cache and job.shelf:
            self.cache.save(job.shelf, job.name, _write(answer))
        return answer

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

    def _failed(self, error: AssayError) -> Answer:
        self.failed += 1
        if self.failed >= _HOPELESS and not self.succeeded:
            raise error
        return Answer(error=error.message)


def make_answer(instrument: str, result: Result) -> Answer:
    """Return a result as the answer that is kept of it."""
    source: Provenance = result.provenance
    payload = PAYLOADS[instrument](result) if instrument in PAYLOADS else {}
    return Answer(
        payload=payload,
        input_tokens=source.usage.input_tokens,
        output_tokens=source.usage.output_tokens,
        cost=source.cost,
        seconds=source.seconds,
        model=source.model,
        practice=source.practice,
        requests=source.requests,
        result=result,
    )


def _write(answer: Answer) -> dict[str, Any]:
    return {**{name: getattr(answer, name) for name in _KEPT}, "payload": dict(answer.payload)}


def _read(kept: Mapping[str, Any]) -> Answer:
    known = {name: kept[name] for name in (*_KEPT, "payload") if name in kept}
    return Answer(**known, cached=True)


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
        from assay_nb.engine.remote import connect_worker

        with self._lock:
            if lent not in self._engines:
                self._forget_expired()
                self._engines[lent] = connect_worker(lent)
            return self._portal, self._engines[lent]

    def _forget_expired(self) -> None:
        for one in [one for one in self._engines if one.expires_at + _LATE < time.time()]:
            self._portal.call(self._engines.pop(one).aclose)


_borrowed = _Borrowed()
