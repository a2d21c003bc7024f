"""A document as plain text: what a terminal, a log and `print` show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from assay_nb.render import figures
from assay_nb.render.characters import TAB, columns, is_url, show_hidden, words_of, wrap
from assay_nb.render.document import (
    Annotated,
    Badge,
    Block,
    Callout,
    Code,
    Details,
    Diff,
    Document,
    FinePrint,
    Heading,
    Hunk,
    Inline,
    Intervals,
    Item,
    Items,
    Meter,
    Paragraph,
    Scorecard,
    Strong,
    Table,
    Tone,
    Verbatim,
)
from assay_nb.render.surroundings import PAGE

_BOLD, _DIM = "1", "2"
_TONES: dict[Tone, str] = {"neutral": "0", "good": "32", "info": "36", "warning": "33", "bad": "31"}
_NARROWEST = 24
_GAP = "  "
_SHORT = 16
_LONG_WORD = 32
"""Columns of a table's cell that is not broken, and of a word that may be cut where it is longer."""


def render_text(document: Document, *, width: int = PAGE, color: bool = False) -> str:
    """Return the document as text of at most `width` columns.

    Two things are never broken, and may be wider: text that is shown exactly as it is, and an address.

    Foreign text cannot drive the terminal: control, hidden and reordering characters are shown by
    their numbers. With `color` the text is the same, with ANSI colours around parts of it.
    """
    return "\n".join(_Writer(max(width, _NARROWEST), color).blocks(document.blocks))


def escape(text: str) -> str:
    """Return foreign text as one line that does nothing to a terminal."""
    return show_hidden(text).replace("\n", " ").replace("\t", " ")


@dataclass(frozen=True, slots=True)
class _Run:
    """Text in one style."""

    text: str
    style: str = ""


class _Writer:
    """Draws blocks at a width; `indented` makes a narrower one."""

    def __init__(self, width: int, color: bool) -> None:
        self._width = width
        self._color = color

    def blocks(self, blocks: Sequence[Block]) -> Iterator[str]:
        for index, block in enumerate(blocks):
            if index:
                yield ""
            yield from self._block(block)

    def _block(self, block: Block) -> Iterator[str]:
        match block:
            case Heading(text, level):
                yield from self._heading(escape(text), level)
            case Paragraph(content):
                yield from self._flow(_runs(content))
            case Callout(tone, content):
                yield from self._callout(tone, content)
            case Verbatim(text):
                yield from _indent(self._verbatim(text))
            case Scorecard(rows):
                yield from self._scorecard(rows)
            case Annotated():
                yield from _indent(self._narrower(2)._annotated(block))
            case Items(items):
                yield from _spaced(self._item(item) for item in items)
            case Diff(hunks):
                yield from _spaced(self._hunk(hunk) for hunk in hunks)
            case Table(heads, rows):
                yield from self._table(heads, rows)
            case Intervals():
                yield from self._intervals(block)
            case Details(summary, brief=str(brief)) if brief:
                yield from self._flow([_Run(escape(f"▸ {summary}: {brief}"), _BOLD)], hang=2)
            case Details(summary, inner):
                yield from self._flow([_Run(f"▾ {escape(summary)}", _BOLD)], hang=2)
                yield from _indent(self._narrower(2).blocks(inner))
            case FinePrint(content):
                yield from self._flow(_runs(content), style=_DIM)

    # Lines -------------------------------------------------------------------------------------

    def _heading(self, text: str, level: int) -> Iterator[str]:
        for start, end in wrap(text, self._width):
            yield self._paint(text[start:end], _BOLD)
        if level == 1:
            yield self._paint("─" * min(self._width, columns(text)), _DIM)

    def _callout(self, tone: Tone, content: Sequence[Inline]) -> Iterator[str]:
        bar = self._paint("┃", _TONES[tone])
        runs = [_Run(f"{figures.SIGNS[tone]} ", _TONES[tone]), *_runs(content)]
        for line in self._narrower(2)._flow(runs):
            yield f"{bar} {line}"

    def _verbatim(self, text: str) -> Iterator[str]:
        yield from show_hidden(text).removesuffix("\n").split("\n")

    def _item(self, item: Item) -> Iterator[str]:
        title = _runs(item.title, _BOLD)
        yield from self._flow(_head(item.label, _runs(item.badges), title), hang=4)
        for line in item.lines:
            yield from _indent(self._narrower(4)._flow(_runs(line)), 4)

    # Scores and numbers ------------------------------------------------------------------------

    def _scorecard(self, rows: Sequence[Meter]) -> Iterator[str]:
        labels = [escape(row.label) for row in rows]
        scores = [escape(figures.score(row)) for row in rows]
        label_width = min(max(map(columns, labels), default=0), self._width // 3)
        score_width = max(map(len, scores), default=0)
        for row, label, score in zip(rows, labels, scores, strict=True):
            drawn = self._paint(figures.bar(row), _score_style(row))
            head = f"{_fit(label, label_width)}  {drawn}  {score:<{score_width}}"
            yield from self._beside(head, label_width + score_width + 14, escape(row.note))

    def _beside(self, head: str, taken: int, note: str, style: str = _DIM) -> Iterator[str]:
        """Yield a head of `taken` columns with its note at its right, or below where it is narrow."""
        room = self._width - taken - 2
        if not note:
            yield head.rstrip()
        elif room >= min(_NARROWEST, columns(note)):
            for index, (start, end) in enumerate(wrap(note, room)):
                lead = head if index == 0 else " " * taken
                yield f"{lead}  {self._paint(note[start:end], style)}"
        else:
            yield head.rstrip()
            yield from _indent(self._narrower(2)._flow([_Run(note, style)]))

    def _intervals(self, block: Intervals) -> Iterator[str]:
        axis = figures.scale(block)
        labels = [escape(row.label) for row in block.rows]
        label_width = min(max(map(columns, labels), default=0), self._width // 3)
        cells = min(33, max(9, self._width - label_width - 30))
        for row, label in zip(block.rows, labels, strict=True):
            drawn = self._paint(figures.strip(row, block, axis, cells), _TONES[row.tone])
            head = f"{_fit(label, label_width)}  {drawn}"
            words = figures.signed_word(figures.estimate(row, axis), row.tone)
            yield from self._beside(head, label_width + 2 + cells, words, style="")
        legend = escape(figures.legend(block, axis, "│ zero", "┊ margin"))
        yield from _indent(self._narrower(2)._flow([_Run(legend, _DIM)]))

    def _table(self, heads: Sequence[str], rows: Sequence[Sequence[Inline]]) -> Iterator[str]:
        shown = [escape(head) for head in heads]
        cells = [[_cell(cell) for cell in row] for row in rows]
        widths = _column_widths([shown, *cells], self._width)
        if widths is None:
            yield from _spaced(self._record(shown, row) for row in cells)
            return
        yield from self._row(shown, widths, _BOLD)
        yield self._paint(_GAP.join("─" * width for width in widths), _DIM)
        for row in cells:
            yield from self._row(row, widths, "")

    def _row(self, cells: Sequence[str], widths: Sequence[int], style: str) -> Iterator[str]:
        wrapped = [
            [cell[start:end] for start, end in wrap(cell, width, whole_urls=True)]
            for cell, width in zip(cells, widths, strict=False)
        ]
        for index in range(max(map(len, wrapped), default=0)):
            line = _GAP.join(
                _fit(part[index] if index < len(part) else "", width)
                for part, width in zip(wrapped, widths, strict=False)
            )
            yield self._paint(line.rstrip(), style)

    def _record(self, heads: Sequence[str], cells: Sequence[str]) -> Iterator[str]:
        """Yield a row of a table that is wider than the page: each cell on a line of its own."""
        size = min(max(map(columns, heads), default=0), self._width // 3)
        for head, cell in zip(heads, cells, strict=True):
            rows = wrap(cell, self._width - size - len(_GAP), whole_urls=True) if cell else ()
            for index, (start, end) in enumerate(rows):
                lead = _fit("" if index else head, size)
                yield f"{self._paint(lead, _BOLD)}{_GAP}{cell[start:end]}"

    # Prompts -----------------------------------------------------------------------------------

    def _annotated(self, annotated: Annotated) -> Iterator[str]:
        """Yield the rows of the text, with the marks of each row underlined below it."""
        text, stretches = figures.shown(annotated)
        rows = list(wrap(text.removesuffix("\n"), self._width))
        keep = figures.near(rows, stretches, context=2) if stretches else [True] * len(rows)
        marked = _by_row(rows, stretches)
        for wanted, group in groupby(range(len(rows)), key=keep.__getitem__):
            indices = list(group)
            if not wanted and len(indices) > 1:
                yield self._paint(f"⋮ {len(indices)} lines without a mark", _DIM)
                continue
            for index in indices:
                start, end = rows[index]
                yield text[start:end].replace("\t", TAB)
                yield from self._underlines(text, start, end, marked.get(index, []))

    def _underlines(
        self, text: str, start: int, end: int, stretches: Sequence[figures.Stretch]
    ) -> Iterator[str]:
        """Yield lines of carets. Marks that would touch each other stand on lines of their own."""
        lanes: list[list[tuple[int, str, Tone]]] = []
        ends: list[int] = []
        for stretch in stretches:
            first, last = max(stretch.start, start), min(stretch.end, end)
            label = escape(stretch.label) if stretch.end <= end else ""
            carets = columns(text[start:first]), max(1, columns(text[first:last]))
            for left, drawn in self._label(*carets, label):
                lane = next((i for i, taken in enumerate(ends) if taken < left), len(lanes))
                if lane == len(lanes):
                    lanes.append([])
                    ends.append(-1)
                lanes[lane].append((left, drawn, stretch.tone))
                ends[lane] = left + columns(drawn)
        for lane in lanes:
            yield self._lane(lane)

    def _label(self, left: int, size: int, label: str) -> Iterator[tuple[int, str]]:
        """Yield carets with their label: at their right, at their left, or below, as there is room."""
        carets, tag = "^" * size, f"[{label}]" if label else ""
        room = columns(tag) + 1
        if not tag:
            yield left, carets
        elif left + size + room <= self._width:
            yield left, f"{carets} {tag}"
        elif room <= left:
            yield left - room, f"{tag} {carets}"
        else:
            yield left, carets
            yield 0, tag

    def _lane(self, lane: Sequence[tuple[int, str, Tone]]) -> str:
        line, used = "", 0
        for left, drawn, tone in lane:
            line += " " * (left - used) + self._paint(drawn, _TONES[tone])
            used = left + columns(drawn)
        return line

    def _hunk(self, hunk: Hunk) -> Iterator[str]:
        where = [] if hunk.line is None else [_Run(f"line {hunk.line}", _DIM)]
        facts = [*_runs(hunk.badges), *where]
        yield from self._flow(_head(hunk.label, facts, _runs(hunk.note)), hang=4)
        runs: list[_Run] = []
        for piece in figures.trimmed(hunk):
            shown = figures.changed(piece).replace("\t", TAB)
            if piece.op == "deleted":
                runs.append(_Run(f"[-{shown}-]", _TONES["bad"]))
            elif piece.op == "inserted":
                runs.append(_Run(f"{{+{shown}+}}", _TONES["good"]))
            else:
                runs.append(_Run(shown))
        yield from _indent(self._narrower(4)._flow(runs), 4)

    # Flow and paint ----------------------------------------------------------------------------

    def _flow(self, runs: Sequence[_Run], *, hang: int = 0, style: str = "") -> Iterator[str]:
        """Yield the runs as wrapped lines; lines after the first are indented by `hang`."""
        text = "".join(run.text for run in runs).rstrip()
        rows = wrap(text, self._width - hang, whole_urls=True)
        for index, (start, end) in enumerate(rows):
            yield " " * (hang if index else 0) + self._cut(runs, start, end, style)

    def _cut(self, runs: Sequence[_Run], start: int, end: int, style: str) -> str:
        """Return the characters from `start` to `end` of the joined runs, each in its style."""
        parts: list[str] = []
        position = 0
        for run in runs:
            part = run.text[max(0, start - position) : max(0, end - position)]
            parts.append(self._paint(part, run.style or style))
            position += len(run.text)
        return "".join(parts)

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and style and text else text

    def _narrower(self, by: int) -> _Writer:
        return _Writer(max(self._width - by, _NARROWEST - 4), self._color)


def _runs(content: Iterable[Inline], style: str = "") -> list[_Run]:
    return [_run(part, style) for part in content]


def _run(part: Inline, style: str) -> _Run:
    match part:
        case Strong(text):
            return _Run(escape(text), _BOLD)
        case Code(text):
            return _Run(f"`{escape(text)}`", _TONES["info"])
        case Badge(text, tone):
            return _Run(figures.signed_word(escape(text), tone), _TONES[tone])
        case str():
            return _Run("\n".join(map(escape, part.split("\n"))), style)


def _cell(cell: Inline) -> str:
    """Return a cell's text. A column holds code or words, so code in it needs no marks around it."""
    return escape(cell.text) if isinstance(cell, Code) else _run(cell, "").text


def _head(label: str, facts: Sequence[_Run], title: Sequence[_Run]) -> list[_Run]:
    """Return the first line of an item or a hunk: `[1] ▲ major · line 3 — title`."""
    runs = [_Run(f"{figures.bullet(escape(label))} ", _BOLD)]
    for index, fact in enumerate(facts):
        runs += [_Run(" · ", _DIM), fact] if index else [fact]
    return [*runs, *([_Run(" — ", _DIM)] if facts and title else []), *title]


def _score_style(row: Meter) -> str:
    return _DIM if row.value is None else _TONES["info"]


def _by_row(
    rows: Sequence[tuple[int, int]], stretches: Sequence[figures.Stretch]
) -> dict[int, list[figures.Stretch]]:
    found: dict[int, list[figures.Stretch]] = {}
    for stretch in sorted(stretches, key=lambda stretch: (stretch.start, stretch.end)):
        for index in figures.rows_of(rows, stretch):
            found.setdefault(index, []).append(stretch)
    return found


def _column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """Return column widths that fit: narrow columns keep theirs, wide ones share what is left.

    None where the table does not fit: where a column would have no room for its longest word.
    """
    natural = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    least = [max(map(_least_width, column)) for column in zip(*rows, strict=True)]
    room = width - len(_GAP) * (len(natural) - 1)
    if sum(least) > room:
        return None
    widths = list(natural)
    left, needed = len(natural), sum(least)
    for index in sorted(range(len(natural)), key=natural.__getitem__):
        needed -= least[index]
        fair = max(least[index], min(room // left, room - needed))
        widths[index] = min(natural[index], fair)
        room -= widths[index]
        left -= 1
    return widths


def _least_width(cell: str) -> int:
    """Return the columns that a cell needs to be readable: a date, a name or an address is not broken."""
    if columns(cell) <= _SHORT:
        return columns(cell)
    return max(
        columns(word) if is_url(word) else min(columns(word), _LONG_WORD) for word in words_of(cell)
    )


def _fit(text: str, width: int) -> str:
    """Return the text in exactly `width` columns."""
    if columns(text) > width:
        _, end = next(wrap(text, max(1, width - 1)))
        text = f"{text[:end]}…"
    return text + " " * (width - columns(text))


def _indent(lines: Iterable[str], by: int = 2) -> Iterator[str]:
    return (f"{' ' * by}{line}" if line else line for line in lines)


def _spaced(groups: Iterable[Iterable[str]]) -> Iterator[str]:
    for index, group in enumerate(groups):
        if index:
            yield ""
        yield from group
