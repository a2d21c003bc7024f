"""What a judge's preferences are worth: both orders, its contradictions, and the length of answers.

A judge that sees two answers tends to prefer the one it sees first. Asked once, with the new answer always
first, a judge that picks the first 72 times in 100 makes two nulls of three look like improvements. So
every pair is judged twice, in both orders, and a win counts only where both agree.

Agreeing with itself does not make a judge right: a longer or better polished answer can win in both
orders and be wrong in both. `length_figures` shows one such confound; a metric in code has none of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from assay_nb.evaluation.verdict import PairedVerdict, paired_verdict

Preference: TypeAlias = Literal["first", "second", "tie"]
"""Which of the two answers the judge preferred, by the place in which it saw them."""

MAX_INCONSISTENCY = 0.4
"""A judge that contradicts itself on more of the pairs than this gives no verdict."""

SIMILAR_LENGTH = 0.1
"""Two answers count as similarly long when they differ by at most this share of the longer one."""


@dataclass(frozen=True, slots=True)
class PairwiseOutcome:
    """Both orders of every pair, combined.

    Attributes:
        scores: Per row 1 where the new answer won in both orders, -1 where the old one did, 0 otherwise, and
            None where a judgement is missing.
        inconsistent: The share of rows on which the two orders gave different winners (a winner once and
            a tie once counts too).
        first_place: The share of picks, ties aside, that fell on the answer shown first: 0.5 without a bias.
    """

    scores: tuple[int | None, ...]
    inconsistent: float
    first_place: float | None

    @property
    def is_usable(self) -> bool:
        """Whether the judge agreed with itself often enough for a verdict."""
        return self.inconsistent <= MAX_INCONSISTENCY


def combine_orders(old_first: Preference | None, new_first: Preference | None) -> int | None:
    """Return 1 where both orders preferred the new answer, -1 where both preferred the old, else 0.

    Args:
        old_first: What the judge said when it saw the old answer first; None if that call failed.
        new_first: What it said when it saw the new answer first.
    """
    if old_first is None or new_first is None:
        return None
    once, again = _towards_new(old_first), -_towards_new(new_first)
    return once if once == again else 0


def combine_judgements(
    old_first: Sequence[Preference | None], new_first: Sequence[Preference | None]
) -> PairwiseOutcome:
    """Combine the judge's preferences in both orders, row by row."""
    pairs = list(zip(old_first, new_first, strict=True))
    judged: list[tuple[Preference, Preference]] = [
        (a, b) for a, b in pairs if a is not None and b is not None
    ]
    torn = sum(_towards_new(a) != -_towards_new(b) for a, b in judged)
    picks = [pick for pair in judged for pick in pair if pick != "tie"]
    return PairwiseOutcome(
        scores=tuple(combine_orders(a, b) for a, b in pairs),
        inconsistent=torn / len(judged) if judged else 0.0,
        first_place=picks.count("first") / len(picks) if picks else None,
    )


def pairwise_verdict(
    old_first: Sequence[Preference | None],
    new_first: Sequence[Preference | None],
    *,
    lengths: tuple[Sequence[int], Sequence[int]] | None = None,
    margin: float | None = None,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    exploratory: bool = False,
) -> PairedVerdict:
    """Return the verdict on pairs that a judge saw in both orders.

    Args:
        old_first: Per row, what the judge preferred when the old answer came first.
        new_first: Per row, what it preferred when the new answer came first.
        lengths: The lengths of the old and of the new answers, to show whether length could explain it.
        margin: As in `paired_verdict`, on a scale where every win is 1 and every loss -1.
        clusters: As in `paired_verdict`.
        seed: As in `paired_verdict`.
        exploratory: As in `paired_verdict`.
    """
    outcome = combine_judgements(old_first, new_first)
    old = [None if score is None else 0 for score in outcome.scores]
    result = paired_verdict(
        old, outcome.scores, margin=margin, clusters=clusters, seed=seed, exploratory=exploratory
    )
    notes = [_describe_judge(outcome)]
    if lengths is not None:
        notes.append(length_figures(*lengths, outcome.scores).describe())
    result = replace(result, notes=(*result.notes, *notes))
    if outcome.is_usable:
        return result
    reason = (
        f"The judge contradicted itself on {outcome.inconsistent:.0%} of the pairs when their order was "
        f"exchanged; up to {MAX_INCONSISTENCY:.0%} may be. A metric in code, or another judge, would do."
    )
    return PairedVerdict(
        verdict="invalid", reason=reason, n=0, margin=margin, seed=seed, notes=result.notes
    )


@dataclass(frozen=True, slots=True)
class LengthFigures:
    """Whether the length of the answers could explain who won.

    Attributes:
        mean_old: Mean length of the old answers.
        mean_new: Mean length of the new answers.
        win_rate: Wins of the new answers among all rows, a tie counting half.
        similar: How many rows have answers of similar length.
        similar_win_rate: Wins among those rows; None where there are none.
    """

    mean_old: float
    mean_new: float
    win_rate: float | None
    similar: int
    similar_win_rate: float | None

    def describe(self) -> str:
        """Return the figures as one sentence."""
        lengths = f"Mean length {self.mean_old:.0f} before and {self.mean_new:.0f} after"
        if self.win_rate is None:
            return f"{lengths}."
        overall = f"{lengths}; the new answers win {self.win_rate:.0%} of all rows"
        if self.similar_win_rate is None:
            return f"{overall}, and no row has answers of similar length to compare with."
        rows = "row" if self.similar == 1 else "rows"
        return (
            f"{overall} and {self.similar_win_rate:.0%} of the {self.similar} {rows} with answers of "
            "similar length (ties count half)."
        )


def length_figures(
    old_lengths: Sequence[int],
    new_lengths: Sequence[int],
    scores: Sequence[int | None],
    *,
    tolerance: float = SIMILAR_LENGTH,
) -> LengthFigures:
    """Return mean lengths and win rates, over all rows and over those with answers of similar length."""
    rows = [
        (old, new, score)
        for old, new, score in zip(old_lengths, new_lengths, scores, strict=True)
        if score is not None
    ]
    similar = [score for old, new, score in rows if abs(new - old) <= tolerance * max(old, new)]
    return LengthFigures(
        mean_old=sum(old for old, _, _ in rows) / len(rows) if rows else 0.0,
        mean_new=sum(new for _, new, _ in rows) / len(rows) if rows else 0.0,
        win_rate=_win_rate([score for _, _, score in rows]),
        similar=len(similar),
        similar_win_rate=_win_rate(similar),
    )


def _win_rate(scores: Sequence[int]) -> float | None:
    return (sum(scores) / len(scores) + 1) / 2 if scores else None


def _towards_new(preference: Preference) -> int:
    """Return 1 for the second answer, -1 for the first: which is the new one if the old came first."""
    return {"first": -1, "tie": 0, "second": 1}[preference]


def _describe_judge(outcome: PairwiseOutcome) -> str:
    text = f"The judge contradicted itself on {outcome.inconsistent:.0%} of the pairs"
    if outcome.first_place is None:
        return f"{text}."
    return f"{text} and preferred the answer shown first in {outcome.first_place:.0%} of its picks."
