"""The upload: a request's body on its way to the provider, as far as it has come and was not sent on yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay_nb.gateway.proxy.wire import LAST_CHUNK, write_chunk

if TYPE_CHECKING:
    from assay_nb.gateway.proxy.call import ProxiedCall
    from assay_nb.gateway.proxy.head import RequestHead


class Upload:
    """The body of one request.

    Attributes:
        received: Bytes that have come.
        is_sent_on: Whether the head was sent on, so that the rest follows at once.
    """

    __slots__ = ("_head", "_is_seen", "_pieces", "is_sent_on", "received")

    def __init__(self, head: RequestHead) -> None:
        self.received = 0
        self.is_sent_on = False
        self._head = head
        self._pieces: list[bytes] = []
        self._is_seen = False

    def add(self, pieces: list[bytes]) -> None:
        """Take what has come."""
        self._pieces += pieces
        self.received += sum(map(len, pieces))

    def clear(self) -> None:
        """Keep nothing: nobody takes it any more."""
        self._pieces = []

    def is_enough(self, call: ProxiedCall, *, is_whole: bool) -> bool:
        """Say whether the request can be sent on: a small body as a whole, another with its beginning."""
        return is_whole or not (self._head.is_small or (call.is_counted and not self.received))

    def show(self, call: ProxiedCall) -> bool:
        """Show the beginning of the body to the meter, once; say whether the call has to be counted now."""
        if self._is_seen:
            return False
        self._is_seen = True
        if self._head.body_exists:
            whole = self._head.is_small or call.is_counted
            call.meter.see_request(
                self._head.content_type, b"".join(self._pieces) if whole else b""
            )
        return call.is_counted

    def take(self, call: ProxiedCall, *, is_whole: bool) -> list[bytes]:
        """Return what can be written by now, in the form in which it is sent.

        Raises:
            TooLarge: If more has come than is passed through.
        """
        if self._head.chunked:
            call.check_length(self.received)
        pieces = [call.send_piece(piece) for piece in self._pieces]
        self._pieces = []
        if is_whole:
            pieces.append(call.send_rest())
        if not self._head.chunked:
            return pieces
        chunks = [write_chunk(piece) for piece in pieces if piece]
        return [*chunks, LAST_CHUNK] if is_whole else chunks
