"""Features of a prompt that a change may lose: variables, code, literals, JSON, tags, its language."""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TypeAlias

from assay_nb.instruments.invariants import languages
from assay_nb.instruments.lint import lint
from assay_nb.text.redaction import find_keys
from assay_nb.text.templates import Variable, find_fences, find_variables

Span: TypeAlias = tuple[int, int]


class Features:
    """What the checks compare, of one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def placeholders(self) -> list[Variable]:
        return find_variables(self.text)

    @cached_property
    def variables(self) -> Counter[tuple[str, str]]:
        return Counter((v.family, v.name) for v in self.placeholders if v.kind == "variable")

    @cached_property
    def jinja(self) -> list[str]:
        """The blocks and filtered expressions, with their white space evened out."""
        return [
            " ".join(v.text.split())
            for v in self.placeholders
            if v.kind == "block" or v.family == "jinja"
        ]

    @cached_property
    def fences(self) -> list[Span]:
        return find_fences(self.text)

    @cached_property
    def code(self) -> list[Span]:
        inline = (m.span() for m in _INLINE_CODE.finditer(self.text))
        return sorted([*self.fences, *(s for s in inline if not _within(s, self.fences))])

    @cached_property
    def all_literals(self) -> list[tuple[str, str, Span]]:
        """The literals wherever they are, within JSON and code too."""
        return list(_find_literals(self.text))

    @cached_property
    def literals(self) -> list[tuple[str, str, Span]]:
        """What must not get lost, outside of JSON blocks, which are compared as values."""
        blocks = [span for _, span in self.json]
        return [found for found in self.all_literals if not _within(found[2], blocks)]

    @cached_property
    def json(self) -> list[tuple[str, Span]]:
        return list(_find_json(self.text, self.fences))

    @cached_property
    def tags(self) -> tuple[Counter[str], Counter[str]]:
        opened, closed = Counter[str](), Counter[str]()
        for match in _TAG.finditer(self.text):
            if not match[3] and not _within(match.span(), self.code):
                (closed if match[1] else opened)[match[2]] += 1
        return opened, closed

    @cached_property
    def keys(self) -> int:
        return len(find_keys(self.text))

    @cached_property
    def voice(self) -> languages.Voice:
        return languages.find_voice(self.text)

    @cached_property
    def lint_errors(self) -> Counter[str]:
        return Counter(f.rule for f in lint(self.text).findings if f.level == "error")


_INLINE_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)[^`\n]+\1(?!`)")
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)(?:\s[^<>\n]{0,200})?(/?)>")
ALWAYS_KEPT = {"URL", "address"}

_LITERALS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("URL", re.compile(r"https?://[^\s<>\"'`)\]}]+[^\s<>\"'`)\]}.,;:!?]")),
    ("address", re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
    ("quoted text", re.compile(r"[\"“]([^\"“”\n]{1,120})[\"”]")),
    ("constant", re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")),
    ("number", re.compile(r"(?<![\w.])\d+(?:[.,:]\d+)*(?:\s?%)?(?!\w)")),
)

_LIST_NUMBER = re.compile(
    r"^[ \t#>*-]*(?:step |rule )?\d+[.):](?!\S)", re.MULTILINE | re.IGNORECASE
)

_JSON_START = re.compile(r"^[ \t]*[{\[]", re.MULTILINE)
_MOST_JSON = 200
_SHORTEST_JSON = 8


def _find_literals(text: str) -> Iterator[tuple[str, str, Span]]:
    list_numbers = [match.span() for match in _LIST_NUMBER.finditer(text)]
    taken: list[Span] = []
    for kind, pattern in _LITERALS:
        for match in pattern.finditer(text):
            span = match.span()
            if kind == "number" and (_within(span, list_numbers) or _within(span, taken)):
                continue
            value = " ".join((match[1] if pattern.groups else match[0]).split())
            yield kind, value, span
            if kind in ALWAYS_KEPT:
                insort(taken, span)


def _find_json(text: str, fences: Sequence[Span]) -> Iterator[tuple[str, Span]]:
    """Yield the objects and arrays that begin a line, outside of fences, and parse."""
    decoder = json.JSONDecoder()
    position = 0
    for match in islice(_JSON_START.finditer(text), _MOST_JSON):
        start = match.end() - 1
        if start < position or _within((start, start + 1), fences):
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if value and end - start >= _SHORTEST_JSON:
            yield json.dumps(value, sort_keys=True), (start, end)
            position = end


def _within(span: Span, spans: Sequence[Span]) -> bool:
    """Return whether one of the spans, which are in order and do not overlap, holds this one."""
    index = bisect_right(spans, (span[0], sys.maxsize)) - 1
    return index >= 0 and span[1] <= spans[index][1]
