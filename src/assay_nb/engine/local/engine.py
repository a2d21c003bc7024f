"""The engine that opens the key and calls the provider in this process.

Solo mode runs it in the kernel, hub mode in the gateway. It is where rooms meet that do not know each
other: the vault opens the key, the provider puts it on one request, the instrument reads the reply,
the log keeps who and when.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync

from assay_nb.egress.origins import is_official
from assay_nb.engine.call import Call, Engine
from assay_nb.engine.events import Delta, Event, Finished, NextRound, Started, Waiting
from assay_nb.engine.local.practice import (
    WORKSPACE,
    explained,
    find_credential,
    find_workspace,
    is_practice,
    no_key,
)
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.engine.tasks import end
from assay_nb.errors import (
    AssayError,
    BadReply,
    DemoExhausted,
    ProviderError,
    ProviderKeyMissing,
    StoreUnavailable,
    WrongUsage,
)
from assay_nb.instruments.base import Instrument, Provenance, Result, Script
from assay_nb.messages import (
    PROVIDERS,
    Destination,
    ProviderId,
    Reply,
    Request,
    Stopped,
    TextDelta,
    Usage,
    UsageReport,
)
from assay_nb.models import catalog
from assay_nb.providers import get_provider, setup
from assay_nb.text.pasted import refuse_secrets

if TYPE_CHECKING:
    from assay_nb.accounting.demo_budget import Reservation
    from assay_nb.providers.base import Credential
    from assay_nb.store.call_rows import CallRecord
    from assay_nb.workspaces.membership import Workspace

_SHORT = 2_000
"""Characters that every instrument reads and checks within a few milliseconds."""


Funder = Literal["byok", "demo"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call will do, decided before anything is sent.

    Attributes:
        workspace: Whose call it is.
        provider: Who is called.
        model: Which model.
        destination: Where, as bound to the key.
        mode: Which of the workspace's keys: its own, or the operator's for the demo.
        reservation: The demo call that pays for it, if one does.
        funding: The same, in words.
    """

    workspace: Workspace
    provider: ProviderId
    model: str
    destination: Destination
    mode: Funder = "byok"
    reservation: Reservation | None = None
    funding: str = "workspace"

    @property
    def practice(self) -> bool:
        return is_practice(self.destination)


class LocalEngine(Engine):
    """Runs calls for one person, with the keys of the workspaces they are a member of.

    Args:
        backing: The vault, the workspaces, the logs and the way out.
        user: Whose calls they are.
        threads: How many threads may plan and note calls at a time; as many as there are without it.
    """

    def __init__(
        self, backing: Resources, user: str, threads: CapacityLimiter | None = None
    ) -> None:
        self._backing = backing
        self._user = user
        self._threads = threads

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Run a call; see `Engine`.

        The work is done by a task of its own that is cancelled when the iterator is closed, since a
        stream that is merely abandoned stays open at some providers, and is paid for.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        task = asyncio.create_task(self._work(call, events.put_nowait))
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await task
        finally:
            await end(task)

    async def ask(self, call: Call) -> Result:
        """Run a call for its result alone, in the task of whoever asks; see `Engine`.

        A thousand calls at once that pass their events through queues are all half done most of the time,
        which costs a tenth of the whole.
        """
        events: list[Event] = []
        await self._work(call, events.append)
        return cast("Finished", events[-1]).result

    async def aclose(self) -> None:
        await self._backing.aclose()

    async def _work(self, call: Call, emit: Callable[[Event], None]) -> None:
        _refuse_keys(call)
        instrument = _instrument(call.instrument)
        script = instrument.start(call.prompt, call.options)
        plan = await self._decide(call, instrument)
        emit(
            Started(
                workspace=plan.workspace.name,
                provider=plan.provider,
                model=plan.model,
                funding=plan.funding,
                practice=plan.practice,
            )
        )
        account = Account(plan, call.max_requests)
        try:
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
        plan: Plan,
        account: Account,
        emit: Callable[[Event], None],
    ) -> Result:
        """Answer what the script asks until it returns its result."""
        step = await _advance(script, None, length)
        while not isinstance(step, _Done):
            asked = [
                self._ask(request, lane, plan, account, emit) for lane, request in enumerate(step)
            ]
            replies = await _answer_all(asked)
            length += sum(len(reply.text) for reply in replies)
            step = await _advance(script, tuple(replies), length)
            if not isinstance(step, _Done):
                account.rounds += 1
                emit(NextRound(account.rounds))
        return step.result

    async def _ask(
        self,
        request: Request,
        lane: int,
        plan: Plan,
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
        provider = await get_provider(plan.provider, self._backing.egress, retry=retry)
        text: list[str] = []
        usage, stopped = Usage(), Stopped("incomplete")
        stream = provider.stream(request, model=plan.model, credential=self._credential(plan))
        with (
            account.metering(text),
            explained(plan.destination, has_practice=self._backing.has_practice),
        ):
            async for event in stream:
                match event:
                    case TextDelta(part):
                        account.text_came = True
                        text.append(part)
                        emit(Delta(part, lane))
                    case UsageReport(report):
                        usage = report
                    case Stopped():
                        stopped = event
        account.add(usage, stopped)
        return Reply(
            "".join(text),
            stopped.reason,
            usage,
            stopped.model,
            stopped.request_id,
            stopped.thought,
        )

    async def _decide(self, call: Call, instrument: Instrument[Any]) -> Plan:
        """Return what a call will do."""
        return await run_sync(self._plan, call, instrument, limiter=self._threads)

    def _plan(self, call: Call, instrument: Instrument[Any]) -> Plan:
        """Decide whose key pays, which model answers and where: all that can fail before sending."""
        workspaces = self._backing.workspaces
        if call.workspace:
            workspace = find_workspace(self._backing, self._user, call.workspace)
        else:
            workspace = workspaces.active(self._user)
        stored = find_destinations(self._backing, workspace.id)
        wanted = call.model or workspace.model
        provider, model = catalog.parse_model(wanted) if wanted else _first_choice(stored)
        if provider is not None and provider in stored:
            chosen = model or catalog.DEFAULT_MODEL[provider]
            return Plan(workspace, provider, chosen, stored[provider])
        if not stored and instrument.demo:
            demo = self._demo(workspace, call)
            if demo is not None:
                return demo
        raise missing_key(self._backing, workspace, provider)

    def _demo(self, workspace: Workspace, call: Call) -> Plan | None:
        """Reserve a demo call, where the operator has stored a platform key."""
        provider, model = catalog.parse_model(catalog.DEMO_MODEL)
        platform = self._backing.vault.find_key(PLATFORM, provider, mode="demo")
        if platform is None:
            return None
        budget = self._backing.budget
        try:
            reservation = budget.reserve(self._user, call.idempotency_key)
        except DemoExhausted as exc:
            hint = "A key of the workspace's own goes on from here: `assay-nb keys set google` is the fastest start."
            raise DemoExhausted(exc.message, hint=hint) from None
        if reservation.repeated:
            raise WrongUsage(
                "This demo call was made already.", hint="Run the cell again to make another."
            )
        number = budget.granted - budget.left(self._user)
        return Plan(
            workspace,
            provider,
            model,
            platform.destination,
            mode="demo",
            reservation=reservation,
            funding=f"demo call {number} of {budget.granted}",
        )

    def _credential(self, plan: Plan) -> Credential:
        owner = PLATFORM if plan.mode == "demo" else plan.workspace.id
        return find_credential(self._backing, owner, plan.destination, mode=plan.mode)

    async def _close(
        self, plan: Plan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        """Settle the budget and write the log, also when the task is being cancelled.

        A database that cannot be written now must not take away a reply that was paid for, or hide
        the error that ended the call. An unsettled demo call counts as spent.
        """
        with CancelScope(shield=True):
            try:
                await self._note(plan, call, account, error)
            except StoreUnavailable as failed:
                self._say_unlogged(1, failed)

    def _say_unlogged(self, count: int, error: StoreUnavailable) -> None:
        what = "This call is" if count == 1 else f"{count} calls are"
        self._backing.say(f"{what} not in the log of calls. {error.message}")

    async def _note(
        self, plan: Plan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        await run_sync(self._write_up, plan, call, account, error, limiter=self._threads)

    def _write_up(
        self, plan: Plan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        if plan.reservation is not None:
            unbilled = (
                isinstance(error, ProviderError)
                and error.status is not None
                and not account.text_came
            )
            (self._backing.budget.give_back if unbilled else self._backing.budget.settle)(
                plan.reservation
            )
        self._backing.calls.record(self._make_record(plan, call, account, error))

    def _make_record(
        self, plan: Plan, call: Call, account: Account, error: BaseException | None
    ) -> CallRecord:
        from assay_nb.accounting.call_log import make_record

        source = account.provenance()
        free = plan.practice and self._backing.has_practice
        cost = 0.0 if free else source.cost
        return make_record(
            workspace_id=plan.workspace.id,
            user=self._user,
            instrument=call.instrument,
            provider=plan.provider,
            model=plan.model,
            funding="demo" if plan.mode == "demo" else "workspace",
            status=_status(error),
            input_tokens=account.known(source.usage.input_tokens),
            output_tokens=account.known(source.usage.output_tokens),
            cost_micros=account.known(None if cost is None else round(cost * 1_000_000)),
            milliseconds=round((source.seconds or 0) * 1000),
        )


class Account:
    """What a call has used so far."""

    def __init__(self, plan: Plan, max_requests: int | None) -> None:
        self._plan = plan
        self.max_requests = max_requests
        self._began = time.monotonic()
        self._usage = Usage()
        self._ids: list[str] = []
        self._model: str | None = None
        self.requests = 0
        self.rounds = 1
        self.text_came = False
        self._unmetered = 0

    @contextmanager
    def metering(self, text: Sequence[str]) -> Generator[None]:
        """Count a request whose use is not known, until its reply is whole or it was refused unbilled.

        Args:
            text: What has come of the reply.
        """
        self._unmetered += 1
        try:
            yield
        except AssayError as error:
            sent = isinstance(error, ProviderError) and error.status is None
            if not sent and not text:
                self._unmetered -= 1
            raise
        self._unmetered -= 1

    def known(self, total: int | None) -> int | None:
        """Return a total for the log; None where a request was stopped before it said what it used."""
        return None if self._unmetered else total

    def may_send(self) -> bool:
        """Count one more request, and say whether the call may make it."""
        if self.max_requests is not None and self.requests >= self.max_requests:
            return False
        self.requests += 1
        return True

    def add(self, usage: Usage, stopped: Stopped) -> None:
        self._usage += usage
        self._model = stopped.model or self._model
        if stopped.request_id:
            self._ids.append(stopped.request_id)

    def provenance(self) -> Provenance:
        plan = self._plan
        return Provenance(
            workspace=plan.workspace.name,
            provider=plan.provider,
            model=self._model or plan.model,
            usage=self._usage,
            cost=catalog.estimate_cost(
                plan.provider, plan.model, self._usage, official=is_official(plan.destination)
            ),
            seconds=round(time.monotonic() - self._began, 3),
            requests=self.requests,
            request_ids=tuple(self._ids),
            funding=plan.funding,
            practice=plan.practice,
        )


@dataclass(frozen=True, slots=True)
class _Done:
    result: Result


async def _advance(
    script: Script[Any], replies: tuple[Reply, ...] | None, length: int
) -> tuple[Request, ...] | _Done:
    """Run a script up to its next question, given how many characters it has to read.

    It reads and checks text, which takes seconds on a very long prompt: that is done in a thread, so that
    other calls go on meanwhile. On a short one the way to the thread and back would take longer.
    """
    if length <= _SHORT:
        return _next_step(script, replies)
    return await run_sync(_next_step, script, replies)


def _next_step(
    script: Script[Any], replies: tuple[Reply, ...] | None
) -> tuple[Request, ...] | _Done:
    try:
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


def find_destinations(backing: Resources, workspace_id: bytes) -> dict[ProviderId, Destination]:
    """Return where a workspace's keys lead, by provider."""
    keys = backing.vault.find_keys(workspace_id)
    stored: dict[ProviderId, Destination] = {
        key.destination.provider: key.destination for key in keys
    }
    return backing.own_practice.put_first(workspace_id, stored)


def missing_key(
    backing: Resources, workspace: Workspace, provider: ProviderId | None
) -> ProviderKeyMissing:
    """Return the error for a workspace without the key that a call needs: a real one, or practice's."""
    if backing.has_practice and workspace.name == WORKSPACE:
        stored = find_destinations(backing, workspace.id)
        if all(is_practice(destination) for destination in stored.values()):
            return no_key()
    return key_missing(workspace.name, provider, hub=not backing.has_practice)


def key_missing(
    workspace: str, provider: ProviderId | None, *, hub: bool = False
) -> ProviderKeyMissing:
    """Return the error for a workspace without the key that a call needs, with how to get one."""
    about = setup.SETUP[provider or "google"]
    what = f"{about.label} key" if provider else "provider key"
    if hub:
        return ProviderKeyMissing(
            f"Workspace '{workspace}' has no {what}.",
            hint="An owner or admin adds one on the key page: `%assay keys list` shows its address.",
        )
    first = "" if provider else f"{about.label} is the fastest start. "
    return ProviderKeyMissing(
        f"Workspace '{workspace}' has no {what}.",
        hint=f"{first}Get one at {about.keys_url}, "
        f"then `assay-nb keys set {about.provider} -w {shlex.quote(workspace)}`. "
        "`assay-nb try` shows everything without a key.",
    )


def _instrument(name: str) -> Instrument[Any]:
    from assay_nb.instruments.catalog import INSTRUMENTS

    if name not in INSTRUMENTS:
        raise WrongUsage(
            f"There is no instrument '{name}'.", hint=f"There are {', '.join(INSTRUMENTS)}."
        )
    return INSTRUMENTS[name]


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


def _first_choice(stored: Iterable[ProviderId]) -> tuple[ProviderId | None, str | None]:
    """Return the first provider with a key, in a fixed order, so that a call does not depend on chance."""
    present = set(stored)
    return next((provider for provider in PROVIDERS if provider in present), None), None


def _status(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return error.code if isinstance(error, AssayError) else "stopped"
