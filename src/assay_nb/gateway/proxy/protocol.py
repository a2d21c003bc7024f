"""The listener's protocol: one connection of a client, whose requests go the one way or the other.

Each head is read with llhttp in its strict mode, and within limits, before anybody else sees it. A plain request
that is passed through is served by a `Relay`; every other one is handed to aiohttp with all of its bytes. A
connection may have both kinds, one request at a time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httptools

from assay_nb.errors import AssayError
from assay_nb.gateway.http.responses import BadHead, HeadTooLarge, HeadTooSlow
from assay_nb.gateway.proxy.connections import Wait
from assay_nb.gateway.proxy.head import read_head
from assay_nb.gateway.proxy.relay import Relay
from assay_nb.gateway.proxy.wire import Pairs, write_error

if TYPE_CHECKING:
    from assay_nb.gateway.proxy.listener import HandedOver, Listener

MOST_LINE = 8 * 1024
"""Bytes of what is asked for, in a request's first line."""

MOST_HEADERS = 16 * 1024
"""Bytes of all headers together; of trailers too, and of what stands between two pieces of a body."""

MOST_FIELD = 8 * 1024 - 2
"""Bytes of one header, which is as much as aiohttp takes."""

MOST_FIELDS = 100
"""Headers of one request."""

_MOST_HEAD = MOST_LINE + MOST_HEADERS + 64
_HELD = 64 * 1024
"""Bytes that are kept for aiohttp until it is decided which way a request goes."""


class Connection(asyncio.Protocol):
    """One connection of a client.

    Attributes:
        peer: The client's address, or that of a proxy before the gateway.
        transport: What is written to.
        is_full: Whether the client does not read what is written.
    """

    __slots__ = (
        "_answered", "_closing", "_complete", "_deaf", "_handed", "_has_head", "_headers", "_held", "_keep",
        "_listener", "_other", "_parser", "_paused", "_pieces", "_quiet", "_raw", "_reading", "_relay", "_size",
        "_target", "is_full", "peer", "transport",
    )  # fmt: skip

    def __init__(self, listener: Listener) -> None:
        self.peer = ""
        self.transport = cast("asyncio.Transport", None)
        self.is_full = False
        self._listener = listener
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._other: HandedOver | None = None
        self._relay: Relay | None = None
        self._closing = False  # it is on its way out
        self._deaf = False  # what comes is thrown away
        self._raw = False  # aiohttp has it for good
        self._paused = False
        self._start_anew()

    def _start_anew(self) -> None:
        """Be ready for a request's first byte."""
        self._target = b""
        self._headers: Pairs = []
        self._held: list[bytes] | None = []
        self._pieces: list[bytes] = []
        self._size = self._quiet = 0
        self._reading = self._has_head = self._complete = False  # how far the request has come
        self._handed = self._answered = False  # to aiohttp, and by it
        self._keep = False

    # --- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = str(cast("tuple[object, ...]", name)[0]) if isinstance(name, tuple) else ""
        if not self._listener.connections.admit(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = self._deaf = True
        self._parser = None  # it holds this object, which holds it
        self._listener.connections.forget(self)
        relay, self._relay = self._relay, None
        other, self._other = self._other, None
        if relay is not None:
            relay.client_is_gone()
        if other is not None:
            other.connection_lost(exc)

    def eof_received(self) -> bool:
        """Close. A client that has hung up and one that has only said all it has to say look the same."""
        return False

    def pause_writing(self) -> None:
        self.is_full = True
        if self._relay is not None:
            self._relay.pause_answer()
        elif self._other is not None:
            self._other.pause_writing()

    def resume_writing(self) -> None:
        self.is_full = False
        if self._relay is not None:
            self._relay.resume_answer()
        if self._other is not None and self._other.writing_paused:
            self._other.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._deaf or self._parser is None:
            return
        if self._raw and self._other is not None:
            self._other.data_received(data)
            return
        if self._complete:  # a second request, before the first is answered
            self._deaf = True
            self.pause_reading()
            return
        if self._held is not None:
            self._held.append(data)
            self._size += len(data)
        self._quiet += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._raw = True
        except httptools.HttpParserError as error:
            self._refuse(_explain(error))
            return
        self._go_on(data)

    def _go_on(self, data: bytes) -> None:
        """Do what the bytes that were just read allow."""
        if self._quiet > MOST_HEADERS if self._has_head else self._size > _MOST_HEAD:
            self._refuse(_too_large())
        elif self._handed and self._other is not None:
            self._other.data_received(data)
            if self._answered:
                self.answered()
        elif self._relay is not None:
            pieces, self._pieces = self._pieces, []
            if self._held is not None and self._size > _HELD:
                self.pause_reading()
            self._relay.body_moves(pieces)
        elif self._has_head:
            self._decide()

    # --- the parser

    def on_message_begin(self) -> None:
        if self._reading:
            raise _Pipelined
        self._reading = True
        self._listener.connections.wait(self, "head")

    def on_url(self, piece: bytes) -> None:
        self._target += piece
        if len(self._target) > MOST_LINE:
            raise _TooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            return  # a trailer, which is not passed on
        self._headers.append((name, value))
        if len(self._headers) > MOST_FIELDS or len(name) + len(value) > MOST_FIELD:
            raise _TooLarge

    def on_headers_complete(self) -> None:
        if sum([len(name) + len(value) + 4 for name, value in self._headers]) > MOST_HEADERS:
            raise _TooLarge
        self._has_head = True
        self._quiet = 0
        self._listener.connections.stop_waiting(self)

    def on_body(self, body: bytes) -> None:
        self._quiet = 0
        if not self._handed:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        assert self._parser is not None, "it is what calls"
        self._complete = True
        self._keep = self._parser.should_keep_alive()

    # --- which way

    def _decide(self) -> None:
        parser, head = self._parser, None
        assert parser is not None, "it has just read the head"
        if not self._raw and parser.get_http_version() == "1.1":
            listener = self._listener
            head = read_head(
                parser.get_method(),
                self._target,
                self._headers,
                listener.prefix,
                listener.carriers,
            )
        self._headers = []
        # Without a token it is nobody's, or a browser's: what those are told is aiohttp's to write.
        if head is None or not head.shows_token(self._listener.route.token_headers):
            self.hand_over()
            return
        pieces, self._pieces = self._pieces, []
        relay = self._relay = Relay(self._listener, self, head)
        relay.begin(pieces)

    def hand_over(self) -> None:
        """Let aiohttp serve the request, of which nothing has been sent anywhere."""
        self._relay = None
        self._pieces = []
        self._handed = True
        held, self._held = self._held or [], None
        if self._other is None:
            self._other = self._listener.make_other(self.answered)
            self._other.connection_made(self.transport)
            if self.is_full:
                self._other.pause_writing()
        self.resume_reading()
        self._other.data_received(b"".join(held))

    def is_decided(self) -> None:
        """Keep nothing more for aiohttp: the relay serves the request."""
        self._held = None

    # --- for the one who answers

    @property
    def is_whole(self) -> bool:
        """Whether all of the request has come."""
        return self._complete

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request, once this one is answered."""
        return self._keep and not self._deaf and not self._listener.is_closing

    def write(self, data: bytes) -> None:
        """Send something to the client, who may be gone."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def pause_reading(self) -> None:
        """Read no more for now: nobody takes it."""
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Continue to read."""
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def answered(self) -> None:
        """Note that aiohttp has answered; be ready for the next request if this one is over.

        After a request for another protocol there is none: nobody would read its head within the limits, or close
        the connection of a client that says no more.
        """
        self._answered = True
        if self._raw:
            self.finish(keep=False)
        elif self._complete:
            self.finish(keep=not self._deaf)

    def finish(self, *, keep: bool) -> None:
        """Be ready for the next request, or close once what was written is sent.

        Where the rest of a request is still coming, it is read and thrown away for a while: closing at once
        would take the answer from a client that has not read it yet.
        """
        self._relay = None
        if self._closing or self.transport.is_closing():
            return
        connections = self._listener.connections
        if keep:
            self._start_anew()
            self.resume_reading()
            connections.wait(self, "idle")
            return
        self._closing = self._deaf = True
        if self._complete:
            connections.wait(self, "idle")
            self.transport.close()
            return
        connections.wait(self, "linger")
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def abort(self) -> None:
        """Close at once, so that an answer does not look whole."""
        self._closing = self._deaf = True
        self.transport.abort()

    # --- what waits too long

    def waited_too_long(self, what: Wait) -> None:
        """Close: nothing has come, or not enough."""
        if self._closing:
            self.abort()
        elif what == "head" and self._reading:
            self._refuse(HeadTooSlow("The head of the request did not come in time."))
        else:
            self._listener.connections.stop_waiting(self)
            self.abort()

    def make_room(self) -> None:
        """Close at once, for another one."""
        self.abort()

    # --- refusals

    def _refuse(self, error: AssayError) -> None:
        """Answer what cannot be read, and close."""
        if self._relay is not None:
            self._keep = False
            self._relay.fail(error)
        elif self._handed:
            self.abort()  # aiohttp is serving it, and waits for the rest
        else:
            self._complete = False
            self.write(write_error(error, close=True))
            services = self._listener.services
            services.note_answer(None, "", None, error.http_status, error.code, 0.0)
            self.finish(keep=False)


class _Refused(Exception):
    """What llhttp would take, and this gateway does not."""


class _Pipelined(_Refused):
    """A request came with the one before it."""


class _TooLarge(_Refused):
    """The head is too large."""


def _explain(error: httptools.HttpParserError) -> AssayError:
    match error.__context__:
        case _TooLarge():
            return _too_large()
        case _Pipelined():
            return BadHead(
                "Two requests came at once.", hint="Wait for each answer before the next request."
            )
        case _:
            return BadHead(
                "The request is not valid HTTP.", hint="Send HTTP/1.1, as RFC 9112 has it."
            )


def _too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"The head of the request is larger than {MOST_HEADERS // 1024} KiB.",
        hint="Send fewer headers, or shorter ones.",
    )
