"""A004: invisible characters that the model reads all the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source

_BIDI = "\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c"
_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\U000e0100-\U000e01ef"
_HIDDEN = re.compile(
    f"[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f"
    f"\u3164\ufeff\uffa0\ufff9-\ufffb\x00-\x08\x0e-\x1f\x7f{_BIDI}{_TAGS}{_SELECTORS}]+"
)
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{2,6}\U000e007f")
_MARKS = frozenset("\u200e\u200f\u061c")
_ISOLATES = frozenset("\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")
_LINE = 200
_BREAKING = ("THAI", "LAO", "KHMER", "MYANMAR")
"""Scripts without spaces between words, where a zero-width space says where a line may break."""
_QUOTES = frozenset({'""', "''", "“”", "‘’", "«»", "``", "「」"})


def _check(source: Source) -> Iterator[Hit]:
    flags = {match.start() + 1: match.end() for match in _FLAG.finditer(source.text)}
    for match in _HIDDEN.finditer(source.text):
        start, end = match.span()
        start = flags.get(start, start)  # a regional flag is spelled in tag characters
        if start < end and not _is_meant(source.text, start, end):
            yield _hit(source.text, start, end)


def _is_meant(text: str, start: int, end: int) -> bool:
    """Whether a script needs it, the prompt shows it between quotes, or it guards a fence within a fence."""
    around = text[start - 1 : start] + text[end : end + 1]
    return (
        around in _QUOTES or text.startswith(("```", "~~~"), end) or _is_at_home(text, start, end)
    )


def _hit(text: str, start: int, end: int) -> Hit:
    hidden = text[start:end]
    names = ", ".join(dict.fromkeys(_name(character) for character in hidden[:3]))
    more = f" and {len(hidden) - 3} more" if len(hidden) > 3 else ""
    verb = "is" if len(hidden) == 1 else "are"
    return Hit(
        start,
        end,
        f"{names}{more} {verb} invisible to people and read by the model, which hides instructions and "
        "breaks matching: delete what nobody meant.",
        LintFix(start, end, "") if _is_spare(text, start, end) else None,
    )


def _is_spare(text: str, start: int, end: int) -> bool:
    r"""Whether the text is right without it: not what is left of an escape (`\f` of `\frac`), or of mojibake."""
    is_control = any(unicodedata.category(character) == "Cc" for character in text[start:end])
    garbled = any(
        "\u0080" <= character <= "\u00ff" for character in text[max(0, start - 1) : end + 1]
    )
    return not is_control and not (garbled and "\u00ad" in text[start:end])


def _name(character: str) -> str:
    number = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "")
    return f"{number} {name.lower()}" if name else number


def _is_at_home(text: str, start: int, end: int) -> bool:
    """Whether the writing system around a single character needs it."""
    hidden = text[start:end]
    if len(hidden) > 2:
        return False
    if set(hidden) <= _JOINERS:
        return _joins(text[start - 1 : start]) and bool(text[end : end + 1].strip())
    if set(hidden) <= _MARKS | _ISOLATES:
        before = text[max(0, start - _LINE) : start].rpartition("\n")[2]
        after = text[end : end + _LINE].partition("\n")[0]
        return any(unicodedata.bidirectional(c) in {"R", "AL"} for c in before + after)
    if hidden == "\u200b":
        return unicodedata.name(text[start - 1 : start] or " ", "").startswith(_BREAKING)
    if _is_selector(hidden):
        return unicodedata.category(text[start - 1 : start] or " ") == "Lo"
    return False


def _joins(character: str) -> bool:
    """Whether a joiner may follow: an emoji, or a letter of a script whose letters change shape."""
    if not character:
        return False
    category = unicodedata.category(character)
    if category in {"So", "Sk"} or character == "\ufe0f":
        return True
    return category in {"Lo", "Mn", "Mc"} and not unicodedata.name(character, "").startswith("CJK")


def _is_selector(hidden: str) -> bool:
    return len(hidden) == 1 and "\U000e0100" <= hidden <= "\U000e01ef"


RULE = Rule(
    id="A004",
    name="invisible-or-bidi",
    level="error",
    summary="Zero-width, tag and reordering characters where no script or emoji needs them.",
    why="They hide instructions from the reader, and make equal words unequal.",
    bad="Answer yes or n\u200bo.",
    good="Answer yes or no.",
    check=_check,
)
