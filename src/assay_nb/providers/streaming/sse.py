"""Lines and frames of server-sent events, by the WHATWG standard, and JSON that comes without its `data:`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_BOM = b"\xef\xbb\xbf"
_FIELDS = frozenset({"data", "event", "id", "retry"})
_STRING = re.compile(r'"(?>(?:[^"\\]++|\\.)*)"?')
"""A string, or the beginning of one: possessive, or quotes that never close would take quadratic time."""
_ROOT = "[,] \t\x1e"
"""Characters that may stand between objects: an array's, and the record separator of JSON text sequences."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream.

    Attributes:
        data: Its data lines, joined.
        event: Its name; empty where the server left it out.
        is_cut: Whether the stream ended before the frame did.
    """

    data: str
    event: str = ""
    is_cut: bool = False


class Lines:
    """Splits bytes into lines at LF, CR and CRLF, also where a piece ends within one.

    The time it takes is linear, also for one long line that comes byte by byte.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_cr = False
        self._is_first = True

    def feed(self, piece: bytes) -> Iterator[str]:
        """Yield the lines that are whole by now, without their ends."""
        if not piece:
            return
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_cr = piece.endswith(b"\r")
        for part in piece.splitlines(keepends=True):
            self._rest += part
            if part.endswith((b"\n", b"\r")):
                yield self._take()

    def finish(self) -> Iterator[str]:
        """Yield the last line if it has no end."""
        if self._rest:
            yield self._take()

    def _take(self) -> str:
        line = bytes(self._rest).rstrip(b"\r\n")
        self._rest.clear()
        if self._is_first:
            line, self._is_first = line.removeprefix(_BOM), False
        try:
            return line.decode()
        except UnicodeDecodeError:
            return _decode(line)


def _decode(line: bytes) -> str:
    """Decode a line that is not UTF-8. Half of a surrogate pair is kept: its other half may be on its way."""
    try:
        return line.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return line.decode("utf-8", "replace")


@dataclass(slots=True)
class _Json:
    """JSON text that is not in a frame, as far as it has come."""

    lines: list[str] = field(default_factory=list[str])
    depth: int = 0
    event: str = ""

    def add(self, line: str) -> None:
        self.lines.append(line)
        outside = _STRING.sub("", line)
        self.depth += outside.count("{") + outside.count("[")
        self.depth -= outside.count("}") + outside.count("]")


class Frames:
    """Puts lines together to frames.

    A server that sends its reply as one JSON body, as an array, or as one object a line gets a frame for each
    that is whole: so does an error that comes bare between frames.

    Attributes:
        is_strange: Whether a line came that is neither an event's nor JSON.
        is_page: Whether the body begins as an HTML page does.
    """

    def __init__(self) -> None:
        self.is_strange = False
        self.is_page = False
        self._is_blank = True
        self._event = ""
        self._data: list[str] = []
        self._json = _Json()

    def feed(self, line: str) -> Iterator[Frame]:
        """Yield the frame that this line ends, if it ends one."""
        if self._is_blank and line.strip():
            self._is_blank, self.is_page = False, line.lstrip().startswith("<")
        name, _, value = line.partition(":")
        if name in _FIELDS:
            self._drop_json()
            self._take_field(name, value.removeprefix(" "))
        elif self._json.lines:
            self._json.add(line)
            yield from self._whole_json()
        elif not line:
            yield from self._end_frame()
        elif name and len(self._data) == 1 and self._continues():
            self._json.add(line)
            yield from self._whole_json()
        elif name:  # a comment has none
            yield from self._take_bare(line)

    def finish(self) -> Iterator[Frame]:
        """Yield a last frame that the stream's end cut off, if there is one."""
        if self._json.lines:
            yield Frame("\n".join(self._json.lines), is_cut=True)
        for frame in self._end_frame():
            yield Frame(frame.data, frame.event, is_cut=True)

    def _take_field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value.strip()

    def _end_frame(self) -> Iterator[Frame]:
        frame = Frame("\n".join(self._data), self._event)
        self._data, self._event = [], ""
        if frame.data or frame.event:
            yield frame

    def _take_bare(self, line: str) -> Iterator[Frame]:
        """Take a line that is no event's: the beginning of JSON, a closing mark, or nothing known."""
        if line.strip().casefold() == "[done]":
            yield Frame(line)
            return
        text = line.lstrip(_ROOT)
        if text.startswith("{"):
            self._json.add(text)
            yield from self._whole_json()
        elif text:
            self.is_strange = True

    def _continues(self) -> bool:
        """Return whether the one data line is JSON that goes on in lines without a `data:`; begin it then."""
        begun = _Json(event=self._event)
        begun.add(self._data[0])
        if begun.depth <= 0:
            return False
        self._json, self._data, self._event = begun, [], ""
        return True

    def _whole_json(self) -> Iterator[Frame]:
        if self._json.depth <= 0:
            text, event, self._json = "\n".join(self._json.lines), self._json.event, _Json()
            yield Frame(text, event)

    def _drop_json(self) -> None:
        if self._json.lines:
            self._json, self.is_strange = _Json(), True
