"""A response's body as an SDK may read it: decoded, counted, timed, and free of the key."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import httpx2

from assay_nb.egress.checks import ResponseHead
from assay_nb.providers.exchange import Exchange


class GuardedBody(httpx2.AsyncByteStream):
    """A response's body: decoded, counted, timed and scanned."""

    def __init__(
        self, exchange: Exchange, body: httpx2.AsyncByteStream, decoder: Inflate | None
    ) -> None:
        self._exchange = exchange
        self._body = body
        self._left = exchange.cap
        self._decoder = decoder

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Closed by hand, or a broken-off body would stay in memory until the collector finds it.
        async with contextlib.aclosing(cast("AsyncGenerator[bytes]", aiter(self._body))) as pieces:
            async for piece in pieces:
                if passed := self._checked(piece):
                    yield passed
        if rest := self._exchange.flush_bytes():
            yield rest

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


class Inflate:
    """Undoes gzip and deflate without ever making more than is asked for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def decode(self, piece: bytes, most: int) -> bytes:
        return self._inflate.decompress(piece, most)


def decoder_for(head: ResponseHead) -> Inflate | None:
    """Return a decoder for what we did not ask for but some gateways send all the same."""
    if not head.encoding:
        return None
    if head.encoding in {"gzip", "x-gzip", "deflate"}:
        return Inflate()
    raise head.compressed()
