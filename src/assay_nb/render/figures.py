"""The drawings inside a document, as numbers and characters: bars, intervals, marks, hunks.

What is shared by text, Markdown and HTML is worked out here once; nothing here is markup.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from assay_nb.render.characters import show_hidden
from assay_nb.render.document import Annotated, Hunk, Interval, Intervals, Mark, Meter, Piece, Tone

SIGNS: dict[Tone, str] = {"neutral": "·", "good": "✓", "info": "●", "warning": "▲", "bad": "✕"}
"""The sign that goes with a tone, so that colour is never the only carrier."""


def signed_word(word: str, tone: Tone) -> str:
    """Return the word with the sign of its tone; a neutral word needs none."""
    return word if tone == "neutral" else f"{SIGNS[tone]} {word}"


def bullet(label: str) -> str:
    """Return what stands before an item: its label in brackets, or a sign such as `·` as it is."""
    return f"[{label}]" if any(map(str.isalnum, label)) else label


_RANK: dict[Tone, int] = {"neutral": 0, "good": 1, "info": 2, "warning": 3, "bad": 4}


def strongest(marks: Sequence[Mark]) -> Tone:
    """Return the gravest tone among marks."""
    return max((mark.tone for mark in marks), key=_RANK.__getitem__)


# Scores ------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Return a number without a tail of zeros: `3`, `3.5`, `1,000`."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def score(meter: Meter) -> str:
    """Return the score in words: its own, `3 of 5`, or `n/a`."""
    if meter.words:
        return meter.words
    return "n/a" if meter.value is None else f"{number(meter.value)} of {number(meter.top)}"


def share(meter: Meter) -> float:
    """Return how much of the bar is full, between 0 and 1."""
    if meter.value is None or meter.top <= 0:
        return 0.0
    return min(1.0, max(0.0, meter.value / meter.top))


def bar(meter: Meter, cells: int = 10) -> str:
    """Return the bar in block characters."""
    if meter.value is None:
        return "·" * cells
    full = round(share(meter) * cells)
    return "█" * full + "░" * (cells - full)


# Intervals ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """The shared axis of a group of intervals: it holds every interval, zero and the margin."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return where a value lies on the axis, between 0 and 1."""
        return (value - self.low) / (self.high - self.low)


def scale(intervals: Intervals) -> Scale:
    """Return an axis on which all of it is visible, with some air at both ends."""
    margin = intervals.margin or 0.0
    values = [0.0, -margin, margin]
    values += [value for row in intervals.rows for value in (row.low, row.point, row.high)]
    low, high = min(values), max(values)
    air = (high - low) * 0.06 or 1.0
    return Scale(low - air, high + air)


def signed(value: float, axis: Scale) -> str:
    """Return a difference with its sign, as fine as the axis deserves."""
    width = axis.high - axis.low
    digits = 3 if width < 0.1 else 2 if width < 10 else 1
    return f"{value:+.{digits}f}".replace("-", "−")


def estimate(row: Interval, axis: Scale) -> str:
    """Return the interval in words: `+0.08 (+0.02 to +0.14)`."""
    return f"{signed(row.point, axis)} ({signed(row.low, axis)} to {signed(row.high, axis)})"


def strip(row: Interval, intervals: Intervals, axis: Scale, cells: int = 33) -> str:
    """Return the interval in characters: `┊` the margin, `│` zero, `├──●──┤` the interval."""

    def cell(value: float) -> int:
        return min(cells - 1, max(0, round(axis.at(value) * (cells - 1))))

    line = [" "] * cells
    if intervals.margin:
        line[cell(-intervals.margin)] = line[cell(intervals.margin)] = "┊"
    line[cell(0.0)] = "│"
    low, high = cell(row.low), cell(row.high)
    for position in range(low, high + 1):
        line[position] = "┼" if line[position] == "│" else "─"
    if low < high:
        line[low], line[high] = "├", "┤"
    line[cell(row.point)] = "●"
    return "".join(line)


def legend(intervals: Intervals, axis: Scale, zero: str, margin: str) -> str:
    """Return what the axis measures, and what its lines mean in the words of the caller."""
    parts = [intervals.axis] if intervals.axis else []
    parts.append(zero)
    if intervals.margin:
        low, high = signed(-intervals.margin, axis), signed(intervals.margin, axis)
        parts.append(f"{margin} {low} to {high}")
    return " · ".join(parts)


# Annotated text ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of an annotated text under the same marks; `ending` are those that end with it."""

    text: str
    marks: tuple[Mark, ...]
    ending: tuple[Mark, ...]


def segments(annotated: Annotated) -> Iterator[Segment]:
    """Yield the text in stretches, overlaps apart, so that each is drawn once.

    A mark that reaches outside the text is cut at its edge. A mark without length is a label at its
    place.
    """
    placed = sorted(_placed(annotated), key=lambda place: place[0])
    ending: dict[int, list[Mark]] = {}
    for _, end, mark in placed:
        ending.setdefault(end, []).append(mark)
    edges = _edges(annotated)
    if 0 in ending:
        yield Segment("", (), tuple(ending[0]))
    active: list[tuple[int, int, Mark]] = []
    upcoming = 0
    for begin, end in pairwise(edges):
        while upcoming < len(placed) and placed[upcoming][0] <= begin:
            active.append(placed[upcoming])
            upcoming += 1
        active = [place for place in active if place[1] > begin]
        covering = tuple(mark for _, _, mark in active)
        yield Segment(annotated.text[begin:end], covering, tuple(ending.get(end, ())))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A mark in a text whose hidden characters are shown, which moves everything behind them."""

    start: int
    end: int
    label: str
    tone: Tone


def shown(annotated: Annotated) -> tuple[str, list[Stretch]]:
    """Return the text with hidden characters shown, and the marks where they are now."""
    edges = _edges(annotated)
    parts = [show_hidden(annotated.text[begin:end]) for begin, end in pairwise(edges)]
    moved = dict(zip(edges, accumulate(map(len, parts), initial=0), strict=True))
    return "".join(parts), [
        Stretch(moved[start], moved[end], mark.label, mark.tone)
        for start, end, mark in _placed(annotated)
    ]


def _placed(annotated: Annotated) -> list[tuple[int, int, Mark]]:
    size = len(annotated.text)
    return [
        (min(size, max(0, mark.start)), min(size, max(0, mark.start, mark.end)), mark)
        for mark in annotated.marks
    ]


def _edges(annotated: Annotated) -> list[int]:
    places = _placed(annotated)
    return sorted({0, len(annotated.text), *(edge for place in places for edge in place[:2])})


def rows_of(rows: Sequence[tuple[int, int]], stretch: Stretch) -> range:
    """Return which of the wrapped rows a mark touches, at least one."""
    first = max(0, bisect.bisect_right(rows, stretch.start, key=lambda row: row[0]) - 1)
    last = max(first, bisect.bisect_left(rows, stretch.end, key=lambda row: row[0]) - 1)
    return range(first, last + 1)


def near(rows: Sequence[tuple[int, int]], stretches: Sequence[Stretch], context: int) -> list[bool]:
    """Return for each row whether it is worth showing: marked, or within `context` rows of a mark."""
    keep = [False] * len(rows)
    for stretch in stretches:
        touched = rows_of(rows, stretch)
        first, last = max(0, touched[0] - context), min(len(rows), touched[-1] + context + 1)
        keep[first:last] = [True] * (last - first)
    return keep


# Diffs -------------------------------------------------------------------------------------------


def trimmed(hunk: Hunk, context: int = 120) -> list[Piece]:
    """Return the pieces of a hunk with long unchanged runs cut down to what surrounds the change."""
    last = len(hunk.pieces) - 1
    return [
        Piece("same", _shorten(piece.text, context * (index > 0), context * (index < last)))
        if piece.op == "same"
        else piece
        for index, piece in enumerate(hunk.pieces)
        if piece.text
    ]


def _shorten(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail + 20:
        return text
    first = text[:head].rsplit(" ", 1)[0] if head else ""
    rest = text[len(text) - tail :] if tail else ""
    rest = rest.split(" ", 1)[-1]
    return f"{first} … {rest}"


def changed(piece: Piece) -> str:
    """Return the text of a piece as it is shown; a line feed that comes or goes gets a sign."""
    text = show_hidden(piece.text)
    return text if piece.op == "same" else text.replace("\n", "↵\n")
