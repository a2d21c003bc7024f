"""Could the length of the answers explain who won?

A judge that likes long answers prefers them in both orders, and no exchange of places gives it away. If the
winning answers are longer throughout, that judge and one that knows what is good say the same. What tells
them apart are the rows where length does not favour the winner: answers of similar length, and those where
the winner's is the shorter. A judge of length sees nothing in the first and prefers the loser in the
second. So the preference has to be significant there by itself.

New answers 30% longer and no better, a judge that goes by length alone: "improved" 94 times in 100 without
this on 60 rows, and less than once in 1,000 with it. The price is paid by a judge of quality that sees longer answers (good
8 times in 10 where they were good 3 times in 10): it keeps 53 of 97 verdicts at 60 rows, 78 of 100 at 100
rows, and practically all at 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay_nb.evaluation.cases import Case
from assay_nb.evaluation.claims import PairedVerdict
from assay_nb.evaluation.differences import gather_differences
from assay_nb.evaluation.paired import run_paired_test, sign_test

SIMILAR_LENGTH = 0.1
"""Two answers count as similarly long when they differ by at most this share of the longer one,"""

FEW_CHARACTERS = 20
"""or by at most so many characters: "billing" and "spam" are labels, and neither is the long answer."""

_LENGTHS_DIFFER = 0.1
"""Longer answers on one side count as more than chance from this one-sided p on. A judge of length is
"improved" only where lengths differ by far more than that, so little slips through; and where they do not
differ, a judge of quality loses little."""


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
    similar = [score for old, new, score in rows if is_similar(old, new, tolerance)]
    return LengthFigures(
        mean_old=sum(old for old, _, _ in rows) / len(rows) if rows else 0.0,
        mean_new=sum(new for _, new, _ in rows) / len(rows) if rows else 0.0,
        win_rate=_win_rate([score for _, _, score in rows]),
        similar=len(similar),
        similar_win_rate=_win_rate(similar),
    )


def _win_rate(scores: Sequence[int]) -> float | None:
    return (sum(scores) / len(scores) + 1) / 2 if scores else None


def is_similar(one: int, other: int, tolerance: float = SIMILAR_LENGTH) -> bool:
    """Return whether two answers are about equally long."""
    return abs(one - other) <= max(tolerance * max(one, other), FEW_CHARACTERS)


def explain_by_length(
    result: PairedVerdict, case: Case, old_lengths: Sequence[int], new_lengths: Sequence[int]
) -> str | None:
    """Return why liking length explains a claim as well as quality does; None where it does not.

    Args:
        result: The verdict that stands otherwise.
        case: What it was made on: a judge's scores.
        old_lengths: The lengths of the old answers.
        new_lengths: The lengths of the new answers.
    """
    if result.verdict not in {"improved", "regressed"}:
        return None
    sign = 1 if result.verdict == "improved" else -1
    known = [
        (row, score * sign, *((new, old) if sign > 0 else (old, new)))
        for row, (score, old, new) in enumerate(
            zip(case.means()[1], old_lengths, new_lengths, strict=True)
        )
        if score is not None
    ]
    apart = [(won, lost) for _, _, won, lost in known if not is_similar(won, lost)]
    longer = sum(won > lost for won, lost in apart)
    most = max(longer, len(apart) - longer)
    if sign_test(most, len(apart) - most) > _LENGTHS_DIFFER:
        return None
    is_longer = longer == most
    plain = [
        (row, score)
        for row, score, won, lost in known
        if is_similar(won, lost) or (won < lost) == is_longer
    ]
    if _is_preferred(plain, case):
        return None
    return _say(result, plain, most, len(apart), is_longer)


def _is_preferred(plain: Sequence[tuple[int, float]], case: Case) -> bool:
    """Return whether the winner wins these rows too, by more than chance."""
    if len(plain) < 2:
        return False
    clusters = None if case.clusters is None else [case.clusters[row] for row, _ in plain]
    differences = gather_differences([0.0] * len(plain), [score for _, score in plain], clusters)
    test = run_paired_test(differences, seed=case.seed, alpha=case.alpha)
    return test.rejects and differences.effect > 0


def _say(
    result: PairedVerdict, plain: Sequence[tuple[int, float]], most: int, apart: int, longer: bool
) -> str:
    side, word = (
        ("new" if result.verdict == "improved" else "old"),
        "longer" if longer else "shorter",
    )
    won, lost = sum(score > 0 for _, score in plain), sum(score < 0 for _, score in plain)
    rows = (
        f"among the {len(plain)} rows where they are not, they win {won} and lose {lost}"
        if plain
        else "there is no row where they are not"
    )
    return (
        f"The judge's preference for the {side} answers cannot be told from liking {word} ones: they are "
        f"{word} in {most} of the {apart} rows where lengths differ, and {rows}. Use a metric, or limit the "
        "length of the answer in both prompts."
    )
