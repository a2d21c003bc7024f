"""The recorder: what is noted of a call, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from assay_nb.engine.call import Call
from assay_nb.engine.local.account import Account
from assay_nb.engine.local.charges import CallCharge, charge_call, estimate_call
from assay_nb.engine.local.planner import CallPlan
from assay_nb.engine.local.resources import Resources
from assay_nb.errors import AssayError, ProviderError

if TYPE_CHECKING:
    from assay_nb.store.call_rows import CallRecord


class Recorder(Protocol):
    """Notes calls."""

    def running(self) -> AbstractContextManager[None]:
        """Enclose a call, from before it is planned until after it is recorded."""
        ...

    def begin(self, plan: CallPlan, call: Call, account: Account) -> None:
        """Note a call that is about to be made."""
        ...

    async def record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        """Settle what was reserved for a call that has ended, and log it.

        Raises:
            StoreUnavailable: If the database cannot be written.
        """
        ...

    async def aclose(self) -> None:
        """Write what waits."""
        ...


@dataclass
class _Running:
    """The calls of one event loop. A portal that was closed, or a forked child, has another."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    unnoted: set[object] = field(default_factory=set[object])


_call: ContextVar[object] = ContextVar("call")


class SharedLog:
    """Writes calls that run side by side together: once a second, and when the last of them has ended.

    Args:
        resources: Has the log.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._running: _Running | None = None

    @contextmanager
    def running(self) -> Generator[None]:
        """Count a call, from before it is planned until after it is noted."""
        here, call = self._here(), object()
        here.unnoted.add(call)
        _call.set(call)
        try:
            yield
        finally:
            here.unnoted.discard(call)

    async def note(self, record: CallRecord) -> None:
        """Note a call that has ended. With the last of those that run, all lines are written when this returns."""
        log, unnoted = self._resources.calls, self._here().unnoted
        log.add(record)
        unnoted.discard(_call.get(None))
        if not unnoted:
            await log.flush()

    async def close(self) -> None:
        """Write what waits on this event loop."""
        if self._running is not None:
            self._running = None
            if "calls" in vars(self._resources):
                await self._resources.calls.close()

    def _here(self) -> _Running:
        if self._running is None or self._running.loop is not asyncio.get_running_loop():
            self._running = _Running()
        return self._running


class CallWriter:
    """Settles the demo budget and makes the log's lines: what solo mode and the gateway do alike.

    Args:
        resources: The budget and the log.
        user: Whose calls they are.
    """

    def __init__(self, resources: Resources, user: str) -> None:
        self._resources = resources
        self._user = user

    def settle(self, plan: CallPlan, account: Account, error: BaseException | None) -> None:
        """Settle the demo call, if one was reserved."""
        if plan.demo is not None:
            budget = self._resources.budget
            unbilled = (
                isinstance(error, ProviderError)
                and error.status is not None
                and not account.text_came
            )
            (budget.release if unbilled else budget.settle)(plan.demo)

    def begin(self, plan: CallPlan, call: Call, account: Account) -> None:
        """Note a call that is about to be made. It goes into the log unless it ends soon."""
        if self._is_free(plan):
            return
        from assay_nb.accounting.call_log import make_id

        call_id = account.call_id = make_id()
        begin = partial(self._make_beginning, call_id, plan, call)
        self._resources.calls.begin(call_id, begin)

    def _make_beginning(self, call_id: bytes, plan: CallPlan, call: Call) -> CallRecord:
        from assay_nb.accounting.call_log import make_record
        from assay_nb.store.call_rows import RUNNING

        return make_record(
            call_id=call_id,
            workspace_id=plan.workspace.id,
            user=self._user,
            instrument=call.instrument,
            provider=plan.connection,
            model=plan.model,
            funding="demo" if plan.mode == "demo" else "workspace",
            status=RUNNING,
            counted_micros=round(estimate_call(plan, call) * 1_000_000),
        )

    def charge(self, plan: CallPlan, call: Call, account: Account) -> CallCharge:
        """Return what a call that has ended is charged with."""
        return charge_call(plan, call, account, is_free=self._is_free(plan))

    def _is_free(self, plan: CallPlan) -> bool:
        return plan.practice and self._resources.has_practice

    def make_record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> CallRecord:
        """Return the line of a call that ends now."""
        from assay_nb.accounting.call_log import make_record

        source, charged = account.provenance(), self.charge(plan, call, account)
        return make_record(
            call_id=account.call_id,
            workspace_id=plan.workspace.id,
            user=self._user,
            instrument=call.instrument,
            provider=plan.connection,
            model=plan.model,
            funding="demo" if plan.mode == "demo" else "workspace",
            status=_status(error),
            input_tokens=account.known(source.usage.input_tokens),
            output_tokens=account.known(source.usage.output_tokens),
            cached_tokens=account.known(source.usage.cached_tokens),
            cost_micros=None if charged.cost is None else round(charged.cost * 1_000_000),
            counted_micros=round(charged.counted * 1_000_000),
            milliseconds=round((source.seconds or 0) * 1000),
        )


def _status(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return error.code if isinstance(error, AssayError) else "stopped"
