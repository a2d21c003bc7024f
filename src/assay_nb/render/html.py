"""A document as static HTML: no script, no link, no image, no address, nothing to load.

Three rules make it safe, and a fourth makes it last:

- Foreign text enters through `escape` alone, and only between tags, never inside one. Every attribute
  in the output is a constant or a number from this file.
- Math delimiters are taken apart, because notebooks typeset whatever stands between dollar signs, and
  TeX has links.
- Styles are inline and come from one table, whose every property and value passes JupyterLab's
  sanitizer. That one drops variables, so colours are translucent tints over whatever background the
  reader has, and text keeps the reader's own colour: it reads in light, in dark, and in print.
- Meaning never rests on a style. With all of them stripped it is still words in an order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from assay_nb.render import figures
from assay_nb.render.characters import show_hidden
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
    Interval,
    Intervals,
    Item,
    Items,
    Meter,
    Paragraph,
    Piece,
    Scorecard,
    Strong,
    Table,
    Tone,
    Verbatim,
)

_BREAK = "\x00"  # cannot be in shown text: `show_hidden` writes controls as numbers
_LONG_WORD = re.compile(r"[!-~]{40}(?=[!-~])")
_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#x27;",
        "$": "<span>$</span>",
        "\\": "<span>\\</span>",
        _BREAK: "<wbr>",
    }
)


def escape(text: str) -> str:
    """Return foreign text as HTML that shows exactly that text, between tags.

    Hidden characters are shown by number. A dollar sign or backslash gets an element of its own,
    which no typesetter of math looks across. Words that would burst a layout may break.
    """
    return _LONG_WORD.sub(rf"\g<0>{_BREAK}", show_hidden(text)).translate(_ESCAPES)


# Styles ------------------------------------------------------------------------------------------

_RGB: dict[Tone, str] = {
    "neutral": "125,133,144",
    "good": "45,164,78",
    "info": "59,130,214",
    "warning": "191,135,0",
    "bad": "209,67,75",
}
"""Each is at least 3:1 against white and against #111."""

_HAIRLINE = "1px solid rgba(125,133,144,0.35)"
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
_WRAP = "white-space:pre-wrap;overflow-wrap:break-word;word-break:normal"
_PRE = (
    f"{_MONO};{_WRAP};font-size:0.92em;line-height:1.6;margin:0.5em 0;padding:0.7em 0.9em;"
    "background:rgba(125,133,144,0.09);border:0;border-radius:4px;max-height:32em;overflow:auto"
)
_CELL = "padding:0.25em 1.2em 0.25em 0;text-align:left;vertical-align:top;border:0;background:transparent"

_STYLES = {
    "root": "max-width:64em;font-size:14px;line-height:1.5;margin:0.3em 0;overflow-wrap:break-word",
    "h1": f"margin:0 0 0.6em 0;padding:0 0 0.3em 0;font-size:1.2em;font-weight:600;line-height:1.3;border-bottom:{_HAIRLINE}",
    "h2": "margin:1.3em 0 0.4em 0;font-weight:600;opacity:0.8",
    "p": "margin:0.5em 0",
    "code": f"{_MONO};font-size:0.92em;padding:0.1em 0.3em;border-radius:3px;background:rgba(125,133,144,0.16);white-space:pre-wrap",
    "pre": _PRE,
    "table": "border-collapse:collapse;margin:0.5em 0;width:auto;font-size:1em;table-layout:auto;border:0",
    "wide": "overflow:auto",
    "row": "background:transparent;border:0",
    "cell": _CELL,
    "head": f"{_CELL};font-weight:600;opacity:0.8;border-bottom:{_HAIRLINE}",
    "line": f"{_CELL};border-bottom:1px solid rgba(125,133,144,0.18)",
    "label": f"{_CELL};font-weight:400",
    "score": f"{_CELL};white-space:nowrap",
    "note": f"{_CELL};opacity:0.75",
    "track": "display:inline-block;width:9em;height:0.5em;border-radius:2px;background:rgba(125,133,144,0.25);vertical-align:middle;overflow:hidden",
    "list": "list-style-type:none;margin:0.5em 0;padding:0",
    "item": "margin:0 0 1em 0;padding:0 0 0 2.4em;position:relative;list-style-type:none",
    "number": "position:absolute;left:0;top:0;font-weight:600;opacity:0.75",
    "title": "margin:0",
    "meta": "opacity:0.75",
    "more": "margin:0.2em 0 0 0",
    "sup": f"{_MONO};font-size:0.8em;font-weight:600;padding:0 0.15em;line-height:1;vertical-align:baseline",
    "same": "opacity:0.85",
    "details": "margin:0.8em 0",
    "summary": "cursor:pointer;opacity:0.85",
    "inner": "margin:0.3em 0 0 1em",
    "fine": f"margin:1.2em 0 0 0;padding:0.4em 0 0 0;border-top:{_HAIRLINE};font-size:0.86em;opacity:0.75",
    "plot": "display:inline-block;position:relative;width:18em;height:1.3em;vertical-align:middle;background:rgba(125,133,144,0.09);overflow:hidden",
}


def _rgba(tone: Tone, alpha: str) -> str:
    return f"rgba({_RGB[tone]},{alpha})"


def _tag(name: str, style: str, body: str, attributes: str = "") -> str:
    return f'<{name}{attributes} style="{_STYLES.get(style, style)}">{body}</{name}>'


# Blocks ------------------------------------------------------------------------------------------


def render_html(document: Document) -> str:
    """Return the document as HTML for a notebook's output, safe whether it is trusted or not."""
    body = "\n".join(_blocks(document.blocks))
    return _tag("div", "root", f"\n{body}\n", ' class="assay mathjax_ignore tex2jax_ignore"')


def _blocks(blocks: Iterable[Block]) -> Iterable[str]:
    return map(_block, blocks)


def _block(block: Block) -> str:
    match block:
        case Heading(text, 1):
            return _tag("h3", "h1", escape(text))
        case Heading(text):
            # A real heading would fill the notebook's table of contents with parts of results.
            strong = f"<strong>{escape(text)}</strong>"
            return _tag("p", "h2", strong, ' role="heading" aria-level="4"')
        case Paragraph(content):
            return _tag("p", "p", _inline(content))
        case Callout(tone, content):
            return _callout(tone, content)
        case Verbatim(text):
            return _pre(escape(text))
        case Scorecard(rows):
            return _rows("".join(map(_meter, rows)))
        case Annotated():
            return _pre("".join(map(_segment, figures.segments(block))))
        case Items(items):
            return _tag("ul", "list", "".join(map(_item, items)))
        case Diff(hunks):
            return _tag("ul", "list", "".join(map(_hunk, hunks)))
        case Table(columns, rows):
            return _table(columns, rows)
        case Intervals():
            return _intervals(block)
        case Details(summary, inner):
            blocks = _tag("div", "inner", "\n".join(_blocks(inner)))
            return _tag("details", "details", _tag("summary", "summary", escape(summary)) + blocks)
        case FinePrint(content):
            return _tag("p", "fine", _inline(content))


def _pre(body: str) -> str:
    # The parser drops a line feed right behind <pre>, so one is given to it.
    return _tag("pre", "pre", f"\n{body}")


def _callout(tone: Tone, content: Sequence[Inline]) -> str:
    style = (
        f"margin:0.6em 0;padding:0.45em 0.8em;border-left:3px solid {_rgba(tone, '1')};"
        f"background:{_rgba(tone, '0.12')};border-radius:2px"
    )
    sign = f"<strong>{figures.SIGNS[tone]}</strong> "
    return _tag("div", style, f"{sign}{_inline(content)}", ' role="note"')


def _rows(body: str, head: str = "") -> str:
    table = _tag("table", "table", f"{head}<tbody>{body}</tbody>")
    return _tag("div", "wide", table)


def _row(cells: str) -> str:
    return _tag("tr", "row", cells)


def _meter(row: Meter) -> str:
    return _row(
        _tag("th", "label", escape(row.label), ' scope="row"')
        + _tag("td", "cell", "" if row.value is None else _bar(figures.share(row), row.judged))
        + _tag("td", "score", escape(figures.score(row)))
        + _tag("td", "note", escape(row.note))
    )


def _bar(share: float, judged: bool) -> str:
    """Return the bar. It repeats the words beside it, so it is hidden from screen readers."""
    tone: Tone = "bad" if share <= 0.2 else "warning" if share <= 0.4 else "info"
    tone = tone if judged else "info"
    full = f"display:block;width:{share:.1%};height:100%;background:{_rgba(tone, '1')}"
    return _tag("span", "track", _tag("span", full, ""), ' aria-hidden="true"')


def _segment(segment: figures.Segment) -> str:
    body = escape(segment.text)
    if segment.marks and body:
        # <u>, not <mark>: browsers give that one black text, and the sanitizer drops `inherit`.
        body = _tag("u", _mark_style(segment), body)
    return body + "".join(_sup(mark.label, mark.tone) for mark in segment.ending)


def _mark_style(segment: figures.Segment) -> str:
    tone = figures.strongest(segment.marks)
    deep = len(segment.marks) > 1
    return (
        f"text-decoration:none;background:{_rgba(tone, '0.36' if deep else '0.2')};"
        f"border-bottom:{3 if deep else 2}px solid {_rgba(tone, '1')};border-radius:2px"
    )


def _sup(label: str, tone: Tone) -> str:
    return _tag("sup", f"{_STYLES['sup']};background:{_rgba(tone, '0.2')}", f"[{escape(label)}]")


def _item(item: Item) -> str:
    head = _head(item.label, item.badges, f"<strong>{_inline(item.title)}</strong>")
    lines = "".join(_tag("p", "more", _inline(line)) for line in item.lines)
    return _tag("li", "item", head + lines)


def _head(label: str, badges: Sequence[Badge], *rest: str) -> str:
    number = _tag("span", "number", escape(figures.bullet(label)))
    return _tag("p", "title", " ".join(filter(None, [number, *map(_badge, badges), *rest])))


def _hunk(hunk: Hunk) -> str:
    place = "" if hunk.line is None else _tag("span", "meta", f"line {hunk.line}")
    head = _head(hunk.label, hunk.badges, place, _inline(hunk.note))
    return _tag("li", "item", head + _pre("".join(map(_piece, figures.trimmed(hunk)))))


def _piece(piece: Piece) -> str:
    text = escape(figures.changed(piece))
    if piece.op == "same":
        return _tag("span", "same", text)
    if piece.op == "deleted":
        return _tag("del", f"text-decoration:line-through;background:{_rgba('bad', '0.2')}", text)
    return _tag("ins", f"text-decoration:underline;background:{_rgba('good', '0.22')}", text)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Inline]]) -> str:
    heads = "".join(_tag("th", "head", escape(column), ' scope="col"') for column in columns)
    lines = [_row("".join(_tag("td", "line", _inline([cell])) for cell in row)) for row in rows]
    return _rows("".join(lines), f"<thead>{_row(heads)}</thead>")


def _intervals(block: Intervals) -> str:
    axis = figures.scale(block)
    rows = "".join(_interval(row, block, axis) for row in block.rows)
    legend = figures.legend(block, axis, "line: zero", "band: margin")
    return _rows(rows) + _tag("p", f"{_STYLES['p']};opacity:0.75;font-size:0.92em", escape(legend))


def _interval(row: Interval, block: Intervals, axis: figures.Scale) -> str:
    words = figures.signed_word(figures.estimate(row, axis), row.tone)
    return _row(
        _tag("th", "label", escape(row.label), ' scope="row"')
        + _tag("td", "cell", _plot(row, block, axis))
        + _tag("td", "score", escape(words))
    )


def _plot(row: Interval, block: Intervals, axis: figures.Scale) -> str:
    """Return the interval as spans at their places; the words beside it say the same."""

    def span(low: float, high: float, rest: str) -> str:
        left, right = axis.at(low), axis.at(high)
        place = f"position:absolute;left:{left:.2%};width:{right - left:.2%}"
        return _tag("span", f"{place};{rest}", "")

    margin = block.margin or 0.0
    whole = "top:0;height:100%"
    parts = [
        span(-margin, margin, f"{whole};background:{_rgba('neutral', '0.25')}") if margin else "",
        span(0.0, 0.0, f"{whole};border-left:1px solid {_rgba('neutral', '1')}"),
        span(row.low, row.high, f"top:0.55em;height:0.2em;background:{_rgba(row.tone, '1')}"),
        _tag(
            "span",
            f"position:absolute;left:{axis.at(row.point):.2%};top:0.35em;width:0.6em;height:0.6em;"
            f"margin-left:-0.3em;border-radius:50%;background:{_rgba(row.tone, '1')}",
            "",
        ),
    ]
    return _tag("span", "plot", "".join(parts), ' aria-hidden="true"')


# Inline ------------------------------------------------------------------------------------------


def _inline(content: Iterable[Inline]) -> str:
    return "".join(map(_part, content))


def _part(part: Inline) -> str:
    match part:
        case Strong(text):
            return f"<strong>{_lines(text)}</strong>"
        case Code(text):
            return _tag("code", "code", escape(text))
        case Badge():
            return _badge(part)
        case str():
            return _lines(part)


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _badge(badge: Badge) -> str:
    wrap = "nowrap" if len(badge.text) < 30 else "normal"
    style = (
        f"display:inline-block;white-space:{wrap};font-size:0.86em;line-height:1.3;padding:0 0.45em;"
        f"border:1px solid {_rgba(badge.tone, '0.6')};border-radius:3px;"
        f"background:{_rgba(badge.tone, '0.12')}"
    )
    return _tag("span", style, escape(figures.signed_word(badge.text, badge.tone)))
