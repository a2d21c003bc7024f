"""JSON examples in a prompt: where they are, and what keeps one from parsing.

Prompts hold much that only resembles JSON: types for values, comments, an ellipsis, a template's loops,
Python. A fault is reported only where the rest of the example is understood, so that it is an accident
for certain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from assay_nb.instruments.lint.source import Source

_START = re.compile(
    r"(?<![\w{$%#\\])(?:\[\s{0,40})?(?:\{\{?\s{0,40}\"[^\"\n]{1,80}\"\s{0,8}:"
    r"|\{\s{0,40}'[^'\n]{1,80}'\s{0,8}:|\{\s{0,40}[^\W\d][\w -]{0,40}:\s{0,40}\")"
)
_STRING = r"\"(?:[^\"\\\n]|\\.)*+\"|\"(?:[^\"\\]|\\.)*+\"(?=\s*+[,}\]])"
_FIELD = r"\{\{\{[^{}\n]*+\}\}\}|\{\{[^{}]*+\}\}"
_TOKEN = re.compile(
    rf"""\s*+(?:
    (?P<string>{_STRING})
    |(?P<unclosed>"(?:[^"\\\n]|\\[^\n])*+)
    |(?P<single>'(?:[^'\\\n]|\\.)*+')
    |(?P<block>\{{%|\{{\#|\{{\{{[\#/^>!]|\{{\{{\s?else\b|<%)
    |(?P<hole>{_FIELD}|\$?\{{(?=[ ]?[^\s"'{{}}])(?![^{{}}\n:]*+:[ ])[^{{}}\n]*+\}}
        |<[^<>\n{{}}]{{1,300}}>|%\(\w{{1,40}}\)s|%s|\0++)
    |(?P<comment>//|/\*|\#|<!--)
    |(?P<dots>\.{{2,}}|…+)
    |(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<mark>[,:;])
    |(?P<atom>(?:true|false|null|-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?)(?![^\s"{{}}\[\],:;]))
    |(?P<bare>(?:[^\s"{{}}\[\],:;\\]|\\.)++|\\)
    |(?P<end>\Z)
    )""",
    re.DOTALL | re.VERBOSE,
)
_SKIPPED = rf"{_STRING}|\"(?:[^\"\\\n]|\\[^\n])*+|\\.|(?P<gap>\n[^\S\n]*+\n\s*+)"
_SCAN = re.compile(rf"{_SKIPPED}|{_FIELD}|(?P<open>[\[{{])|(?P<close>[\]}}])", re.DOTALL)
_DOUBLED = re.compile(r"\[?\s*+\{\{\s*+\"")
_DOUBLED_FIELD = r"\{{4}[^{}\n]*+\}{4}|\{\{ ?[\w.]++ ?\}\}"
_DOUBLED_SCAN = re.compile(
    rf"{_SKIPPED}|{_DOUBLED_FIELD}|(?P<open>\{{\{{|\[)|(?P<close>\}}\}}|\])|\{{[^{{}}\n]*+\}}",
    re.DOTALL,
)
_DOUBLED_PART = re.compile(rf"{_DOUBLED_FIELD}|\{{\{{|\}}\}}|\{{[^{{}}\n]*+\}}")
_UNDOUBLED = {"{{": "{ ", "}}": "} "}
_BRACES = re.compile(
    r"(?P<tag>\{\{-?\s*[^\W\d][\w.]*+\s*(?:\|[^{}\n]*+)?\}\}(?!\}(?!\}))|\{%[^%{}]*+%\})"
    r"|\{\{\{[^{}\n]*+\}\}\}|\{\{[^{}]*+\}\}|(?P<open>\{(?:\{(?=\{))*+)|(?P<close>\}++)"
)
_KEY_WITH_COLON = re.compile(r":\"\s?:")
_FILLED = re.compile(r"\"?\s*+(?:\$?\{{1,3}[^{}\"]*+\}{1,3}|\0++)\s*+\"?")
_SCHEMA = re.compile(r"\"(?:properties|parameters|\$schema|\$defs)\"\s?:\s?\{")
_PLACEHOLDER = re.compile(r"[<>|=;]|\.\.\.|…|\{\w|\"description\"")
_LAID_OUT = re.compile(r"\[?\s*+\{[^\S\n]*+\n")
_DIALECTS = ("json5", "jsonc", "tsconfig", "settings.json", "launch.json", "devcontainer")
_PYTHON = ("python", "dictionary", "dictionaries", " dict ", " dict:")
_CODE_BEFORE = re.compile(r"(?:[\w\])]\(|[=+?]|=>|\breturn|&&|\|\|)\Z")
_FENCE_KINDS = frozenset({"", "json", "jsonl", "ndjson"})
_PAIRS = {"[": "]", "{": "}"}
_WHOLE = frozenset({"string", "atom", "close"})
_SCHEMATIC = frozenset({"bare", "string", "hole", "atom", "dots", "single", "open"})
_LARGEST = 20_000
_DEEPEST = 40
_NEAR = 300
_MOST = 0.7
"""The share of a prompt above which JSON is the prompt itself in another notation, not an example."""
_SPACE = re.compile(r"\s*")


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


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps an example from parsing.

    Attributes:
        what: In a few words.
        position: Where it begins, within the example.
        end: Where it ends, exclusive.
        deletable: Whether deleting that one character fixes it.
    """

    what: str
    position: int
    end: int
    deletable: bool = False


class _NotJsonError(Exception):
    """The example holds what JSON with holes does not: a comment, code, a template's loop."""


def find_json(source: Source) -> Iterator[JsonExample]:
    """Yield what is meant as JSON: objects, and lists of them, in the text and in fences for JSON."""
    text, position, index = source.text, 0, 0
    while match := _START.search(text, position):
        start = match.start()
        while index < len(source.fences) and source.fences[index][1] <= start:
            index += 1
        fence = source.fences[index] if source.in_fence(start) else None
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
    scan = _DOUBLED_SCAN if _DOUBLED.match(text, start) else _SCAN
    stop = min(limit, start + _LARGEST)
    depth = 0
    for part in scan.finditer(text, start, stop):
        depth += (part.lastgroup == "open") - (part.lastgroup == "close")
        if part.lastgroup == "close" and depth <= 0:
            return part.end()
        if depth > _DEEPEST:
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


def find_faults(text: str, *, named: bool = False) -> list[Fault]:
    """Return what keeps the example from parsing; nothing unless the rest of it is understood.

    Args:
        text: The example.
        named: Whether the prompt says that it is JSON. Only then are single quotes, keys without
            quotation marks and semicolons faults, and is a schema looked at.
    """
    if len(text) > _LARGEST or (_is_valid(text) and not _KEY_WITH_COLON.search(text)):
        return []
    plain = text
    if _DOUBLED.match(text):
        plain = _DOUBLED_PART.sub(lambda m: _UNDOUBLED.get(m[0], "\0" * len(m[0])), text)
    reader = _Reader(plain, named)
    try:
        reader.read()
    except _NotJsonError:
        return []
    return sorted(reader.faults, key=lambda fault: fault.position)


def _is_valid(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@dataclass(slots=True)
class _Members:
    """The members of one object or list, as far as they are read."""

    opening: re.Match[str]
    keys: list[re.Match[str]] = field(default_factory=list[re.Match[str]])
    bare_keys: list[re.Match[str]] = field(default_factory=list[re.Match[str]])
    missing: list[re.Match[str]] = field(default_factory=list[re.Match[str]])
    comma: re.Match[str] | None = None
    commas: int = 0

    @property
    def is_object(self) -> bool:
        return self.opening["open"] == "{"


class _Reader:
    """Reads an example by JSON's grammar, with holes for values, and collects the faults on the way."""

    def __init__(self, text: str, named: bool) -> None:
        self.text = text
        self.named = named
        self.laid_out = bool(_LAID_OUT.match(text))
        self.is_schema = bool(_SCHEMA.search(text))
        self.is_form = bool(_PLACEHOLDER.search(text))
        self.tokens = list(_TOKEN.finditer(text))
        self.index = 0
        self.depth = 0
        self.values = 0
        self.filled = 0
        self.open_brackets = 0
        self.schematic = False
        self.elided = False
        self.faults: list[Fault] = []

    def read(self) -> None:
        if self.is_schema and not self.named:
            raise _NotJsonError
        self._value()
        if self._kind() != "end" or self.filled * 2 >= max(self.values, 1):
            raise _NotJsonError
        if self.schematic:
            self.faults = [f for f in self.faults if f.what == "a comma is missing"]

    def _peek(self, ahead: int = 0) -> re.Match[str]:
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def _kind(self, ahead: int = 0) -> str | None:
        return self._peek(ahead).lastgroup

    def _take(self) -> re.Match[str]:
        self.index += 1
        return self.tokens[self.index - 1]

    @property
    def _last(self) -> re.Match[str]:
        return self.tokens[self.index - 1]

    def _at(self, mark: str, ahead: int = 0) -> bool:
        return self._peek(ahead)["mark"] == mark

    def _at_key(self, ahead: int = 0) -> bool:
        return self._kind(ahead) == "string" and self._at(":", ahead + 1)

    def _ends(self, ahead: int) -> bool:
        """Whether a comma or a closing bracket is there, so that the member is complete."""
        return self._kind(ahead) == "close" or self._at(",", ahead)

    def _report(self, what: str, token: re.Match[str], *, deletable: bool = False) -> None:
        start = token.start(token.lastgroup or 0)
        self.faults.append(Fault(what, start, start + 1, deletable))

    def _value(self) -> None:
        token = self._take()
        match token.lastgroup:
            case "open":
                self._members(token)
            case "string":
                self._string(token)
            case "unclosed":
                self._unclosed(token)
            case "single":
                self._single(token)
            case "bare" | "atom" | "hole" | "dots":
                self.elided |= token.lastgroup == "dots"
                self.schematic |= token.lastgroup == "bare"
                self.filled += bool(_FILLED.fullmatch(token[token.lastgroup]))
                self.values += 1
            case _:
                raise _NotJsonError
        self._rest_of_value()

    def _string(self, token: re.Match[str]) -> None:
        self.values += 1
        self.filled += bool(_FILLED.fullmatch(token["string"]))
        if "\n" in token["string"]:
            if self.is_form or not self.laid_out:
                raise _NotJsonError
            self._report("a line break within a string", token)

    def _rest_of_value(self) -> None:
        """Read on to the end of a value of more than one token: types, alternatives, a remark."""
        if "bare" not in {self._kind(), self._last.lastgroup} or self._has_quotes_within():
            return
        if self._last.lastgroup == "string" and self._peek()["bare"] == "." and self._ends(1):
            self._report("a stray `.`", self._take(), deletable=True)
            return
        while self._kind() in _SCHEMATIC and not self._at_key():
            self.schematic = True
            token = self._take()
            if token.lastgroup == "open":
                self._members(token)

    def _has_quotes_within(self) -> bool:
        """Read a string in which words stand between quotes without a backslash, if it is one."""
        first = self._last
        if first.lastgroup != "string" or self._peek().start("bare") != first.end():
            return False
        ahead = 1
        while self._kind(ahead) in {"bare", "atom"}:
            ahead += 1
        second = self._peek(ahead)
        if second.lastgroup != "string" or second.start("string") != self._peek(ahead - 1).end():
            return False
        opens = first["string"] == '""' or first["string"][-2] in " ("
        closes = second["string"] == '""' or not second["string"][1].isalnum()
        if not (opens and closes and self._ends(ahead + 1)) or self.is_schema:
            return False
        self.faults.append(
            Fault("a quote within a string has no backslash", first.end() - 1, first.end())
        )
        self.index += ahead + 1
        return True

    def _unclosed(self, token: re.Match[str]) -> None:
        """Read a string that lacks its second quote, where it is plain that it ends with the line."""
        comma = token["unclosed"].rstrip().endswith(",")
        if not (self._at_key() if comma else self._kind() == "close"):
            raise _NotJsonError
        self._report("a quote is never closed", token)

    def _single(self, token: re.Match[str]) -> None:
        if not self.named:
            raise _NotJsonError
        if not any(fault.what == "single quotes" for fault in self.faults):
            self._report("single quotes", token)

    def _members(self, opening: re.Match[str]) -> None:
        """Read on behind an opening bracket to the one that closes it."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _NotJsonError
        members = _Members(opening)
        while not self._is_closed(members):
            if self._is_elision(members):
                self.elided |= self._take().lastgroup == "dots"
                members.comma = None
                self.index += self._at(",")
            else:
                if members.is_object:
                    self._key(members)
                self._value()
                self._separator(members)
        self._check_members(members)
        self.depth -= 1

    def _is_elision(self, members: _Members) -> bool:
        kind = self._kind()
        return kind == "dots" or (kind == "hole" and members.is_object and not self._at(":", 1))

    def _is_closed(self, members: _Members) -> bool:
        """Take the closing bracket if it is next; report one that is missing."""
        if self._kind() not in {"close", "end"}:
            return False
        bracket, token = members.opening["open"], self._peek()
        if token["close"] == _PAIRS[bracket]:
            self._take()
            if members.comma:
                self._report("a comma before the closing bracket", members.comma, deletable=True)
            return True
        if self.elided or (not token["close"] and (self.depth > 1 or members.comma)):
            raise _NotJsonError
        if not token["close"]:
            if not self.text.endswith("\n") or not self.laid_out:
                raise _NotJsonError
        elif self.depth == 1 or self.open_brackets or self._is_balanced():
            raise _NotJsonError
        self.open_brackets += 1
        self._report(f"`{bracket}` is never closed", members.opening)
        return True

    def _is_balanced(self) -> bool:
        kinds = [token.lastgroup for token in self.tokens]
        return kinds.count("open") == kinds.count("close")

    def _key(self, members: _Members) -> None:
        token = self._take()
        match token.lastgroup:
            case "string":
                members.keys.append(token)
            case "single":
                self._single(token)
            case "bare":
                members.bare_keys.append(token)
                while self._kind() in {"bare", "atom"}:
                    self._take()
            case "hole":
                pass
            case _:
                raise _NotJsonError
        if "\n" in token[0].strip() or not self._at(":"):
            raise _NotJsonError
        self._take()

    def _separator(self, members: _Members) -> None:
        """Read what is between a member and the next one; report what is there for a comma."""
        value, members.comma = self._last, None
        if self._at(","):
            members.comma = self._take()
            members.commas += 1
            self._stray_number(members)
        elif self._at(";") and self.named:
            self._report("a semicolon for a comma", self._take())
        elif self._begins_member(members, value):
            members.missing.append(value)
        elif self._kind() not in {"close", "end", "dots", "hole"} and not (
            value.lastgroup == "unclosed"
            or (value.lastgroup == "string" and self._stray_number(members))
        ):
            raise _NotJsonError

    def _stray_number(self, members: _Members) -> bool:
        """Read a number in front of a key, as a line number leaves it behind."""
        if not (members.is_object and self._kind() == "atom" and self._at_key(1)):
            return False
        self._report(f"a stray `{self._peek()['atom']}`", self._take())
        return True

    def _begins_member(self, members: _Members, value: re.Match[str]) -> bool:
        if members.is_object:
            return self._at_key() and value.lastgroup != "unclosed"
        space = self.text[value.end() : self._peek().start(self._kind() or 0)]
        return self._kind() in {"string", "open"} and value.lastgroup in _WHOLE and "\n" in space

    def _check_members(self, members: _Members) -> None:
        if members.missing:
            whole = all(value.lastgroup in _WHOLE for value in members.missing)
            if not members.commas and (self.schematic or not whole):
                raise _NotJsonError  # a way to list types, not a slip
            end = members.missing[0].end()
            gap = _SPACE.match(self.text, end)
            after = gap.end() + 1 if gap else end
            self.faults.append(Fault("a comma is missing", end - 1, min(after, len(self.text))))
        if members.bare_keys:
            self._bare_keys(members)
        slips = [key for key in members.keys if key["string"].endswith(':"')]
        if len(slips) * 2 < len(members.keys):
            self.faults += [
                Fault(
                    "a colon within the key's quotes", key.end() - 2, key.end() - 1, deletable=True
                )
                for key in slips
            ]

    def _bare_keys(self, members: _Members) -> None:
        """Report keys without quotation marks where JSON is asked for or the other keys have them."""
        needless = any(key["string"][1:-1].isidentifier() for key in members.keys)
        slip = len(members.bare_keys) == 1 and needless
        if not (slip or (self.named and self.laid_out)) or self.elided:
            raise _NotJsonError
        self._report("a key without quotation marks", members.bare_keys[0])
