"""Faults at each step of a relayed request: whatever fails, nothing that the call has taken is left behind."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from assay_nb.accounting.allowances import EVERYBODY, Allowance
from assay_nb.errors import PermissionDenied, StoreUnavailable
from assay_nb.gateway.proxy import relay
from assay_nb.gateway.proxy.admission import Admission
from assay_nb.gateway.proxy.answer import Answer
from assay_nb.gateway.proxy.call import ProxiedCall
from assay_nb.gateway.proxy.grants import Grants
from assay_nb.gateway.proxy.pool import UpstreamPool
from assay_nb.gateway.proxy.relay import Relay
from assay_nb.gateway.proxy.reverse_proxy import REVERSE_PROXY
from assay_nb.gateway.proxy.upload import Upload
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest
from assay_nb.gateway.proxy.upstream_protocol import UpstreamConnection
from tests.canaries import find_canary
from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.members import Member, join
from tests.gateway.raw import Wire, wire_to, write
from tests.gateway.stage import Stage, open_stage
from tests.tools import until

pytestmark = pytest.mark.anyio

BODY = b'{"model":"m"}'
STREAM = json.dumps({"model": "m", "stream": True}).encode()


@pytest.fixture
async def stage(tmp_path: Path, fake: FakeProviders) -> AsyncIterator[Stage]:
    running = await open_stage(tmp_path, fake, FakeHub())
    yield running
    await running.close()


@pytest.fixture
async def member(stage: Stage) -> Member:
    return await join(stage, "openai")


def parts(stage: Stage) -> Any:
    return stage.runner.app[REVERSE_PROXY]


async def check_nothing_is_left(stage: Stage) -> None:
    """Every slot, active call, heartbeat, task and connection of a call is given back."""
    proxy, services = parts(stage), stage.services
    await until(lambda: len(services.active_calls) == 0 and services.limiter.running == 0)
    assert not proxy.watchdog._running
    await until(lambda: len(proxy._tasks) == 2, explain=lambda: str(proxy._tasks))
    assert len(proxy.pool) == proxy.pool.idle
    for connection in proxy.pool._open:
        assert connection._receiver is None
        assert connection.keep


async def ask(wire: Wire, member: Member, body: bytes = BODY, *headers: str) -> int:
    await wire.send(write(member, "responses", body, *headers))
    return (await wire.answer())[0]


# --- our own steps


STEPS: list[tuple[Any, str]] = [
    (Admission, "find_known"), (Admission, "find"), (Admission, "needs_aiohttp"), (Grants, "find"),
    (ProxiedCall, "check_room"), (ProxiedCall, "check_length"), (ProxiedCall, "reserve"), (Upload, "show"),
    (ProxiedCall, "make_request"), (ProxiedCall, "check_head"), (ProxiedCall, "pass_whole"),
    (ProxiedCall, "pass_piece"), (ProxiedCall, "pass_rest"), (UpstreamRequest, "take_header"),
    (UpstreamRequest, "take_header_off_loop"), (Upstream, "check"), (Upload, "take"), (UpstreamPool, "connect"),
    (UpstreamPool, "take"), (Answer, "begin"), (Answer, "move"), (relay, "write_request"), (relay, "request_headers"),
]  # fmt: skip
"""Where a request may fail on its way, each step once."""


def break_step(
    monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str], error: Exception
) -> list[int]:
    """Have a step raise, and return a list that has an entry for each time."""
    owner, name = step
    made: list[int] = []
    real = getattr(owner, name)

    def fail(*given: Any, **named: Any) -> Any:
        made.append(1)
        raise error

    async def fail_later(*given: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        fail()

    monkeypatch.setattr(owner, name, fail_later if asyncio.iscoroutinefunction(real) else fail)
    return made


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize(
    "error", [StoreUnavailable("Full."), RuntimeError("key")], ids=["ours", "bug"]
)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0].__name__}.{step[1]}")
async def test_step_that_fails_is_answered_and_leaves_nothing_behind(
    step: tuple[Any, str],
    error: Exception,
    warm: bool,
    member: Member,
    fake: FakeProviders,
) -> None:
    limit = Allowance(EVERYBODY, calls_per_day=100)
    where, allowances = bytes.fromhex(member.workspace), member.stage.services.resources.allowances
    await asyncio.to_thread(allowances.set, where, limit)
    fake.answers(*["word "] * 40)
    async with wire_to(member.stage) as wire:
        if warm:
            assert await ask(wire, member) == 200
        with pytest.MonkeyPatch.context() as patch:
            made = break_step(patch, step, error)
            await wire.send(write(member, "responses", STREAM))
            try:
                async with asyncio.timeout(20):
                    status, _, heard = await wire.answer()
            except asyncio.IncompleteReadError:
                status, heard = 0, b""
        if made:
            code = b"store_unavailable" if isinstance(error, StoreUnavailable) else b"internal"
            assert status in {0, 503, 500} or code in heard
        else:
            assert status == 200  # such a request does not take this step
        assert not find_canary(heard, member.key)
        await check_nothing_is_left(member.stage)
    async with wire_to(member.stage) as wire:
        assert await ask(wire, member) == 200


# --- the client goes


async def _at_once(wire: Wire, member: Member) -> None:
    await wire.send(write(member, "responses", STREAM))


async def _in_the_head(wire: Wire, member: Member) -> None:
    await wire.send(write(member, "responses", STREAM)[:60])


async def _in_the_body(wire: Wire, member: Member) -> None:
    await wire.send(write(member, "files", b"x" * 200_000)[:90_000])
    await asyncio.sleep(0.05)


async def _in_a_small_body(wire: Wire, member: Member) -> None:
    await wire.send(write(member, "responses", STREAM)[:-3])
    await asyncio.sleep(0.05)


async def _in_the_answer(wire: Wire, member: Member) -> None:
    await wire.send(write(member, "responses", STREAM))
    await wire.reader.readuntil(b"early")


@pytest.mark.parametrize(
    "when", [_at_once, _in_the_head, _in_the_body, _in_a_small_body, _in_the_answer]
)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_client_that_hangs_up_leaves_nothing_behind(
    when: Callable[[Wire, Member], Awaitable[None]], warm: bool, member: Member, fake: FakeProviders
) -> None:
    async with wire_to(member.stage) as wire:
        if warm:
            assert await ask(wire, member) == 200
        fake.answers("early", "late", fault="stall", fault_after=1)
        await when(wire, member)
    await check_nothing_is_left(member.stage)
    for call in fake.calls[warm:]:
        await asyncio.to_thread(call.closed.wait, 30)
        assert call.closed.is_set()


# --- the provider goes, or says what nobody says


class Provider(asyncio.Protocol):
    """A provider that answers each request with bytes of one's own, and hangs up if it is told to."""

    def __init__(self, answer: bytes, hangs_up: bool) -> None:
        self.answer, self.hangs_up = answer, hangs_up

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.answer)
        if self.hangs_up:
            self.transport.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\n{}"
ANSWERS: dict[str, tuple[bytes, bool, int, bytes]] = {
    "whole": (WHOLE, False, 200, b"{}"),
    "after a 100": (b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, False, 200, b"{}"),
    "after a hint": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WHOLE, False, 200, b"{}"),
    "after many": (b"HTTP/1.1 102 P\r\n\r\n" * 20 + WHOLE, False, 502, b""),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", False, 502, b""),
    "to the end": (OK + b"\r\n{}", True, 200, b"{}"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b""),
    "coded on the way": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", False, 502, b""),
    "and more": (WHOLE + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", False, 200, b"{}"),
    "and rubbish": (WHOLE + b"\x00\x01", False, 200, b"{}"),
    "nothing": (b"", True, 502, b""),
    "half a head": (OK, True, 502, b""),
    "half a body": (OK + b"Content-Length: 9\r\n\r\n{}", True, 502, b""),
    "rubbish": (b"SSH-2.0-OpenSSH\r\n", True, 502, b""),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", False, 502, b""),
    "length and chunks": (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False, 502, b""),
    "folded": (OK + b"request-id: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", False, 502, b""),
    "split": (OK + b"request-id: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\n{}", False, 502, b""),
    "endless head": (OK + b"request-id: " + b"a" * 200_000, False, 502, b""),
    "many headers": (OK + b"A: b\r\n" * 300 + b"Content-Length: 2\r\n\r\n{}", False, 502, b""),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
async def test_answer_is_read_strictly_and_leaves_nothing_behind(
    answer: str, member: Member, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, hangs_up, status, body = ANSWERS[answer]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(said, hangs_up), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    create = loop.create_connection

    async def elsewhere(factory: Any, host: Any = None, number: Any = None, **more: Any) -> Any:
        leads_there = number == fake.port
        return await create(factory, host, port if leads_there else number, **more)

    monkeypatch.setattr(loop, "create_connection", elsewhere)
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "responses", BODY))
        async with asyncio.timeout(30):
            found, headers, heard = await wire.answer()
        await check_nothing_is_left(member.stage)
    server.close()

    assert found == status
    assert status >= 400 or heard == body
    assert {"set-cookie", "link", "upgrade"}.isdisjoint(headers)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"", 1),
        (b"Content-Length: 0\r\n", 1),
        (b"Content-Length: 5\r\n", 0),
        (b"Transfer-Encoding: chunked\r\n", 0),
    ],
)
async def test_connection_is_not_used_again_where_a_body_may_follow_that_nobody_reads(
    said: bytes, kept: int
) -> None:
    heard: list[bool] = []

    class Asked:
        def answer_begins(self, status: int, headers: Any, length: int | None) -> None: ...

        def answer_moves(self, data: bytes, *, is_over: bool) -> None:
            heard.append(is_over)

    connection = UpstreamConnection("http://x", lambda lost: None)
    connection.expect(Asked())  # pyright: ignore - it neither breaks nor pauses
    connection.data_received(b"HTTP/1.1 204 No Content\r\n" + said + b"\r\n")

    assert (heard, connection.keep) == ([True], bool(kept))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_connection_that_the_provider_closed_meanwhile_is_replaced_where_that_is_harmless(
    method: str, member: Member, fake: FakeProviders
) -> None:
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "models", method="GET"))
        assert (await wire.answer())[0] == 200
        (stale,) = parts(member.stage).pool._open
        real = stale.transport
        lost: list[Any] = []

        class Closed:
            """A transport whose other side has hung up, and does not know yet."""

            def write(self, data: bytes) -> None:
                lost.append(data)
                asyncio.get_running_loop().call_soon(stale.connection_lost, None)
                real.abort()

            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

        stale.transport = Closed()
        path, body = ("models", b"") if method == "GET" else ("responses", BODY)
        await wire.send(write(member, path, body, method=method))
        status, _, heard = await wire.answer()

    assert len(lost) == 1
    assert status == (200 if method == "GET" else 502)
    assert b"was cut" in heard or method == "GET"
    assert len(fake.calls) == (2 if method == "GET" else 1)


# --- others end it


async def test_call_that_is_ended_from_outside_before_it_was_sent_is_answered(
    member: Member, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = asyncio.Event()
    connect = UpstreamPool.connect

    async def slowly(self: UpstreamPool, place: Any) -> Any:
        await hold.wait()
        return await connect(self, place)

    monkeypatch.setattr(UpstreamPool, "connect", slowly)
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "responses", BODY))
        await until(lambda: len(member.stage.services.active_calls) == 1)
        member.stage.services.active_calls.end_all(PermissionDenied("Out."))
        status, _, heard = await wire.answer()
        hold.set()
        await check_nothing_is_left(member.stage)

    assert (status, fake.calls) == (403, [])
    assert b"Out." in heard


async def test_gateway_that_stops_closes_what_waits_and_keeps_nothing(
    tmp_path: Path, fake: FakeProviders
) -> None:
    stage = await open_stage(tmp_path, fake, FakeHub())
    member = await join(stage, "openai")
    async with wire_to(stage) as idle, wire_to(stage) as silent:
        await ask(idle, member)
        await stage.close()

        assert await idle.is_closed()
        assert await silent.is_closed()
    assert len(parts(stage).pool) == 0


# --- neither side is faster than the other


async def test_body_is_read_no_faster_than_the_provider_takes_it(
    member: Member, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[str] = []
    for name in ("pause_body", "resume_body"):
        real = getattr(Relay, name)
        monkeypatch.setattr(
            Relay, name, lambda self, real=real, name=name: (paused.append(name), real(self))[1]
        )
    made = UpstreamConnection.connection_made

    def with_little_room(self: UpstreamConnection, transport: Any) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport.set_write_buffer_limits(high=1024)
        made(self, transport)

    monkeypatch.setattr(UpstreamConnection, "connection_made", with_little_room)
    large = b"x" * 8_000_000
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "files", large))
        assert (await wire.answer())[0] == 200

    assert fake.calls[0].raw == large
    assert {"pause_body", "resume_body"} <= set(paused)


async def test_answer_is_read_no_faster_than_the_client_takes_it(
    member: Member, fake: FakeProviders
) -> None:
    fake.answers("x", fault="flood")
    async with wire_to(member.stage) as wire:
        wire.writer.transport.pause_reading()
        await wire.send(write(member, "responses", STREAM))
        pool = parts(member.stage).pool
        await until(lambda: any(one._receiver and one._receiver._paused for one in pool._open))
        wire.writer.transport.resume_reading()
        assert await wire.reader.read(100_000)
    await check_nothing_is_left(member.stage)
