"""Invariants that an edit or a rewrite may not break, checked by code before anybody is asked to accept it.

A model that improves the wording also likes to translate a variable's name, tidy an example, or drop
the one number that mattered. None of that can be seen at a glance in a diff, all of it can be computed.

    I1   template variables: the same names, in the same syntax, as often as before
    I2   Jinja blocks and filters unchanged, and still closed
    I3   code, fenced and inline, to the byte
    I4   URLs, addresses, numbers, quoted words, constants: none lost (new ones are mentioned)
    I5   JSON still parses and is structurally equal
    I6   XML-like tags stay balanced
    I7   the language and the script stay
    I9   no new secrets, personal data or invisible characters
    I12  no new lint error
    I13  no talk about the edit, no number of a segment, and no fence around the whole
    I14  a rewrite came to its end

An `error` blocks the change, a `warning` is shown with it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assay_nb.instruments.base import Line
from assay_nb.instruments.invariants import languages
from assay_nb.instruments.invariants.features import ALWAYS_KEPT, Features, Span
from assay_nb.text.english import quote
from assay_nb.text.templates import find_fences, find_variables

Mode = Literal["edit", "rewrite"]


@dataclass(frozen=True, slots=True, repr=False)
class Breach(Line):
    """An invariant that a change breaks."""

    check: str
    level: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        return f"{self.check} {self.level}: it {self.message}"

    def to_dict(self) -> dict[str, Any]:
        return {"check": self.check, "level": self.level, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A text that is to replace another.

    Attributes:
        after: The whole new text.
        inserted: The stretches that are new: each edit's text, or all of a rewrite.
        mode: A rewrite may use a variable more often than before, an edit may not.
        about: Where in the old text the findings behind the change point. Code and JSON there may change.
        settled: Where in the old text a contradiction stands that the change settles, or a constraint
            that it gives up with a reason. Numbers and quoted words there may go.
    """

    after: str
    inserted: Sequence[str]
    mode: Mode = "edit"
    about: Sequence[Span] = ()
    settled: Sequence[Span] = ()


class Invariants:
    """The invariants of one text. What is to be known of it is found once, for any number of changes."""

    def __init__(self, text: str) -> None:
        self._features = Features(text)

    def find_breaches(self, change: Revision, *, skip_lint: bool = False) -> list[Breach]:
        """Return what the change breaks, errors first.

        Args:
            change: What is to be done to the text.
            skip_lint: Leave out I12, which takes longer than all the others.
        """
        new = Features(change.after)
        checks = [check for check in _CHECKS if not (skip_lint and check is _check_lint)]
        found = [breach for check in checks for breach in check(self._features, new, change)]
        return sorted(found, key=lambda breach: breach.level)


_JINJA_TAG = re.compile(r"\{%[-+]? ?(\w+)")
_PAIRED = {"if", "for", "block", "macro", "filter", "with", "call", "raw", "autoescape"}
_WORD = re.compile(r"[A-Za-z0-9+/_-]{24,200}")

_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)

_PERSONAL = re.compile(
    r"\b[\w.+-]{1,64}@(?!example\.)[\w-]{1,63}(?:\.[\w-]{1,63})+"
    r"|(?<!\w)\+\d[\d ()-]{7,18}\d"
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b"
)

_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")

_LABEL = re.compile(r"\[s\d{1,3}\]")
"""What stands before a segment of a prompt that is sent, and not in the prompt."""

_TALK = re.compile(
    r"^\s*(?:sure|certainly|absolutely)[,.!:]"
    r"|\b(?:here(?:'s|’s| is| are)|below is) (?:the|your|an?|my) (?:\w+,? ){0,2}"
    r"(?:prompt|version|rewrite)\b"
    r"|^\s*(?:improved|revised|rewritten|optimi[sz]ed|updated) (?:prompt|version)\s*:"
    r"|\bI(?:'ve|’ve| have) (?:improved|revised|rewritten|updated|changed|restructured|made)\b"
    r"|\blet me know if you\b",
    re.IGNORECASE,
)


def _check_variables(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    before, after = old.variables, new.variables
    for family, name in sorted(set(before) | set(after)):
        was, now = before[family, name], after[family, name]
        if was == 0:
            yield _error("I1", f"adds the variable {name!r}, which has no value")
        elif now < was:
            yield _error("I1", f"loses the variable {name!r}")
        elif now > was and change.mode == "edit":
            yield _error("I1", f"repeats the variable {name!r}")


def _check_jinja(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    before, after = old.jinja, new.jinja
    moved = change.mode == "edit" and before != after
    if moved or Counter(before) - Counter(after) or set(after) - set(before):
        yield _error("I2", "changes a template block or filter")
    elif _is_closed(before) and not _is_closed(after):
        yield _error("I2", "leaves a template block open")


def _is_closed(blocks: Iterable[str]) -> bool:
    """Return whether each `{% if %}` has its `{% endif %}`, in the right order."""
    expected: list[str] = []
    for block in blocks:
        match = _JINJA_TAG.match(block)
        if match and match[1] in _PAIRED:
            expected.append(f"end{match[1]}")
        elif match and match[1].startswith("end") and (not expected or expected.pop() != match[1]):
            return False
    return not expected


def _check_code(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    there = Counter(change.after[start:end] for start, end in new.code)
    for start, end in old.code:
        code = old.text[start:end]
        if there[code]:
            there[code] -= change.mode == "edit"  # a rewrite may say once what was said twice
        elif not _touches((start, end), change.about):
            yield _error("I3", f"changes the code {_show(code)}")


def _check_literals(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    there = dict.fromkeys((kind, value) for kind, value, _ in new.literals)
    kept = {
        (kind, value) for kind, value, _ in new.all_literals
    }  # JSON that was broken may parse now
    known = {(kind, value) for kind, value, _ in old.literals}
    text = " ".join(new.text.split())  # quoted words may lose their quotation marks
    lost = dict.fromkeys(
        (kind, value)
        for kind, value, span in old.literals
        if (kind, value) not in kept
        and not (kind == "quoted text" and value in text)
        and (kind in ALWAYS_KEPT or not _touches(span, change.settled))
    )
    for kind, value in lost:
        yield _error("I4", f"loses the {kind} {_show(value)}")
    added = [value for kind, value in there if (kind, value) not in known]
    if added:
        listed = ", ".join(_show(value) for value in added[:6])
        yield Breach("I4", "warning", f"adds {listed}, which the original does not have")


def _check_json(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    values = [value for value, _ in new.json]
    for value, span in old.json:
        if value in values:
            values.remove(value)
        elif not _touches(span, change.about):
            yield _error("I5", "changes or breaks a JSON block")
    if _count_broken_json(new) > _count_broken_json(old):
        yield _error("I5", "leaves a JSON block that does not parse")


def _count_broken_json(features: Features) -> int:
    """Return how many fences that call themselves JSON do not parse; placeholders excuse them."""
    broken = 0
    for start, end in features.fences:
        head, _, body = features.text[start:end].partition("\n")
        if head.strip("`~ \t").lower() != "json" or find_variables(body):
            continue
        try:
            json.loads(body.rstrip().rstrip("`~"))
        except (ValueError, RecursionError):
            broken += 1
    return broken


def _check_tags(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    opened, closed = old.tags
    now_opened, now_closed = new.tags
    for name in sorted(set(now_opened) | set(now_closed)):
        was = opened[name] - closed[name]
        now = now_opened[name] - now_closed[name]
        gone = bool(closed[name]) and not now_closed[name]
        if now != 0 and (now != was or gone):
            yield _error("I6", f"leaves the tag <{name}> without its counterpart")
    for name in sorted(opened):
        if opened[name] == closed[name] and not now_opened[name] and change.mode == "edit":
            yield _error("I6", f"loses the tag <{name}>")


def _check_language(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    message = languages.compare(old.voice, new.voice, change.inserted)
    if message:
        yield _error("I7", message)


def _check_secrets(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    if new.keys > old.keys:
        yield _error("I9", "adds something shaped like a key or a password")
    if any(_is_random(word) and word not in old.text for word in _WORD.findall(change.after)):
        yield _error("I9", "adds a random string such as keys are")
    if any(found not in old.text for found in _find_personal(change.after)):
        yield _error("I9", "adds an address, a phone or an account number")
    if Counter(_INVISIBLE.findall(change.after)) - Counter(_INVISIBLE.findall(old.text)):
        yield _error("I9", "adds an invisible or reordering character")


def _is_random(word: str) -> bool:
    """Return whether the word has letters of both cases and digits, mixed as chance would."""
    kinds = (str.isupper, str.islower, str.isdigit)
    if not all(any(map(kind, word)) for kind in kinds):
        return False
    return len(set(word)) >= 16 and sum(map(str.isdigit, word)) >= 4


def _find_personal(text: str) -> Iterator[str]:
    yield from _PERSONAL.findall(text)
    yield from (number for number in _CARD.findall(text) if _passes_luhn(number))


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _check_lint(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    worse = new.lint_errors - old.lint_errors
    for rule in sorted(worse):
        yield _error("I12", f"raises the lint error {rule}")


def _check_talk(old: Features, new: Features, change: Revision) -> Iterator[Breach]:
    for text in change.inserted:
        said = _TALK.search(text)
        if said and said[0] not in old.text:
            yield _error("I13", f"talks about the edit: {_show(said[0])}")
        label = next((one for one in _LABEL.findall(text) if one not in old.text), None)
        if label:
            yield _error("I13", f"repeats {label}, the number that a segment was sent under")
    if _is_wrapped(change.after) and not _is_wrapped(old.text):
        yield _error("I13", "puts a code fence around the whole prompt")


def _is_wrapped(text: str) -> bool:
    """Return whether one code fence holds the whole text."""
    fences = find_fences(text.strip())
    return len(fences) == 1 and fences[0] == (0, len(text.strip()))


_CHECKS: tuple[Callable[[Features, Features, Revision], Iterator[Breach]], ...] = (
    _check_variables,
    _check_jinja,
    _check_code,
    _check_literals,
    _check_json,
    _check_tags,
    _check_language,
    _check_secrets,
    _check_lint,
    _check_talk,
)


def _error(check: str, message: str) -> Breach:
    return Breach(check, "error", message)


def _touches(span: Span, spans: Iterable[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in spans)


def _show(text: str) -> str:
    return quote(text, 61)
