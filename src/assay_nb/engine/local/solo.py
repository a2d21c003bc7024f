"""One person's engine. It lives as long as their session, so a run of a thousand calls is decided once.

Deciding and noting take a thread each and some statements, as long together as what the provider's SDK does
for the call. What was decided holds as long as nobody changed the database, and calls that end together are
noted together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from anyio import CapacityLimiter

from assay_nb.config import LOCAL_USER, Config
from assay_nb.engine.call import Call
from assay_nb.engine.events import Event
from assay_nb.engine.lazy import once
from assay_nb.engine.local.control import LocalControl
from assay_nb.engine.local.engine import Account, LocalEngine, Plan
from assay_nb.engine.local.journal import Journal
from assay_nb.engine.local.resources import Resources
from assay_nb.errors import StoreUnavailable
from assay_nb.instruments.base import Instrument
from assay_nb.store.changes import Remembered

if TYPE_CHECKING:
    from assay_nb.store.call_rows import CallRecord

_THREADS = 2
"""Threads that use a person's own database at a time. More of them only take turns at Python's lock, and
keep the loop that streams the replies from it."""

_Asked: TypeAlias = "tuple[str | None, str | None]"


def open_solo(config: Config, say: Callable[[str], None]) -> tuple[SoloEngine, LocalControl]:
    """Return the engine and the control of one person's vault. Nothing is opened yet."""
    backing = Resources(config, say)
    return SoloEngine(backing), LocalControl(backing, LOCAL_USER)


@dataclass
class _Loop:
    """What belongs to one event loop. A portal that was closed, or a forked child, has another."""

    loop: asyncio.AbstractEventLoop
    journal: Journal
    deciding: asyncio.Lock = field(default_factory=asyncio.Lock)
    running: int = 0


class SoloEngine(LocalEngine):
    """Runs calls for the person whose process this is."""

    def __init__(self, backing: Resources) -> None:
        super().__init__(backing, LOCAL_USER, CapacityLimiter(_THREADS))
        self._loop: _Loop | None = None

    async def aclose(self) -> None:
        if self._loop is not None:
            await self._here().journal.close()
            self._loop = None
        await super().aclose()

    async def _work(self, call: Call, emit: Callable[[Event], None]) -> None:
        here = self._here()
        here.running += 1
        try:
            await super()._work(call, emit)
        finally:
            here.running -= 1

    # --- deciding

    async def _decide(self, call: Call, instrument: Instrument[Any]) -> Plan:
        plan = self._find_plan(call)
        if plan is None:
            async with self._here().deciding:  # those who wait find what the first has read
                plan = self._find_plan(call) or await super()._decide(call, instrument)
        return plan

    def _find_plan(self, call: Call) -> Plan | None:
        if "_plans" not in vars(self):  # the database is opened by a thread
            return None
        return self._plans.find((call.workspace, call.model), self._backing.changes.look())

    def _plan(self, call: Call, instrument: Instrument[Any]) -> Plan:
        plans, number = self._plans, self._backing.changes.look()
        plan = super()._plan(call, instrument)
        if plan.reservation is None:
            plans.keep((call.workspace, call.model), number, plan)
        return plan

    @once
    def _plans(self) -> Remembered[_Asked, Plan]:
        return Remembered(self._backing.changes)

    # --- noting

    async def _note(
        self, plan: Plan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        """Note a call. When the last of those that run together has ended, all of them are written."""
        if plan.reservation is not None:
            await super()._note(plan, call, account, error)
            return
        here = self._here()
        here.journal.add(self._make_record(plan, call, account, error))
        if here.running == 1:
            await here.journal.flush()

    def _write(self, records: Sequence[CallRecord]) -> None:
        try:
            self._backing.calls.record_all(records)
        except StoreUnavailable as failed:
            self._say_unlogged(len(records), failed)

    def _here(self) -> _Loop:
        loop = asyncio.get_running_loop()
        if self._loop is None or self._loop.loop is not loop:
            self._loop = _Loop(loop, Journal(self._write))
        return self._loop
