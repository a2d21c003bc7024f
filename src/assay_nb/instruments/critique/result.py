"""A critique: scores, findings, verdict, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from assay_nb.instruments.annotation import annotate, encode_target
from assay_nb.instruments.base import Line, Provenance, Shown, decode_provenance, encode_provenance
from assay_nb.instruments.exchange.validation import Kind
from assay_nb.instruments.findings import (
    GRAVE,
    SEVERITIES,
    Finding,
    Severity,
    make_item,
    make_marks,
)
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.rubric import HIGHEST_SCORE, LABELS, LOWEST_SCORE, QUESTIONS, WEAK
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Details,
    Document,
    Heading,
    Inline,
    Items,
    Meter,
    Paragraph,
    Scorecard,
    Table,
)
from assay_nb.text.anchors import Anchor
from assay_nb.text.english import capitalise, count, join
from assay_nb.text.segments import Segment, split_segments

Answer = Literal["yes", "no", "na"]
ANSWERS: tuple[Answer, ...] = ("yes", "no", "na")
Verdict = Literal["pass", "report"]


@dataclass(frozen=True, slots=True, repr=False)
class ItemScore(Line):
    """One question's answer: `yes`, `no`, `na`, or None where it was not answered or the runs split.

    Attributes:
        question: The question's id.
        answer: The answer of most runs.
        evidence: The words of the prompt that it rests on.
        answered: Whether any run answered it.
    """

    question: str
    answer: Answer | None
    evidence: Anchor | None = None
    answered: bool = True

    def __str__(self) -> str:
        unclear = "no clear answer" if self.answered else "not answered"
        return f"{self.question}: {self.answer or unclear}"


@dataclass(frozen=True, slots=True, repr=False)
class DimensionScore(Line):
    """A dimension's score from 1 to 5, or None with the reason why there is none."""

    id: str
    score: float | None
    na_reason: str | None
    items: tuple[ItemScore, ...]

    @property
    def weak(self) -> bool:
        """Whether it is below the middle of the scale."""
        return self.score is not None and self.score < WEAK

    @property
    def unanswered(self) -> bool:
        """Whether it has no score since the model did not answer its questions."""
        return self.score is None and any(not item.answered for item in self.items)

    def count(self, answer: Answer) -> int:
        """Return how many of its questions have this answer."""
        return sum(item.answer == answer for item in self.items)

    def __str__(self) -> str:
        if self.score is None:
            return f"{LABELS.get(self.id, self.id)}: n/a, {self.na_reason}"
        return f"{LABELS.get(self.id, self.id)}: {self.score:g} of {HIGHEST_SCORE}"


@dataclass(frozen=True, slots=True)
class Consistency:
    """What the runs and the checks left of what models said.

    Attributes:
        k: Runs asked for.
        kept: Runs whose reply could be read.
        agreement: Share of questions that all runs answered alike; None with a single run.
        unanchored: Findings dropped since their words are not in the prompt.
        contradicted: Findings dropped since the prompt does have what they say is missing.
        unreadable: Findings dropped since they do not say what is wrong, or with which aspect.
        cut: Runs whose reply ended before its findings were whole.
    """

    k: int = 1
    kept: int = 1
    agreement: float | None = None
    unanchored: int = 0
    contradicted: int = 0
    unreadable: int = 0
    cut: int = 0

    @property
    def dropped(self) -> int:
        """Findings dropped by code."""
        return self.unanchored + self.contradicted + self.unreadable


@dataclass(frozen=True, repr=False)
class Critique(Shown):
    """Scores and findings for one prompt.

    Attributes:
        prompt: The text under review, verbatim.
        kind: Whether it is a system prompt, a user message or a template.
        dimensions: The six scores with the answers that they come from.
        findings: From the worst to the least.
        verdict: `"pass"` if there is neither a blocker nor a major finding, no dimension is weak (below 3 of
            5) or unanswered, and the findings came whole; else `"report"`. None while unfinished.
        consistency: How many runs there were and what was dropped.
        provenance: Model, tokens, cost.
    """

    schema: ClassVar[str] = "assay.critique.v1"

    prompt: str
    kind: Kind
    dimensions: tuple[DimensionScore, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict | None
    consistency: Consistency = Consistency()
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def score(self) -> float | None:
        """The mean of the dimensions that have a score, from 1 to 5, to one decimal.

        A question that was not answered counts as one not answered yes, and a dimension without any
        answer as the lowest score: silence cannot lift a prompt over a bar. None without any answer.

        It exists for `--fail-under`: a bar in a pipeline. Four questions a dimension cannot tell 3.4
        from 3.5, so compare prompts by their findings, or by measuring them on data.
        """
        scores = [d.score for d in self.dimensions if d.score is not None]
        if not scores:
            return None
        if self.verdict is not None:  # while the reply is still coming, they are only open
            scores += [float(LOWEST_SCORE) for d in self.dimensions if d.unanswered]
        return round(sum(scores) / len(scores), 1)

    @property
    def answered(self) -> int:
        """How many of the rubric's questions were answered."""
        return sum(item.answered for d in self.dimensions for item in d.items)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The numbered segments that the model was shown."""
        return split_segments(self.prompt)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "target": encode_target(self.prompt, self.kind, self.provenance),
            "verdict": self.verdict,
            "score": self.score,
            "dimensions": [_encode_dimension(dimension) for dimension in self.dimensions],
            "findings": [finding.to_dict() for finding in self.findings],
            "consistency": _encode_consistency(self.consistency),
            "segments": [{"id": s.id, "start": s.start, "end": s.end} for s in self.segments],
            "prompt": self.prompt,
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Critique:
        """Return the critique that `to_dict` described."""
        kept = {k: v for k, v in fields["consistency"].items() if k != "dropped"}
        return cls(
            prompt=fields["prompt"],
            kind=fields["target"]["kind"],
            dimensions=tuple(_decode_dimension(d) for d in fields["dimensions"]),
            findings=tuple(Finding.from_dict(f) for f in fields["findings"]),
            verdict=fields["verdict"],
            consistency=Consistency(**kept),
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _encode_dimension(dimension: DimensionScore) -> dict[str, Any]:
    return {
        "id": dimension.id,
        "score": dimension.score,
        "na_reason": dimension.na_reason,
        "items": [_encode_item(item) for item in dimension.items],
    }


def _encode_item(item: ItemScore) -> dict[str, Any]:
    """Return the answer as JSON-ready data; `answered` stands there only where it was not."""
    return {
        "question_id": item.question,
        "answer": item.answer,
        "evidence": item.evidence.to_dict() if item.evidence else None,
        **({} if item.answered else {"answered": False}),
    }


def _decode_dimension(fields: Mapping[str, Any]) -> DimensionScore:
    items = tuple(
        ItemScore(
            item["question_id"],
            item["answer"],
            Anchor.from_dict(item["evidence"]) if item["evidence"] else None,
            item.get("answered", True),
        )
        for item in fields["items"]
    )
    return DimensionScore(fields["id"], fields["score"], fields["na_reason"], items)


def _encode_consistency(consistency: Consistency) -> dict[str, Any]:
    rare = {"unreadable": consistency.unreadable, "cut": consistency.cut}
    return {
        "k": consistency.k,
        "kept": consistency.kept,
        "agreement": consistency.agreement,
        "unanchored": consistency.unanchored,
        "contradicted": consistency.contradicted,
        "dropped": consistency.dropped,
        **{name: number for name, number in rare.items() if number},
    }


# --- showing ----------------------------------------------------------------------------------------


_NOUNS: dict[Severity, str] = {
    "blocker": "blocker",
    "major": "major finding",
    "minor": "minor finding",
    "nit": "nit",
}


def _describe(critique: Critique) -> Iterator[Block]:
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
    if any(finding.severity in GRAVE for finding in shown):
        return [Badge("needs work", "bad"), rest]
    weak = any(dimension.weak for dimension in critique.dimensions)
    return [Badge("needs work" if weak else "not finished", "warning"), rest]


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
    total, answered = len(QUESTIONS), critique.answered
    some = "" if answered == total else f"{answered} of {total} questions were answered."
    if critique.score is None:
        return some and f" No score: {some}"
    score = f" Score {critique.score:.1f} of {HIGHEST_SCORE}"
    return f"{score}, though only {some}" if some else f"{score}."


def _make_meter(dimension: DimensionScore) -> Meter:
    yes = dimension.count("yes")
    unanswered = sum(not item.answered for item in dimension.items)
    note = dimension.na_reason or f"{yes} of {yes + dimension.count('no')} answered yes"
    if unanswered and dimension.score is not None:
        note += f", {unanswered} not answered"
    return Meter(LABELS[dimension.id], dimension.score, HIGHEST_SCORE, note)


def _describe_drops(consistency: Consistency) -> Iterator[Block]:
    if consistency.kept < consistency.k:
        text = f"Only {consistency.kept} of {consistency.k} runs gave a reply that could be read."
        yield Callout("warning", [text])
    if consistency.cut:
        whose = "The reply" if consistency.k == 1 else f"{consistency.cut} of the replies"
        yield Callout("warning", [f"{whose} ended early, so findings may be missing."])
    parts: list[str] = []
    if consistency.agreement is not None:
        parts.append(f"The runs agree on {consistency.agreement:.0%} of the questions.")
    if consistency.unanchored:
        parts.append(f"{_count(consistency.unanchored)} dropped: the quoted words are not there.")
    if consistency.contradicted:
        parts.append(
            f"{_count(consistency.contradicted)} dropped: the prompt has what was said to be missing."
        )
    if consistency.unreadable:
        parts.append(f"{_count(consistency.unreadable)} dropped: what is wrong was not said.")
    if parts:
        yield Paragraph([" ".join(parts)])


def _count(number: int) -> str:
    return f"{count(number, 'finding')} {'was' if number == 1 else 'were'}"


def _explain_scores(critique: Critique) -> Iterator[Block]:
    """Yield the questions that cost points, which is what the scores say in words."""
    rows: list[tuple[Inline, Inline, Inline]] = [
        (LABELS[dimension.id], QUESTIONS[item.question].text, _tell_answer(item, critique))
        for dimension in critique.dimensions
        for item in dimension.items
        if item.answer in ("no", None)
    ]
    if rows and critique.verdict:
        title = f"Where the scores come from: {_count_answers(critique.dimensions)}"
        yield Details(title, [Table(("Dimension", "Question", "Answer"), rows)])


def _tell_answer(item: ItemScore, critique: Critique) -> str:
    split = item.answered and critique.consistency.kept > 1
    return item.answer or ("the runs disagree" if split else "not answered")


def _count_answers(dimensions: Sequence[DimensionScore]) -> str:
    total = {answer: sum(d.count(answer) for d in dimensions) for answer in ("yes", "no", "na")}
    apply = total["yes"] + total["no"]
    unclear = len(QUESTIONS) - apply - total["na"]
    said = f"{total['no']} of {count(apply, 'question')} that apply were answered no"
    unanswered = sum(not item.answered for d in dimensions for item in d.items)
    split = unclear - unanswered
    said += f", {unanswered} not answered" if unanswered else ""
    return said + (f", {split} not clearly" if split else "")
