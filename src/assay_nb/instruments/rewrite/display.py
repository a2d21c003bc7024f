"""How a rewrite is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assay_nb.instruments.exchange.parsing import clean
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.invariants.checks import Breach
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Details,
    Diff,
    Heading,
    Hunk,
    Inline,
    Item,
    Items,
    Paragraph,
    Piece,
    Strong,
    Table,
    Tone,
    Verbatim,
    sentence,
)
from assay_nb.text.edits import diff_words, split_changes

if TYPE_CHECKING:
    from assay_nb.instruments.rewrite.result import Rewrite, Status

_TONES: dict[Status, Tone] = {
    "kept": "good",
    "dropped": "warning",
    "lost": "bad",
    "unaccounted": "bad",
}


def describe(result: Rewrite) -> Iterator[Block]:
    """Yield the blocks: the checks, the new text, the ledger, the changes, fine print."""
    yield Heading("Rewrite")
    yield from make_notices(result.provenance)
    if result.goal:
        yield Paragraph([Strong("Goal: "), result.goal])
    yield from _describe_verdict(result)
    yield Verbatim(result.proposed)
    if result.ledger:
        yield Heading("What became of the constraints", 2)
        yield Table(("Status", "In the original", "In the new text"), list(_find_rows(result)))
    if result.changes:
        yield Heading("What changed", 2)
        yield Items([Item(str(n), sentence(text)) for n, text in enumerate(result.changes, 1)])
    if result.complete:
        yield Details("Word by word", [Diff(_make_hunks(result))])
    yield from make_fine_print(result.provenance)


def _describe_verdict(result: Rewrite) -> Iterator[Block]:
    errors = [breach for breach in result.breaches if breach.level == "error"]
    if not result.complete:
        yield Paragraph(["Still being written; nothing is checked yet."])
        return
    if errors:
        yield Callout(
            "bad",
            ["Refused: the new text fails checks, so ", Code(".text"), " is still the original."],
        )
        yield Heading("Failed checks", 2)
        yield Items([Item(b.check, [_sentence(b)], [Badge("error", "bad")]) for b in errors])
    else:
        yield Paragraph([Badge("checks passed", "good"), f" · {_compare_lengths(result)}"])
    remarks = [breach for breach in result.breaches if breach.level == "warning"]
    if remarks:
        yield Items([Item(b.check, [_sentence(b)], [Badge("note", "warning")]) for b in remarks])
    open_rows = sum(row.status in ("lost", "unaccounted") for row in result.ledger)
    if open_rows:
        text = f"{open_rows} constraint{'s' if open_rows > 1 else ''} cannot be found in the new text: see below."
        yield Callout("warning", [text])


def _sentence(breach: Breach) -> str:
    return f"It {breach.message}."


def _compare_lengths(result: Rewrite) -> str:
    old, new = len(result.prompt), len(result.proposed)
    return f"{new:,} characters, {new / max(1, old):.1f} times the original's {old:,}."


def _find_rows(result: Rewrite) -> Iterator[tuple[Inline, Inline, Inline]]:
    for row in result.ledger:
        after = clean(row.after.exact, 160) if row.after else row.reason
        yield Badge(row.status, _TONES[row.status]), clean(row.before.exact, 160), after


def _make_hunks(result: Rewrite) -> list[Hunk]:
    changes = split_changes(diff_words(result.prompt, result.proposed))
    return [
        Hunk(str(number), [Piece(op, text) for op, text in change.runs], line=change.line)
        for number, change in enumerate(changes, 1)
    ]
