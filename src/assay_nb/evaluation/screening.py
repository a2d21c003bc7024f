"""Choosing one candidate on dev rows.

What screening finds is never a result: the best of ten candidates that do nothing looks 8 points better on
50 rows, by luck alone. It chooses what the one confirmatory test is spent on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assay_nb.evaluation.differences import Score

MAX_CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class Screening:
    """How candidates did on dev rows. Not a result.

    Attributes:
        chosen: The candidate to confirm, or None where none did better than the old prompt.
        gains: Every candidate's mean difference to the old prompt on dev, best first.
    """

    chosen: str | None
    gains: tuple[tuple[str, float], ...]

    def describe(self) -> str:
        """Return a sentence that cannot be mistaken for a verdict."""
        if self.chosen is None:
            return "No candidate did better than the old prompt on dev rows, so none is tested."
        return f"{self.chosen} is tested next. Dev rows chose it, so they say nothing of how good it is."


def choose_candidate(
    baseline: Sequence[Score], candidates: Mapping[str, Sequence[Score]]
) -> Screening:
    """Return the candidate with the largest mean gain over the old prompt on dev rows.

    A row without a whole reply under a candidate counts as the lowest score, so that failing is never a
    gain; one without it under the old prompt is left out. Of equals, the first is chosen.
    """
    if len(candidates) > MAX_CANDIDATES:
        raise ValueError(
            f"{len(candidates)} candidates: with more than {MAX_CANDIDATES}, luck wins"
        )
    lowest = _lowest([baseline, *candidates.values()])
    gains = {name: _gain(baseline, scores, lowest) for name, scores in candidates.items()}
    ranked = tuple(sorted(gains.items(), key=lambda pair: -pair[1]))
    chosen = ranked[0][0] if ranked and ranked[0][1] > 0 else None
    return Screening(chosen, ranked)


def _gain(baseline: Sequence[Score], scores: Sequence[Score], lowest: float) -> float:
    gains = [
        (lowest if new is None else float(new)) - float(old)
        for old, new in zip(baseline, scores, strict=True)
        if old is not None
    ]
    return sum(gains) / len(gains) if gains else 0.0


def _lowest(sides: Iterable[Sequence[Score]]) -> float:
    return min((float(score) for side in sides for score in side if score is not None), default=0.0)
