"""A table of outputs, judged row by row: by the rubric, or against another table in both orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.evaluation import PairedVerdict, pairwise_verdict
from assay_nb.experiments.batch import (
    Batch,
    describe_failures,
    describe_stopped,
    shorten,
    summarise,
)
from assay_nb.experiments.data.rows import Row, Rows, values_for
from assay_nb.experiments.grading.judge import judge_job, judge_output
from assay_nb.experiments.run.budget import OverBudget
from assay_nb.experiments.run.ends import describe_ends
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.plan import Plan
from assay_nb.experiments.run.progress import Progress
from assay_nb.experiments.run.runner import Runner, make_bench
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.instruments.base import Provenance, Shown
from assay_nb.instruments.fineprint import make_fine_print, make_notices
from assay_nb.instruments.judge import Judgement, RubricLike, parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC, Criterion
from assay_nb.instruments.playground import Run
from assay_nb.instruments.provenance import decode_provenance, encode_provenance
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
        stopped: Why it ended early: `"interrupted"`, `"budget"` or `"failed"`; None when it did not.
        inputs: What was sent for each row's variables.
        lost: Replies that were not judged since they are not whole: `{"judged": {"length": 3}}`.
        provenance: The judge's model, tokens, cost.
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
            "inputs": list(self.inputs),
            "lost": {side: dict(counts) for side, counts in self.lost.items()},
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
        )

    def to_document(self) -> Document:
        return Document(tuple(_describe(self)))


def _read_answer(row: Mapping[str, Any]) -> JobResult:
    payload = {name: value for name, value in row.items() if name != "error"}
    return JobResult(payload, error=row["error"])


class Judging:
    """A table of judgements under way: iterate `steps`, then take the `result`."""

    def __init__(
        self,
        bench: Runner,
        batch: Batch,
        *,
        against: Batch | None = None,
        rubric: RubricLike | None = None,
        workspace: str | None = None,
        model: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if against is not None and len(against.answers) != len(batch.answers):
            raise WrongUsage(
                "The two tables have different numbers of rows, so no row has its pair."
            )
        if against is not None and not _are_pairs(batch.rows, against.rows):
            raise WrongUsage(
                "The two tables are of different rows, so no row has its pair.",
                hint="Run both prompts on the same rows: the same data, with the same limit or sample.",
            )
        self._bench = bench
        wanted = bench.limits
        self._batch = batch.take(wanted.choose(batch.rows))
        self._against = against and against.take(wanted.choose(against.rows))
        self._rubric = parse_rubric(rubric or DEFAULT_RUBRIC)
        self._workspace, self._model = workspace, model
        self._options = dict(options or {})
        self._answers: list[JobResult | None] = [None] * len(self._batch.answers)
        self._judge: Target | None = None
        self._stopped: str | None = "interrupted"

    async def stream(self) -> AsyncIterator[Progress]:
        """Judge, on the background loop, and yield how far it is."""
        jobs = await self._prepare()
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
        except AssayError:
            self._stopped = "failed"
            raise
        finally:
            self._bench.close()

    async def plan(self) -> Plan:
        """Return what it would take. Nothing is sent."""
        jobs = await self._prepare()
        step = self._bench.plan("judging", jobs)
        self._bench.close()
        return Plan((step,), "Judge")

    async def _prepare(self) -> list[Job]:
        control = self._bench.session.control
        source = self._batch.provenance
        judged = f"{source.provider}/{source.model}" if source.provider else None
        target = await find_target(control, self._workspace or control.selected, judged)
        self._judge = await find_judge(control, target, self._model)
        self._bench.limits.check_prices([self._judge])
        return list(self._jobs(self._judge))

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
            self._inputs(),
            self._lost(),
            summarise(self._answers, name, self._judge.name if self._judge else None),
        )

    def _inputs(self) -> tuple[str, ...]:
        """Return what was sent for the variables of each row, in one line."""
        prompt = self._batch.prompt
        if not all(self._batch.rows):  # read back from JSON, which does not hold the data
            return ("",) * len(self._batch.rows)
        sent = [values_for(prompt, row) for row in self._batch.rows]
        return tuple(" · ".join(values.values()) for values in sent)

    def _lost(self) -> dict[str, dict[str, int]]:
        """Return how many replies were no observations, by side and reason."""
        sides = {"judged": self._batch, "against": self._against}
        found: dict[str, dict[str, int]] = {}
        for name, batch in sides.items():
            ends = {} if batch is None else batch.ends
            if counts := {end: count for end, count in ends.items() if end != "whole"}:
                found[name] = counts
        return {} if self._bench.count_cut else found

    def _jobs(self, judge: Target) -> Iterator[Job]:
        rubric = [criterion.to_dict() for criterion in self._rubric]
        for index, (output, other) in enumerate(zip(*self._observed(), strict=True)):
            if output is None or (self._against is not None and other is None):
                continue
            row = self._batch.rows[index]
            task = fill(self._batch.prompt, values_for(self._batch.prompt, row))
            first, second = (output, None) if other is None else (other, output)
            yield judge_job(
                judge, task, first, rubric, against=second, tag=index, options=self._options
            )

    def _observed(self) -> tuple[list[str | None], list[str | None]]:
        """Return the outputs that count, and those of the other table."""
        count_cut = self._bench.count_cut
        judged = self._batch.observed(count_cut=count_cut)
        if self._against is None:
            return judged, [None] * len(judged)
        return judged, self._against.observed(count_cut=count_cut)

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
            lost=self._lost_rows(),
        )

    def _lost_rows(self) -> tuple[list[str | None], list[str | None]]:
        """Return why each row is no observation, on the old side and on the new one."""
        old, new = (
            [answer.lost if answer else "not reached" for answer in side.answers]
            for side in (self._against or self._batch, self._batch)
        )
        return ([None] * len(old), [None] * len(new)) if self._bench.count_cut else (old, new)


def _are_pairs(rows: Rows, others: Rows) -> bool:
    """Return whether two tables are of the same rows: by their number in the data, or by what they hold."""
    numbers = ([table.number(i) for i in range(len(table))] for table in (rows, others))
    return next(numbers) == next(numbers) or rows.items == others.items


async def judge_any(
    session: Session,
    prompt: str,
    output: str | Run | Batch | None,
    *,
    against: str | Run | Batch | None = None,
    rubric: RubricLike | None = None,
    values: Mapping[str, object] | None = None,
    workspace: str | None = None,
    model: str | None = None,
    options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Judgement | Judgements | Plan:
    """Judge one output, or a table of them; see `assay_nb.judge`."""
    if isinstance(output, Batch):
        if against is not None and not isinstance(against, Batch):
            raise WrongUsage("A table of outputs is compared with another table of outputs.")
        judging = Judging(
            make_bench(session, **settings),
            output,
            against=against,
            rubric=rubric,
            workspace=workspace,
            model=model,
            options=options,
        )
        return await (judging.plan() if dry_run else _run_keeping(judging))
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
        values=values,
        options=options,
    )


async def _run_keeping(judging: Judging) -> Judgements:
    """Judge to the end; an error that ends it carries what is there, which was paid for."""
    try:
        return await judging.run()
    except AssayError as error:
        error.partial = judging.result()
        raise


# --- showing ----------------------------------------------------------------------------------------


def _describe(judged: Judgements) -> Iterator[Block]:
    if judged.verdict is not None:
        head, *rest = judged.verdict.to_document().blocks
        yield head
        yield from make_notices(judged.provenance)
        yield from rest
        yield from make_fine_print(judged.provenance)
        return
    yield Heading(f"Judge: {_tell_score(judged)}")
    yield from make_notices(judged.provenance)
    yield from describe_stopped(judged.stopped)
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
