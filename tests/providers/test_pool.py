"""The pool of connections: which one a request gets, when they are closed, and whom nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import httpcore2
import httpx2
import pytest

from assay_nb.egress.tls import make_tls_context
from assay_nb.providers.pool import EXPIRY, IDLE, ConnectionPool
from assay_nb.providers.transport import Egress
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_client import collect, make_credential, make_provider, make_request

pytestmark = pytest.mark.anyio

HERE, THERE = "http://here.example/", "http://there.example/"


class Body(httpx2.AsyncByteStream):
    """A body that can fail to close."""

    def __init__(self, fails: bool) -> None:
        self._fails = fails

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"body"

    async def aclose(self) -> None:
        if self._fails:
            raise httpx2.ReadError("broken")


class Connection(httpx2.AsyncBaseTransport):
    """One connection, as far as the pool knows it."""

    def __init__(self, number: int, world: World) -> None:
        self.number = number
        self.world = world
        self.closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.world.used.append(self.number)
        if self.world.sends is not None:
            await self.world.sends()
        return httpx2.Response(200, stream=Body(self.world.body_fails))

    async def aclose(self) -> None:
        self.closed = True


class World:
    """Connections in the order in which they were opened, what they do, and the time."""

    def __init__(self, most: int = 1_000) -> None:
        self.opened: list[Connection] = []
        self.used: list[int] = []
        self.sends: Callable[[], Any] | None = None
        self.body_fails = False
        self.now = 0.0
        self.pool = ConnectionPool(self.open_one, most=most, clock=lambda: self.now)

    def open_one(self) -> Connection:
        self.opened.append(Connection(len(self.opened), self))
        return self.opened[-1]

    async def send(self, url: str = HERE, wait: float | None = None) -> httpx2.Response:
        extensions = {"timeout": {"pool": wait}}
        request = httpx2.Request("POST", url, extensions=extensions)
        return await self.pool.handle_async_request(request)

    async def send_many(self, count: int, url: str = HERE) -> None:
        """Send requests at once; all of them are answered, and then all are over."""
        responses = [await self.send(url) for _ in range(count)]
        for response in responses:
            await response.aclose()

    @property
    def closed(self) -> list[int]:
        return [one.number for one in self.opened if one.closed]


async def test_request_gets_the_connection_that_was_used_last() -> None:
    world = World()
    await world.send_many(3)

    for _ in range(4):
        await (await world.send()).aclose()

    assert world.used == [0, 1, 2, 2, 2, 2, 2]


async def test_connection_serves_one_request_at_a_time() -> None:
    world = World()
    first = await world.send()

    await world.send()

    assert world.used == [0, 1]
    await first.aclose()
    await first.aclose()  # who closes twice gives back once
    await world.send()
    await world.send()
    assert world.used == [0, 1, 0, 2]


async def test_another_place_gets_a_connection_of_its_own() -> None:
    world = World()

    for url in (HERE, THERE, "http://here.example:8080/", "https://here.example/", HERE, THERE):
        await (await world.send(url)).aclose()

    assert world.used == [0, 1, 2, 3, 0, 1]


async def test_idle_connections_are_closed_when_they_are_old() -> None:
    world = World()
    await world.send_many(3)
    world.now = EXPIRY / 2
    await (await world.send()).aclose()  # the third
    world.now = EXPIRY + 1

    await (await world.send()).aclose()

    assert (world.closed, world.used[-1]) == ([0, 1], 2)
    assert len(world.pool) == 1


async def test_no_more_idle_connections_are_kept_than_that() -> None:
    world = World()

    await world.send_many(IDLE + 2)

    assert world.closed == [0, 1]
    assert len(world.pool) == IDLE


async def test_idle_connection_makes_room_for_one_to_another_place() -> None:
    world = World(most=2)
    await world.send_many(2)

    await world.send(THERE)

    assert world.closed == [0]
    assert len(world.pool) == 2


async def test_request_waits_while_all_connections_are_in_use() -> None:
    world = World(most=1)
    first = await world.send()
    waiting = asyncio.create_task(world.send())
    await asyncio.sleep(0)
    assert not waiting.done()

    await first.aclose()
    await waiting

    assert world.used == [0, 0]


async def test_request_waits_no_longer_than_it_may() -> None:
    world = World(most=1)
    first = await world.send()

    with pytest.raises(httpx2.PoolTimeout):
        await world.send(wait=0.0)

    await first.aclose()
    await world.send(wait=0.0)  # the one that gave up holds nothing


async def fail() -> None:
    raise httpx2.ConnectError("refused")


async def hang(began: asyncio.Event) -> None:
    began.set()
    await asyncio.Event().wait()


@pytest.mark.parametrize("how", ["fails", "is cancelled", "cannot be closed", "cannot be opened"])
async def test_broken_connection_is_closed_and_takes_nobodys_place(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(most=1)
    if how == "fails":
        world.sends = fail
        with pytest.raises(httpx2.ConnectError):
            await world.send()
    elif how == "is cancelled":
        began = asyncio.Event()
        world.sends = partial(hang, began)
        sending = asyncio.create_task(world.send())
        await began.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    elif how == "cannot be closed":
        world.body_fails = True
        response = await world.send()
        with pytest.raises(httpx2.ReadError):
            await response.aclose()
    else:
        with monkeypatch.context() as patched:
            patched.setattr(world.pool, "_open_one", lambda: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await world.send()
    world.sends, world.body_fails = None, False

    await world.send(wait=0.0)

    assert world.closed == [one.number for one in world.opened[:-1]]


async def test_closing_closes_what_is_in_use_too() -> None:
    world = World()
    await world.send_many(2)
    response = await world.send()

    await world.pool.aclose()
    await response.aclose()

    assert world.closed == [0, 1]


async def test_only_the_connection_that_is_taken_is_asked_whether_it_is_open(
    egress: Egress, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    really = httpcore2.AsyncHTTP11Connection.has_expired

    def has_expired(connection: httpcore2.AsyncHTTP11Connection) -> bool:
        nonlocal asked
        asked += 1
        return really(connection)

    async def ask() -> None:
        credential = make_credential(fake.destination("anthropic"))
        provider = make_provider("anthropic", egress, fake)
        await collect(provider.stream(make_request(), model="m", credential=credential))

    await asyncio.gather(*[ask() for _ in range(8)])
    monkeypatch.setattr(httpcore2.AsyncHTTP11Connection, "has_expired", has_expired)
    await ask()
    of_ours, asked = asked, 0

    # Positive control: one pool for all of them asks the seven others, when it sends and when it is done.
    tls = make_tls_context(None, "ca_file")
    async with httpx2.AsyncHTTPTransport(verify=tls) as shared:
        request = httpx2.Request("GET", f"{fake.origin}/hub/api")
        responses = [await shared.handle_async_request(request) for _ in range(8)]
        for response in responses:
            await response.aread()
            await response.aclose()
        asked = 0
        await (await shared.handle_async_request(request)).aclose()

    assert of_ours <= 2
    assert asked >= 7
