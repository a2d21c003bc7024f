"""Solo mode: one person's engine, which lives as long as their session.

Deciding and noting take a thread each and some statements, as long together as what the provider's SDK does
for the call. So what was decided holds as long as nobody changed the database, and calls that end together
are noted together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from assay_nb.config import LOCAL_USER, Config
from assay_nb.engine.call import Call
from assay_nb.engine.lazy import once
from assay_nb.engine.local.account import Account
from assay_nb.engine.local.control import LocalControl
from assay_nb.engine.local.engine import LocalEngine
from assay_nb.engine.local.planner import CallPlan, CallPlanner
from assay_nb.engine.local.recorder import CallWriter, SharedLog
from assay_nb.engine.local.resources import Resources
from assay_nb.instruments.base import Instrument
from assay_nb.store.changes import Remembered

_THREADS = 2
"""Threads that use a person's own database at a time. More of them only take turns at Python's lock, and
keep the loop that streams the replies from it."""

_Asked: TypeAlias = "tuple[str | None, str | None]"


def open_solo(config: Config, say: Callable[[str], None]) -> tuple[LocalEngine, LocalControl]:
    """Return the engine and the control of one person's vault. Nothing is opened yet."""
    resources = Resources(config, say)
    return make_solo_engine(resources), LocalControl(resources, LOCAL_USER)


def make_solo_engine(resources: Resources) -> LocalEngine:
    """Return the engine of the person whose process this is."""
    threads = CapacityLimiter(_THREADS)
    return LocalEngine(resources, SoloPlanner(resources, threads), SoloRecorder(resources, threads))


@dataclass
class _Loop:
    """What belongs to one event loop. A portal that was closed, or a forked child, has another."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    deciding: asyncio.Lock = field(default_factory=asyncio.Lock)


class SoloPlanner:
    """Decides a run of equal calls once, for as long as nobody changes the database."""

    def __init__(self, resources: Resources, threads: CapacityLimiter) -> None:
        self._loop: _Loop | None = None
        self._resources = resources
        self._threads = threads
        self._planner = CallPlanner(resources, LOCAL_USER)

    async def plan(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        plan = self._find(call)
        if plan is None:
            async with self._deciding:  # those who wait find what the first has read
                plan = self._find(call) or await run_sync(
                    self._decide, call, instrument, limiter=self._threads
                )
        return plan

    @property
    def _deciding(self) -> asyncio.Lock:
        if self._loop is None or self._loop.loop is not asyncio.get_running_loop():
            self._loop = _Loop()
        return self._loop.deciding

    def _find(self, call: Call) -> CallPlan | None:
        if "_plans" not in vars(self):  # the database is opened by a thread
            return None
        return self._plans.find((call.workspace, call.model), self._resources.changes.look())

    def _decide(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        plans, number = self._plans, self._resources.changes.look()
        plan = self._planner.decide(call, instrument)
        if plan.demo is None:
            plans.keep((call.workspace, call.model), number, plan)
        return plan

    @once
    def _plans(self) -> Remembered[_Asked, CallPlan]:
        return Remembered(self._resources.changes)


class SoloRecorder:
    """Notes calls together with those that run beside them."""

    def __init__(self, resources: Resources, threads: CapacityLimiter) -> None:
        self._threads = threads
        self._writer = CallWriter(resources, LOCAL_USER)
        self._log = SharedLog(resources)

    def running(self) -> AbstractContextManager[None]:
        return self._log.running()

    def begin(self, plan: CallPlan, call: Call, account: Account) -> None:
        self._writer.begin(plan, call, account)

    async def record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        try:
            if plan.demo is not None:
                await run_sync(self._writer.settle, plan, account, error, limiter=self._threads)
        finally:
            await self._log.note(self._writer.make_record(plan, call, account, error))

    async def aclose(self) -> None:
        await self._log.close()
