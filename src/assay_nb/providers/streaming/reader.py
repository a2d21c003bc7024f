"""The reader of streams: bytes as a server sends them in, a clean stream of its dialect out.

It is between the connection and the SDK, behind the scanner that looks for the key. The SDKs differ in what
they forgive: one ends a paid reply at a frame without data, another takes `[DONE]` for a broken one, and all
take a whole JSON body for an empty stream. What the reader hands on is the same for all: frames in UTF-8 with
LF, each with one JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from assay_nb.messages import Kind
from assay_nb.providers.streaming.dialects import WIRES, Object
from assay_nb.providers.streaming.in_band import as_error, find_error, status_of
from assay_nb.providers.streaming.sse import Frame, Frames, Lines

_PINGS = frozenset({"ping", "heartbeat", "keepalive", "keep-alive"})
_BETWEEN = " \t\n,]\x1e"
_DECODER = json.JSONDecoder()


class NotAStream(ValueError):
    """What came is not a stream of the dialect. It holds nothing of what came."""


class StreamReader:
    """Reads one response's body.

    Attributes:
        fault: What is wrong with the body: nothing, a web page in its place, or not the dialect's. What
            `feed` returned before it is good.
        is_blank: Whether no part of a reply and no error has come so far.
    """

    def __init__(self, dialect: Kind, on_status: Callable[[int], None]) -> None:
        """Begin a body.

        Args:
            dialect: What the SDK expects.
            on_status: Called with the status that an error in the stream names.
        """
        self._wire = WIRES[dialect]
        self._on_status = on_status
        self._lines = Lines()
        self._frames = Frames()
        self._came = False
        self._is_over = False
        self.fault: str | None = None
        self.is_blank = True

    def feed(self, piece: bytes) -> bytes:
        """Return the frames that are whole by now."""
        out: list[bytes] = []
        for line in self._lines.feed(piece):
            self._take(self._frames.feed(line), out)
        return b"".join(out)

    def finish(self) -> bytes:
        """Return what the end of the body makes whole."""
        out: list[bytes] = []
        for line in self._lines.finish():
            self._take(self._frames.feed(line), out)
        self._take(self._frames.finish(), out)
        if self._frames.is_strange and not self._came:
            self.fault = self.fault or "garbled"
        return b"".join(out)

    def _take(self, frames: Iterable[Frame], out: list[bytes]) -> None:
        for frame in frames:
            if self.fault is None:
                out.extend(self._read(frame))
        if self._frames.is_page and not self._came:
            self.fault = "page"

    def _read(self, frame: Frame) -> Iterator[bytes]:
        text = frame.data.strip()
        if "\n" in text or text.startswith("data:"):
            # A server without a blank line between frames, or a proxy that frames frames.
            rest, _, last = _unframed(text).rpartition("\n")
            if _is_mark(last):
                yield from self._read_text(frame, rest)
                text = last
            else:
                text = _unframed(text)
        yield from self._read_text(frame, text)

    def _read_text(self, frame: Frame, text: str) -> Iterator[bytes]:
        is_error = frame.event.casefold() == "error"
        if _is_mark(text):
            self._came = self._is_over = True
            if self._wire.has_done:
                yield b"data: [DONE]\n\n"
        elif is_error and text in {"", "null"}:
            yield self._fail(as_error({}))
        elif text not in {"", "null"}:
            try:
                values = _decode(text)
            except (ValueError, RecursionError):
                yield from self._not_json(frame, text)
                return
            is_one = len(values) == 1 and text.startswith("{") and text.endswith("}")
            for value in values:
                yield from self._hand_on(frame.event, value, text if is_one else "")

    def _not_json(self, frame: Frame, text: str) -> Iterator[bytes]:
        if frame.event.casefold() == "error":
            yield self._fail(as_error(text))
        elif frame.is_cut:
            self._frames.is_strange = True  # and without a closing mark the reply is not whole
        elif not self._is_over and not _PINGS & {frame.event.casefold(), text.casefold()}:
            self.fault = "garbled"

    def _hand_on(self, event: str, value: object, text: str) -> Iterator[bytes]:
        """Yield the frames for one value; `text` is its JSON, if nothing else is in it."""
        if not isinstance(value, dict):
            if event.casefold() == "error":
                yield self._fail(as_error(value))
            elif event.casefold() not in _PINGS:
                self.fault = "garbled"
            return
        self._came, self.is_blank = True, False
        found = cast("Object", value)
        if error := find_error(event, found):
            yield self._fail(error)
            return
        for part in self._wire.parts(event, found):
            yield self._write(part, text if part is found and "\n" not in text else "")

    def _fail(self, error: Object) -> bytes:
        self._came, self.is_blank = True, False
        if status := status_of(error):
            self._on_status(status)
        return self._write(self._wire.error(error), "")

    def _write(self, value: Object, text: str) -> bytes:
        try:
            data = text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can write
            data = b""
        data = data or json.dumps(value).encode("ascii")
        if self._wire.has_names:
            name = "".join(str(value.get("type", "message")).split())
            return b"event: " + name.encode("utf-8", "replace") + b"\ndata: " + data + b"\n\n"
        return b"data: " + data + b"\n\n"


def _is_mark(text: str) -> bool:
    """Return whether a text is the mark that closes a stream."""
    return text.strip().strip('"').casefold() == "[done]"


def _unframed(text: str) -> str:
    """Return data without the `data:` that its lines begin with a second time."""
    return "\n".join(line.removeprefix("data:").strip() for line in text.split("\n"))


def _decode(text: str) -> list[Any]:
    """Return the JSON values in a frame: one, or several with nothing but commas between them.

    Raises:
        ValueError: If it is anything else.
    """
    values: list[Any] = []
    at = 0
    while at < len(text):
        value, at = _DECODER.raw_decode(text, at)
        values.extend(cast("list[Any]", value) if isinstance(value, list) else [value])
        while at < len(text) and text[at] in _BETWEEN:
            at += 1
    return values
