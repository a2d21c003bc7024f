"""A rewrite: the new text, its ledger, the checks that it passed or failed, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from assay_nb.instruments.annotation import encode_target
from assay_nb.instruments.base import Line, Provenance, Shown, decode_provenance, encode_provenance
from assay_nb.instruments.exchange.parsing import clean
from assay_nb.instruments.exchange.validation import Kind
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.invariants.checks import Breach
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Details,
    Diff,
    Document,
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
from assay_nb.text.anchors import Anchor
from assay_nb.text.edits import diff_words, split_changes

Status = Literal["kept", "dropped", "lost", "unaccounted"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LedgerRow(Line):
    """What became of one constraint.

    Attributes:
        status: `kept`: both quotes were found. `dropped`: given up, with a reason. `lost`: said to be kept,
            but the quoted words are not in the new text. `unaccounted`: a sentence of the original with
            must, never, only… that the ledger does not mention.
        before: Its words in the original.
        after: Its words in the new text.
        reason: Why it was dropped.
    """

    status: Status
    before: Anchor
    after: Anchor | None = None
    reason: str = ""

    def __str__(self) -> str:
        became = f" → {self.after}" if self.after else ""
        return f"{self.status}: {self.before}{became}{f' ({self.reason})' if self.reason else ''}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "before": self.before.to_dict(),
            "after": self.after.to_dict() if self.after else None,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LedgerRow:
        """Return the row that `to_dict` described."""
        after = fields["after"]
        return cls(
            status=fields["status"],
            before=Anchor.from_dict(fields["before"]),
            after=Anchor.from_dict(after) if after else None,
            reason=fields["reason"],
        )


@dataclass(frozen=True, repr=False)
class Rewrite(Shown):
    """A whole new prompt, and what it did with the old one's constraints.

    Attributes:
        prompt: The original, verbatim.
        kind: Whether it is a system prompt, a user message or a template.
        proposed: The new text, whether or not it passed.
        breaches: The checks that it fails (`error`), and what they remark (`warning`).
        ledger: The constraints, in the order of the original.
        changes: What was changed, in the model's words.
        goal: What the new prompt was to do better, as it was asked for.
        unanchored: Ledger rows dropped since their words are not in the original.
        complete: False for what is shown while the reply is still coming.
        cut: Whether the reply ended after the text and before its ledger did.
    """

    schema: ClassVar[str] = "assay.rewrite.v1"

    prompt: str
    kind: Kind
    proposed: str
    breaches: tuple[Breach, ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
    changes: tuple[str, ...] = ()
    unanchored: int = 0
    complete: bool = True
    goal: str | None = None
    cut: bool = False
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def accepted(self) -> bool:
        """Whether the new text is whole and breaks nothing that must not break."""
        return self.complete and not any(breach.level == "error" for breach in self.breaches)

    @property
    def text(self) -> str:
        """The new prompt; the original, unchanged, where the new one was refused."""
        return self.proposed if self.accepted else self.prompt

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "target": encode_target(self.prompt, self.kind, self.provenance),
            "accepted": self.accepted,
            "text": self.text,
            "proposed": self.proposed,
            "breaches": [breach.to_dict() for breach in self.breaches],
            "ledger": [row.to_dict() for row in self.ledger],
            "changes": list(self.changes),
            "goal": self.goal,
            "unanchored": self.unanchored,
            "complete": self.complete,
            **({"cut": True} if self.cut else {}),
            "prompt": self.prompt,
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Rewrite:
        """Return the rewrite that `to_dict` described."""
        return cls(
            prompt=fields["prompt"],
            kind=fields["target"]["kind"],
            proposed=fields["proposed"],
            breaches=tuple(Breach(**breach) for breach in fields["breaches"]),
            ledger=tuple(LedgerRow.from_dict(row) for row in fields["ledger"]),
            changes=tuple(fields["changes"]),
            goal=fields.get("goal"),  # a result that an older version saved has none
            unanchored=fields["unanchored"],
            complete=fields["complete"],
            cut=fields.get("cut", False),
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


# --- showing ----------------------------------------------------------------------------------------


_TONES: dict[Status, Tone] = {
    "kept": "good",
    "dropped": "warning",
    "lost": "bad",
    "unaccounted": "bad",
}


def _describe(result: Rewrite) -> Iterator[Block]:
    """Yield the blocks: the checks, the new text, the ledger, the changes, fine print."""
    yield Heading("Rewrite")
    yield from make_notices(result.provenance)
    if result.goal:
        yield Paragraph([Strong("Goal: "), result.goal])
    if result.cut:
        text = "The reply was cut off after the new text: its account of constraints may lack some."
        yield Callout("warning", [text])
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
