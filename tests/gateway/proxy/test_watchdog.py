"""The watchdog ends calls that are stuck, and leaves the others alone."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from assay_nb.errors import AssayError
from assay_nb.gateway.calls.inflight import ActiveCall
from assay_nb.gateway.proxy import watchdog
from assay_nb.gateway.proxy.watchdog import Heartbeat, Watchdog

pytestmark = pytest.mark.anyio


class Ended:
    """A call that notes why it was ended."""

    def __init__(self) -> None:
        self.reasons: list[AssayError] = []

    def end(self, reason: AssayError) -> None:
        self.reasons.append(reason)


def as_call(ended: Ended) -> ActiveCall:
    return cast("ActiveCall", cast("Any", ended))


async def test_silent_call_is_ended_and_one_that_moves_is_not() -> None:
    silent, moving = Ended(), Ended()
    one, other = Heartbeat(as_call(silent), 60), Heartbeat(as_call(moving), 60)
    await asyncio.sleep(0.05)
    other.beat()

    one.check(idle=0.04)
    other.check(idle=0.04)

    assert ["silent" in reason.message for reason in silent.reasons] == [True]
    assert moving.reasons == []


async def test_call_that_takes_longer_than_a_call_may_is_ended_although_it_moves() -> None:
    ended = Ended()
    heartbeat = Heartbeat(as_call(ended), 0)
    heartbeat.beat()

    heartbeat.check(idle=60)

    assert ["took longer" in reason.message for reason in ended.reasons] == [True]


async def test_only_running_calls_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "EVERY", 0.001)
    monkeypatch.setattr(watchdog, "IDLE", 0.0)
    over, running, dog = Ended(), Ended(), Watchdog()
    with dog.watch(as_call(over), 60):
        pass

    with dog.watch(as_call(running), 60):
        looking = asyncio.create_task(dog.run())
        await asyncio.sleep(0.05)
        looking.cancel()

    assert over.reasons == []
    assert running.reasons
