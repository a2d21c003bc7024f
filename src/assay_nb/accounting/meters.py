"""Meters: read what a call used from a reply that passes by.

Nothing is held back and nothing is changed: a meter is shown each piece after it was sent on. It keeps a bounded
part of the reply, however long that is, and parses nothing before the end. What providers write of a call's use
stands at the end of a reply, or in the first and the last event of a stream.

A reply that was cut off has told a part of what it used, and a part is not the whole: see `Reading.is_final`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from assay_nb.accounting.routes import Dialect, MeteredRoute
from assay_nb.messages import Usage
from assay_nb.providers.counts import read_anthropic, read_chat, read_gemini, read_responses

KEPT = 64 * 1024
"""Bytes of a reply, or of one line of a stream, that are kept whole. Of a longer one the beginning and the end are."""
_HEAD = 4 * 1024
_TAIL = 256

_USAGE = re.compile(rb'"usage(?:Metadata)?"\s*:\s*\{')
_MODEL = re.compile(rb'"model(?:Version)?"\s*:\s*"([^"\\]{1,200})"')
_BACKGROUND = re.compile(rb'"background"\s*:\s*true')
"""Says a response of OpenAI's of itself, near its beginning."""

_NAME = re.compile(r"[\w.:/@+ -]+")
_ENDS: dict[Dialect, re.Pattern[bytes]] = {
    "anthropic": re.compile(rb"message_stop"),
    "chat": re.compile(rb"\[DONE\]"),
    "responses": re.compile(rb'"type"\s*:\s*"[a-z_.]+\.(?:completed|done|incomplete|failed)"'),
    "gemini": re.compile(rb'"finishReason"\s*:\s*"|"blockReason"\s*:\s*"'),
}
"""What a stream's end has, by dialect. A stream without it was cut, however cleanly the connection was closed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says that the call used.

    Attributes:
        usage: The tokens.
        model: The model that answered, by the reply's own word; `""` where it does not say.
        is_final: Whether that is all it used. Otherwise it used this or more.
        size: Bytes of the reply.
        goes_on: Whether the work goes on in the background when the reply is over, so that its size says nothing.
    """

    usage: Usage
    model: str
    is_final: bool
    size: int
    goes_on: bool = False


class Meter(Protocol):
    """Reads one reply."""

    def feed(self, piece: bytes) -> None:
        """Look at a piece that was sent on."""
        ...

    def read(self, *, whole: bool) -> Reading:
        """Return what the reply says, when its last piece has come.

        Args:
            whole: Whether it came to its end, as far as the connection tells.
        """
        ...


def make_meter(route: MeteredRoute, content_type: str) -> Meter:
    """Return what reads a reply of a route."""
    if content_type == "text/event-stream":
        return _StreamMeter(route)
    return _BodyMeter(route)


class _Kept:
    """The beginning and the end of some bytes; all of them where they are few."""

    __slots__ = ("head", "is_cut", "size", "tail")

    def __init__(self) -> None:
        self.head = b""
        self.tail = bytearray()
        self.size = 0
        self.is_cut = False

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self.tail += piece
        if len(self.tail) > 2 * KEPT:
            if not self.is_cut:
                self.head, self.is_cut = bytes(self.tail[:_HEAD]), True
            del self.tail[:-KEPT]

    @property
    def start(self) -> bytes:
        return self.head if self.is_cut else bytes(self.tail[:_HEAD])


class _BodyMeter:
    """Reads a reply that is one JSON document, or a list of them."""

    def __init__(self, route: MeteredRoute) -> None:
        self._route = route
        self._kept = _Kept()

    def feed(self, piece: bytes) -> None:
        self._kept.add(piece)

    def read(self, *, whole: bool) -> Reading:
        kept = self._kept
        found = _find_usage(kept)
        usage = _read(self._route, [found] if found else [])
        model = _find_model(kept.start, bytes(kept.tail))
        return Reading(usage, model, whole, kept.size, _goes_on(self._route, kept.start))


class _StreamMeter:
    """Reads a stream of server-sent events: the first and the last line that tell a use."""

    def __init__(self, route: MeteredRoute) -> None:
        self._route = route
        self._size = 0
        self._start = b""
        self._line = _Kept()
        self._first: _Kept | None = None
        self._last: _Kept | None = None
        self._end = b""

    def feed(self, piece: bytes) -> None:
        self._size += len(piece)
        if len(self._start) < _HEAD:
            self._start += piece[:_HEAD]
        self._end = piece if len(piece) >= _TAIL else (self._end + piece)[-_TAIL:]
        if not self._line.size and piece.endswith(b"\n") and b'"usage' not in piece:
            return  # whole lines without a word of it, as nearly all are
        *lines, rest = piece.split(b"\n")
        for line in lines:
            self._line.add(line)
            self._take_line()
        self._line.add(rest)

    def read(self, *, whole: bool) -> Reading:
        self._take_line()  # the last one may come without an end
        seen = [one for one in (self._first, self._last) if one is not None]
        found = [usage for usage in map(_find_usage, seen) if usage]
        is_final = whole and bool(found) and self._has_ended()
        last = self._last
        starts = (self._start, last.start if last else b"")
        goes_on = _goes_on(self._route, self._start)
        usage = _read(self._route, found)
        return Reading(usage, _find_model(*starts), is_final, self._size, goes_on)

    def _take_line(self) -> None:
        line = self._line
        if line.size:
            self._line = _Kept()
            if line.is_cut or _USAGE.search(line.tail):
                if self._first is None:
                    self._first = line
                else:
                    self._last = line

    def _has_ended(self) -> bool:
        """Say whether the provider's own mark of an end has come."""
        last = self._last or self._first
        mark = _ENDS[self._route.dialect]
        return any(
            mark.search(part) for part in (self._end, *((last.start, last.tail) if last else ()))
        )


def _find_usage(kept: _Kept) -> Mapping[str, Any] | None:
    """Return what a document says of its use, at its top or one object below, as events have it."""
    text = bytes(kept.tail)
    if not kept.is_cut:
        start = text.find(b"{") if text.lstrip()[:1] != b"[" else text.find(b"[")
        try:
            document: Any = json.loads(text[max(0, start) :])
        except (ValueError, RecursionError):
            return None
        return _usage_of(document)
    for match in reversed(list(_USAGE.finditer(text))):
        # A name within a text has its quotes escaped, so this is a field. It belongs to the document itself, or
        # to an object or a list that ends with it, if what follows closes no more than those.
        for ending in _endings(text[match.start() :]):
            try:
                return _usage_of(json.loads(b"{" + ending))
            except (ValueError, RecursionError):
                continue
    return None


def _endings(text: bytes) -> Iterator[bytes]:
    """Yield the end of a document as if it began here, with what closes an object or a list around it or not."""
    text = text.rstrip()
    for closing in (b"", b"}", b"]"):
        if not closing or text.endswith(closing):
            yield text[: len(text) - len(closing)]


def _usage_of(document: Any) -> Mapping[str, Any] | None:
    if isinstance(
        document, list
    ):  # Gemini's stream without events is one list; each part tells all so far
        parts = [_usage_of(part) for part in cast("list[Any]", document)]
        return next((part for part in reversed(parts) if part), None)
    if not isinstance(document, dict):
        return None
    fields = cast("dict[str, Any]", document)
    for inner in (fields, fields.get("message"), fields.get("response")):
        if isinstance(inner, dict):
            found = cast("dict[str, Any]", inner)
            usage = found.get("usage") or found.get("usageMetadata")
            if isinstance(usage, dict):
                return cast("dict[str, Any]", usage)
    return None


def _read(route: MeteredRoute, found: list[Mapping[str, Any]]) -> Usage:
    """Return the tokens; a later report replaces an earlier one."""
    usage = Usage()
    for one in found:
        if "promptTokenCount" in one or "candidatesTokenCount" in one:
            usage = read_gemini(one) or usage
        elif "prompt_tokens" in one:
            usage = read_chat(one) or usage
        elif route.dialect == "anthropic":
            usage = read_anthropic(one, usage)
        else:
            usage = read_responses(one) or usage
    if not route.writes and usage.input_tokens is not None:
        return Usage(usage.input_tokens, usage.output_tokens or 0, usage.cached_tokens)
    return usage


def _goes_on(route: MeteredRoute, start: bytes) -> bool:
    return route.dialect == "responses" and bool(_BACKGROUND.search(start))


def _find_model(*parts: bytes) -> str:
    """Return the model that a reply names, if that is a name at all."""
    for part in parts:
        match = _MODEL.search(part)
        if match is not None:
            name = match[1].decode("utf-8", "replace").removeprefix("models/")
            if _NAME.fullmatch(name):
                return name
    return ""
