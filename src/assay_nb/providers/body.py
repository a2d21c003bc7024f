"""A response's body as an SDK may read it: decoded, counted, timed, free of the key, and a clean stream."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol, cast

import httpx2

from assay_nb.egress.checks import ResponseHead
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.streaming.reader import NotAStream, StreamReader


class GuardedBody(httpx2.AsyncByteStream):
    """A response's body: decoded, counted, timed, scanned, and then read as a stream if it is to be one."""

    def __init__(
        self,
        exchange: Exchange,
        body: httpx2.AsyncByteStream,
        decoder: Decoder | None,
        reader: StreamReader | None = None,
    ) -> None:
        self._exchange = exchange
        self._body = body
        self._reader = reader
        self._left = exchange.cap
        self._decoder = decoder

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Closed by hand, or a broken-off body would stay in memory until the collector finds it.
        async with contextlib.aclosing(cast("AsyncGenerator[bytes]", aiter(self._body))) as pieces:
            async for piece in pieces:
                if passed := self._read(self._checked(piece)):
                    yield passed
                self._check_stream()
        if rest := self._last(self._exchange.flush_bytes()):
            yield rest
        self._check_stream()

    def _read(self, piece: bytes) -> bytes:
        return piece if self._reader is None else self._reader.feed(piece)

    def _last(self, rest: bytes) -> bytes:
        return rest if self._reader is None else self._reader.feed(rest) + self._reader.finish()

    def _check_stream(self) -> None:
        """Raise if the body turned out to be something else than a stream."""
        fault = None if self._reader is None else self._reader.fault
        if fault == "page":
            raise self._exchange.refuse(self._exchange.page_instead())
        if fault:
            raise NotAStream

    def _checked(self, piece: bytes) -> bytes:
        data = self._decoded(piece)
        self._left -= len(data)
        if self._left < 0:
            raise self._exchange.refuse(self._exchange.too_much("more than a reply can be"))
        if time.monotonic() > self._exchange.deadline:
            raise self._exchange.refuse(self._exchange.too_much("too slowly for too long"))
        return self._exchange.clear_bytes(data)

    def _decoded(self, piece: bytes) -> bytes:
        if self._decoder is None:
            return piece
        try:
            return self._decoder.decode(piece, self._left + 1)
        except zlib.error:
            error = self._exchange.too_much("a damaged response")
        raise self._exchange.refuse(error)

    async def aclose(self) -> None:
        await self._body.aclose()


class Decoder(Protocol):
    """Undoes how a body is compressed."""

    def decode(self, piece: bytes, most: int) -> bytes:
        """Return what a piece holds, and no more than `most` bytes of it."""
        ...


class Unread:
    """Takes a body that cannot be decoded for an empty one: of an error, the status says enough."""

    def decode(self, piece: bytes, most: int) -> bytes:
        return b""


class Inflate:
    """Undoes gzip and deflate without ever making more than is asked for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def decode(self, piece: bytes, most: int) -> bytes:
        return self._inflate.decompress(piece, most)


def reader_for(exchange: Exchange) -> StreamReader | None:
    """Return what reads the response as a stream; None where the SDK gets it as it is."""
    if exchange.dialect is None or exchange.status is None or exchange.status >= 400:
        return None

    def take_status(status: int) -> None:
        exchange.status = status

    exchange.reader = StreamReader(exchange.dialect, take_status)
    return exchange.reader


def decoder_for(head: ResponseHead) -> Decoder | None:
    """Return a decoder for what we did not ask for but some gateways send all the same."""
    if head.encoding in {"", "none", "utf-8"}:  # a charset in the wrong header
        return None
    if head.encoding in {"gzip", "x-gzip", "deflate"}:
        return Inflate()
    if head.status >= 400:
        return Unread()
    raise head.compressed()
