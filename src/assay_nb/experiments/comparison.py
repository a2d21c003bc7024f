"""Two prompts, or two models, beside each other. It shows; it does not say which is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from assay_nb.experiments.batch import Batch, describe_end, shorten
from assay_nb.instruments.base import Provenance, Shown
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.playground import Run, describe_reply
from assay_nb.render.document import Block, Document, Heading, Paragraph, Table

_SHOWN_ROWS = 10

Side: TypeAlias = "Run | Batch"


@dataclass(frozen=True, repr=False)
class SideBySide(Shown):
    """What was said on either side.

    Attributes:
        left: What the prompt gave.
        right: What the other prompt, or the other model, gave.
        labels: What to call them.
    """

    schema: ClassVar[str] = "assay.sidebyside.v1"

    left: Side
    right: Side
    labels: tuple[str, str] = ("this prompt", "the other")
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def frame(self) -> Any:
        """The data with `output_left`, `stop_left`, `output_right`, `stop_right` beside it, where there was data."""
        assert isinstance(self.left, Batch)
        assert isinstance(self.right, Batch)
        return self.left.rows.with_columns(
            {
                f"{name}_{place}": values
                for place, side in (("left", self.left), ("right", self.right))
                for name, values in (("output", side.outputs), ("stop", side.stops))
            }
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "labels": list(self.labels),
            "left": self.left.to_dict(),
            "right": self.right.to_dict(),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> SideBySide:
        """Return what `to_dict` described."""
        left, right = _read(fields["left"]), _read(fields["right"])
        return cls(left, right, (fields["labels"][0], fields["labels"][1]))

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _read(fields: Mapping[str, Any]) -> Side:
    return (Batch if fields["schema"] == Batch.schema else Run).from_dict(fields)


def _describe(both: SideBySide) -> Iterator[Block]:
    yield Heading("Side by side")
    yield from make_notices(both.left.provenance)
    if isinstance(both.left, Batch) and isinstance(both.right, Batch):
        yield from _describe_rows(both, both.left, both.right)
    else:
        for label, side in zip(both.labels, (both.left, both.right), strict=True):
            yield Heading(label, 2)
            if isinstance(side, Run):
                yield from describe_reply(side)
            yield from make_fine_print(side.provenance)


def _describe_rows(both: SideBySide, left: Batch, right: Batch) -> Iterator[Block]:
    yield from _describe_ends(both.labels, left, right)
    pairs = list(zip(left.outputs, right.outputs, strict=True))
    whole = list(zip(left.observed(), right.observed(), strict=True))
    same = sum(a == b for a, b in whole if a is not None)
    compared = sum(a is not None and b is not None for a, b in whole)
    yield Paragraph(
        [
            f"{same:,} of {compared:,} pairs of whole outputs are the same. Which is better, `measure` says."
        ]
    )
    apart = [i for i, (a, b) in enumerate(pairs) if a != b][:_SHOWN_ROWS]
    yield Table(
        ("row", *both.labels),
        [(str(left.rows.number(i)), shorten(pairs[i][0]), shorten(pairs[i][1])) for i in apart],
    )
    yield from make_fine_print(left.provenance)
    yield from make_fine_print(right.provenance)


def _describe_ends(labels: tuple[str, str], left: Batch, right: Batch) -> Iterator[Block]:
    """Yield what went wrong on both sides once, and below each side's name what did so there alone."""
    ends = [list(describe_end(side)) for side in (left, right)]
    common = [block for block in ends[0] if block in ends[1]]
    yield from common
    for label, blocks in zip(labels, ends, strict=True):
        own = [block for block in blocks if block not in common]
        if own:
            yield Paragraph([f"{label}:"])
            yield from own
