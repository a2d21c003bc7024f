"""A table of outputs, judged row by row: by the rubric, or against another table in both orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.evaluation import PairedVerdict, pairwise_verdict
from assay_nb.instruments.base import Provenance, Shown
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.judge import Judgement, RubricLike, parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC, Criterion
from assay_nb.instruments.playground import Run
from assay_nb.instruments.provenance import decode_provenance, encode_provenance
from assay_nb.measurement.answers import Answer, Job
from assay_nb.measurement.batch import Batch, shorten, summarise
from assay_nb.measurement.bench import Bench
from assay_nb.measurement.judging import judge_job, judge_output
from assay_nb.measurement.progress import Progress
from assay_nb.measurement.purse import OverBudget
from assay_nb.measurement.rows import Row, Rows, values_for
from assay_nb.measurement.target import Target, find_judge, find_target
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
from assay_nb.text.templates import fill

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
        stopped: Why it ended early: `"interrupted"` or `"budget"`; None when it did not.
        provenance: The judge's model, tokens, cost.
    """

    schema: ClassVar[str] = "assay.judgements.v1"

    rows: Rows
    outputs: tuple[str | None, ...]
    rubric: tuple[Criterion, ...]
    answers: tuple[Answer | None, ...]
    verdict: PairedVerdict | None = None
    stopped: str | None = None
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def scores(self) -> list[float | None]:
        """The score of each row from 0 to 1; None where there is none, and everywhere in a comparison."""
        return [answer.payload.get("score") if answer else None for answer in self.answers]

    @property
    def score(self) -> float | None:
        """The mean score."""
        known = [score for score in self.scores if score is not None]
        return sum(known) / len(known) if known else None

    @property
    def frame(self) -> Any:
        """The data with `output`, `score`, and a column for each criterion beside it."""
        columns: dict[str, Sequence[Any]] = {"output": self.outputs, "score": self.scores}
        for criterion in self.rubric:
            columns[criterion.id] = [
                answer.payload.get("answers", {}).get(criterion.id) if answer else None
                for answer in self.answers
            ]
        return self.rows.with_columns(columns)

    def with_provenance(self, provenance: Provenance) -> Judgements:
        return replace(self, provenance=provenance)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "score": self.score,
            "verdict": self.verdict.to_dict() if self.verdict else None,
            "rubric": [criterion.to_dict() for criterion in self.rubric],
            "outputs": list(self.outputs),
            "rows": [dict(a.payload, error=a.error) if a else None for a in self.answers],
            "stopped": self.stopped,
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
            provenance=decode_provenance(fields["provenance"]),
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _read_answer(row: Mapping[str, Any]) -> Answer:
    payload = {name: value for name, value in row.items() if name != "error"}
    return Answer(payload, error=row["error"])


class Judging:
    """A table of judgements under way: iterate `steps`, then take the `result`."""

    def __init__(
        self,
        bench: Bench,
        batch: Batch,
        *,
        against: Batch | None = None,
        rubric: RubricLike | None = None,
        workspace: str | None = None,
        model: str | None = None,
    ) -> None:
        if against is not None and len(against.answers) != len(batch.answers):
            raise WrongUsage(
                "The two tables have different numbers of rows, so no row has its pair."
            )
        self._bench = bench
        self._batch, self._against = batch, against
        self._rubric = parse_rubric(rubric or DEFAULT_RUBRIC)
        self._workspace, self._model = workspace, model
        self._answers: list[Answer | None] = [None] * len(batch.answers)
        self._judge: Target | None = None
        self._stopped: str | None = "interrupted"

    async def stream(self) -> AsyncIterator[Progress]:
        """Judge, on the background loop, and yield how far it is."""
        control = self._bench.session.control
        source = self._batch.provenance
        judged = f"{source.provider}/{source.model}" if source.provider else None
        target = await find_target(control, self._workspace or control.selected, judged)
        self._judge = await find_judge(control, target, self._model)
        jobs = list(self._jobs(self._judge))
        progress = Progress("Judge", total=len(jobs))
        yield progress
        stream = self._bench.stream(jobs)
        try:
            async with aclosing(cast("Any", stream)):
                async for job, answer in stream:
                    self._answers[job.tag] = replace(answer, result=None)
                    progress = progress.after(answer)
                    yield progress
            self._stopped = None
        except OverBudget:
            self._stopped = "budget"
        finally:
            self._bench.close()

    def steps(self) -> Generator[Progress]:
        """Judge from code that is not async, and yield how far it is."""
        return self._bench.session.portal.iterate(self.stream)

    async def run(self) -> Judgements:
        """Judge to the end, on the background loop."""
        async for _ in self.stream():
            pass
        return self.result()

    def result(self) -> Judgements:
        """Return what is there."""
        name = self._judge.workspace_name if self._judge else ""
        return Judgements(
            self._batch.rows,
            tuple(self._batch.outputs),
            self._rubric,
            tuple(self._answers),
            self._verdict(),
            self._stopped,
            summarise(self._answers, name, self._judge.name if self._judge else None),
        )

    def _jobs(self, judge: Target) -> Iterator[Job]:
        rubric = [criterion.to_dict() for criterion in self._rubric]
        others = self._against.outputs if self._against else [None] * len(self._answers)
        for index, (output, other) in enumerate(zip(self._batch.outputs, others, strict=True)):
            if output is None or (self._against is not None and other is None):
                continue
            row = self._batch.rows[index]
            task = fill(self._batch.prompt, values_for(self._batch.prompt, row))
            first, second = (output, None) if other is None else (other, output)
            yield judge_job(judge, task, first, rubric, against=second, tag=index)

    def _verdict(self) -> PairedVerdict | None:
        if self._against is None or self._stopped is not None:
            return None
        pairs = [a.payload.get("preferences") if a else None for a in self._answers]
        lengths = tuple(
            [len(output or "") for output in side.outputs] for side in (self._against, self._batch)
        )
        return pairwise_verdict(
            [pair[0] if pair else None for pair in pairs],
            [pair[1] if pair else None for pair in pairs],
            lengths=(lengths[0], lengths[1]),
        )


async def judge_any(
    session: Session,
    prompt: str,
    output: str | Run | Batch | None,
    *,
    against: str | Run | Batch | None = None,
    rubric: RubricLike | None = None,
    workspace: str | None = None,
    model: str | None = None,
    **given: Any,
) -> Judgement | Judgements:
    """Judge one output, or a table of them; see `assay_nb.judge`."""
    if isinstance(output, Batch):
        if against is not None and not isinstance(against, Batch):
            raise WrongUsage("A table of outputs is compared with another table of outputs.")
        judging = Judging(
            Bench(session), output, against=against, rubric=rubric, workspace=workspace, model=model
        )
        return await judging.run()
    if isinstance(against, Batch):
        raise WrongUsage("A single output is compared with a single output.")
    return await judge_output(
        session,
        prompt,
        output,
        against=against,
        rubric=rubric,
        workspace=workspace,
        model=model,
        **given,
    )


# --- showing ----------------------------------------------------------------------------------------


def _describe(judged: Judgements) -> Iterator[Block]:
    if judged.verdict is not None:
        head, *rest = judged.verdict.to_document().blocks
        yield head
        yield from make_notices(judged.provenance)
        yield from rest
        yield from make_fine_print(judged.provenance)
        return
    score = "no score" if judged.score is None else f"{judged.score:.0%}"
    yield Heading(f"Judge: {score} over {len(judged.answers):,} rows")
    yield from make_notices(judged.provenance)
    if judged.stopped:
        yield Callout(
            "warning", ["Stopped. What is done is kept; running it again goes on from there."]
        )
    yield Scorecard([_make_meter(criterion, judged.answers) for criterion in judged.rubric])
    worst = sorted(
        (score, index)
        for index, score in enumerate(judged.scores)
        if score is not None and score < 1
    )
    if worst:
        yield Paragraph(["The worst rows:"])
        yield Table(
            ("row", "score", "output"),
            [(str(i), f"{s:.0%}", shorten(judged.outputs[i])) for s, i in worst[:_SHOWN_ROWS]],
        )
    yield from make_fine_print(judged.provenance)


def _make_meter(criterion: Criterion, answers: Sequence[Answer | None]) -> Meter:
    given = [a.payload.get("answers", {}).get(criterion.id) for a in answers if a]
    values = [criterion.value_of(answer) for answer in given if answer is not None]
    mean = sum(values) / len(values) if values else None
    return Meter(
        criterion.text,
        None if mean is None else round(100 * mean),
        100,
        "% of rows" if criterion.scale == "yes/no" else "%",
    )
