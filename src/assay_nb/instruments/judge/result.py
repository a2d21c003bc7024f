"""A judgement: an answer per criterion with its evidence, or a preference in both orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from assay_nb.instruments.base import Line, Provenance, Shown, decode_provenance, encode_provenance
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.judge.criteria import Criterion
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Details,
    Document,
    Heading,
    Item,
    Items,
    Paragraph,
    Table,
    Tone,
    Verbatim,
)
from assay_nb.text.english import quote

Place: TypeAlias = Literal["first", "second", "tie"]
Winner: TypeAlias = Literal["output", "against", "tie"]


@dataclass(frozen=True, slots=True, repr=False)
class Mark(Line):
    """One criterion's answer.

    Attributes:
        criterion: Its id.
        answer: `yes`, `no`, or `1` to `5`.
        evidence: What the judge quoted; None where the point is an absence.
        found: Whether the quoted words really stand in the output. None without a quote.
        reason: Why, in the judge's words.
    """

    criterion: str
    answer: str
    evidence: str | None = None
    found: bool | None = None
    reason: str = ""

    def __str__(self) -> str:
        quoted = f" ({quote(self.evidence)})" if self.evidence else ""
        return f"{self.criterion}: {self.answer}{quoted}{_because(self.reason)}"


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Line):
    """One criterion in one order: which of the two answers meets it better, by the place it was shown in."""

    criterion: str
    better: Place
    reason: str = ""

    def __str__(self) -> str:
        better = "a tie" if self.better == "tie" else f"the {self.better} is better"
        return f"{self.criterion}: {better}{_because(self.reason)}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


@dataclass(frozen=True, repr=False)
class Judgement(Shown):
    """How good an output is by a rubric, or which of two is better.

    Attributes:
        prompt: The task as the model was given it.
        output: What is judged.
        against: The other output of a comparison; None where one output is scored.
        rubric: The criteria.
        marks: The answers, where one output is scored: those that came.
        orders: Of a comparison: the answers with `output` shown first, then with `against` shown first.
        provenance: The judge's model, tokens, cost.
    """

    schema: ClassVar[str] = "assay.judgement.v1"

    prompt: str
    output: str
    rubric: tuple[Criterion, ...]
    against: str | None = None
    marks: tuple[Mark, ...] = ()
    orders: tuple[tuple[Comparison, ...], ...] = ()
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def score(self) -> float | None:
        """The weighted mean of the answers from 0 to 1; 0 where a must-pass criterion fails.

        None for a comparison, and where a criterion was not answered: what it would count is not known.
        """
        if not self.marks or self.unanswered:
            return None
        known = {criterion.id: criterion for criterion in self.rubric}
        values = [(known[m.criterion], known[m.criterion].value_of(m.answer)) for m in self.marks]
        if any(criterion.must and value < 1 for criterion, value in values):
            return 0.0
        total = sum(criterion.weight for criterion, _ in values)
        return sum(criterion.weight * value for criterion, value in values) / total

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The criteria, by id, that the judge left out; none in a comparison, which needs all of them."""
        if self.against is not None:
            return ()
        marked = {mark.criterion for mark in self.marks}
        return tuple(one.id for one in self.rubric if one.id not in marked)

    @property
    def fault(self) -> str | None:
        """Why it has no score although one output was judged; None where it has one."""
        if not self.unanswered:
            return None
        total = len(self.rubric)
        return f"No score: the judge answered {total - len(self.unanswered)} of {total} criteria."

    @property
    def preferences(self) -> tuple[Place, ...]:
        """Which place the judge preferred: with `output` first, then with `against` first."""
        return tuple(_prefer(order, self.rubric) for order in self.orders)

    @property
    def winner(self) -> Winner | None:
        """Who won in both orders; `"tie"` where the orders disagree. None where one output is scored."""
        if len(self.orders) < 2:
            return None
        if self.preferences == ("first", "second"):
            return "output"
        return "against" if self.preferences == ("second", "first") else "tie"

    @property
    def consistent(self) -> bool | None:
        """Whether both orders gave the same winner. None where one output is scored."""
        if len(self.orders) < 2:
            return None
        return self.winner != "tie" or self.preferences == ("tie", "tie")

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "score": self.score,
            "winner": self.winner,
            "consistent": self.consistent,
            "marks": [asdict(mark) for mark in self.marks],
            "orders": [[asdict(one) for one in order] for order in self.orders],
            "rubric": [criterion.to_dict() for criterion in self.rubric],
            "output": self.output,
            "against": self.against,
            "prompt": self.prompt,
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Judgement:
        """Return the judgement that `to_dict` described."""
        return cls(
            prompt=fields["prompt"],
            output=fields["output"],
            against=fields["against"],
            rubric=tuple(Criterion(**one) for one in fields["rubric"]),
            marks=tuple(Mark(**mark) for mark in fields["marks"]),
            orders=tuple(tuple(Comparison(**one) for one in order) for order in fields["orders"]),
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _prefer(order: Sequence[Comparison], rubric: Sequence[Criterion]) -> Place:
    """Return the place that more weight of criteria speaks for: a total made by code."""
    weights = {criterion.id: criterion.weight for criterion in rubric}
    towards = {"first": 1, "second": -1, "tie": 0}
    balance = sum(weights[one.criterion] * towards[one.better] for one in order)
    return "first" if balance > 1e-9 else "second" if balance < -1e-9 else "tie"


# --- showing ----------------------------------------------------------------------------------------


def _describe(judgement: Judgement) -> Iterator[Block]:
    yield Heading("Judgement")
    yield from make_notices(judgement.provenance)
    if judgement.against is None:
        yield from _describe_score(judgement)
    else:
        yield from _describe_pair(judgement)
    yield from make_fine_print(judgement.provenance)


def _describe_score(judgement: Judgement) -> Iterator[Block]:
    if judgement.score is not None:
        tone: Tone = "good" if judgement.score >= 0.8 else "warning" if judgement.score else "bad"
        yield Paragraph(
            [Badge(f"{judgement.score:.0%}", tone), " of the rubric's weight, counted by code."]
        )
    if judgement.fault:
        yield Callout("warning", [judgement.fault])
    known = {criterion.id: criterion for criterion in judgement.rubric}
    yield Items([_make_item(mark, known[mark.criterion]) for mark in judgement.marks])
    doubtful = sum(mark.found is False for mark in judgement.marks)
    if doubtful:
        text = (
            f"{doubtful} of the judge's quotes are not in the output: read those answers with care."
        )
        yield Callout("warning", [text])
    yield Details("The output", [Verbatim(judgement.output)])


def _make_item(mark: Mark, criterion: Criterion) -> Item:
    value = criterion.value_of(mark.answer)
    tone: Tone = "good" if value == 1 else "bad" if value == 0 else "warning"
    badges = [Badge(mark.answer, tone), *([Badge("must")] if criterion.must else [])]
    lines: list[list[str]] = [[mark.reason]] if mark.reason else []
    if mark.evidence:
        lines.append([f"“{mark.evidence}”" + (" (not in the output)" if not mark.found else "")])
    return Item(criterion.id.removeprefix("c"), [criterion.text], badges, lines)


def _describe_pair(judgement: Judgement) -> Iterator[Block]:
    words = {
        "output": "The first output wins.",
        "against": "The other output wins.",
        "tie": "A tie.",
    }
    winner = judgement.winner or "tie"
    why = " Both orders agree." if judgement.consistent else " The two orders disagree."
    yield Paragraph(
        [Badge(winner, "neutral" if winner == "tie" else "info"), f" {words[winner]}{why}"]
    )
    known = {criterion.id: criterion.text for criterion in judgement.rubric}
    once, again = ({one.criterion: one.better for one in order} for order in judgement.orders)
    rows = [(known[name], once[name], again.get(name, "tie")) for name in once]
    yield Table(("criterion", "shown first: output", "shown first: the other"), rows)
    yield Details("The outputs", [Verbatim(judgement.output), Verbatim(judgement.against or "")])
