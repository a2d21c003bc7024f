"""What a verdict is made on: scores of both sides, row by row, and the terms of the test."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from assay_nb.evaluation.paired import ALPHA

Runs: TypeAlias = "tuple[float | None, ...]"
"""The scores of one row in all runs; None for a reply that was lost."""

Bounds: TypeAlias = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a verdict is made on.

    Attributes:
        old: Per row, its scores in all runs; None for a reply that was lost.
        new: Likewise, of the new prompt.
        clusters: What each row belongs to.
        margin: A difference too small to care about.
        seed: Draws the resamples.
        alpha: The one-sided level.
        bounds: The lowest and the highest possible score; None takes them from the scores.
    """

    old: Sequence[Runs]
    new: Sequence[Runs]
    clusters: list[Hashable] | None = None
    margin: float | None = None
    seed: int = 0
    alpha: float = ALPHA
    bounds: Bounds | None = None

    @property
    def known(self) -> Iterable[float]:
        """Every score that there is."""
        return (
            score
            for side in (self.old, self.new)
            for row in side
            for score in row
            if score is not None
        )

    @property
    def complete(self) -> bool:
        """Whether no reply was lost in any run."""
        return all(
            score is not None for side in (self.old, self.new) for row in side for score in row
        )

    @property
    def runs(self) -> int:
        """How many runs the scores are averages of, where rows differ the most."""
        return max((len(row) for row in self.old), default=1)

    def means(self) -> tuple[list[float | None], list[float | None]]:
        """Return the mean score of each row, of both sides; None where every reply was lost."""
        return [_mean(row) for row in self.old], [_mean(row) for row in self.new]

    def filled(self, old: float, new: float) -> Case:
        """Return the case with these scores in the place of those that were lost."""
        return replace(self, old=_fill(self.old, old), new=_fill(self.new, new))

    def span(self) -> Bounds:
        """Return the lowest and the highest possible score, as far as they can be known."""
        if self.bounds is not None:
            return self.bounds
        low, high = min(self.known), max(self.known)
        return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _mean(scores: Runs) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None


def _fill(side: Sequence[Runs], value: float) -> list[Runs]:
    return [tuple(value if score is None else score for score in row) for row in side]
