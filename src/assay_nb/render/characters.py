"""Characters that hide, reorder or take two columns: made visible, and measured.

Prompts and replies are foreign text. A right-to-left override can make a line read as its opposite, a
terminal sequence can rewrite the screen, a tag character can carry orders that nobody sees. All forms
of a document show such characters by their number, so that what is read is what is there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_HIDDEN = re.compile(
    "\r(?=\n)"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # controls, escape among them; not tab and line feed
    "|[\xad\u034f\u115f\u1160\u180e\u200b\u2028\u2029\u2060-\u2065\u3164\ufeff\uffa0]"  # nothing to see
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # direction
    "|[\u206a-\u206f\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"  # deprecated, not characters, half a pair
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"  # tags, save those of a flag
    "|(?<![\u3400-\u9fff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]+"  # variants of no ideograph
)
_TO_MEASURE = re.compile(
    # Everything but ranges of which each character takes one column: Latin, Greek, Cyrillic,
    # punctuation, arrows, box drawing. Most texts need no more than this search.
    "[^ -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e"
    "\u2190-\u2319\u2500-\u25fc]"
)
TAB = "    "


def show_hidden(text: str) -> str:
    """Return the text with every hidden or reordering character as its number: `⟨U+202E⟩`.

    Line feeds and tabs stay, a carriage return before a line feed is dropped, and the joiners that
    emoji and many scripts need are left alone.
    """
    return _HIDDEN.sub(_numbers, text)


def _numbers(match: re.Match[str]) -> str:
    if match[0] == "\r" and match.string[match.end() : match.end() + 1] == "\n":
        return ""
    return "".join(f"⟨U+{ord(character):04X}⟩" for character in match[0])


def columns(text: str) -> int:
    """Return how many terminal columns the text takes on one line."""
    if _TO_MEASURE.search(text) is None:
        return len(text)
    return sum(map(_column_count, text))


def _column_count(character: str) -> int:
    if character == "\t":
        return len(TAB)
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrap(text: str, width: int, *, whole_urls: bool = False) -> Iterator[tuple[int, int]]:
    """Yield the rows of a text as `(start, end)`: none wider than `width`, broken at spaces.

    Spaces at a break and line feeds belong to no row; every other character belongs to exactly one. A
    word wider than a row is cut. A text that is empty has one empty row.

    Args:
        text: The text.
        width: Columns of a row.
        whole_urls: Leave an address whole, on a row that is then too wide: cut, it leads elsewhere.
    """
    start = 0
    for line in text.split("\n"):
        yield from _wrap_line(text, start, start + len(line), width, whole_urls)
        start += len(line) + 1


def words_of(text: str) -> Iterator[str]:
    """Yield what `wrap` keeps together."""
    return (word for word in re.split("[ \n]", text) if word)


def is_url(word: str) -> bool:
    """Return whether a word has an address in it."""
    return "://" in word


def _wrap_line(
    text: str, start: int, end: int, width: int, whole_urls: bool
) -> Iterator[tuple[int, int]]:
    measured = _TO_MEASURE.search(text, start, end) is not None
    while True:
        limit = _reach(text, start, end, width) if measured else start + width
        if limit >= end:
            yield start, end
            return
        space = text.rfind(" ", start + 1, limit + 1)
        stop = space if space > start and not text[start:space].isspace() else limit
        if stop == limit and whole_urls:
            stop = _end_of_url(text, start, end) or limit
        yield start, start + len(text[start:stop].rstrip(" "))
        start = stop + _leading_spaces(text, stop, end)
        if start == end:
            return


def _end_of_url(text: str, start: int, end: int) -> int | None:
    """Return where the word that begins a row ends, if it is an address."""
    begin = start + _leading_spaces(text, start, end)
    space = text.find(" ", begin, end)
    stop = end if space == -1 else space
    return stop if is_url(text[begin:stop]) else None


def _leading_spaces(text: str, start: int, end: int) -> int:
    position = start
    while position < end and text[position] == " ":
        position += 1
    return position - start


def _reach(text: str, start: int, end: int, width: int) -> int:
    """Return how far a row of `width` columns gets; at least one character."""
    used = 0
    for position in range(start, end):
        used += _column_count(text[position])
        if used > width and position > start:
            return position
    return end
