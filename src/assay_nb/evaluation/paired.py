"""Is the difference more than chance? One-sided exact and sign-flip tests on paired differences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay_nb.evaluation.differences import Differences, load_stats

if TYPE_CHECKING:
    from assay_nb.evaluation.differences import FloatArray

ALPHA = 0.025
"""The chance that a change which does nothing is called an improvement: at most this."""

MIN_DISCORDANT = 6
"""Fewer rows that differ can show nothing at `ALPHA`: even five wins of five have p = 1/32."""

EXACT_UP_TO = 16
"""Up to this many differing units every sign flip is tried (65,536 of them); above, a sample."""

DRAWS = 9_999


@dataclass(frozen=True, slots=True)
class PairedTest:
    """What a test said.

    Attributes:
        p: The one-sided p-value, in the direction in which the mean difference points. None where
            fewer than `fewest_discordant(alpha)` units differ, since no data of that size could be
            significant.
        name: Which test it was, in words.
        discordant: How many units differ.
        alpha: The one-sided level it is held against.
    """

    p: float | None
    name: str
    discordant: int
    alpha: float = ALPHA

    @property
    def rejects(self) -> bool:
        """Whether chance alone is ruled out at one-sided `alpha`."""
        return self.p is not None and self.p <= self.alpha


def fewest_discordant(alpha: float = ALPHA) -> int:
    """Return the fewest units that can be significant at one-sided `alpha`, if all of them go one way.

    Six at .025 and at .02, nine at .0025: so many coins fall alike less than once in 1 / `alpha` times.
    """
    return math.ceil(-math.log2(alpha))


def run_paired_test(differences: Differences, *, seed: int = 0, alpha: float = ALPHA) -> PairedTest:
    """Return the test that suits the data, to be held against one-sided `alpha`.

    Rows that all differ by the same amount (pass and fail, win and loss) get the exact sign test, which
    for pass and fail is McNemar's. Scores get the sign-flip permutation test, and so does whatever comes
    in clusters: there a whole cluster flips at once. Rows without a difference say nothing in either.
    """
    discordant = differences.discordant
    towards = -1.0 if differences.sums.sum() < 0 else 1.0
    sums = towards * differences.sums[differences.sums != 0]
    enough = discordant >= fewest_discordant(alpha)
    if differences.is_even and not differences.clustered:
        name = "exact McNemar test" if differences.binary else "exact sign test"
        wins = int((sums > 0).sum())
        p = sign_test(wins, discordant - wins) if enough else None
        return PairedTest(p, name, discordant, alpha)
    p = sign_flip_test(sums, seed=seed) if enough else None
    return PairedTest(p, _sign_flip_name(differences), discordant, alpha)


def sign_test(wins: int, losses: int) -> float:
    """Return the exact one-sided p of so many wins against so many losses; ties are left out.

    Eight wins of nine give 0.0195, eight of ten 0.0547.
    """
    if not wins + losses:
        return 1.0
    return float(load_stats().binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue)


def sign_flip_test(differences: FloatArray, *, seed: int = 0) -> float:
    """Return the one-sided p of a positive sum when every difference might as well have the other sign.

    All sign flips are tried up to `EXACT_UP_TO` differences. Above, 9,999 are drawn with `seed`, and the
    p-value is `(b + 1) / (m + 1)`, which is never zero and never too small on average.
    """
    import numpy as np

    exact = len(differences) <= EXACT_UP_TO
    result = load_stats().permutation_test(
        (differences,),
        _sum,
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=math.inf if exact else DRAWS,
        batch=max(1, 1_000_000 // max(1, len(differences))),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _sum(sample: Any, axis: int) -> Any:
    return sample.sum(axis=axis)


def _sign_flip_name(differences: Differences) -> str:
    how = "exact" if differences.discordant <= EXACT_UP_TO else f"{DRAWS:,} draws"
    what = "by cluster, " if differences.clustered else ""
    return f"sign-flip permutation test ({what}{how})"
