"""JSON examples in a prompt: where they are, and what keeps one from parsing.

Prompts hold much that only resembles JSON: types for values, an ellipsis, a variable without quotes.
Those are understood and let pass. What remains is broken by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from assay_nb.instruments.lint.source import Source

_START = re.compile(r"(?<![\w{$])(?:\[\s{0,40}\{\s{0,40}\"|\{\s{0,40}\")")
_KEY = re.compile(r"\"[^\"\n]{1,80}\"\s{0,8}:")
_TOKEN = re.compile(
    r"(?P<string>\"(?:[^\"\\\n]|\\.)*\")|(?P<variable>\$?\{\{?[ \t]{0,4}\w[\w .|-]{0,80}\}\}?)|"
    r"(?P<open>[\[{])|(?P<close>[\]}])|(?P<mark>[,:])|(?P<space>\s+)|(?P<comment>(?://|\#)[^\n]*)|"
    r"(?P<dots>\.\.\.|…)|(?P<quote>[\"'])|(?P<word>[^\s\"'{}\[\],:#…/.$]+|.)",
)
_PAIRS = {"}": "{", "]": "["}
_LARGEST = 20_000


@dataclass(frozen=True, slots=True)
class JsonExample:
    """A stretch that is meant as JSON: `text == source[start:end]`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps an example from parsing.

    Attributes:
        what: In a few words.
        position: Where, within the example.
        deletable: Whether deleting that one character mends it.
    """

    what: str
    position: int
    deletable: bool = False


def find_json(source: Source) -> Iterator[JsonExample]:
    """Yield what is meant as JSON: fences that say so or look so, and objects within the text."""
    for start, end in source.fences:
        yield from _in_fence(source.text, start, end)
    position = 0
    while match := _START.search(source.text, position):
        start = match.start()
        position = max(_end_of_value(source.text, start), start + 1)
        if (
            not source.in_fence(start)
            and not _in_expression(source.text, start)
            and _KEY.search(source.text, start, position)
        ):
            yield JsonExample(source.text[start:position], start, position)


def _in_expression(text: str, start: int) -> bool:
    """Whether a Jinja expression is open there: its braces are a dictionary."""
    before = text[max(0, start - 200) : start]
    return before.rfind("{{") > before.rfind("}}")


def _in_fence(text: str, start: int, end: int) -> Iterator[JsonExample]:
    head, _, body = text[start:end].partition("\n")
    kind = head.strip("`~ \t\r").lower()
    body_start = start + len(head) + 1
    body_end = body_start + max(body.rfind("\n"), 0)
    body = text[body_start:body_end]
    if kind not in {"json", ""} or len(body) > _LARGEST or not body.lstrip().startswith(("{", "[")):
        return
    if _KEY.search(body):
        yield JsonExample(body, body_start, body_end)


def _end_of_value(text: str, start: int) -> int:
    """Return where the value that opens at `start` ends; at an empty line if its brackets never do."""
    depth = 0
    for token in _TOKEN.finditer(text, start, min(len(text), start + _LARGEST)):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth <= 0:
            return token.end()
        if token.lastgroup == "space" and token[0].count("\n") > 1:
            return token.start()
    return min(len(text), start + _LARGEST)


def find_faults(text: str) -> list[Fault]:
    """Return all trailing commas, and the first fault of any other kind."""
    if text.lstrip().startswith(("{{", "[{{")) or "{%" in text:
        return []  # a template's doubled braces: what it will become is not known here
    tokens = [m for m in _TOKEN.finditer(text) if m.lastgroup not in {"space", "comment"}]
    commas = [
        Fault("a comma before the closing bracket", a.start(), deletable=True)
        for a, b in pairwise(tokens)
        if a[0] == "," and b.lastgroup == "close"
    ]
    other = _find_unbalanced(tokens) or _find_missing_comma(tokens) or _find_open_quote(tokens)
    return [*commas, *([other] if other else [])]


def _find_unbalanced(tokens: Iterable[re.Match[str]]) -> Fault | None:
    stack: list[re.Match[str]] = []
    for token in tokens:
        if token.lastgroup == "open":
            stack.append(token)
        elif token.lastgroup == "close" and (not stack or stack.pop()[0] != _PAIRS[token[0]]):
            return Fault(f"`{token[0]}` closes nothing", token.start())
    return Fault(f"`{stack[-1][0]}` is never closed", stack[-1].start()) if stack else None


def _find_missing_comma(tokens: list[re.Match[str]]) -> Fault | None:
    depth = 0
    for before, after in pairwise(tokens):
        depth += (before.lastgroup == "open") - (before.lastgroup == "close")
        ends = before.lastgroup in {"string", "close"}
        begins = after.lastgroup in {"string", "open"}
        if depth > 0 and ends and begins:
            return Fault("a comma is missing", after.start())
    return None


def _find_open_quote(tokens: Iterable[re.Match[str]]) -> Fault | None:
    quote = next((token for token in tokens if token.lastgroup == "quote"), None)
    if quote is None:
        return None
    what = "a quote does not close" if quote[0] == '"' else "single quotes"
    return Fault(what, quote.start())
