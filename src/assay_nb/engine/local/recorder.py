"""The recorder: what is noted of a call, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from assay_nb.engine.call import Call
from assay_nb.engine.local.account import Account
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
    count: int = 0


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
        here = self._here()
        here.count += 1
        try:
            yield
        finally:
            here.count -= 1

    async def note(self, record: CallRecord) -> None:
        """Note a call that has ended. The line of one that ran alone is written when this returns."""
        log = self._resources.calls
        log.add(record)
        if self._here().count <= 1:
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

    def make_record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> CallRecord:
        """Return the line of a call that ends now."""
        from assay_nb.accounting.call_log import make_record

        source = account.provenance()
        free = plan.practice and self._resources.has_practice
        cost = 0.0 if free else source.cost
        return make_record(
            workspace_id=plan.workspace.id,
            user=self._user,
            instrument=call.instrument,
            provider=plan.connection,
            model=plan.model,
            funding="demo" if plan.mode == "demo" else "workspace",
            status=_status(error),
            input_tokens=account.known(source.usage.input_tokens),
            output_tokens=account.known(source.usage.output_tokens),
            cost_micros=account.known(None if cost is None else round(cost * 1_000_000)),
            milliseconds=round((source.seconds or 0) * 1000),
        )


def _status(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return error.code if isinstance(error, AssayError) else "stopped"
