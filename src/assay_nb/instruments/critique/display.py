"""How a critique is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assay_nb.instruments.annotation import annotate
from assay_nb.instruments.findings import (
    GRAVE,
    SEVERITIES,
    Finding,
    Severity,
    make_item,
    make_marks,
)
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.rubric import HIGHEST_SCORE, LABELS, QUESTIONS
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
from assay_nb.text.english import capitalise, count, join

if TYPE_CHECKING:
    from assay_nb.instruments.critique.result import Consistency, Critique, DimensionScore

_NOUNS: dict[Severity, str] = {
    "blocker": "blocker",
    "major": "major finding",
    "minor": "minor finding",
    "nit": "nit",
}


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
    found = _count_findings(shown)
    if critique.verdict is None:
        return [f"So far: {found}."]
    rest = f" {capitalise(found)}.{_name_weak(critique)}{_tell_score(critique)}"
    if critique.verdict == "pass":
        return [Badge("pass", "good"), rest]
    grave = any(finding.severity in GRAVE for finding in shown)
    return [Badge("needs work", "bad" if grave else "warning"), rest]


def _count_findings(shown: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in shown)
    parts = [count(counts[s], _NOUNS[s]) for s in SEVERITIES if counts[s]]
    return join(parts) or "no findings"


def _name_weak(critique: Critique) -> str:
    weak = [
        f"{LABELS[d.id]} ({d.score:g} of {HIGHEST_SCORE})" for d in critique.dimensions if d.weak
    ]
    return f" Weak: {join(weak)}." if weak else ""


def _tell_score(critique: Critique) -> str:
    return "" if critique.score is None else f" Score {critique.score:.1f} of {HIGHEST_SCORE}."


def _make_meter(dimension: DimensionScore) -> Meter:
    yes = dimension.count("yes")
    note = dimension.na_reason or f"{yes} of {yes + dimension.count('no')} answered yes"
    return Meter(LABELS[dimension.id], dimension.score, HIGHEST_SCORE, note)


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
    return f"{count(number, 'finding')} {'was' if number == 1 else 'were'}"


def _explain_scores(critique: Critique) -> Iterator[Block]:
    """Yield the questions that cost points, which is what the scores say in words."""
    unclear = "not answered" if critique.consistency.kept < 2 else "the runs disagree"
    rows: list[tuple[Inline, Inline, Inline]] = [
        (LABELS[dimension.id], QUESTIONS[item.question].text, item.answer or unclear)
        for dimension in critique.dimensions
        for item in dimension.items
        if item.answer in ("no", None)
    ]
    if rows and critique.verdict:
        title = f"Where the scores come from: {_count_answers(critique.dimensions)}"
        yield Details(title, [Table(("Dimension", "Question", "Answer"), rows)])


def _count_answers(dimensions: Sequence[DimensionScore]) -> str:
    total = {answer: sum(d.count(answer) for d in dimensions) for answer in ("yes", "no", "na")}
    apply = total["yes"] + total["no"]
    unclear = len(QUESTIONS) - apply - total["na"]
    said = f"{total['no']} of {count(apply, 'question')} that apply were answered no"
    return said + (f", {unclear} not clearly" if unclear else "")
