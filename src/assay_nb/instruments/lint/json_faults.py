"""Faults of a JSON example: what keeps it from parsing.

A fault is reported only where the rest of the example is understood, with template holes, types and
ellipses for values, so that it is an accident for certain.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

STRING = r"\"(?>(?:[^\"\\\n]|\\.)*)\"|\"(?>(?:[^\"\\]|\\.)*)\"(?=\s*+[,}\]])"
FIELD = r"\{\{\{[^{}\n]*+\}\}\}|\{\{[^{}]*+\}\}"
_TOKEN = re.compile(
    rf"""\s*+(?:
    (?P<string>{STRING})
    |(?P<unclosed>"(?>(?:[^"\\\n]|\\[^\n])*))
    |(?P<single>'(?>(?:[^'\\\n]|\\.)*)')
    |(?P<block>\{{%|\{{\#|\{{\{{[\#/^>!]|\{{\{{\s?else\b|<%)
    |(?P<hole>{FIELD}|\$?\{{(?=[ ]?[^\s"'{{}}])(?![^{{}}\n:]*+:[ ])[^{{}}\n]*+\}}
        |<[^<>\n{{}}]{{1,300}}>|%\(\w{{1,40}}\)s|%s|\0++)
    |(?P<comment>//|/\*|\#|<!--)
    |(?P<dots>\.{{2,}}|…+)
    |(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<mark>[,:;])
    |(?P<atom>(?:true|false|null|-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?)(?![^\s"{{}}\[\],:;]))
    |(?P<bare>(?>(?:[^\s"{{}}\[\],:;\\]|\\.)+)|\\)
    |(?P<end>\Z)
    )""",
    re.DOTALL | re.VERBOSE,
)
DOUBLED = re.compile(r"\[?\s*+\{\{\s*+\"")
DOUBLED_FIELD = r"\{{4}[^{}\n]*+\}{4}|\{\{ ?[\w.]++ ?\}\}"
_DOUBLED_PART = re.compile(rf"{DOUBLED_FIELD}|\{{\{{|\}}\}}|\{{[^{{}}\n]*+\}}")
_UNDOUBLED = {"{{": "{ ", "}}": "} "}
_KEY_WITH_COLON = re.compile(r":\"\s?:")
_FILLED = re.compile(r"\"?\s*+(?:\$?\{{1,3}[^{}\"]*+\}{1,3}|\0++)\s*+\"?")
_SCHEMA = re.compile(r"\"(?:properties|parameters|\$schema|\$defs)\"\s?:\s?\{")
_PLACEHOLDER = re.compile(r"[<>|=;]|\.\.\.|…|\{\w|\"description\"")
_LAID_OUT = re.compile(r"\[?\s*+\{[^\S\n]*+\n")
_PAIRS = {"[": "]", "{": "}"}
_WHOLE = frozenset({"string", "atom", "close"})
_SCHEMATIC = frozenset({"bare", "string", "hole", "atom", "dots", "single", "open"})
LARGEST = 20_000
DEEPEST = 40
_SPACE = re.compile(r"\s*")


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


def find_faults(text: str, *, named: bool = False) -> list[Fault]:
    """Return what keeps the example from parsing; nothing unless the rest of it is understood.

    Args:
        text: The example.
        named: Whether the prompt says that it is JSON. Only then are single quotes, keys without
            quotation marks and semicolons faults, and is a schema looked at.
    """
    if len(text) > LARGEST or (_is_valid(text) and not _KEY_WITH_COLON.search(text)):
        return []
    plain = text
    if DOUBLED.match(text):
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
        if self.depth > DEEPEST:
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
