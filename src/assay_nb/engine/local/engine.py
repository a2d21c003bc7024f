"""The local engine: it opens the key and calls the provider in this process.

Solo mode runs it in the kernel, hub mode in the gateway. It is where rooms meet that do not know each
other: the vault opens the key, the provider puts it on one request, the instrument reads the reply,
the log keeps who and when.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from anyio import CancelScope
from anyio.to_thread import run_sync

from assay_nb.engine.call import Call, Engine, OnWait
from assay_nb.engine.events import Event, Finished, NextRound, Started, Waiting
from assay_nb.engine.local.account import Account
from assay_nb.engine.local.credentials import find_credential
from assay_nb.engine.local.gathering import Gathering
from assay_nb.engine.local.keyways import guided
from assay_nb.engine.local.planner import CallPlan, Planner
from assay_nb.engine.local.practice import explained
from assay_nb.engine.local.recorder import Recorder
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.engine.tasks import end
from assay_nb.errors import BadReply, ProviderError, StoreUnavailable
from assay_nb.instruments.base import Instrument, Result, Script
from assay_nb.instruments.exchange.validation import ENDS_LISTS
from assay_nb.messages import Reply, Request
from assay_nb.providers import get_provider
from assay_nb.text.pasted import refuse_secrets

if TYPE_CHECKING:
    from assay_nb.egress.credential import Credential

_SHORT = 2_000
"""Characters that every instrument reads and checks within a few milliseconds."""


class LocalEngine(Engine):
    """Runs calls for one person, with the keys of the workspaces they are a member of.

    Solo mode and the gateway differ in what is handed in, not in this class.

    Args:
        resources: The vault, the workspaces, the log and the outbound connections.
        planner: Decides what a call becomes.
        recorder: Notes what a call did.
    """

    def __init__(self, resources: Resources, planner: Planner, recorder: Recorder) -> None:
        self._resources = resources
        self._planner = planner
        self._recorder = recorder

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Run a call; see `Engine`."""
        async with aclosing(self.run_batches(call)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event

    async def run_batches(self, call: Call) -> AsyncGenerator[Sequence[Event]]:
        """Run a call, and yield the events that came since the last time: for what writes them together.

        The work is done by a task of its own that is cancelled when the generator is closed, since a
        stream that is merely abandoned stays open at some providers, and is paid for.
        """
        events = _Buffer()
        task = asyncio.create_task(self._work(call, events.put))
        task.add_done_callback(events.close)
        try:
            while batch := await events.take():
                yield batch
            await task
        finally:
            await end(task)

    async def ask(self, call: Call, on_wait: OnWait | None = None) -> Result:
        """Run a call for its result alone, in the caller's task; see `Engine`.

        A thousand calls at once that pass their events through queues are all half done most of the time,
        which costs a tenth of the whole.
        """
        last: Event | None = None

        def take(event: Event) -> None:
            nonlocal last
            last = event
            if isinstance(event, Waiting) and on_wait is not None:
                on_wait(event.seconds)

        await self._work(call, take)
        return cast("Finished", last).result

    async def aclose(self) -> None:
        await self._recorder.aclose()
        await self._resources.aclose()

    async def _work(self, call: Call, emit: Callable[[Event], None]) -> None:
        with self._recorder.running():
            await self._make(call, emit)

    async def _make(self, call: Call, emit: Callable[[Event], None]) -> None:
        _refuse_keys(call)
        instrument = _instrument(call.instrument)
        script = instrument.start(call.prompt, call.options)
        plan = await self._planner.plan(call, instrument)
        if plan.ends_lists:
            script = instrument.start(call.prompt, {**call.options, ENDS_LISTS: True})
        emit(
            Started(
                workspace=plan.workspace.name,
                provider=plan.connection,
                model=plan.model,
                funding=plan.funding,
                practice=plan.practice,
                budget=plan.budget,
            )
        )
        account = Account(plan, call.max_requests)
        owner = guided(self._resources, plan.workspace, is_demo=plan.mode == "demo")
        self._recorder.begin(plan, call, account)
        try:
            async with owner:
                result = await self._drive(script, len(call.prompt), plan, account, emit)
        except BaseException as error:
            await self._close(plan, call, account, error)
            raise
        finished = Finished(result.with_provenance(account.provenance()))
        await self._close(plan, call, account, None)
        emit(finished)

    async def _drive(
        self,
        script: Script[Any],
        length: int,
        plan: CallPlan,
        account: Account,
        emit: Callable[[Event], None],
    ) -> Result:
        """Answer what the script asks until it returns its result."""
        step = await _advance(script, None, length)
        while not isinstance(step, _Done):
            asked = [
                self._ask(request, lane, plan, account, emit) for lane, request in enumerate(step)
            ]
            try:
                replies = tuple(await _answer_all(asked))
            except ProviderError as error:  # a script that has an answer by now returns that
                step = await _advance(script, error, length)
                continue
            length += sum(len(reply.text) for reply in replies)
            step = await _advance(script, replies, length)
            if not isinstance(step, _Done):
                account.rounds += 1
                emit(NextRound(account.rounds))
        return step.result

    async def _ask(
        self,
        request: Request,
        lane: int,
        plan: CallPlan,
        account: Account,
        emit: Callable[[Event], None],
    ) -> Reply:
        from assay_nb.providers.retry import Retry

        if not account.may_send():
            raise BadReply(
                f"The call takes another request, and its limit of {account.max_requests:,} is reached.",
                hint="Raise max_calls (--max-calls), or run it again.",
            )
        retry = Retry(
            on_wait=lambda seconds, attempt: emit(Waiting(seconds, attempt)),
            may_send=account.may_send,
        )
        if plan.practice:
            retry = replace(retry, attempts=1)  # a server that has ended does not come back
        provider = await get_provider(plan.provider, self._resources.egress, retry=retry)
        gathering = Gathering(lane)
        stream = provider.stream(
            _fitted(request, plan), model=plan.model, credential=self._credential(plan)
        )
        with (
            account.metering(gathering.came),
            explained(plan.destination, has_practice=self._resources.has_practice),
        ):
            async with aclosing(stream):
                async for event in stream:
                    for shown in gathering.take(event):
                        account.text_came = True
                        emit(shown)
                    if gathering.stop_beyond(request.longest):
                        account.lose_count()
                        break
        account.add(gathering.usage, gathering.stopped)
        return gathering.reply()

    def _credential(self, plan: CallPlan) -> Credential:
        owner = PLATFORM if plan.mode == "demo" else plan.workspace.id
        return find_credential(self._resources, owner, plan.destination, mode=plan.mode)

    async def _close(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        """Settle the budget and write the log, also when the task is being cancelled.

        A database that cannot be written now must not take away a reply that was paid for, or hide
        the error that ended the call. An unsettled demo call counts as spent.
        """
        with CancelScope(shield=True):
            try:
                await self._recorder.record(plan, call, account, error)
            except StoreUnavailable as failed:
                self._resources.say_unlogged(1, failed)


class _Buffer:
    """Events on their way from a call to whoever reads them."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._is_closed = False
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    def close(self, _: object) -> None:
        """Let the reader see that nothing more comes."""
        self._is_closed = True
        self._news.set()

    async def take(self) -> Sequence[Event]:
        """Return what came since the last time, at least one; nothing at the end."""
        if not (self._events or self._is_closed):
            self._news.clear()
            await self._news.wait()
        events, self._events = self._events, []
        return events


@dataclass(frozen=True, slots=True)
class _Done:
    result: Result


async def _advance(
    script: Script[Any], replies: tuple[Reply, ...] | ProviderError | None, length: int
) -> tuple[Request, ...] | _Done:
    """Run a script up to its next question, given how many characters it has to read.

    It reads and checks text, which takes seconds on a very long prompt: that is done in a thread, so that
    other calls continue meanwhile. On a short one handing it to a thread would take longer.
    """
    if length <= _SHORT:
        return _next_step(script, replies)
    return await run_sync(_next_step, script, replies)


def _next_step(
    script: Script[Any], replies: tuple[Reply, ...] | ProviderError | None
) -> tuple[Request, ...] | _Done:
    try:
        if isinstance(replies, ProviderError):
            return script.throw(replies)
        return next(script) if replies is None else script.send(replies)
    except StopIteration as done:
        return _Done(done.value)


async def _answer_all(asked: Sequence[Coroutine[Any, Any, Reply]]) -> list[Reply]:
    """Return the replies to requests that are sent at once; where one fails, the others end with it.

    One that went on would send retries for a call that is over, and nobody would count what they cost.
    """
    if len(asked) == 1:
        return [await asked[0]]
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            await end(task)


def _fitted(request: Request, plan: CallPlan) -> Request:
    """Return the request with no more output asked for than the model there can give."""
    limit = plan.known.output_limit
    if limit is None or request.ceiling <= limit:
        return request
    return replace(request, max_output_tokens=limit)


def _instrument(name: str) -> Instrument[Any]:
    from assay_nb.instruments.catalog import find_instrument

    return find_instrument(name)


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield the texts within JSON data, each by itself: a column's name says nothing of its value."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for name, one in cast("Mapping[Any, Any]", value).items():
            yield from _texts(one, f"The value of '{name}'")
    elif isinstance(value, (list, tuple)):
        for one in cast("Sequence[Any]", value):
            yield from _texts(one, where)


def _refuse_keys(call: Call) -> None:
    """Raise `KeyPasted` for a call that would send something shaped like a key to a model."""
    for where, text in (("The prompt", call.prompt), *_texts(call.options, "The options")):
        refuse_secrets(text, where, outcome="this call was not sent to a model")
