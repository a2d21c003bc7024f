"""A prompt run on every row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from assay_nb.instruments.base import Provenance, Shown
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.provenance import decode_provenance, encode_provenance
from assay_nb.measurement.answers import Answer
from assay_nb.measurement.rows import Row, Rows
from assay_nb.messages import Usage
from assay_nb.render.document import Block, Callout, Document, Heading, Paragraph, Table

_SHOWN_ROWS = 10
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, repr=False)
class Batch(Shown):
    """What a model said, row by row.

    `.frame` is the data with the outputs beside it: a DataFrame if the data was one.

    Attributes:
        prompt: The template.
        rows: The data.
        answers: One per row; None for a row that was not reached.
        stopped: Why it ended early: `"interrupted"` or `"budget"`; None when it did not.
        provenance: Model, and tokens and cost of this run; what the cache gave costs nothing again.
    """

    schema: ClassVar[str] = "assay.runs.v1"

    prompt: str
    rows: Rows
    answers: tuple[Answer | None, ...]
    stopped: str | None = None
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def outputs(self) -> list[str | None]:
        """The output of each row; None where it failed or was not reached."""
        return [answer.output if answer else None for answer in self.answers]

    @property
    def frame(self) -> Any:
        """The data with columns `output`, `cost` (dollars), `seconds` and `error` beside it."""
        answers = [answer or Answer() for answer in self.answers]
        return self.rows.with_columns(
            {
                "output": [answer.output for answer in answers],
                "cost": [answer.cost for answer in answers],
                "seconds": [answer.seconds for answer in answers],
                "error": [answer.error for answer in answers],
            }
        )

    @property
    def done(self) -> int:
        """How many rows have an output."""
        return sum(output is not None for output in self.outputs)

    @property
    def failed(self) -> tuple[int, ...]:
        """The rows that failed, by index."""
        return tuple(i for i, answer in enumerate(self.answers) if answer and answer.error)

    def with_provenance(self, provenance: Provenance) -> Batch:
        return replace(self, provenance=provenance)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "prompt": self.prompt,
            "stopped": self.stopped,
            "rows": [
                {"output": a.output, "cost": a.cost, "seconds": a.seconds, "error": a.error}
                if a
                else None
                for a in self.answers
            ],
            "provenance": encode_provenance(self.provenance),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Batch:
        """Return the batch that `to_dict` described, without the data, which it does not hold."""
        answers = [None if row is None else _read_answer(row) for row in fields["rows"]]
        return cls(
            prompt=fields["prompt"],
            rows=Rows(tuple(Row() for _ in answers)),
            answers=tuple(answers),
            stopped=fields["stopped"],
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _read_answer(row: Mapping[str, Any]) -> Answer:
    payload = {} if row["output"] is None else {"output": row["output"]}
    return Answer(payload, cost=row["cost"], seconds=row["seconds"], error=row["error"])


def summarise(answers: Sequence[Answer | None], workspace: str, model: str | None) -> Provenance:
    """Return where a run's answers came from, and what those cost that were asked now."""
    known = [answer for answer in answers if answer is not None]
    paid = [answer for answer in known if not answer.cached and answer.error is None]
    costs = [answer.cost for answer in paid]
    provider, _, name = (model or "").partition("/")
    usage = sum((Usage(a.input_tokens, a.output_tokens) for a in paid), Usage())
    practice = any(answer.practice for answer in known)
    return Provenance(
        workspace=workspace,
        provider=provider,
        model=next((answer.model for answer in known if answer.model), name),
        usage=usage,
        cost=None if None in costs or practice else sum(cost for cost in costs if cost is not None),
        requests=sum(answer.requests for answer in paid),
        practice=practice,
    )


# --- showing ----------------------------------------------------------------------------------------


def _describe(batch: Batch) -> Iterator[Block]:
    total = len(batch.answers)
    yield Heading(f"Playground: {batch.done:,} of {total:,} rows")
    yield from make_notices(batch.provenance)
    yield from describe_end(batch)
    columns = [name for name in batch.rows.columns if f"{{{{{name}}}}}" in batch.prompt][:3]
    done = [index for index, output in enumerate(batch.outputs) if output is not None]
    rows = [
        (str(i), *(shorten(batch.rows[i].get(name)) for name in columns), shorten(batch.outputs[i]))
        for i in done[:_SHOWN_ROWS]
    ]
    yield Table(("row", *columns, "output"), rows)
    if len(done) > len(rows):
        yield Paragraph([f"{len(done) - len(rows):,} more in `.frame`."])
    yield from make_fine_print(batch.provenance)


def describe_end(batch: Batch) -> Iterator[Block]:
    """Yield what went wrong: rows that failed, and why it ended early."""
    if batch.stopped == "interrupted":
        text = "Stopped. What is done is kept; running it again goes on and pays for no row twice."
        yield Callout("warning", [text])
    elif batch.stopped == "budget":
        text = "Stopped at the budget. Running it again with a larger one goes on from here."
        yield Callout("warning", [text])
    failed = list(batch.failed)
    if failed:
        first = batch.answers[failed[0]]
        count = f"{len(failed):,} row{'s' if len(failed) > 1 else ''} failed"
        why = first.error if first else ""
        yield Callout(
            "warning", [f"{count}; row {failed[0]}: {why} Running it again tries them again."]
        )


def shorten(value: object) -> str:
    """Return a cell's text, cut to what a table can show."""
    text = "" if value is None else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
