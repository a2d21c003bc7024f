"""A prompt run on every row of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from assay_nb.evaluation.lost import WORDS
from assay_nb.experiments.data.rows import Row, Rows, find_names, values_for
from assay_nb.experiments.run.ends import count_ends, describe_ends
from assay_nb.experiments.run.jobs import JobResult
from assay_nb.instruments.base import Provenance, Shown, decode_provenance, encode_provenance
from assay_nb.instruments.fineprint import make_fine_print, make_notices, make_warnings
from assay_nb.messages import Usage
from assay_nb.render.document import Block, Callout, Document, Heading, Paragraph, Table
from assay_nb.text.english import count, cut

_SHOWN_ROWS = 10
_NAMED_ROWS = 20
_SHOWN_CAUSES = 5
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, repr=False)
class Batch(Shown):
    """What a model said, row by row.

    `.frame` is the data with the outputs beside it: a DataFrame if the data was one.

    Attributes:
        prompt: The template.
        rows: The data.
        answers: One per row; None for a row that was not reached. An answer's `.whole` says whether its
            reply is.
        stopped: Why it ended early: `"interrupted"`, `"budget"`, `"quota"`, `"unreachable"` or `"failed"`;
            None when it did not.
        provenance: Model, and tokens and cost of this run; what the cache gave costs nothing again.
        notes: What was said of the prompt before the first call: placeholders that nothing fills.
    """

    schema: ClassVar[str] = "assay.runs.v1"

    prompt: str
    rows: Rows
    answers: tuple[JobResult | None, ...]
    stopped: str | None = None
    provenance: Provenance = field(default_factory=Provenance)
    notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> list[str | None]:
        """The output of each row as it came, whole or not; None where it failed or was not reached."""
        return [answer.output if answer else None for answer in self.answers]

    @property
    def stops(self) -> list[str | None]:
        """Why the reply of each row ended; only `"end"` is a whole one. None where there is no reply."""
        return [answer.stop if answer else None for answer in self.answers]

    def observed(self, *, count_cut: bool = False) -> list[str | None]:
        """Return the outputs that count as observations: whole ones, and the others only where asked for."""
        return [answer.observed(count_cut=count_cut) if answer else None for answer in self.answers]

    @property
    def ends(self) -> dict[str, int]:
        """How many rows ended how: `{"whole": 36, "length": 3, "filtered": 1}`."""
        return count_ends(self.answers)

    def take(self, rows: Rows) -> Batch:
        """Return the part of the table that these rows are, which were taken from its own."""
        if rows is self.rows:
            return self
        place = {self.rows.number(index): index for index in range(len(self.rows))}
        chosen = [place[rows.number(index)] for index in range(len(rows))]
        return replace(self, rows=rows, answers=tuple(self.answers[index] for index in chosen))

    @property
    def frame(self) -> Any:
        """The data with columns `output`, `stop`, `cost` (dollars), `seconds` and `error` beside it.

        `stop` says why the reply ended: only `"end"` is a whole one.
        """
        answers = [answer or JobResult() for answer in self.answers]
        return self.rows.with_columns(
            {
                "output": [answer.output for answer in answers],
                "stop": self.stops,
                "cost": [answer.cost for answer in answers],
                "seconds": [answer.seconds for answer in answers],
                "error": [answer.error for answer in answers],
            }
        )

    @property
    def done(self) -> int:
        """How many rows have a whole output."""
        return sum(answer is not None and answer.whole for answer in self.answers)

    @property
    def failed(self) -> tuple[int, ...]:
        """The rows that failed, by index."""
        return tuple(i for i, answer in enumerate(self.answers) if answer and answer.error)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "prompt": self.prompt,
            "stopped": self.stopped,
            "ends": self.ends,
            "rows": [None if a is None else _write_answer(a) for a in self.answers],
            "notes": list(self.notes),
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
            notes=tuple(fields.get("notes", ())),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


_WRITTEN = ("output", "stop", "thought", "cost", "seconds", "error", "sent", "again")


def _write_answer(answer: JobResult) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in _WRITTEN}


def _read_answer(row: Mapping[str, Any]) -> JobResult:
    payload = {} if row["output"] is None else {"output": row["output"]}
    facts = {name: row[name] for name in _WRITTEN[1:] if name in row}
    return JobResult(payload, **facts)


def summarise(answers: Sequence[JobResult | None], workspace: str, model: str | None) -> Provenance:
    """Return where a run's answers came from, and what those cost that were asked now."""
    known = [answer for answer in answers if answer is not None]
    paid = [answer for answer in known if not answer.cached and answer.error is None]
    costs = [answer.cost for answer in paid]
    provider, _, name = (model or "").partition("/")
    usage = sum((Usage(a.input_tokens, a.output_tokens) for a in paid), Usage())
    practice = any(answer.practice for answer in known)
    missing = (
        None in answers and not paid
    )  # it was stopped: what was under way may have cost something
    return Provenance(
        workspace=workspace,
        provider=provider,
        model=next((answer.model for answer in known if answer.model), name),
        usage=usage,
        cost=None
        if None in costs or practice or missing
        else sum(c for c in costs if c is not None),
        requests=sum(answer.requests for answer in paid),
        practice=practice,
    )


# --- showing ----------------------------------------------------------------------------------------


def _describe(batch: Batch) -> Iterator[Block]:
    total = len(batch.answers)
    yield Heading(f"Playground: {batch.done:,} of {total:,} rows")
    yield from make_notices(batch.provenance)
    yield from describe_end(batch)
    columns = find_names(batch.prompt)[:3]
    done = [index for index, output in enumerate(batch.outputs) if output is not None]
    shown = done[:_SHOWN_ROWS]
    cut = any(not _answer(batch, i).whole for i in shown)
    rows = [
        (
            str(batch.rows.number(i)),
            *_inputs(batch, i, columns),
            shorten(batch.outputs[i]),
            *((WORDS.get(_answer(batch, i).lost or "", "whole"),) if cut else ()),
        )
        for i in shown
    ]
    if rows:
        yield Table(("row", *columns, "output", *(("end",) if cut else ())), rows)
    if len(done) > len(rows):
        yield Paragraph([f"{len(done) - len(rows):,} more in `.frame`."])
    yield from make_fine_print(batch.provenance)


def _answer(batch: Batch, index: int) -> JobResult:
    return batch.answers[index] or JobResult()


def _inputs(batch: Batch, index: int, columns: Sequence[str]) -> list[str]:
    """Return what was sent for these variables, not what the data's own type shows."""
    row = batch.rows[index]
    if not row:  # read back from JSON, which does not hold the data
        return ["" for _ in columns]
    sent = values_for(batch.prompt, row)
    return [shorten(sent[name]) for name in columns]


def describe_end(batch: Batch) -> Iterator[Block]:
    """Yield what went wrong: replies that are not whole, rows that failed, and why it ended early.

    First comes what was said before it began.
    """
    yield from make_warnings(batch.notes)
    if batch.ends.keys() - {"whole", "not reached"}:
        yield Paragraph([f"{describe_ends(batch.ends)}."])
    yield from describe_stopped(batch.stopped, batch.ends.get("not reached", 0))
    yield from describe_again(batch.answers)
    if batch.ends.get("length"):
        yield Callout("warning", [_CUT])
    if any(answer and answer.lost == "empty" and answer.thought for answer in batch.answers):
        yield Callout("warning", [_THOUGHT])
    for sentence in describe_failures(batch.answers, batch.rows):
        yield Callout("warning", [sentence])


_CUT = "Raise max_output_tokens and run it again: a reply that was cut is asked for again."
_THOUGHT = (
    "Replies are empty where the model used its output tokens for thinking: raise max_output_tokens, or "
    "lower the effort, and run it again."
)

_STOPPED = {
    "interrupted": "Stopped. What is done is kept; running it again goes on and pays for no row twice.",
    "budget": "Stopped at a limit: the budget or the limit on calls does not cover the next call. Running "
    "it again with a higher one goes on from here.",
    "quota": "Stopped because the provider's quota is used up for now, or for today. What is done is kept; "
    "running it again later goes on from here, and pays for no row twice.",
    "unreachable": "Stopped because the server does not answer any more. What is done is kept; running it again "
    "once the server is back goes on from here, and pays for no row twice.",
    "failed": "Stopped by an error. What is done is kept; running it again goes on from here.",
}


def describe_stopped(why: str | None, left: int = 0) -> Iterator[Block]:
    """Yield why a run ended early, and how many of its rows were not tried, where that is known."""
    if why is not None:
        told = _STOPPED.get(why, _STOPPED["interrupted"])
        rows = f" {count(left, 'row')} {'was' if left == 1 else 'were'} not tried." if left else ""
        yield Callout("warning", [told + rows])


def describe_again(answers: Sequence[JobResult | None]) -> Iterator[Block]:
    """Yield how many rows were asked twice, which may have been paid for."""
    if number := sum(answer is not None and answer.again for answer in answers):
        was, replies = ("was", "reply is") if number == 1 else ("were", "replies are")
        text = (
            f"{count(number, 'row')} broke off and {was} asked once more, alone; what the first {replies} billed at "
            "is not known."
        )
        yield Paragraph([text])


def describe_failures(answers: Sequence[JobResult | None], rows: Rows) -> Iterator[str]:
    """Yield a sentence for each thing that went wrong, the most frequent first, with its rows."""
    where: dict[tuple[bool, str], list[int]] = {}
    for index, answer in enumerate(answers):
        if answer is not None and answer.error is not None:
            where.setdefault((answer.sent, answer.error), []).append(rows.number(index))
    causes = sorted(where.items(), key=lambda item: -len(item[1]))
    for (sent, why), numbers in causes[:_SHOWN_CAUSES]:
        was = "failed" if sent else "was left out" if len(numbers) == 1 else "were left out"
        yield f"{name_rows(numbers)} {was}: {why}"
    rest = sorted(number for _, numbers in causes[_SHOWN_CAUSES:] for number in numbers)
    if rest:
        yield f"{name_rows(rest)} failed for other reasons: `error` in `.frame` says which."


def name_rows(numbers: Sequence[int]) -> str:
    """Return rows by their numbers: "Row 3", "Rows 3 and 7", "12 rows (3, 7, 9, 12, 15, …)"."""
    if len(numbers) == 1:
        return f"Row {numbers[0]}"
    listed = ", ".join(map(str, numbers[:_NAMED_ROWS]))
    if len(numbers) > _NAMED_ROWS:
        return f"{len(numbers):,} rows ({listed}, …)"
    return f"Rows {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def shorten(value: object) -> str:
    """Return a cell's text, cut to what a table can show."""
    return "" if value is None else cut(str(value), _SHOWN_CHARACTERS)
