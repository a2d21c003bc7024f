"""How a verdict shows itself: headline, picture, rows fixed and broken, fine print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    FinePrint,
    Heading,
    Interval,
    Intervals,
    Paragraph,
    Table,
    Tone,
    sentence,
)

if TYPE_CHECKING:
    from assay_nb.evaluation.verdict import Change, PairedVerdict, Verdict

_SHOWN_ROWS = 20
_TONES: Mapping[Verdict, Tone] = {
    "improved": "good",
    "regressed": "bad",
    "no detectable difference": "neutral",
    "equivalent": "info",
    "invalid": "warning",
}


def show_verdict(result: PairedVerdict) -> list[Block]:
    """Return the blocks of a verdict's document."""
    tone = _TONES[result.verdict]
    blocks: list[Block] = [Heading(_headline(result))]
    if result.effect is None or result.interval is None:
        notes = [Callout("info", (note,)) for note in result.notes]
        return [*blocks, Callout(tone, (result.reason,)), *notes]
    blocks.append(Paragraph((Badge(result.verdict, tone), " ", result.reason)))
    row = Interval("new − old", result.interval[0], result.effect, result.interval[1], tone)
    axis = f"mean difference in score, with {name_level(result.alpha)} interval"
    blocks.append(Intervals((row,), result.margin, axis))
    blocks += [Callout("info", (note,)) for note in result.notes]
    if result.changes:
        blocks += _show_changes(result)
    return [*blocks, FinePrint((_fine_print(result),))]


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


def _headline(result: PairedVerdict) -> str:
    name = result.verdict.capitalize()
    if result.verdict == "invalid" or result.effect is None or result.interval is None:
        return name  # no figure beside it, which would be read as a claim
    low, high = result.interval
    return f"{name}: {result.effect:+.2f} per row ({low:+.2f} to {high:+.2f})"


def _show_changes(result: PairedVerdict) -> list[Block]:
    broken = [change for change in result.changes if not change.is_fixed]
    fixed = [change for change in result.changes if change.is_fixed]
    # Broken rows first: they are what a reader who likes the new prompt would rather not look at.
    shown = [*broken[:_SHOWN_ROWS], *fixed[:_SHOWN_ROWS]]
    rows = [_show_change(change) for change in shown]
    blocks: list[Block] = [
        Heading(f"Rows fixed: {len(fixed)}, broken: {len(broken)}", level=2),
        Table(("row", "", "old", "new"), rows),
    ]
    if len(shown) < len(result.changes):
        more = len(result.changes) - len(shown)
        blocks.append(Paragraph(sentence(f"{more} more in `.fixed` and `.broken`.")))
    return blocks


def _show_change(change: Change) -> tuple[str | Badge, ...]:
    badge = Badge("fixed", "good") if change.is_fixed else Badge("broken", "bad")
    return str(change.row), badge, f"{change.old:g}", f"{change.new:g}"


def _fine_print(result: PairedVerdict) -> str:
    p = "p not computed" if result.p is None else f"one-sided {say_p(result.p)}"
    left_out = f" · {len(result.errors)} left out, without a score" if result.errors else ""
    runs = f", averages of {result.runs} runs" if result.runs > 1 else ""
    return (
        f"{result.n} rows{runs}, {result.discordant} of them differ{left_out} · {result.test}, "
        f"{p}, held against {result.alpha:.2g} · {name_level(result.alpha)} interval: "
        f"{result.interval_method} · seed {result.seed}"
    )
