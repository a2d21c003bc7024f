"""What a rewrite returns: the new text, its ledger, and the checks that it passed or failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from assay_nb.instruments.annotation import encode_target
from assay_nb.instruments.base import Line, Provenance, Shown
from assay_nb.instruments.exchange.validation import Kind
from assay_nb.instruments.invariants.checks import Breach
from assay_nb.instruments.provenance import decode_provenance, encode_provenance
from assay_nb.instruments.rewrite.display import describe
from assay_nb.render.document import Document
from assay_nb.text.anchors import Anchor

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
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def accepted(self) -> bool:
        """Whether the new text is whole and breaks nothing that must not break."""
        return self.complete and not any(breach.level == "error" for breach in self.breaches)

    @property
    def text(self) -> str:
        """The new prompt; the original, unchanged, where the new one was refused."""
        return self.proposed if self.accepted else self.prompt

    def with_provenance(self, provenance: Provenance) -> Rewrite:
        return replace(self, provenance=provenance)

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
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(describe(self)))
