"""JSON examples in a prompt: where they are.

Prompts hold much that only resembles JSON: types for values, comments, an ellipsis, a template's loops,
Python. What keeps an example from parsing is told by `json_faults`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay_nb.instruments.lint.json_faults import (
    DEEPEST,
    DOUBLED,
    DOUBLED_FIELD,
    FIELD,
    LARGEST,
    STRING,
)
from assay_nb.text.templates import covers

_START = re.compile(
    r"(?<![\w{$%#\\])(?:\[\s{0,40})?(?:\{\{?\s{0,40}\"[^\"\n]{1,80}\"\s{0,8}:"
    r"|\{\s{0,40}'[^'\n]{1,80}'\s{0,8}:|\{\s{0,40}[^\W\d][\w -]{0,40}:\s{0,40}\")"
)
_SKIPPED = rf"{STRING}|\"(?>(?:[^\"\\\n]|\\[^\n])*)|\\.|(?P<gap>\n[^\S\n]*+\n\s*+)"
_SCAN = re.compile(rf"{_SKIPPED}|{FIELD}|(?P<open>[\[{{])|(?P<close>[\]}}])", re.DOTALL)
_DOUBLED_SCAN = re.compile(
    rf"{_SKIPPED}|{DOUBLED_FIELD}|(?P<open>\{{\{{|\[)|(?P<close>\}}\}}|\])|\{{[^{{}}\n]*+\}}",
    re.DOTALL,
)
_BRACES = re.compile(
    r"(?P<tag>\{\{-?\s*[^\W\d][\w.]*+\s*(?:\|[^{}\n]*+)?\}\}(?!\}(?!\}))|\{%[^%{}]*+%\})"
    r"|\{\{\{[^{}\n]*+\}\}\}|\{\{[^{}]*+\}\}|(?P<open>\{(?>(?:\{(?=\{))*))|(?P<close>\}++)"
)
_DIALECTS = ("json5", "jsonc", "tsconfig", "settings.json", "launch.json", "devcontainer")
_PYTHON = ("python", "dictionary", "dictionaries", " dict ", " dict:")
_CODE_BEFORE = re.compile(r"(?:[\w\])]\(|[=+?]|=>|\breturn|&&|\|\|)\Z")
_FENCE_KINDS = frozenset({"", "json", "jsonl", "ndjson"})
_NEAR = 300
_MOST = 0.7
"""The share of a prompt above which JSON is the prompt itself in another notation, not an example."""


@dataclass(frozen=True, slots=True)
class JsonExample:
    """A stretch that is meant as JSON: `text == source[start:end]`.

    Attributes:
        text: The stretch; it ends in a line break if the example ends before its brackets are closed.
        start: Where it begins.
        end: Where it ends, exclusive.
        named: Whether its fence or the words before it say that it is JSON.
    """

    text: str
    start: int
    end: int
    named: bool = False

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


def find_json(text: str, fences: Sequence[tuple[int, int]]) -> Iterator[JsonExample]:
    """Yield what is meant as JSON: objects, and lists of them, in the text and in fences for JSON."""
    position, index = 0, 0
    while match := _START.search(text, position):
        start = match.start()
        while index < len(fences) and fences[index][1] <= start:
            index += 1
        fence = fences[index] if covers(fences, start) else None
        kind = _fence_kind(text, fence[0]) if fence else ""
        if fence and kind not in _FENCE_KINDS:
            position = fence[1]
            continue
        end = _end_of_value(text, start, _end_of_code(text, *fence) if fence else len(text))
        position = max(end, match.end())
        if _in_expression(text, start):
            continue
        before = _paragraph_before(text, fence[0] if fence else start).lower()
        named = "json" in kind or "json" in before
        other = _mentions(before, _PYTHON) or end - start > _MOST * len(text)
        if not (_mentions(before, _DIALECTS) or (other and not named)):
            yield JsonExample(text[start:end], start, end, named)


def _fence_kind(text: str, start: int) -> str:
    words = text[start : start + 80].partition("\n")[0].strip("`~-*+ \t\r").lower().split()
    return words[0] if words else ""


def _end_of_code(text: str, start: int, end: int) -> int:
    """Return where the last line of a fence begins if it closes the fence, or else where it ends."""
    line = text.rfind("\n", start, end) + 1
    return line if text[line:end].strip().startswith(("```", "~~~")) else end


def _in_expression(text: str, start: int) -> bool:
    """Whether the value is part of a template's expression, of a call or of an assignment."""
    near = max(0, start - _NEAR)
    if text.rfind("{{", near, start) > text.rfind("}}", near, start):
        return True
    return bool(_CODE_BEFORE.search(text[max(0, start - 40) : start].rstrip()[-7:]))


def _paragraph_before(text: str, start: int) -> str:
    """Return the paragraph up to `start`; the one before if a paragraph begins there."""
    return text[max(0, start - _NEAR) : start].rstrip().rpartition("\n\n")[2]


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _end_of_value(text: str, start: int, limit: int) -> int:
    """Return where the value that opens at `start` ends.

    A value whose brackets stay open ends before the blank line in front of what is not a member of it,
    and then its last character is a line break.
    """
    scan = _DOUBLED_SCAN if DOUBLED.match(text, start) else _SCAN
    stop = min(limit, start + LARGEST)
    depth = 0
    for part in scan.finditer(text, start, stop):
        depth += (part.lastgroup == "open") - (part.lastgroup == "close")
        if part.lastgroup == "close" and depth <= 0:
            return part.end()
        if depth > DEEPEST:
            blank = text.find("\n\n", part.end(), limit)
            return blank if blank >= 0 else limit
        if part.lastgroup == "gap" and text[part.end() : part.end() + 1] not in set('"{}[]'):
            return part.start() + 1
    if stop == limit < len(text):
        return limit
    return start + len(text[start:stop].rstrip())


def find_stray_braces(text: str) -> list[tuple[int, int]]:
    """Return the spans of closing braces too many, each directly behind a template's variable or block.

    The template leaves them in place: `{{answer}}}}` prints two. A brace that may close one before it is
    not among them, nor is a single one behind a variable, which may have lost its third opening brace.
    """
    spans: list[tuple[int, int]] = []
    if "}}}" not in text and "%}}" not in text:
        return spans
    depth, tag_end = 0, -1
    for part in _BRACES.finditer(text):
        length = part.end() - part.start()
        if part.lastgroup == "tag":
            tag_end = part.end()
        elif part.lastgroup == "open":
            depth += length
        elif part.lastgroup == "close":
            if length > depth and part.start() == tag_end:
                spans.append((part.start() + depth, part.end()))
            depth = max(0, depth - length)
    return spans
