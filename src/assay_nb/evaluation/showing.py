"""Figures in words, as a verdict says them: a p-value, a level, a range of rows."""

from __future__ import annotations


def name_level(alpha: float) -> str:
    """Return the share that the interval beside a test at one-sided `alpha` holds: "95%", "99.5%"."""
    return f"{100 * (1 - 2 * alpha):.4g}%"


def say_p(p: float | None) -> str:
    """Return a p-value in words."""
    assert p is not None
    return f"p = {p:.3g}" if p >= 0.001 else "p < 0.001"


def say_rows(needed: tuple[int, int | None]) -> str:
    """Return a range of rows in words: "about 90 to 4,000 rows", to two figures."""
    low, high = _round(needed[0]), needed[1] and _round(needed[1])
    if high is None:
        return f"about {low:,} rows or more (no upper end can be given)"
    return f"about {low:,} rows" if high == low else f"about {low:,} to {high:,} rows"


def _round(rows: int) -> int:
    """Return a number of rows to two figures, rounded up: a plan that says 4,179 pretends to know."""
    step = 10 ** max(0, len(str(rows)) - 2)
    return -(-rows // step) * step
