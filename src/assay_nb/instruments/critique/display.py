"""How a critique is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assay_nb.instruments.findings import SEVERITIES, Finding, make_item, make_marks
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.rubric import LABELS, QUESTIONS
from assay_nb.instruments.target import annotate
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Details,
    Heading,
    Inline,
    Items,
    Meter,
    Paragraph,
    Scorecard,
    Table,
)

if TYPE_CHECKING:
    from assay_nb.instruments.critique.result import Consistency, Critique, DimensionScore


def describe(critique: Critique) -> Iterator[Block]:
    """Yield the blocks: verdict, scores, the marked prompt, findings, what was dropped, fine print."""
    shown = [finding for finding in critique.findings if finding.agreed]
    rare = [finding for finding in critique.findings if not finding.agreed]
    yield Heading("Critique")
    yield from make_notices(critique.provenance)
    yield Paragraph(_summarise(critique, shown))
    yield Scorecard([_make_meter(dimension) for dimension in critique.dimensions])
    if shown:
        yield Heading("Findings", 2)
        yield annotate(critique.prompt, make_marks(shown))
        yield Items([make_item(finding) for finding in shown])
    if rare:
        title = f"Seen in fewer than half of the runs ({len(rare)})"
        yield Details(title, [Items([make_item(finding) for finding in rare])])
    yield from _describe_drops(critique.consistency)
    yield from _explain_scores(critique)
    yield from make_fine_print(critique.provenance)


def _summarise(critique: Critique, shown: Sequence[Finding]) -> Sequence[Inline]:
    counts = Counter(finding.severity for finding in shown)
    listed = ", ".join(f"{counts[s]} {s}" for s in SEVERITIES if counts[s])
    if critique.verdict is None:
        return ["So far: ", listed or "no findings yet", "."]
    score = "" if critique.score is None else f" Score {critique.score:.1f} of 5."
    if critique.verdict == "pass":
        return [Badge("pass", "good"), f" Nothing that needs a change{_but(listed)}.{score}"]
    return [Badge("report", "warning"), f" {listed or 'Findings of single runs only'}.{score}"]


def _but(listed: str) -> str:
    return f"; {listed}" if listed else ""


def _make_meter(dimension: DimensionScore) -> Meter:
    yes = sum(item.answer == "yes" for item in dimension.items)
    counted = yes + sum(item.answer == "no" for item in dimension.items)
    note = dimension.na_reason or f"{yes} of {counted} yes"
    return Meter(LABELS[dimension.id], dimension.score, 5, note)


def _describe_drops(consistency: Consistency) -> Iterator[Block]:
    if consistency.kept < consistency.k:
        text = f"Only {consistency.kept} of {consistency.k} runs gave a reply that could be read."
        yield Callout("warning", [text])
    parts: list[str] = []
    if consistency.agreement is not None:
        parts.append(f"The runs agree on {consistency.agreement:.0%} of the questions.")
    if consistency.unanchored:
        parts.append(f"{_count(consistency.unanchored)} dropped: the quoted words are not there.")
    if consistency.contradicted:
        parts.append(
            f"{_count(consistency.contradicted)} dropped: the prompt has what was said to be missing."
        )
    if parts:
        yield Paragraph([" ".join(parts)])


def _count(number: int) -> str:
    return "1 finding was" if number == 1 else f"{number} findings were"


def _explain_scores(critique: Critique) -> Iterator[Block]:
    """Yield the questions that cost points, which is what the scores say in words."""
    rows: list[tuple[Inline, Inline, Inline]] = [
        (LABELS[dimension.id], QUESTIONS[item.question].text, item.answer or "split")
        for dimension in critique.dimensions
        for item in dimension.items
        if item.answer in ("no", None)
    ]
    if rows and critique.verdict:
        title = f"Where the scores come from: {len(rows)} of {len(QUESTIONS)} questions not answered yes"
        yield Details(title, [Table(("Dimension", "Question", "Answer"), rows)])
