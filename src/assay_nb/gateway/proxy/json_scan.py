"""JSON scanner: walks through JSON without building its values, in short slices.

`json.loads` holds the interpreter's lock for seconds at 26 MiB of numbers, and nobody else is answered
meanwhile. This scanner makes no value, skips runs of numbers in one step, and gives way after each slice. It
takes a strict dialect of JSON: UTF-8 without a byte order mark, no `NaN`, no control character in a text, and
a bounded depth. Whatever else a server may read as JSON is refused, not guessed.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Generator
from typing import Protocol

DEEPEST = 128
"""Levels of objects and lists within each other. Tools' schemas in the wild have up to thirty."""

MOST_STEPS = 1_000_000
"""Names, texts, brackets and runs of plain values in one body: some 1.5 s of work, if it has as many."""

_SLICE_STEPS = 500
_SLICE_BYTES = 64 * 1024

_SPACE = re.compile(rb"[ \t\n\r]{0,65536}+")
# Groups are atomic, not possessive: Python before 3.11.4 does not go back where such a group matches in part.
_SCALAR = rb"""(?:-?(?:0|[1-9][0-9]{0,400}+)(?>(?:\.[0-9]{1,400}+)?)(?>(?:[eE][+-]?[0-9]{1,20}+)?)
    |true|false|null)"""
_PLAIN = re.compile(_SCALAR, re.VERBOSE)
_RUN = re.compile(
    rb"(?>(?:" + _SCALAR + rb"[ \t\n\r]{0,100}+,[ \t\n\r]{0,100}+){1,1000})", re.VERBOSE
)
_CHARS = re.compile(rb'(?>(?:[^"\\\x00-\x1f]{1,4096}+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})){1,16})')
_COLON = re.compile(rb"[ \t\n\r]{0,65536}+:")
_CLOSES = {ord("{"): ord("}"), ord("["): ord("]")}


class NotJson(Exception):
    """The bytes are not JSON of the strict dialect, or more of it than is read.

    Attributes:
        reason: What is wrong, as the end of a sentence that begins with "the request".
    """

    def __init__(self, reason: str = "is not plain JSON") -> None:
        super().__init__(reason)
        self.reason = reason


class Visitor(Protocol):
    """What is told of each part of a value, in the order in which it is written."""

    def enter(self, is_object: bool) -> None:
        """An object or a list begins."""

    def leave(self) -> None:
        """The innermost object or list ends."""

    def name(self, text: str) -> None:
        """A member of the innermost object follows, by this name."""

    def wants_text(self) -> bool:
        """Say whether the text that follows has to be told; otherwise `plain` is told in its place."""
        ...

    def text(self, text: str) -> None:
        """A text, as a member's value or in a list."""

    def plain(self) -> None:
        """A number, `true`, `false` or `null`, or several of a list; or a text that was not wanted."""


def scan(data: bytes, visitor: Visitor) -> Generator[None, None, int]:
    """Tell a visitor of every value in `data`, one after the other, as in JSON Lines.

    Yields between slices of less than a few milliseconds of work.

    Returns:
        How many values there are on the top level.

    Raises:
        NotJson: If anything in it is not JSON.
    """
    yield from _check_text(data)
    scanner = _Scanner(data, visitor)
    while scanner.step():
        if scanner.is_slice_over():
            yield
    return scanner.values


def _check_text(data: bytes) -> Generator[None, None, None]:
    # A server that takes a damaged or overlong sequence for a quotation mark would read other members.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _SLICE_BYTES):
            decoder.decode(data[start : start + _SLICE_BYTES])
            yield
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise NotJson from None


class _Scanner:
    """A position in the bytes, and what is open there. Each step takes one token."""

    def __init__(self, data: bytes, visitor: Visitor) -> None:
        self.values = 0
        self._data = data
        self._visitor = visitor
        self._at = 0
        self._open: list[int] = []  # the brackets that will close, innermost last
        self._next: Callable[[], None] = self._value
        self._in_text = False
        self._text_from = -1
        self._text_is_name = False
        self._steps = self._sliced_steps = self._sliced_at = 0

    def step(self) -> bool:
        """Take one token; return False at the end."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise NotJson("has too many parts to be read")
        if not self._in_text:
            found = _SPACE.match(self._data, self._at)
            assert found is not None
            self._at = found.end()
        if self._at >= len(self._data):
            if self._open or self._next != self._value:
                raise NotJson
            return False
        self._next()
        return True

    def is_slice_over(self) -> bool:
        """Say whether it is time to give way, and begin the next slice."""
        over = (
            self._steps - self._sliced_steps >= _SLICE_STEPS
            or self._at - self._sliced_at >= _SLICE_BYTES
        )
        if over:
            self._sliced_steps, self._sliced_at = self._steps, self._at
        return over

    # --- what may come next

    def _value(self) -> None:
        first = self._data[self._at]
        if first == ord('"'):
            self._begin_text(is_name=False)
        elif first in _CLOSES:
            self._enter(first)
        else:
            self._scalar()

    def _first_item(self) -> None:
        if self._data[self._at] == ord("]"):
            self._close()
        else:
            self._value()

    def _first_name(self) -> None:
        if self._data[self._at] == ord("}"):
            self._close()
        else:
            self._name()

    def _name(self) -> None:
        if self._data[self._at] != ord('"'):
            raise NotJson
        self._begin_text(is_name=True)

    def _more(self) -> None:
        if self._data[self._at] == self._open[-1]:
            self._close()
        elif self._data[self._at] == ord(","):
            self._at += 1
            self._next = self._name if self._open[-1] == ord("}") else self._value
        else:
            raise NotJson

    # --- tokens

    def _enter(self, first: int) -> None:
        if len(self._open) >= DEEPEST:
            raise NotJson("is nested too deeply to be read")
        self._at += 1
        self._open.append(_CLOSES[first])
        self._visitor.enter(first == ord("{"))
        self._next = self._first_name if first == ord("{") else self._first_item

    def _close(self) -> None:
        self._at += 1
        self._open.pop()
        self._visitor.leave()
        self._end_value()

    def _end_value(self) -> None:
        if self._open:
            self._next = self._more
            return
        self.values += 1
        self._next = self._value

    def _scalar(self) -> None:
        if self._open and self._open[-1] == ord("]"):
            run = _RUN.match(self._data, self._at)
            if run is not None:
                self._at = run.end()
                self._visitor.plain()
                self._next = self._value
                return
        one = _PLAIN.match(self._data, self._at)
        if one is None:
            raise NotJson
        self._at = one.end()
        # `12` and `true` may not run on into what follows, as in `12true`: two values on the top level.
        if not self._open and self._data[self._at : self._at + 1] not in {
            b"", b" ", b"\t", b"\n", b"\r",
        }:  # fmt: skip
            raise NotJson
        self._visitor.plain()
        self._end_value()

    def _begin_text(self, *, is_name: bool) -> None:
        self._text_from, self._text_is_name = self._at, is_name
        self._at += 1
        self._in_text, self._next = True, self._chars
        self._chars()

    def _chars(self) -> None:
        part = _CHARS.match(self._data, self._at)
        if part is not None:
            self._at = part.end()
        if self._data[self._at : self._at + 1] == b'"':
            self._at += 1
            self._in_text = False
            self._end_text()
        elif part is None:
            raise NotJson

    def _end_text(self) -> None:
        if self._text_is_name:
            self._visitor.name(self._read_text())
            colon = _COLON.match(self._data, self._at)
            if colon is None:
                raise NotJson
            self._at, self._next = colon.end(), self._value
            return
        if self._visitor.wants_text():
            self._visitor.text(self._read_text())
        else:
            self._visitor.plain()
        self._end_value()

    def _read_text(self) -> str:
        written = self._data[self._text_from : self._at]
        if b"\\" in written:
            return str(json.loads(written))
        return written[1:-1].decode()
