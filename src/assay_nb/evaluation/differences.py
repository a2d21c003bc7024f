"""Two lists of scores as paired differences, gathered into the units that are independent."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray: TypeAlias = NDArray[np.float64]

Score: TypeAlias = "bool | float | None"
"""What a metric says of one row: passed or not, a number, or None where the row failed to run."""

_NOISE = (
    1e-9  # 0.3 - 0.1 - 0.2 is no difference: smaller than this share of the scale counts as none
)


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Differences `new - old`, one per row, and summed over the units that are independent.

    A unit is a row, or a cluster of rows that belong together (one document, one customer). Rows of
    one cluster succeed and fail together, so tests and intervals treat the cluster as one throw.

    Attributes:
        rows: One difference per row.
        sums: The differences summed over each unit.
        sizes: The number of rows in each unit.
        scale: How far apart two scores can be: 1 where all of them lie in 0 to 1, otherwise what the
            scores themselves show.
        binary: Whether every score is pass or fail.
        clustered: Whether units are clusters rather than rows.
    """

    rows: FloatArray
    sums: FloatArray
    sizes: FloatArray
    scale: float
    binary: bool
    clustered: bool

    @property
    def effect(self) -> float:
        """The mean difference per row."""
        return float(self.rows.mean())

    @property
    def units(self) -> int:
        """The number of independent units."""
        return len(self.sums)

    @property
    def discordant(self) -> int:
        """The number of units in which the two prompts differ."""
        return int((self.sums != 0).sum())

    @property
    def is_even(self) -> bool:
        """Whether every row that differs does so by the same amount: pass and fail, win and loss."""
        sizes = abs(self.rows[self.rows != 0])
        return not len(sizes) or bool((abs(sizes - sizes[0]) <= _NOISE * self.scale).all())


def gather_differences(
    old: Sequence[float], new: Sequence[float], clusters: Sequence[Hashable] | None = None
) -> Differences:
    """Return the paired differences of two equally long lists of finite scores."""
    import numpy as np

    before, after = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    scale = _scale(np.concatenate([before, after]))
    rows = after - before
    rows[abs(rows) <= _NOISE * scale] = 0.0
    sums, sizes = (rows, np.ones_like(rows)) if clusters is None else _units(rows, clusters)
    sums = np.where(abs(sums) <= _NOISE * scale * sizes, 0.0, sums)
    binary = bool(np.isin(before, (0.0, 1.0)).all() and np.isin(after, (0.0, 1.0)).all())
    clustered = clusters is not None and bool((sizes > 1).any())
    return Differences(rows, sums, sizes, scale, binary, clustered)


def _units(rows: FloatArray, clusters: Sequence[Hashable]) -> tuple[FloatArray, FloatArray]:
    import numpy as np

    places: dict[Hashable, int] = {}
    of_row = np.array([places.setdefault(name, len(places)) for name in clusters], dtype=np.intp)
    sums = np.bincount(of_row, weights=rows).astype(np.float64)
    return sums, np.bincount(of_row).astype(np.float64)


def _scale(scores: FloatArray) -> float:
    low, high = float(scores.min()), float(scores.max())
    if low >= 0 and high <= 1:
        return 1.0
    return max(high - low, abs(low), abs(high))


def load_stats() -> Any:
    """Return `scipy.stats`, imported when the first statistic is asked for and not before."""
    return import_module("scipy.stats")
