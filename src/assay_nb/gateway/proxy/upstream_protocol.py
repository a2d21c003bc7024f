"""The upstream protocol: one connection to a provider, which carries one exchange after another.

It reads what comes back with llhttp in its strict mode, and hands it on as it comes. What it cannot read, or what
comes unasked, ends the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from assay_nb.gateway.proxy.wire import Pairs

_MOST_HEAD = 64 * 1024
"""Bytes of a response's head, or of what comes between two pieces of a body."""

_MOST_HEADERS = 128
_MOST_INFORMAL = 8
"""Responses with a status of 1xx before the one that counts."""

_UNFRAMED = frozenset({204, 304})
"""Statuses of responses that have no body, whatever their head says."""


_EMPTY = ((None, True), (0, False))
"""What heads say of such responses where nothing can come after them."""


class Receiver(Protocol):
    """Whoever waits for a response. It is told in this order, once each but for `answer_moves`."""

    def answer_begins(self, status: int, headers: Pairs, length: int | None) -> None:
        """Take the head; `length` is None where it is not stated."""
        ...

    def answer_moves(self, data: bytes, *, is_over: bool) -> None:
        """Take what has come of the body, perhaps nothing, and whether it is over."""
        ...

    def answer_breaks(self, error: Exception | None) -> None:
        """Take note that there is no response, or no more of it. It is the last that is told."""
        ...

    def pause_body(self) -> None:
        """Send no more for now: the provider does not read."""
        ...

    def resume_body(self) -> None:
        """Continue to send."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to a provider.

    Attributes:
        origin: Where it leads.
        transport: What is written to.
        used: Whether it has carried an exchange before.
        idle_since: When it became idle, by the loop's clock.
    """

    __slots__ = (
        "_began", "_complete", "_dropped", "_extra", "_headers", "_informal", "_is_odd", "_length", "_lost", "_parser",
        "_pieces", "_quiet", "_read", "_receiver", "_status", "_told", "_until_end", "idle_since",
        "keep", "origin", "transport", "used",
    )  # fmt: skip

    def __init__(self, origin: str, lost: Callable[[UpstreamConnection], None]) -> None:
        self.origin = origin
        self.transport = cast("asyncio.Transport", None)
        self.used = False
        self.keep = False
        self.idle_since = 0.0
        self._lost = lost
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._receiver: Receiver | None = None
        self._dropped = False
        self._reset()

    def _reset(self) -> None:
        self._status = self._informal = self._read = self._quiet = 0
        self._headers: Pairs = []
        self._pieces: list[bytes] = []
        self._length: int | None = None
        self._began = self._complete = self._extra = self._told = self._until_end = False
        self._is_odd = False  # it has no body and states one, which may still come

    # --- for the one who asks

    def expect(self, receiver: Receiver) -> None:
        """Give what comes from now on to a receiver."""
        self._receiver = receiver
        self.keep = False
        self._reset()

    @property
    def has_answered(self) -> bool:
        """Whether any of the response has come."""
        return self._read > 0

    @property
    def is_open(self) -> bool:
        """Whether it can be written to."""
        return not self._dropped and not self.transport.is_closing()

    def release(self) -> None:
        """Give nothing more to the receiver, which may be gone."""
        self._receiver = None
        self._headers, self._pieces = [], []

    def drop(self) -> None:
        """Close at once, and read no more."""
        self.release()
        if not self._dropped:
            self._dropped = True
            self.transport.abort()

    # --- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._dropped = True
        self._parser = None  # it holds this object, which holds it
        self._lost(self)
        self._break(exc)

    def eof_received(self) -> bool:
        if self._until_end and not self._complete and self._receiver is not None:
            self._complete = True
            self._tell()
        else:
            self._break(None)
        return False

    def pause_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.pause_body()

    def resume_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.resume_body()

    def data_received(self, data: bytes) -> None:
        if self._receiver is None or self._parser is None or self._complete:
            self.drop()  # nobody has asked
            return
        self._read += len(data)
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._extra = True
        if self._quiet > _MOST_HEAD or (self._extra and not self._complete):
            self._break(None)
        else:
            self._tell()

    def _tell(self) -> None:
        receiver = self._receiver
        if receiver is None or not self._began:
            return
        if self._extra:
            self.keep = False
        if not self._told:
            self._told = True
            headers, self._headers = self._headers, []
            receiver.answer_begins(self._status, headers, self._length)
            if self._receiver is not receiver:
                return  # it was refused
        pieces, self._pieces = self._pieces, []
        if pieces or self._complete:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            receiver.answer_moves(data, is_over=self._complete)

    def _break(self, error: Exception | None) -> None:
        receiver, self._receiver = self._receiver, None
        if not self._dropped:
            self.drop()
        if receiver is not None and not self._complete:
            receiver.answer_breaks(error)

    # --- the parser

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second response to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._began:
            return  # a trailer, which is not passed on
        self._headers.append((name, value))
        if len(self._headers) > _MOST_HEADERS:
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._informal += 1
            self._headers = []
            if self._informal > _MOST_INFORMAL:
                raise ValueError("too many informal responses")
            return
        if status < 200:
            raise ValueError("a change of protocol that nobody asked for")
        self._status = status
        self._began = True
        self._quiet = 0
        self._length, self._until_end = _read_framing(status, self._headers)
        self._is_odd = status in _UNFRAMED and _read_framing(0, self._headers) not in _EMPTY

    def on_body(self, body: bytes) -> None:
        self._quiet = 0
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._began and not self._complete:
            assert self._parser is not None
            self._complete = True
            self.keep = self._parser.should_keep_alive() and not self._is_odd


def _read_framing(status: int, headers: Pairs) -> tuple[int | None, bool]:
    """Return the stated length of a body, and whether only the end of the connection ends it."""
    length: int | None = 0 if status in _UNFRAMED else None
    chunked = False
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-length" and status not in _UNFRAMED:
            length = int(value)
        elif lower == b"transfer-encoding":
            chunked = True
    return length, length is None and not chunked
