"""How large is the difference? Intervals for a paired mean difference, at the level of the test beside them.

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
from assay_nb.evaluation.paired import ALPHA, fewest_discordant

if TYPE_CHECKING:
    from assay_nb.evaluation.differences import FloatArray

BOOTSTRAP_FROM = 30
RESAMPLES = 10_000
_BOOTSTRAP_LEVEL = 0.0025
"""Below this one-sided level too few of the resamples lie beyond the percentile to find it."""


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

        This is the two one-sided tests procedure for equivalence, each test at the level of the interval.
        """
        return -margin < self.low and self.high < margin


def mean_interval(differences: Differences, *, seed: int = 0, alpha: float = ALPHA) -> MeanInterval:
    """Return the interval that suits the data, and say which it is.

    It leaves out `alpha` at each end, as the test beside it does: 95% at .025, 96% at .02. Student's t
    below thirty independent units, the paired percentile bootstrap (10,000 resamples, drawn with `seed`)
    from thirty, and t with an imagined win and loss where nearly all rows behave alike. Under
    one-sided .0025 it is t at any size: 10,000 resamples hold too few that lie so far out. Clusters are
    resampled, and counted, as wholes.
    """
    by_resampling = differences.units >= BOOTSTRAP_FROM and alpha >= _BOOTSTRAP_LEVEL
    if _is_sparse(differences, alpha) or (differences.is_even and not by_resampling):
        return _adjusted_t_interval(differences, alpha)
    if by_resampling:
        low, high = bootstrap_interval(differences.sums, differences.sizes, seed=seed, alpha=alpha)
        method = f"paired bootstrap ({RESAMPLES:,} resamples)"
    else:
        low, high = t_interval(differences.sums, differences.sizes, alpha=alpha)
        method = "Student's t"
    return MeanInterval(low, high, _name(method, differences), _deviation(differences))


def t_interval(sums: FloatArray, sizes: FloatArray, *, alpha: float = ALPHA) -> tuple[float, float]:
    """Return Student's t interval for the mean per row of units with these sums and sizes.

    With units of one row each it is the textbook interval; with clusters it is the one with
    cluster-robust standard error and as many degrees of freedom as there are clusters, less one.
    """
    centre, error = sums.sum() / sizes.sum(), standard_error(sums, sizes)
    if error == 0:
        return float(centre), float(centre)
    low, high = load_stats().t.interval(1 - 2 * alpha, len(sums) - 1, loc=centre, scale=error)
    return float(low), float(high)


def bootstrap_interval(
    sums: FloatArray,
    sizes: FloatArray,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    alpha: float = ALPHA,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval for the mean per row, drawing whole units.

    The percentiles are moved out a little, from `alpha` to `_tail`, since resampling n units shows less
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
        confidence_level=1 - 2 * _tail(len(sums), alpha),
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


def _tail(units: int, alpha: float = ALPHA) -> float:
    """Return the share of resamples to cut off at each end, so that `alpha` of intervals miss there."""
    stats: Any = load_stats()
    reach = stats.t.isf(alpha, units - 1) * (units / (units - 1)) ** 0.5
    return float(stats.norm.sf(reach))


def _mean_per_row(sums: Any, sizes: Any, axis: int = -1) -> Any:
    return sums.sum(axis=axis) / sizes.sum(axis=axis)


def _adjusted_t_interval(differences: Differences, alpha: float) -> MeanInterval:
    import numpy as np

    step = float(abs(differences.rows).max()) or differences.scale
    size = float(differences.sizes.mean())
    sums = np.append(differences.sums, [step * size, -step * size])
    sizes = np.append(differences.sizes, [size, size])
    low, high = t_interval(sums, sizes, alpha=alpha)
    deviation = standard_error(sums, sizes) * float(np.sqrt(sizes.sum()))
    method = _name("Student's t, one win and one loss added", differences)
    return MeanInterval(max(low, -step), min(high, step), method, deviation)


def _is_sparse(differences: Differences, alpha: float) -> bool:
    """Whether nearly all rows behave alike, so that resampling them would show false certainty."""
    import numpy as np

    _, counts = np.unique(differences.sums / differences.sizes, return_counts=True)
    apart = differences.units - int(counts.max())
    return apart < min(fewest_discordant(alpha), differences.units / 2)


def _deviation(differences: Differences) -> float:
    error = standard_error(differences.sums, differences.sizes)
    return error * float(len(differences.rows)) ** 0.5


def _name(method: str, differences: Differences) -> str:
    return f"{method}, by cluster" if differences.clustered else method
