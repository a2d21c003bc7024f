"""Connections that were kept open and that a server closes at the moment when the next request arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from assay_nb.errors import ProviderUnavailable
from assay_nb.messages import Destination
from assay_nb.providers import exchange
from assay_nb.providers.transport import Egress
from tests.fakes.providers import FakeProviders
from tests.fakes.providers_client import (
    collect,
    make_credential,
    make_provider,
    make_request,
    text_of,
)

pytestmark = pytest.mark.anyio

REPLY = (
    b'data: {"choices": [{"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(
    REPLY
)


@dataclass
class Closing:
    """A server that reads one request more on each connection than it answers, and closes without a word.

    llama.cpp's own closes a connection after a streamed reply and does not say so in its headers. What a
    client sends in that moment is lost.

    Attributes:
        answered: How many requests of a connection are.
        arrived: How many came, answered or not.
    """

    answered: int
    arrived: int = 0

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Destination]:
        """Serve while the block runs; the block is given where."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        there = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield Destination("openai", f"{there}/v1", there, "none", "local", "openai-chat")
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number in range(self.answered + 1):
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                self.arrived += 1
                if number < self.answered:
                    writer.write(HEAD + REPLY)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client closed its end
        finally:
            writer.close()


async def ask(there: Destination, egress: Egress, fake: FakeProviders, times: int) -> list[str]:
    """Ask a few times, one after the other, and return the replies."""
    provider = make_provider("openai-chat", egress, fake)
    credential = make_credential(there, "")
    return [
        text_of(await collect(provider.stream(make_request(), model="m", credential=credential)))
        for _ in range(times)
    ]


async def test_request_that_a_closing_connection_lost_is_sent_again(
    egress: Egress, fake: FakeProviders
) -> None:
    server = Closing(answered=1)

    async with server.listen() as there:
        replies = await ask(there, egress, fake, 4)

    assert replies == ["yes"] * 4
    assert server.arrived == 7  # the second, third and fourth were lost once each


async def test_request_on_a_new_connection_is_not_sent_again(
    egress: Egress, fake: FakeProviders
) -> None:
    server = Closing(answered=0)

    async with server.listen() as there:
        with pytest.raises(ProviderUnavailable, match="closed the connection"):
            await ask(there, egress, fake, 1)

    assert server.arrived == 1


async def test_request_that_a_server_may_have_worked_on_is_not_sent_again(
    egress: Egress, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_AT_ONCE", 0.0)  # so that any time at all is long
    server = Closing(answered=1)

    async with server.listen() as there:
        with pytest.raises(ProviderUnavailable, match="closed the connection"):
            await ask(there, egress, fake, 2)

    assert server.arrived == 2
