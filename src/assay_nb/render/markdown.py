r"""A document as GitHub-flavoured Markdown that also reads well unrendered.

No foreign string is live in it. Running text goes through `escape`; text whose layout matters goes into
fences longer than any run of backticks inside.

Escaping alone cannot silence everything. Renderers look for addresses, mentions and math *after* they
have decoded entities and backslashes, so `https&#58;//…`, `a&#64;b` and `&#36;x&#36;` come alive again.
The one place that all of them leave alone is a code span: a word that holds such a thing becomes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from assay_nb.render import figures
from assay_nb.render.characters import show_hidden, wrap
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
    Verbatim,
)
from assay_nb.render.text import render_text

_SPACES = re.compile(r"(\s+)")
_LIVE = re.compile(r"[$\\]|@\w|//|:/|www\.|[^\W\d_]:\w|\w\.[^\W\d_]{2}|#\w|&#?\w+;", re.IGNORECASE)
"""What some renderer makes a link, a mention, a reference or math of, wherever it stands in a word."""

_ACTIVE = re.compile(r"[*\[\]~|`<&]|(?<![^\W_])_|_(?![^\W_])")
_ENTITIES = {"<": "&lt;", "&": "&amp;", "`": "&#96;"}
_EDGE = re.compile(r"^(?: |<br>)+|(?: |<br>)+$")
_FIRST = re.compile(r"^(\d*)([-+=#:%>.)])")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_WIDTH = 96


# Escapes -----------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Return foreign text as Markdown, within one line, that shows that text and does nothing.

    Runs of spaces become one and a line feed becomes `<br>`: Markdown's blocks begin at line starts.
    """
    lines = show_hidden(text).split("\n")
    return "<br>".join("".join(map(_word, _SPACES.split(line))) for line in lines)


def _word(word: str) -> str:
    if word.isspace():
        return " "
    if _LIVE.search(word):
        return _code(word)
    return _ACTIVE.sub(lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), word)


def _code(text: str) -> str:
    """Return text that holds no hidden character as a code span."""
    text = text.replace("\n", " ")
    if "|" in text:  # a table would end its cell there
        return f"<code>{_entities(text)}</code>"
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def _entities(text: str) -> str:
    """Return text for the inside of an HTML element, with nothing left that Markdown reads."""
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match[0])};", text)


def _summary(text: str) -> str:
    """Return text for the inside of `<summary>`, where Markdown is off and HTML is on."""
    words = show_hidden(text).split()
    return " ".join(
        f"<code>{_entities(word)}</code>" if _LIVE.search(word) else _entities(word)
        for word in words
    )


def _fence(lines: Iterable[str], language: str = "text") -> str:
    """Return a code block whose fence no line inside can close."""
    body = "\n".join(lines)
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


# Blocks ------------------------------------------------------------------------------------------


def render_markdown(document: Document) -> str:
    """Return the document as Markdown, for viewers without HTML and for pasting into a review."""
    return "\n\n".join(map(_block, document.blocks)) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'###' if level == 1 else '####'} {escape(' '.join(text.split()))}"
        case Paragraph(content):
            return _line(content)
        case Callout(tone, content):
            return f"> {figures.SIGNS[tone]} {_line(content)}"
        case Verbatim(text):
            return _fence(show_hidden(text).removesuffix("\n").split("\n"))
        case Scorecard(rows):
            return _scorecard(rows)
        case Annotated() | Intervals():
            return _as_text(block)
        case Items(items):
            return "\n".join(map(_item, items))
        case Diff(hunks):
            return "\n\n".join(map(_hunk, hunks))
        case Table(columns, rows):
            return _table(
                [escape(column) for column in columns], [list(map(_part, row)) for row in rows]
            )
        case Details(summary, inner):
            blocks = "\n\n".join(map(_block, inner))
            return f"<details>\n<summary>{_summary(summary)}</summary>\n\n{blocks}\n\n</details>"
        case FinePrint(content):
            return f"<sub>{_line(content)}</sub>"


def _as_text(block: Annotated | Intervals) -> str:
    """Return a block that is drawn with characters: underlined marks, intervals on an axis."""
    lines = render_text(Document((block,)), width=_WIDTH).split("\n")
    indent = 2 if isinstance(block, Annotated) else 0
    return _fence(line[indent:] for line in lines)


def _scorecard(rows: Sequence[Meter]) -> str:
    cells = [
        [escape(row.label), f"`{figures.bar(row)}`", escape(figures.score(row)), escape(row.note)]
        for row in rows
    ]
    heads = ["", "", "score", ""]
    if not any(row.note for row in rows):
        heads, cells = heads[:3], [row[:3] for row in cells]
    return _table(heads, cells)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _item(item: Item) -> str:
    head = _head(item.label, item.badges)
    lines = "".join(f"\n  - {_line(line)}" for line in item.lines)
    return f"- {head} — {_line(item.title)}{lines}"


def _head(label: str, badges: Sequence[Badge], *more: str) -> str:
    shown = escape(figures.bullet(label))
    return f"**{shown}** {' · '.join([*map(_part, badges), *more])}".rstrip()


def _hunk(hunk: Hunk) -> str:
    place = () if hunk.line is None else (f"line {hunk.line}",)
    head = _head(hunk.label, hunk.badges, *place)
    note = f" — {_line(hunk.note)}" if hunk.note else ""
    return f"{head}{note}\n\n{_fence(_diff_lines(hunk), 'diff')}"


def _diff_lines(hunk: Hunk) -> list[str]:
    """Return the hunk as the lines of a diff: common ones, then the old ones, then the new ones."""
    pieces = figures.trimmed(hunk)
    old = show_hidden("".join(p.text for p in pieces if p.op != "inserted")).split("\n")
    new = show_hidden("".join(p.text for p in pieces if p.op != "deleted")).split("\n")
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    middle = slice(head, -tail or None)
    return [
        *_prefixed("  ", old[:head]),
        *_prefixed("- ", old[middle]),
        *_prefixed("+ ", new[middle]),
        *_prefixed("  ", old[len(old) - tail :]),
    ]


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    count = 0
    for a, b in zip(old, new, strict=False):
        if a != b:
            break
        count += 1
    return count


def _prefixed(prefix: str, lines: Iterable[str]) -> list[str]:
    return [
        f"{prefix}{line[start:end]}".rstrip() for line in lines for start, end in wrap(line, _WIDTH)
    ]


# Inline ------------------------------------------------------------------------------------------


def _line(content: Iterable[Inline]) -> str:
    """Return inline content as one line that begins no list, heading, quote or other block."""
    joined = _EDGE.sub("", "".join(map(_part, content)))
    return _FIRST.sub(r"\1\\\2", joined)


def _part(part: Inline) -> str:
    match part:
        case Strong(text):
            return _strong(escape(text))
        case Code(text):
            return _code(show_hidden(text))
        case Badge(text, tone):
            return escape(figures.signed_word(text, tone))
        case str():
            return escape(part)


def _strong(escaped: str) -> str:
    """Return it strong. Asterisks between a letter and punctuation would stay asterisks."""
    inner = escaped.strip(" ")
    if not inner:
        return escaped
    if inner[0].isalnum() and (inner[-1].isalnum() or escaped.endswith(" ")):
        return escaped.replace(inner, f"**{inner}**", 1)
    return escaped.replace(inner, f"<strong>{inner}</strong>", 1)
