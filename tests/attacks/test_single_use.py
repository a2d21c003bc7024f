"""Attacks by a second request: a library that sends again by itself, with what it was given for the first."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from assay_nb.egress.key_header import HeaderWriter, put_key
from assay_nb.egress.origins import OperatorPolicy
from assay_nb.egress.resolver import make_vet
from assay_nb.errors import AssayError, EndpointRefused
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest
from assay_nb.messages import Destination
from assay_nb.providers.exchange import Exchange, Limits
from assay_nb.providers.transport import Egress
from tests.canaries import find_canary, make_canary
from tests.fakes.providers_client import make_credential

pytestmark = pytest.mark.anyio

ORIGIN = (b"http", b"127.0.0.1", 9)
HERE = Destination("openai", "http://127.0.0.1:9/v1", "http://127.0.0.1:9", "bearer")


def a_request() -> SimpleNamespace:
    url = SimpleNamespace(scheme=ORIGIN[0], host=ORIGIN[1], port=ORIGIN[2])
    return SimpleNamespace(method=b"POST", url=url, headers=[(b"accept", b"*/*")])


async def write(exchange: Exchange) -> SimpleNamespace:
    """Have the headers of one more request written, with a writer of its own as the transport makes it."""
    request = a_request()
    writer = HeaderWriter(exchange, ORIGIN)
    await writer("http11.send_request_headers.started", {"request": request})
    return request


async def test_a124_an_sdks_second_request_gets_no_key() -> None:
    """Have an SDK send twice within one exchange → the first has the key, the second is refused."""
    key = make_canary("openai")
    exchange = Exchange(make_credential(HERE, key), Limits())

    first = await write(exchange)
    second = a_request()
    with pytest.raises(Exception, match="exchange was ended"):
        await HeaderWriter(exchange, ORIGIN)(
            "http11.send_request_headers.started", {"request": second}
        )

    assert find_canary(repr(first.headers), key)
    assert second.headers == [(b"accept", b"*/*")]
    assert isinstance(exchange.failure, EndpointRefused)


@pytest.mark.parametrize("off_loop", [False, True])
async def test_a124_a_passed_request_gets_its_key_once(off_loop: bool) -> None:
    """Write the head of a request that is passed through a second time → refused, no header."""
    key = make_canary("openai")
    request = UpstreamRequest(make_credential(HERE, key))
    first, second = dict[str, str](), dict[str, str]()

    await put_key(request, first, off_loop=off_loop)
    with pytest.raises(EndpointRefused, match="not on two"):
        await put_key(request, second, off_loop=off_loop)

    assert find_canary(repr(first), key)
    assert second == {}


@pytest.mark.parametrize("off_loop", [False, True])
async def test_a124_a_header_is_handed_out_once(off_loop: bool) -> None:
    """Ask a request for its key's header a second time, as a repetition of it would → refused."""
    key = make_canary("openai")
    request = UpstreamRequest(make_credential(HERE, key), off_loop=off_loop)

    header = await request.take_header_off_loop() if off_loop else request.take_header()
    with pytest.raises(EndpointRefused, match="not on two"):
        await request.take_header_off_loop()
    with pytest.raises(EndpointRefused, match="not on two"):
        request.take_header()

    assert find_canary(repr(header), key)


@contextmanager
def server_that_hangs_up(after: int) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers so many requests of a connection, and closes it unanswered at the next."""
    heads: list[bytes] = []
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            for number in range(after + 1):
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    piece = connection.recv(4096)
                    if not piece:
                        return
                    head += piece
                heads.append(head)
                if number < after:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def listen() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", heads
        stop.set()
        thread.join()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a124_a_connection_that_turns_out_closed_gets_the_key_once(method: str) -> None:
    """Close a kept connection under a request that the library would send again → one key, one error."""
    key = make_canary("openai")
    with server_that_hangs_up(after=1) as (origin, heads):
        policy = OperatorPolicy.from_urls([origin])
        destination = Destination("openai", f"{origin}/v1", origin, "bearer")
        upstream = Upstream(policy=policy, vet=make_vet(policy), egress=Egress(), connections=4)
        await upstream.open()
        send = _sender(upstream, destination, key, method, f"{origin}/v1/models")

        assert await send() == 200
        with pytest.raises(AssayError, match="was cut"):
            await send()
        await upstream.close()

    assert [bool(find_canary(head.decode(), key)) for head in heads] == [True, True]


def _sender(
    upstream: Upstream, destination: Destination, key: str, method: str, url: str
) -> Callable[[], Any]:
    async def send() -> int:
        request = UpstreamRequest(make_credential(destination, key))
        response = await upstream.send(request, method, url, headers={}, body=None)
        await response.read()
        upstream.end(request, response)
        return response.status

    return send
