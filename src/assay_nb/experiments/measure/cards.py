"""Rows that a new prompt broke or fixed, with what went in and what came out: what a reader judges by.

They are shown with the result and stand in its JSON. The ledger keeps none of them: rows stand there by hash.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay_nb.evaluation import Change
from assay_nb.render.document import Badge, Block, Details, Item, Items, Strong, Tone
from assay_nb.text.english import cut

MOST_CARDS = 10
"""Of rows broken, and of rows fixed: the worst of the one, the best of the other."""

_LONGEST = 500
"""Characters of a text that are shown; the JSON has all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCard:
    """One row on which the two prompts differ.

    Attributes:
        row: Its number in the data.
        old_score: Its score under the old prompt; averaged where there were several runs.
        new_score: Likewise, under the new one.
        values: What the prompts' variables stand for.
        old: The old prompt's output in this run; None where the reply was lost.
        new: The new prompt's output.
        why: What the metric said about the worse of the two, or the judge about both; may be empty.
    """

    row: int
    old_score: float
    new_score: float
    values: Mapping[str, str]
    old: str | None
    new: str | None
    why: str = ""

    @property
    def is_fixed(self) -> bool:
        """Whether the new prompt does better on this row."""
        return self.new_score > self.old_score

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def to_item(self) -> Item:
        """Return the card as an item: the scores, then input, outputs and the reason, a line each."""
        word: tuple[str, Tone] = ("fixed", "good") if self.is_fixed else ("broken", "bad")
        parts = [
            *self.values.items(),
            ("old", self.old),
            ("new", self.new),
            ("why", self.why or None),
        ]
        lines = [
            [Strong(f"{name}:"), f" {cut(text, _LONGEST)}"]
            for name, text in parts
            if text is not None
        ]
        scores = f"{self.old_score:.3g} → {self.new_score:.3g}"
        return Item(str(self.row), [scores], [Badge(*word)], lines)


def show_cards(cards: Sequence[RowCard]) -> Iterator[Block]:
    """Yield the cards, folded where folding exists."""
    if cards:
        yield Details(
            "The rows that changed most: input and outputs", [Items([c.to_item() for c in cards])]
        )


def choose_changes(changes: Sequence[Change]) -> list[Change]:
    """Return the changes to show: the worst ten that broke, then the best ten that were fixed."""
    broken = sorted((c for c in changes if not c.is_fixed), key=lambda c: c.new - c.old)
    fixed = sorted((c for c in changes if c.is_fixed), key=lambda c: c.old - c.new)
    return [*broken[:MOST_CARDS], *fixed[:MOST_CARDS]]
