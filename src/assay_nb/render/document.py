"""A result's neutral form: what is to be said, with no word of how it looks.

A result describes itself as a `Document`; `render.text`, `render.markdown` and `render.html` draw it.
No string in a document is markup. Whatever a model, a user or a provider wrote goes in as it is, and
each renderer escapes it at its one escape point, so a result cannot forget to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Tone = Literal["neutral", "good", "info", "warning", "bad"]
"""How a thing is meant. Renderers show it by a word or a sign too, never by colour alone."""


@dataclass(frozen=True, slots=True)
class Strong:
    """Text that stands out."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A short piece of verbatim text within a line: a command, a name, a quoted word."""

    text: str


@dataclass(frozen=True, slots=True)
class Badge:
    """A word in a small frame, such as a severity."""

    text: str
    tone: Tone = "neutral"


Inline: TypeAlias = str | Strong | Code | Badge


def sentence(text: str) -> list[Inline]:
    """Return a sentence, ours or a model's, with what stands between backticks in it as code.

    Code is escaped like any other part, so nothing in it comes alive.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner is a backtick
        return [text]
    return [Code(part) if odd % 2 else part for odd, part in enumerate(parts) if part]


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a result (level 1) or of a part of it (level 2)."""

    text: str
    level: Literal[1, 2] = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line of running text."""

    content: Sequence[Inline]


@dataclass(frozen=True, slots=True)
class Callout:
    """One thing that must not be overlooked: stopped, failed, came from the practice provider."""

    tone: Tone
    content: Sequence[Inline]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Text shown exactly as it is, every space of it."""

    text: str


@dataclass(frozen=True, slots=True)
class Meter:
    """One row of a scorecard. `value` None means not applicable, and `note` says why.

    `judged` is False for a count, such as how far a run is: few is then no fault. `words` says the value where
    “3 of 5” does not.
    """

    label: str
    value: float | None
    top: float
    note: str = ""
    judged: bool = True
    words: str = ""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Labelled scores on one scale."""

    rows: Sequence[Meter]


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of an annotated text: `text[start:end]`, in code points, with its finding's label."""

    start: int
    end: int
    label: str
    tone: Tone = "warning"


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text with marks on the words that findings speak of. Marks may overlap."""

    text: str
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Item:
    """One finding, edit or constraint: a label, badges, a title, and what belongs to it."""

    label: str
    title: Sequence[Inline]
    badges: Sequence[Badge] = ()
    lines: Sequence[Sequence[Inline]] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list of items."""

    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text in a diff that is the same on both sides, only before, or only after."""

    op: Literal["same", "deleted", "inserted"]
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """One change: its pieces in order, where it stands, and why it was made."""

    label: str
    pieces: Sequence[Piece]
    note: Sequence[Inline] = ()
    badges: Sequence[Badge] = ()
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    """Changes against the original text."""

    hunks: Sequence[Hunk]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column heads. Every row has as many cells as there are columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Inline]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A point with its interval on a line that has a zero and perhaps a margin (paired differences)."""

    label: str
    low: float
    point: float
    high: float
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals on one shared axis, drawn with its zero line. `margin` draws a band around zero."""

    rows: Sequence[Interval]
    margin: float | None = None
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """Something that most readers skip: folded where folding exists.

    Attributes:
        summary: The line that unfolds it.
        blocks: What is in it.
        brief: Said in place of the blocks where nothing folds; empty shows them all the same.
    """

    summary: str
    blocks: Sequence[Block]
    brief: str = ""


@dataclass(frozen=True, slots=True)
class FinePrint:
    """The last line: provider, model, tokens, cost."""

    content: Sequence[Inline]


Block: TypeAlias = (
    Heading
    | Paragraph
    | Callout
    | Verbatim
    | Scorecard
    | Annotated
    | Items
    | Diff
    | Table
    | Intervals
    | Details
    | FinePrint
)


@dataclass(frozen=True, slots=True)
class Document:
    """A result as a sequence of blocks."""

    blocks: Sequence[Block] = field(default_factory=tuple[Block, ...])
