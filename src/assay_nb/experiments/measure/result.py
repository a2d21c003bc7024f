"""What measuring returns: the verdict, and everything that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from assay_nb.evaluation import Headroom, NoiseFloor, PairedVerdict
from assay_nb.experiments.measure.candidates import Candidate
from assay_nb.experiments.measure.cards import RowCard, show_cards
from assay_nb.instruments.base import Provenance, Shown, decode_provenance, encode_provenance
from assay_nb.instruments.fineprint import make_fine_print, make_notices, make_warnings
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Details,
    Document,
    FinePrint,
    Heading,
    Inline,
    Item,
    Items,
    Table,
    Tone,
    Verbatim,
)

StoppedAt = Literal["headroom", "proposing", "screening", "budget", "looks", "stopped"]

_STOPPED: Mapping[str, tuple[str, Tone]] = {
    "headroom": ("Not tested: no room to improve", "info"),
    "proposing": ("Not tested: no candidate", "warning"),
    "screening": ("Not tested: no candidate did better on dev rows", "neutral"),
    "budget": ("Not tested: the budget is used up", "warning"),
    "looks": ("Not tested: this test set is used up", "warning"),
    "stopped": ("Not tested: the run was stopped", "warning"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFigures:
    """What one prompt took per test row, on average. None where it is not known."""

    score: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    cost: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, repr=False)
class Measurement(Shown):
    """Whether a new prompt is better than the old one on these rows.

    Attributes:
        old: The old prompt.
        new: The new prompt, given or chosen; None where there is none.
        paired: The paired verdict on the test rows; None where no test was made.
        reason: Why, in a sentence or two.
        stopped_at: The step that ended it before the test; None when the test was made.
        dev: Rows that a proposer may have seen, by index.
        test: Rows of the one confirmatory test, by index.
        exploratory: Whether there were too few rows to keep any back.
        noise: How much scores move when nothing is changed.
        headroom: Whether the old prompt leaves room; None where the new one was given.
        candidates: What was proposed, and what became of it.
        looks: Which look at these test rows this is: 1 for the first. Each later one takes more to show.
        cards: Rows broken, the worst first, and rows fixed, with their input and both outputs; ten of each.
        figures: What old and new took per test row.
        plan: What was planned before anything was sent.
        judge: Who judged, `provider/model`; None with a metric.
        ledger: Where the run's record is.
        provenance: Model, tokens and cost of this run; what the cache gave costs nothing again.
        notes: What was said of the prompts before the first call: placeholders that nothing fills.
    """

    schema: ClassVar[str] = "assay.measurement.v1"

    old: str
    new: str | None
    paired: PairedVerdict | None
    reason: str
    stopped_at: StoppedAt | None = None
    dev: tuple[int, ...] = ()
    test: tuple[int, ...] = ()
    exploratory: bool = False
    noise: NoiseFloor | None = None
    headroom: Headroom | None = None
    candidates: tuple[Candidate, ...] = ()
    looks: int = 1
    cards: tuple[RowCard, ...] = ()
    figures: tuple[SideFigures, SideFigures] = (SideFigures(), SideFigures())
    plan: Mapping[str, Any] = field(default_factory=dict[str, Any])
    judge: str | None = None
    ledger: str | None = None
    provenance: Provenance = field(default_factory=Provenance)
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str | None:
        """One of the five verdicts of `paired_verdict`; None where no test was made."""
        return self.paired.verdict if self.paired else None

    @property
    def improved(self) -> bool:
        """Whether the new prompt was shown to be better."""
        return self.verdict == "improved"

    @property
    def text(self) -> str:
        """The prompt to go on with: the new one where it was shown to be better, else the old one."""
        return self.new if self.improved and self.new is not None else self.old

    @property
    def fixed(self) -> tuple[int, ...]:
        """Rows of the data on which the new prompt does better."""
        return self.paired.fixed if self.paired else ()

    @property
    def broken(self) -> tuple[int, ...]:
        """Rows of the data on which it does worse."""
        return self.paired.broken if self.paired else ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "verdict": self.verdict,
            "reason": self.reason,
            "stopped_at": self.stopped_at,
            "old": self.old,
            "new": self.new,
            "paired": self.paired.to_dict() if self.paired else None,
            "dev": list(self.dev),
            "test": list(self.test),
            "exploratory": self.exploratory,
            "noise": asdict(self.noise) if self.noise else None,
            "headroom": asdict(self.headroom) if self.headroom else None,
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "looks": self.looks,
            "cards": [card.to_dict() for card in self.cards],
            "figures": [asdict(side) for side in self.figures],
            "plan": dict(self.plan),
            "judge": self.judge,
            "ledger": self.ledger,
            "notes": list(self.notes),
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Measurement:
        """Return the measurement that `to_dict` described."""
        read: dict[str, Any] = {k: v for k, v in fields.items() if k not in ("schema", "verdict")}
        left, right = fields["figures"]
        read.update(
            paired=PairedVerdict.from_dict(fields["paired"]) if fields["paired"] else None,
            dev=tuple(fields["dev"]),
            test=tuple(fields["test"]),
            noise=NoiseFloor(**fields["noise"]) if fields["noise"] else None,
            headroom=Headroom(**fields["headroom"]) if fields["headroom"] else None,
            candidates=tuple(Candidate(**candidate) for candidate in fields["candidates"]),
            cards=tuple(RowCard(**card) for card in fields.get("cards", ())),
            figures=(SideFigures(**left), SideFigures(**right)),
            notes=tuple(fields.get("notes", ())),
            provenance=decode_provenance(fields["provenance"]),
        )
        return cls(**read)

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


# --- showing ----------------------------------------------------------------------------------------


def _describe(result: Measurement) -> Iterator[Block]:
    if result.paired is None:
        title, tone = _STOPPED[result.stopped_at or "budget"]
        yield Heading(title)
        yield from make_notices(result.provenance)
        yield from make_warnings(result.notes)
        yield Callout(tone, [result.reason])
    else:
        head, *rest = result.paired.to_document().blocks
        yield head
        yield from make_notices(result.provenance)
        yield from make_warnings(result.notes)
        yield from rest
        yield from show_cards(result.cards)
        yield _compare(result)
    if result.candidates:
        yield Heading("Candidates", 2)
        yield Items([_describe_candidate(c, result) for c in result.candidates])
    if result.new is not None and result.new != result.old:
        yield Details("The new prompt", [Verbatim(result.new)])
    yield FinePrint([_fine_print(result)])
    yield from make_fine_print(result.provenance)


def _compare(result: Measurement) -> Table:
    old, new = result.figures
    rows: list[tuple[Inline, ...]] = [
        (label, _format(getattr(old, name), form), _format(getattr(new, name), form))
        for name, label, form in (
            ("score", "score", "{:.3g}"),
            ("input_tokens", "tokens in", "{:,.0f}"),
            ("output_tokens", "tokens out", "{:,.0f}"),
            ("cost", "dollars per 1,000 rows", "{:.4g}"),
            ("seconds", "seconds", "{:.2f}"),
        )
        if getattr(old, name) is not None or getattr(new, name) is not None
    ]
    return Table(("per test row", "old", "new"), rows)


def _format(value: float | None, form: str) -> str:
    if value is None:
        return "–"
    return form.format(value * 1000 if form == "{:.4g}" else value)


def _describe_candidate(candidate: Candidate, result: Measurement) -> Item:
    badges: list[Badge] = []
    lines: list[list[Inline]] = []
    if candidate.refused:
        badges.append(Badge("not tried", "warning"))
        lines.append([candidate.refused])
    elif candidate.text == result.new:
        badges.append(Badge("tested", "info"))
    if candidate.gain is not None:
        lines.append([f"{candidate.gain:+.2f} on dev rows, which says nothing of how good it is."])
    return Item("·", [candidate.name], badges, lines)


def _fine_print(result: Measurement) -> str:
    parts = [f"{len(result.test)} test rows"]
    if result.dev and not result.exploratory and result.dev != result.test:
        parts.insert(0, f"{len(result.dev)} dev rows")
    if result.noise and result.noise.rows:
        parts.append(
            f"with nothing changed {result.noise.changed:.0%} of {result.noise.rows} rows change their score"
        )
    if result.judge:
        parts.append(f"judged by {result.judge}")
    if result.ledger:
        parts.append(f"ledger {result.ledger}")
    return " · ".join(parts)
