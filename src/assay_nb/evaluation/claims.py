"""What a paired comparison can claim, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from assay_nb.evaluation.lost import Lost
from assay_nb.evaluation.paired import ALPHA
from assay_nb.evaluation.showing import name_level, say_p
from assay_nb.render.bundle import bundle, plain
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Document,
    FinePrint,
    Heading,
    Interval,
    Intervals,
    Paragraph,
    Table,
    Tone,
    sentence,
)
from assay_nb.render.surroundings import find_width

Verdict: TypeAlias = Literal[
    "improved", "regressed", "no detectable difference", "equivalent", "invalid"
]


@dataclass(frozen=True, slots=True)
class Change:
    """A row whose score changed, by its index in the lists."""

    row: int
    old: float
    new: float

    @property
    def is_fixed(self) -> bool:
        """Whether the new prompt does better on this row."""
        return self.new > self.old


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PairedVerdict:
    """What a paired comparison of two prompts on the same rows can honestly claim.

    Attributes:
        verdict: `"improved"` and `"regressed"` say that a test at one-sided `alpha` ruled out chance *and*
            that the interval lies on one side of zero, *and* that this would still be so if every reply
            that was lost counted against it. `"no detectable difference"` does not say that there is
            none; `"equivalent"` does, within the margin. `"invalid"` says nothing of the prompts.
        reason: Why, in a sentence or two.
        n: The rows compared, those with a score on both sides.
        effect: The mean of `new - old` over them; None where nothing could be compared.
        interval: Its interval, low and high, at the level of the test: 95% at `alpha` .025, 96% at .02.
        interval_method: Which interval that is.
        p: One-sided, in the direction of the effect. None where too few rows differ for any test.
        test: Which test gave it.
        discordant: How many rows (or clusters) differ: all that the test has to go on.
        rows_needed: About how many rows show the effect (that nothing differs by more than the margin,
            where one was given) 8 times in 10: from, to. The observed effect is itself uncertain, so this is
            worked out at both ends of its 80% interval; the upper end is None where that holds zero.
        smallest_detectable: The effect that this many rows show 8 times in 10.
        changes: The rows whose score changed.
        errors: Rows left out, since one side has no score.
        lost: How many replies were lost (cut, filtered, failed), by side (`old`, `new`; `judge` for pairs that were not
            judged) and reason, such as `{"new": {"length": 3}}`.
        alpha: The one-sided level of the test; less than .025 where these rows are looked at repeatedly.
        runs: How many runs of the same two prompts the scores are averages of.
        margin: The margin of equivalence that was asked for.
        seed: What drew the resamples.
        notes: What else a reader should know, such as how often a judge contradicted itself.
    """

    schema: ClassVar[str] = "assay.verdict.v1"

    verdict: Verdict
    reason: str
    n: int
    effect: float | None = None
    interval: tuple[float, float] | None = None
    interval_method: str | None = None
    p: float | None = None
    test: str | None = None
    discordant: int = 0
    rows_needed: tuple[int, int | None] | None = None
    smallest_detectable: float | None = None
    changes: tuple[Change, ...] = ()
    errors: tuple[int, ...] = ()
    lost: Lost = field(default_factory=dict[str, Mapping[str, int]])
    alpha: float = ALPHA
    runs: int = 1
    margin: float | None = None
    seed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def fixed(self) -> tuple[int, ...]:
        """Indices of the rows on which the new prompt does better."""
        return tuple(change.row for change in self.changes if change.is_fixed)

    @property
    def broken(self) -> tuple[int, ...]:
        """Indices of the rows on which the new prompt does worse."""
        return tuple(change.row for change in self.changes if not change.is_fixed)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON-ready data."""
        fields = asdict(self)
        fields.update(
            schema=self.schema,
            interval=list(self.interval) if self.interval else None,
            rows_needed=list(self.rows_needed) if self.rows_needed else None,
            lost={side: dict(reasons) for side, reasons in self.lost.items()},
            changes=[asdict(change) for change in self.changes],
            fixed=list(self.fixed),
            broken=list(self.broken),
            errors=list(self.errors),
            notes=list(self.notes),
        )
        return fields

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> PairedVerdict:
        """Return the verdict that `to_dict` described, by this version or an earlier one."""
        derived = {"schema", "fixed", "broken"}
        values = {name: value for name, value in fields.items() if name not in derived}
        values["interval"] = tuple(values["interval"]) if values["interval"] else None
        needed = values["rows_needed"]  # one number, in what earlier versions wrote
        values["rows_needed"] = (needed, needed) if isinstance(needed, int) else _pair(needed)
        values["changes"] = tuple(Change(**change) for change in values["changes"])
        values["errors"], values["notes"] = tuple(values["errors"]), tuple(values["notes"])
        return cls(**values)

    def to_document(self) -> Document:
        """Return the verdict as a document: headline, picture, rows fixed and broken, fine print."""
        return Document(tuple(_show_verdict(self)))

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return bundle(self.to_document(), self.to_dict(), width=find_width())

    def __repr__(self) -> str:
        return plain(self.to_document())


def _pair(values: Sequence[Any] | None) -> tuple[Any, Any] | None:
    return None if values is None else (values[0], values[1])


# --- showing ------------------------------------------------------------------------------------------

_SHOWN_ROWS = 20
_TONES: Mapping[Verdict, Tone] = {
    "improved": "good",
    "regressed": "bad",
    "no detectable difference": "neutral",
    "equivalent": "info",
    "invalid": "warning",
}


def _show_verdict(result: PairedVerdict) -> list[Block]:
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
