"""Instruments over HTTP: events that come together are written together, and silence is filled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import pytest
from aiohttp import web

from assay_nb.engine.call import Call
from assay_nb.engine.events import Delta, Event, Started
from assay_nb.engine.local.engine import LocalEngine
from assay_nb.engine.sse import HEARTBEAT, encode_event
from assay_nb.errors import ProviderUnavailable
from assay_nb.gateway.handlers.instruments import _EventStream, _frames

pytestmark = pytest.mark.anyio

STARTED = Started(workspace="team", provider="anthropic", model="m")


class Response:
    """A response that keeps what is written; a write can be held up, or fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.headers: dict[str, str] = {}
        self.prepared = False
        self.written: list[bytes] = []
        self.came = asyncio.Event()
        self.may_go = asyncio.Event()
        self.may_go.set()
        self._fails = fails

    async def prepare(self, request: Any) -> None:
        self.prepared = True

    async def write(self, data: bytes) -> None:
        self.came.set()
        await self.may_go.wait()
        if self._fails:
            raise ConnectionResetError
        self.written.append(data)


def make_stream(response: Response) -> _EventStream:
    stream = _EventStream(cast("web.Request", None))
    stream.response = cast("Any", response)
    return stream


async def test_silence_is_filled_with_heartbeats() -> None:
    response = Response()
    stream = make_stream(response)

    async with stream.beating(0.001):
        for _ in range(3):
            response.came.clear()
            await asyncio.wait_for(response.came.wait(), 30)

    assert set(response.written) == {HEARTBEAT}
    assert len(response.written) >= 2
    assert response.prepared


async def test_stream_that_is_not_silent_has_no_heartbeat() -> None:
    response = Response()
    stream = make_stream(response)

    async with stream.beating(600):
        await stream.send(b"one")

    assert response.written == [b"one"]


async def test_no_heartbeat_is_sent_to_a_client_that_reads_slowly() -> None:
    response = Response()
    response.may_go.clear()
    stream = make_stream(response)

    async with stream.beating(0.0):  # one is due in each turn of the loop
        sending = asyncio.create_task(stream.send(b"much"))
        await asyncio.wait_for(response.came.wait(), 30)
        for _ in range(50):
            await asyncio.sleep(0)
        response.may_go.set()
        await sending
        before = list(response.written)

    assert before == [b"much"]


async def test_heartbeat_to_a_client_that_is_gone_is_no_error_of_its_own() -> None:
    response = Response(fails=True)

    async with make_stream(response).beating(0.001):
        for _ in range(2):
            response.came.clear()
            await asyncio.wait_for(response.came.wait(), 30)

    assert response.written == []


class Scripted(LocalEngine):
    """An engine whose call emits the events of a script: those of one list without a pause."""

    def __init__(self, *script: Sequence[Event] | BaseException) -> None:
        self.script = script
        self.ended = False

    async def _work(self, call: Call, emit: Any) -> None:
        try:
            for step in self.script:
                if isinstance(step, BaseException):
                    raise step
                for event in step:
                    emit(event)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        finally:
            self.ended = True


def call_of(engine: LocalEngine) -> AsyncGenerator[bytes]:
    services: Any = type("S", (), {})()
    services.engine = lambda user, planned: engine
    services.metrics = None  # no plan was made, so nothing is counted
    return _frames(services, "ada", Call(instrument="playground", prompt="Say yes."))


async def test_events_that_come_together_are_one_piece() -> None:
    events = [[STARTED], [Delta("a"), Delta("b")], [Delta("c")]]
    engine = Scripted(*events)

    pieces = [piece async for piece in call_of(engine)]
    singly = [event async for event in Scripted(*events).run(cast("Any", None))]

    assert pieces == [b"".join(map(encode_event, batch)) for batch in events]
    assert singly == [STARTED, Delta("a"), Delta("b"), Delta("c")]


async def test_events_before_an_error_are_not_lost() -> None:
    engine = Scripted([STARTED, Delta("a")], ProviderUnavailable("Gone."))
    answer = call_of(engine)

    came = await anext(answer)
    with pytest.raises(ProviderUnavailable):
        await anext(answer)

    assert came == encode_event(STARTED) + encode_event(Delta("a"))


async def test_call_ends_with_its_reader() -> None:
    engine = Scripted([STARTED], *[[Delta("more")] for _ in range(10_000)])
    answer = call_of(engine)

    await anext(answer)
    await answer.aclose()

    assert engine.ended


async def test_buffer_is_empty_only_at_the_end() -> None:
    engine = Scripted(*[[Delta(str(number))] for number in range(200)])
    batches = [batch async for batch in engine.run_batches(cast("Any", None))]

    assert all(batches)
    assert [one.text for batch in batches for one in batch if isinstance(one, Delta)] == [
        str(number) for number in range(200)
    ]
