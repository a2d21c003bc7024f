"""A text in one normal form, with the way back to where each character came from.

Two people who type the same sentence differ in quotation marks, spaces, accents and what cannot be seen.
A quote is found through all that, and what is found is still a span of the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass

_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff"
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*(?![^\x00-\x7f])")
_BLANK = re.compile(rf"[\s{_INVISIBLE}]+")
_MOST_MARKS = 32  # Unicode's own stream-safe format allows 30

_FOLDED = {
    **dict.fromkeys(map(ord, "“”„‟«»″＂"), '"'),
    **dict.fromkeys(map(ord, "‘’‚‛′´＇ʼ"), "'"),
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-"),
    **dict.fromkeys(map(ord, "\ufe0e\ufe0f")),
}


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text in normal form, and for each of its characters the span that it came from."""

    text: str
    starts: list[int]
    ends: list[int]

    def outer_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that a span of the normal form came from."""
        return self.starts[start], self.ends[end - 1]

    def splits_origin(self, start: int, end: int) -> bool:
        """Return whether a border of the span falls within what came from one character."""
        return self._is_within(start) or self._is_within(end)

    def _is_within(self, position: int) -> bool:
        inner = 0 < position < len(self.starts)
        return inner and self.starts[position - 1] == self.starts[position]

    def inner_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the normal form that came from within a span of the original."""
        return bisect_left(self.starts, start), bisect_left(self.starts, end)


def normalise(text: str) -> Normalised:
    """Return `text` in NFKC, with plain quotation marks, dashes and single spaces, and how it maps back.

    Characters are taken together with the marks that combine with them, so that both spellings of `é`
    come out alike and no span ever cuts one in half.
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    while position < len(text):
        if plain := _PLAIN.match(text, position):
            position = plain.end()
            pieces.append(plain[0])
            starts.extend(range(plain.start(), position))
            ends.extend(range(plain.start() + 1, position + 1))
            continue
        start, position, piece = position, *_take_one(text, position)
        pieces.append(piece)
        starts.extend([start] * len(piece))
        ends.extend([position] * len(piece))
    return Normalised("".join(pieces), starts, ends)


def _take_one(text: str, start: int) -> tuple[int, str]:
    """Return the end and the normal form of the blank or the character that begins at `start`."""
    if blank := _BLANK.match(text, start):
        return blank.end(), " " if any(map(str.isspace, blank[0])) else ""
    end = start + 1
    while end < min(len(text), start + _MOST_MARKS) and _continues(text[end]):
        end += 1
    folded = unicodedata.normalize("NFKC", text[start:end].translate(_FOLDED))
    return end, folded.translate(_FOLDED)


def _continues(character: str) -> bool:
    """Return whether NFKC may compose it with what stands before it: a mark, or the rest of a syllable."""
    if character < "\u0300":
        return False
    return (
        unicodedata.category(character)[0] == "M"
        or "\u1160" <= character <= "\u11ff"  # Hangul vowels and finals
        or character in "\uff9e\uff9f"  # half-width voicing marks
    )


_JOINER = "\u200d"


def splits_character(text: str, start: int, end: int) -> bool:
    """Return whether a border of the span falls inside what a reader sees as one character.

    `e` is not a quote of `é` written with a combining accent, nor a person of a family emoji.
    """
    return _inside(text, start) or _inside(text, end)


def _inside(text: str, position: int) -> bool:
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    if after < "\u0300" and before != _JOINER:
        return False
    return (
        before == _JOINER
        or after == _JOINER
        or _continues(after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # a skin tone belongs to the emoji before it
    )
