"""A table of outputs, judged row by row: by the rubric, or against another table in both orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from assay_nb.evaluation import PairedVerdict
from assay_nb.experiments.batch import (
    describe_again,
    describe_failures,
    describe_stopped,
    shorten,
)
from assay_nb.experiments.data.rows import Row, Rows
from assay_nb.experiments.run.ends import describe_ends
from assay_nb.experiments.run.jobs import JobResult
from assay_nb.instruments.base import Provenance, Shown, decode_provenance, encode_provenance
from assay_nb.instruments.fineprint import make_fine_print, make_notices, make_warnings
from assay_nb.instruments.judge.criteria import Criterion
from assay_nb.render.document import (
    Block,
    Callout,
    Document,
    Heading,
    Meter,
    Paragraph,
    Scorecard,
    Table,
)

_SHOWN_ROWS = 10


@dataclass(frozen=True, repr=False)
class Judgements(Shown):
    """What a judge says of every row.

    Attributes:
        rows: The data.
        outputs: What was judged.
        rubric: The criteria.
        answers: One per row; None for a row without an output, or that was not reached.
        verdict: Of two tables: whether the judged one is better than the other.
        stopped: Why it ended early: `"interrupted"`, `"budget"`, `"quota"`, `"unreachable"` or `"failed"`;
            None when it did not.
        inputs: What was sent for each row's variables.
        lost: Replies that were not judged since they are not whole: `{"judged": {"length": 3}}`.
        provenance: The judge's model, tokens, cost.
        notes: What was said of the prompt before the first call: placeholders that nothing fills.
    """

    schema: ClassVar[str] = "assay.judgements.v1"

    rows: Rows
    outputs: tuple[str | None, ...]
    rubric: tuple[Criterion, ...]
    answers: tuple[JobResult | None, ...]
    verdict: PairedVerdict | None = None
    stopped: str | None = None
    inputs: tuple[str, ...] = ()
    lost: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    provenance: Provenance = field(default_factory=Provenance)
    notes: tuple[str, ...] = ()

    @property
    def scores(self) -> list[float | None]:
        """The score of each row from 0 to 1; None where there is none, and everywhere in a comparison."""
        return [answer.payload.get("score") if answer else None for answer in self.answers]

    @property
    def score(self) -> float | None:
        """The mean score."""
        known = [score for score in self.scores if score is not None]
        return sum(known) / len(known) if known else None

    def why(self, index: int) -> list[str]:
        """Return what a row's output does not meet: each criterion, with the judge's reason."""
        answer = self.answers[index]
        if answer is None or answer.error is not None:
            return [answer.error] if answer and answer.error else []
        given, said = answer.payload.get("answers", {}), answer.payload.get("reasons", {})
        unmet = [c for c in self.rubric if c.id in given and c.value_of(given[c.id]) < 1]
        return [_tell_unmet(c.text, given[c.id], said.get(c.id)) for c in unmet]

    @property
    def frame(self) -> Any:
        """The data with `output`, `score`, `why`, and a column for each criterion beside it."""
        columns: dict[str, Sequence[Any]] = {
            "output": self.outputs,
            "score": self.scores,
            "why": ["; ".join(self.why(index)) for index in range(len(self.answers))],
        }
        for criterion in self.rubric:
            columns[criterion.id] = [
                answer.payload.get("answers", {}).get(criterion.id) if answer else None
                for answer in self.answers
            ]
        return self.rows.with_columns(columns)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "score": self.score,
            "verdict": self.verdict.to_dict() if self.verdict else None,
            "rubric": [criterion.to_dict() for criterion in self.rubric],
            "outputs": list(self.outputs),
            "rows": [dict(a.payload, error=a.error) if a else None for a in self.answers],
            "stopped": self.stopped,
            "inputs": list(self.inputs),
            "lost": {side: dict(counts) for side, counts in self.lost.items()},
            "notes": list(self.notes),
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Judgements:
        """Return what `to_dict` described, without the data, which it does not hold."""
        answers = [None if row is None else _read_answer(row) for row in fields["rows"]]
        return cls(
            rows=Rows(tuple(Row() for _ in answers)),
            outputs=tuple(fields["outputs"]),
            rubric=tuple(Criterion(**one) for one in fields["rubric"]),
            answers=tuple(answers),
            verdict=PairedVerdict.from_dict(fields["verdict"]) if fields["verdict"] else None,
            stopped=fields["stopped"],
            inputs=tuple(fields.get("inputs") or ("",) * len(answers)),
            lost=fields.get("lost", {}),
            provenance=decode_provenance(fields["provenance"]),
            notes=tuple(fields.get("notes", ())),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _read_answer(row: Mapping[str, Any]) -> JobResult:
    payload = {name: value for name, value in row.items() if name != "error"}
    return JobResult(payload, error=row["error"])


# --- showing ----------------------------------------------------------------------------------------


def _describe(judged: Judgements) -> Iterator[Block]:
    if judged.verdict is not None:
        head, *rest = judged.verdict.to_document().blocks
        yield head
        yield from make_notices(judged.provenance)
        yield from make_warnings(judged.notes)
        yield from rest
        yield from make_fine_print(judged.provenance)
        return
    yield Heading(f"Judge: {_tell_score(judged)}")
    yield from make_notices(judged.provenance)
    yield from make_warnings(judged.notes)
    yield from describe_stopped(judged.stopped)
    yield from describe_again(judged.answers)
    for counts in judged.lost.values():
        text = f"Not judged, since only a whole reply is an observation: {describe_ends(counts)}."
        yield Callout("warning", [text])
    for sentence in describe_failures(judged.answers, judged.rows):
        yield Callout("warning", [sentence])
    yield Scorecard([_make_meter(criterion, judged.answers) for criterion in judged.rubric])
    worst = sorted(
        (score, index)
        for index, score in enumerate(judged.scores)
        if score is not None and score < 1
    )
    if worst:
        yield Paragraph(["The worst rows:"])
        yield Table(
            ("row", "score", "input", "output", "why"),
            [
                (
                    str(judged.rows.number(i)),
                    f"{s:.0%}",
                    shorten(judged.inputs[i]),
                    shorten(judged.outputs[i]),
                    shorten("; ".join(judged.why(i))),
                )
                for s, i in worst[:_SHOWN_ROWS]
            ],
        )
    yield from make_fine_print(judged.provenance)


def _tell_score(judged: Judgements) -> str:
    total, known = len(judged.answers), sum(score is not None for score in judged.scores)
    if judged.score is None:
        return f"no score over {total:,} rows"
    of = f"{total:,}" if known == total else f"{known:,} of {total:,}"
    return f"{judged.score:.0%} over {of} rows"


def _tell_unmet(criterion: str, answer: object, reason: str | None) -> str:
    told = f"{criterion.rstrip('.')} ({answer})"
    return f"{told}: {reason}" if reason else told


def _make_meter(criterion: Criterion, answers: Sequence[JobResult | None]) -> Meter:
    given = [a.payload.get("answers", {}).get(criterion.id) for a in answers if a]
    values = [criterion.value_of(answer) for answer in given if answer is not None]
    mean = sum(values) / len(values) if values else None
    return Meter(
        criterion.text,
        None if mean is None else round(100 * mean),
        100,
        "% of rows" if criterion.scale == "yes/no" else "%",
    )
