"""What drives the proxies: raw connections, so that measuring costs less than what is measured."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

BODY = (
    b'{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"'
    + b"Say it better. " * 20
    + b'"}]}'
)


@dataclass(frozen=True)
class Side:
    """One way to the upstream.

    Attributes:
        port: Where it listens.
        path: What stands before the provider's own path.
        token: What the client shows.
    """

    port: int
    path: str
    token: str = "ada"

    def request(self, events: int = 0, pause: float = 0.0, pad: int = 0) -> bytes:
        """Return the bytes of a request: for JSON, or for so many events, so far apart, so much longer."""
        wanted = f"Idempotency-Key: {events}-{pause}-{pad}\r\n" if events else ""
        head = (
            f"POST {self.path}/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {self.token}\r\nAccept: */*\r\nUser-Agent: bench/1\r\n"
            f"Content-Type: application/json\r\n{wanted}Content-Length: {len(BODY)}\r\n\r\n"
        )
        return head.encode() + BODY


class _Caller(asyncio.Protocol):
    """One connection that asks again as soon as it is answered, for JSON of a known length."""

    def __init__(self, request: bytes, until: float) -> None:
        self.request, self.until = request, until
        self.times: list[float] = []
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.data = b""
        self.whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.data, self.whole, self.began = b"", 0, time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.data += data
        if not self.whole:
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.data[:end].lower()
            self.failed += not head.startswith(b"http/1.1 200")
            at = head.find(b"content-length: ")
            self.whole = end + 4 + int(head[at + 16 :].split(b"\r\n", 1)[0])
        if len(self.data) < self.whole:
            return
        now = time.perf_counter()
        self.times.append(now - self.began)
        if now < self.until:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def call_again_and_again(side: Side, at_once: int, seconds: float) -> tuple[list[float], int]:
    """Return how long each call took, and how many failed."""
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    callers: list[_Caller] = []
    for _ in range(at_once):
        _, caller = await loop.create_connection(
            lambda: _Caller(side.request(), until), "127.0.0.1", side.port
        )
        callers.append(caller)
    await asyncio.wait_for(asyncio.gather(*[caller.done for caller in callers]), seconds + 30)
    return [took for caller in callers for took in caller.times], sum(c.failed for c in callers)


@dataclass
class Stream:
    """What came of one stream."""

    events: int = 0
    whole: bool = False
    first: float = 0.0


async def read_stream(side: Side, events: int, pause: float, *, patience: float = 60.0) -> Stream:
    """Open a stream and read it to its end."""
    stream, began = Stream(), time.perf_counter()
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
        try:
            writer.write(side.request(events, pause))
            await asyncio.wait_for(_read(reader, stream, began), patience)
        finally:
            writer.close()
    return stream


async def _read(reader: asyncio.StreamReader, stream: Stream, began: float) -> None:
    while data := await reader.read(65_536):
        found = data.count(b"event: content_block_delta")
        if found and not stream.events:
            stream.first = time.perf_counter() - began
        stream.events += found
        if data.endswith(b"0\r\n\r\n"):
            stream.whole = True
            return


async def hang_up(side: Side) -> float:
    """Open a stream, hear its first event, hang up; return when (`time.monotonic`)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
    writer.write(side.request(1_000, 30.0))
    await asyncio.wait_for(reader.readuntil(b"content_block_delta"), 20)
    at = time.monotonic()
    writer.transport.abort()
    return at


async def read_slowly(side: Side, stop: asyncio.Event) -> int:
    """Ask for far more than is read, a kilobyte at a time; return how much was read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", side.port, limit=1024)
    writer.write(side.request(100_000, 0.0005, 8_000))
    read = 0
    while not stop.is_set():
        read += len(await reader.read(1024))
        await asyncio.sleep(0.1)
    writer.transport.abort()
    return read
