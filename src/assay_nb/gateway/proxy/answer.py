"""The answer to a client: which bytes a provider's response, or a failure, becomes."""

from __future__ import annotations

from multidict import CIMultiDict

from assay_nb.errors import AssayError
from assay_nb.gateway.proxy.call import SMALL, ProxiedCall, write_failure
from assay_nb.gateway.proxy.wire import (
    EVENT_STREAM,
    LAST_CHUNK,
    Pairs,
    sort_headers,
    write_chunk,
    write_error,
    write_head,
)


class Answer:
    """An answer while it is written.

    Attributes:
        status: Its status; 0 before its head has been written.
        keeps_alive: Whether its head lets the client send another request.
    """

    __slots__ = ("_framed", "_is_events", "_kept", "_pieces", "_status", "keeps_alive", "status")

    def __init__(self) -> None:
        self.status = 0
        self.keeps_alive = False
        self._status = 0
        self._kept: Pairs = []
        self._pieces: list[bytes] = []
        self._framed = True  # its length is stated
        self._is_events = False

    def begin(
        self, call: ProxiedCall, status: int, headers: Pairs, length: int | None, *, keep: bool
    ) -> bytes:
        """Return the head of the answer, or nothing if the response is so small that it is sent whole.

        Args:
            call: Judges the head.
            status: The response's status.
            headers: The response's headers.
            length: The length of its body; None if it is not stated.
            keep: Whether the client may send another request.

        Raises:
            ProviderError: If the response is not one that may be passed on.
        """
        telling, kept = sort_headers(headers)
        for name, value in call.meter.headers().items():
            kept[name.lower().encode()] = (name.encode(), value.encode())
        call.check_head(status, telling, kept.values())
        if call.carries_addresses:
            leading = call.write_addresses(_decode(headers)).items()
            kept |= {name.lower().encode(): _encode(name, value) for name, value in leading}
        self._status = status
        self._kept = [*kept.values()]
        kind = kept.get(b"content-type")
        if kind is None:
            self._kept.append((b"Content-Type", b"application/octet-stream"))
        if length is not None and length <= SMALL:
            return b""
        if call.changes_length:
            length = None
        self._framed = length is not None
        if kind is not None and kind[1].lower().startswith(EVENT_STREAM):
            self._is_events = True
            self._kept.append((b"X-Accel-Buffering", b"no"))
        return self._write_head(length, keep=keep)

    def gather(self, call: ProxiedCall, data: bytes, *, is_over: bool, keep: bool) -> bytes:
        """Return the whole answer, if its head is not written yet and this was the last of its body.

        Args:
            call: Judges the body, and keeps count of it.
            data: What has come of it.
            is_over: Whether that was all.
            keep: Whether the client may send another request.

        Raises:
            ProviderError: If the body holds the key.
        """
        self._pieces.append(data)
        if not is_over:
            return b""
        body = call.pass_whole(b"".join(self._pieces))
        return self._write_head(len(body), keep=keep) + body

    def move(self, call: ProxiedCall, data: bytes, *, is_over: bool) -> bytes:
        """Return what is written of the body by now, after the head.

        Args:
            call: Judges the body, and keeps count of it.
            data: What has come of it.
            is_over: Whether that was all.

        Raises:
            ProviderError: If the body holds the key, or is too long.
        """
        passed = call.pass_piece(data)
        if is_over:
            passed += call.pass_rest()
        if self._framed:
            return passed
        chunk = write_chunk(passed) if passed else b""
        return chunk + LAST_CHUNK if is_over else chunk

    def fail(self, error: AssayError, *, keep: bool) -> bytes | None:
        """Return what tells the client of an error; None if an answer has begun that has no way to say so."""
        if not self.status:
            self.status, self.keeps_alive = error.http_status, keep
            return write_error(error, close=not keep)
        if self._is_events and not self._framed:
            return write_chunk(write_failure(error)) + LAST_CHUNK
        return None

    def _write_head(self, length: int | None, *, keep: bool) -> bytes:
        self.status, self.keeps_alive = self._status, keep
        return write_head(self._status, self._kept, length=length, close=not keep)


def _decode(headers: Pairs) -> CIMultiDict[str]:
    return CIMultiDict(
        [
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, value in headers
        ]
    )


def _encode(name: str, value: str) -> tuple[bytes, bytes]:
    return name.encode("latin-1"), value.encode("utf-8", "surrogateescape")
