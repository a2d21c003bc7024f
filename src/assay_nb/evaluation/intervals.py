"""How large is the difference? 95% intervals for a paired mean difference.

Which interval, and why, was settled by measuring coverage. Below thirty units the bootstrap is too
narrow (its 95% holds 80 to 92%), and so is a normal interval; Student's t is right for scores. For pass
and fail even t fails where few rows differ: with one row in twenty fixed and none broken it covers a third
to three quarters. There one imagined win and one imagined loss are added first (Bonett and Price's
adjustment for paired proportions), which keeps coverage above 94% whatever the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay_nb.evaluation.differences import Differences, load_stats
from assay_nb.evaluation.paired import MIN_DISCORDANT

if TYPE_CHECKING:
    from assay_nb.evaluation.differences import FloatArray

CONFIDENCE = 0.95
BOOTSTRAP_FROM = 30
RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """An interval for the mean difference.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        method: Which interval it is, in words.
        deviation: The standard deviation of one row's difference that the data speak of, clustering
            included: what a plan for more rows starts from.
    """

    low: float
    high: float
    method: str
    deviation: float

    def is_within(self, margin: float) -> bool:
        """Whether the whole interval lies inside ±`margin`.

        This is the two one-sided tests procedure for equivalence, each test at one-sided .025.
        """
        return -margin < self.low and self.high < margin


def mean_interval(differences: Differences, *, seed: int = 0) -> MeanInterval:
    """Return the 95% interval that suits the data, and say which it is.

    Student's t below thirty independent units, the paired percentile bootstrap (10,000 resamples, drawn
    with `seed`) from thirty, and t with an imagined win and loss where nearly all rows behave alike.
    Clusters are resampled, and counted, as wholes.
    """
    if _is_sparse(differences) or (differences.is_even and differences.units < BOOTSTRAP_FROM):
        return _adjusted_t_interval(differences)
    if differences.units < BOOTSTRAP_FROM:
        low, high = t_interval(differences.sums, differences.sizes)
        method = "Student's t"
    else:
        low, high = bootstrap_interval(differences.sums, differences.sizes, seed=seed)
        method = f"paired bootstrap ({RESAMPLES:,} resamples)"
    return MeanInterval(low, high, _name(method, differences), _deviation(differences))


def t_interval(sums: FloatArray, sizes: FloatArray) -> tuple[float, float]:
    """Return Student's t interval for the mean per row of units with these sums and sizes.

    With units of one row each it is the textbook interval; with clusters it is the one with
    cluster-robust standard error and as many degrees of freedom as there are clusters, less one.
    """
    centre, error = sums.sum() / sizes.sum(), standard_error(sums, sizes)
    if error == 0:
        return float(centre), float(centre)
    low, high = load_stats().t.interval(CONFIDENCE, len(sums) - 1, loc=centre, scale=error)
    return float(low), float(high)


def bootstrap_interval(
    sums: FloatArray, sizes: FloatArray, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the percentile bootstrap interval for the mean per row, drawing whole units.

    The percentiles are moved out a little, from 2.5% to `_tail`, since resampling n units shows less
    spread than there is by a factor of sqrt(1 - 1/n), and knows nothing of t (Hesterberg's expanded
    percentile interval). Computed in the direction in which the mean points, so that exchanging old and new mirrors the interval
    exactly and not only up to the luck of the draw.
    """
    import numpy as np

    towards = -1.0 if sums.sum() < 0 else 1.0
    result = load_stats().bootstrap(
        (towards * sums, sizes),
        _mean_per_row,
        paired=True,
        vectorized=True,
        method="percentile",
        confidence_level=1 - 2 * _tail(len(sums)),
        n_resamples=resamples,
        batch=max(1, 1_000_000 // len(sums)),
        rng=np.random.default_rng(seed),
    )
    low, high = (towards * float(end) for end in result.confidence_interval)
    return min(low, high), max(low, high)


def standard_error(sums: FloatArray, sizes: FloatArray) -> float:
    """Return the standard error of the mean per row when units, not rows, are independent."""
    import numpy as np

    units, rows = len(sums), sizes.sum()
    residuals = sums - sizes * (sums.sum() / rows)
    return float(np.sqrt(units / (units - 1) * (residuals**2).sum()) / rows)


def _tail(units: int) -> float:
    """Return the share of resamples to cut off at each end, so that 95% of intervals hold the truth."""
    stats: Any = load_stats()
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, units - 1) * (units / (units - 1)) ** 0.5
    return float(stats.norm.sf(reach))


def _mean_per_row(sums: Any, sizes: Any, axis: int = -1) -> Any:
    return sums.sum(axis=axis) / sizes.sum(axis=axis)


def _adjusted_t_interval(differences: Differences) -> MeanInterval:
    import numpy as np

    step = float(abs(differences.rows).max()) or differences.scale
    size = float(differences.sizes.mean())
    sums = np.append(differences.sums, [step * size, -step * size])
    sizes = np.append(differences.sizes, [size, size])
    low, high = t_interval(sums, sizes)
    deviation = standard_error(sums, sizes) * float(np.sqrt(sizes.sum()))
    method = _name("Student's t, one win and one loss added", differences)
    return MeanInterval(max(low, -step), min(high, step), method, deviation)


def _is_sparse(differences: Differences) -> bool:
    """Whether nearly all rows behave alike, so that resampling them would show false certainty."""
    import numpy as np

    _, counts = np.unique(differences.sums / differences.sizes, return_counts=True)
    apart = differences.units - int(counts.max())
    return apart < min(MIN_DISCORDANT, differences.units / 2)


def _deviation(differences: Differences) -> float:
    error = standard_error(differences.sums, differences.sizes)
    return error * float(len(differences.rows)) ** 0.5


def _name(method: str, differences: Differences) -> str:
    return f"{method}, by cluster" if differences.clustered else method
