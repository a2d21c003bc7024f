"""What a judge's preferences are worth: both orders, its contradictions, and the length of answers.

A judge that sees two answers tends to prefer the one it sees first. Asked once, with the new answer always
first, a judge that picks the first 72 times in 100 makes two nulls of three look like improvements. So
every pair is judged twice, in both orders, and a win counts only where both agree.

Agreeing with itself does not make a judge right: a longer or better polished answer can win in both
orders and be wrong in both. A preference that liking length explains as well gives no verdict (`lengths`
says how that is told); a metric in code has none of these faults.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from assay_nb.evaluation.cases import Case
from assay_nb.evaluation.claims import PairedVerdict
from assay_nb.evaluation.lengths import explain_by_length, length_figures
from assay_nb.evaluation.lost import Lost, Reasons, count_lost
from assay_nb.evaluation.paired import ALPHA
from assay_nb.evaluation.verdict import check_terms, decide

Preference: TypeAlias = Literal["first", "second", "tie"]
"""Which of the two answers the judge preferred, by the place in which it saw them."""

MAX_INCONSISTENCY = 0.4
"""A judge that contradicts itself on more of the pairs than this gives no verdict."""


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
    alpha: float = ALPHA,
    lost: tuple[Reasons, Reasons] | None = None,
    earlier: Sequence[Sequence[float | None]] | None = None,
) -> PairedVerdict:
    """Return the verdict on pairs that a judge saw in both orders.

    A pair without a judgement counts as lost: the verdict also has to hold with each of them won by the
    other side. And with `lengths`, a preference that liking length explains as well is "invalid".

    Args:
        old_first: Per row, what the judge preferred when the old answer came first.
        new_first: Per row, what it preferred when the new answer came first.
        lengths: The lengths of the old and of the new answers, to see whether length explains who won.
        margin: As in `paired_verdict`, on a scale where every win is 1 and every loss -1.
        clusters: As in `paired_verdict`.
        seed: As in `paired_verdict`.
        exploratory: As in `paired_verdict`.
        alpha: As in `paired_verdict`.
        lost: As in `paired_verdict`. A pair whose two replies are whole counts as not judged.
        earlier: Per row the scores (1, 0, -1) of earlier runs of the same two prompts, to average with.
    """
    check_terms(margin, alpha)
    outcome = combine_judgements(old_first, new_first)
    more = earlier or [()] * len(outcome.scores)
    rows = [(now, *runs) for now, runs in zip(outcome.scores, more, strict=True)]
    case = Case(
        old=[(0.0,) * len(row) for row in rows],
        new=rows,
        clusters=None if clusters is None else list(clusters),
        margin=margin,
        seed=seed,
        alpha=alpha,
        bounds=(-1.0, 1.0),
    )
    counted = _count_lost_pairs(outcome.scores, lost)
    result = decide(case, counted, exploratory=exploratory)
    if not outcome.is_usable:
        return _distrust(result, outcome)
    notes = [_describe_judge(outcome)]
    if lengths is not None:
        notes.append(length_figures(*lengths, outcome.scores).describe())
        if doubt := explain_by_length(result, case, *lengths):
            result = replace(result, verdict="invalid", reason=doubt)
    return replace(result, notes=(*result.notes, *notes))


def _count_lost_pairs(scores: Sequence[int | None], lost: tuple[Reasons, Reasons] | None) -> Lost:
    """Return how many pairs are missing: by side where a reply was lost, else for want of a judgement."""
    old, new = lost or ([None] * len(scores), [None] * len(scores))
    rows = list(zip(scores, old, new, strict=True))  # a cut reply that was judged is not lost
    sides = {
        "old": count_lost([score is None and bool(a) for score, a, _ in rows], old),
        "new": count_lost([score is None and bool(b) for score, _, b in rows], new),
        "judge": count_lost([score is None and not (a or b) for score, a, b in rows], None),
    }
    return {side: counts for side, counts in sides.items() if counts}


def _distrust(result: PairedVerdict, outcome: PairwiseOutcome) -> PairedVerdict:
    """Return no verdict, without figures: those of a judge that contradicts itself say nothing."""
    reason = (
        f"The judge contradicted itself on {outcome.inconsistent:.0%} of the pairs when their order was "
        f"exchanged; up to {MAX_INCONSISTENCY:.0%} may be. Use a metric in code, or another judge."
    )
    return PairedVerdict(
        verdict="invalid",
        reason=reason,
        n=0,
        lost=result.lost,
        alpha=result.alpha,
        margin=result.margin,
        seed=result.seed,
        notes=(*result.notes, _describe_judge(outcome)),
    )


def _towards_new(preference: Preference) -> int:
    """Return 1 for the second answer, -1 for the first: which is the new one if the old came first."""
    return {"first": -1, "tie": 0, "second": 1}[preference]


def _describe_judge(outcome: PairwiseOutcome) -> str:
    text = f"The judge contradicted itself on {outcome.inconsistent:.0%} of the pairs"
    if outcome.first_place is None:
        return f"{text}."
    return f"{text} and preferred the answer shown first in {outcome.first_place:.0%} of its picks."
