"""The listener's protocol: heads and their limits, two ways on one connection, and what ends one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from assay_nb.gateway.proxy import connections, protocol
from assay_nb.gateway.proxy.relay import Relay
from tests.fakes.providers import FakeProviders, only
from tests.gateway.members import Member, join
from tests.gateway.raw import wire_to, write
from tests.gateway.stage import PREFIX, Stage
from tests.gateway.ways import Way
from tests.tools import until

pytestmark = pytest.mark.anyio

HEALTH = f"GET {PREFIX}health HTTP/1.1\r\nHost: x\r\n\r\n".encode()
BODY = b'{"model":"m"}'


@pytest.fixture
async def member(stage: Stage) -> Member:
    return await join(stage, "openai")


def open_connections(stage: Stage) -> Any:
    from assay_nb.gateway.proxy.reverse_proxy import REVERSE_PROXY

    return stage.runner.app[REVERSE_PROXY].connections


def pool(stage: Stage) -> Any:
    from assay_nb.gateway.proxy.reverse_proxy import REVERSE_PROXY

    return stage.runner.app[REVERSE_PROXY].pool


# --- which way


async def test_plain_request_goes_by_the_relay_unless_it_is_told_otherwise(
    way: Way, member: Member, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Relay] = []
    begin = Relay.begin
    monkeypatch.setattr(Relay, "begin", lambda self, body: (begun.append(self), begin(self, body)))

    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "responses", BODY))
        status, _, _ = await wire.answer()

    assert status == 200
    assert len(begun) == (way == "relay")


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte by byte"])
async def test_one_connection_serves_both_kinds_one_after_the_other(
    cut: bool, member: Member, fake: FakeProviders
) -> None:
    asked = write(member, "responses", BODY)
    async with wire_to(member.stage) as wire:
        for request in (asked, HEALTH, asked, asked, HEALTH):
            await wire.send(
                *([request[at : at + 1] for at in range(len(request))] if cut else [request])
            )
            status, headers, _ = await wire.answer()
            assert (status, headers.get("connection")) == (200, None)

    assert [call.raw for call in fake.calls] == [BODY] * 3


@pytest.mark.parametrize(
    "header",
    [
        "Upgrade: h2c\r\nConnection: Upgrade",
        "Upgrade: websocket\r\nConnection: Upgrade",
        "Upgrade: x",
    ],
)
async def test_request_that_asks_for_another_protocol_gets_this_one(
    header: str, member: Member, fake: FakeProviders
) -> None:
    async with wire_to(member.stage) as wire:
        await wire.send(HEALTH.replace(b"Host: x", b"Host: x\r\n" + header.encode()))
        health, _, _ = await wire.answer()
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "responses", BODY, header))
        passed, _, _ = await wire.answer()

    assert (health, passed) == (200, 426)
    assert fake.calls == []


async def test_request_for_another_protocol_leaves_no_connection_that_nobody_watches(
    member: Member,
) -> None:
    """After it, no head would be read within the limits, and the connection would stay open for as long as it likes."""
    upgrade = b"Host: x\r\nUpgrade: foo\r\nConnection: Upgrade"
    for request in (
        HEALTH.replace(b"Host: x", upgrade),
        HEALTH.replace(b"Host: x", upgrade).replace(b"health", b"api/v1/me"),
        b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    ):
        async with wire_to(member.stage) as wire:
            await wire.send(request)
            await wire.answer()
            assert await wire.is_closed()
    shared = open_connections(member.stage)
    await until(lambda: len(shared) == shared.waiting)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_method_without_a_body_brings_none(
    method: str, member: Member, fake: FakeProviders
) -> None:
    """Such a request is free, and names no model: a server that reads its body all the same would do both."""
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "responses", BODY, method=method))
        assert await wire.error() == (400, "wrong_usage")
    async with wire_to(member.stage) as wire:
        chunked = b"3\r\n{ }\r\n0\r\n\r\n"
        framing = "Transfer-Encoding: chunked"
        await wire.send(write(member, "responses", chunked, framing, method=method, length=False))
        assert await wire.error() == (400, "wrong_usage")
        assert fake.calls == []


async def test_request_that_names_its_end_is_answered_and_closed(member: Member) -> None:
    for request in (write(member, "models", method="GET"), HEALTH):
        async with wire_to(member.stage) as wire:
            await wire.send(request.replace(b"Host: x", b"Host: x\r\nConnection: close"))
            status, headers, _ = await wire.answer()
            assert (status, headers["connection"]) == (200, "close")
            assert await wire.is_closed()


@pytest.mark.parametrize(
    "shown",
    ["", "Authorization: ", "Authorization: Basic eA==", "x-api-key: nobody", "Cookie: a=b"],
)
async def test_request_without_a_token_that_the_hub_knows_is_refused(
    shown: str, member: Member, fake: FakeProviders
) -> None:
    request = write(member, "responses", BODY)
    line = f"Authorization: Bearer {member.token}\r\n".encode()
    async with wire_to(member.stage) as wire:
        await wire.send(request.replace(line, f"{shown}\r\n".encode() if shown else b""))
        assert await wire.error() == (401, "not_signed_in")

    assert fake.calls == []


# --- heads that are refused


HOST = b"Host: x\r\n"
BAD: dict[str, bytes] = {
    "no HTTP": b"hello there\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.7": b"GET / HTTP/3.7\r\n" + HOST + b"\r\n",
    "space before a colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: x\ry: z\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: x\x00\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length with a sign": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na",
    "chunked, but not last": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
    "two requests": HEALTH + HEALTH,
}  # fmt: skip


@pytest.mark.parametrize("head", BAD)
async def test_head_that_is_not_http_is_refused_in_our_form_and_not_quoted(
    head: str, member: Member, fake: FakeProviders
) -> None:
    async with wire_to(member.stage) as wire:
        await wire.send(BAD[head])
        assert await wire.error() == (400, "bad_request")
        assert await wire.is_closed()

    assert fake.calls == []


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET /" + b"a" * protocol.MOST_LINE + b" HTTP/1.1\r\n" + HOST + b"\r\n", id="line"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * protocol.MOST_FIELD + b"\r\n\r\n", id="header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * (protocol.MOST_FIELDS + 1) + b"\r\n", id="many"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000, id="unfinished value"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a" * 40_000, id="unfinished name"),
        pytest.param(b"GET /" + b"a" * 40_000, id="unfinished line"),
    ],
)  # fmt: skip
async def test_head_that_is_too_large_is_refused_before_it_has_ended(
    head: bytes, member: Member
) -> None:
    async with wire_to(member.stage) as wire:
        await wire.send(head)
        assert await wire.error() == (431, "too_large")
        assert await wire.is_closed()


async def test_head_of_the_largest_size_is_read(member: Member, fake: FakeProviders) -> None:
    filling = [f"X-{one}: {'a' * (protocol.MOST_HEADERS // 2 - 200)}" for one in "AB"]
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "responses", BODY, *filling))
        assert (await wire.answer())[0] == 200

    assert only(fake.calls).raw == BODY


async def test_trailers_have_a_limit_and_are_not_passed_on(
    member: Member, fake: FakeProviders
) -> None:
    head = write(member, "files", b"", "Transfer-Encoding: chunked", length=False)
    async with wire_to(member.stage) as wire:
        await wire.send(head, b"3\r\nabc\r\n0\r\nX-Late: 1\r\n\r\n")
        assert (await wire.answer())[0] == 200
    async with wire_to(member.stage) as wire:
        await wire.send(head, b"3\r\nabc\r\n0\r\nX-Late: " + b"a" * (2 * protocol.MOST_HEADERS))
        await until(lambda: len(open_connections(member.stage)) <= 1 or wire.reader.at_eof())
        wire.writer.transport.abort()

    assert [call.raw for call in fake.calls if call.raw] == [b"abc"]
    assert "x-late" not in fake.calls[0].headers


async def test_head_that_does_not_come_in_time_is_answered_and_silence_is_closed(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections._SECONDS, "head", 0.0)
    async with wire_to(member.stage) as wire:
        assert await wire.is_closed()

    monkeypatch.setitem(connections._SECONDS, "head", 60.0)
    async with wire_to(member.stage) as wire:
        await wire.send(HEALTH)
        await wire.answer()
        monkeypatch.setitem(connections._SECONDS, "head", 0.0)
        await wire.send(b"GET / HT")
        assert await wire.error() == (408, "too_slow")
        assert await wire.is_closed()


async def test_idle_connection_is_closed_after_a_while(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections._SECONDS, "idle", 0.0)
    for request in (HEALTH, write(member, "models", method="GET")):
        async with wire_to(member.stage) as wire:
            await wire.send(request)
            assert (await wire.answer())[0] == 200
            assert await wire.is_closed()


# --- while a request is served


@pytest.mark.parametrize("first", ["passed", "ours"])
async def test_second_request_before_the_answer_is_dropped_and_the_first_one_is_answered(
    first: str, member: Member, fake: FakeProviders
) -> None:
    hold = asyncio.Event()

    async def slow(token: str) -> Any:
        await hold.wait()
        return await ask(token)

    ask = member.stage.services.identity._ask
    member.stage.services.identity._known.clear()
    member.stage.services.identity._ask = slow
    me = f"GET {PREFIX}api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: token {member.token}\r\n\r\n".encode()
    request = write(member, "responses", BODY) if first == "passed" else me
    async with wire_to(member.stage) as wire:
        await wire.send(request)
        await asyncio.sleep(0.05)
        await wire.send(write(member, "files", b"second"))
        await asyncio.sleep(0.05)
        hold.set()
        assert (await wire.answer())[0] == 200
        assert await wire.is_closed()

    assert b"second" not in [call.raw for call in fake.calls]


async def test_client_that_waits_for_permission_is_told_to_continue_only_if_it_is_let_in(
    member: Member, fake: FakeProviders
) -> None:
    waits = "Expect: 100-continue"
    large = b"x" * 100_000
    head, _, _ = write(member, "files", large, waits).partition(b"\r\n\r\n")
    stranger = head.replace(member.token.encode(), b"nobody")
    async with wire_to(member.stage) as wire:
        await wire.send(head + b"\r\n\r\n")
        assert (await wire.head())[0] == 100
        await wire.send(large)
        assert (await wire.answer())[0] == 200
    async with wire_to(member.stage) as wire:
        await wire.send(stranger + b"\r\n\r\n")
        status, _ = await wire.head()
        if status == 100:  # aiohttp says so before anybody is asked
            status, _ = await wire.head()
        assert status == 401

    assert only(fake.calls).raw == large


async def test_half_a_hang_up_is_one(member: Member, fake: FakeProviders) -> None:
    fake.answers("early", "late", fault="stall", fault_after=1)
    async with wire_to(member.stage) as wire:
        await wire.send(
            write(member, "responses", json.dumps({"model": "m", "stream": True}).encode())
        )
        await wire.head()
        wire.writer.write_eof()
        await asyncio.to_thread(only(fake.calls).closed.wait, 60)

    assert only(fake.calls).closed.is_set()
    await until(lambda: len(member.stage.services.active_calls) == 0)
    assert member.stage.services.limiter.running == 0


async def test_refused_upload_is_answered_although_it_goes_on(
    way: Way, make_stage: Any, fake: FakeProviders
) -> None:
    member = await join(await make_stage(limits={"passthrough_body": 10_000}), "openai")
    async with wire_to(member.stage) as wire:
        await wire.send(write(member, "files", b"x" * 200_000)[:100_000])
        status, headers, body = await wire.answer()
        await wire.send(b"x" * 50_000)

    assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")
    assert (headers.get("connection") == "close") is (
        way == "relay"
    )  # aiohttp closes without a word
    assert fake.calls == []
