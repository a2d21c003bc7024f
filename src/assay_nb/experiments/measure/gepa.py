"""GEPA searches, our test gives the verdict.

    task = to_gepa(prompt, data, metric)
    found = gepa.optimize(**task.arguments, max_metric_calls=150)
    task.measure(found)

GEPA is given dev rows only, as training and as validation set. The test rows stay here, and one test on
them says whether what it found is better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assay_nb.engine.session import Session
from assay_nb.errors import BadReply, LimitReached, ProviderError, WrongUsage
from assay_nb.evaluation import row_key, split_rows
from assay_nb.evaluation.lost import WORDS
from assay_nb.experiments.data.rows import Row, check_columns, find_names, read_rows, values_for
from assay_nb.experiments.grading.metrics import Scorer
from assay_nb.experiments.measure.measure import Measuring
from assay_nb.experiments.measure.result import Measurement
from assay_nb.experiments.measure.settings import Settings
from assay_nb.experiments.run.failures import refuses_text
from assay_nb.experiments.run.jobs import Job, JobResult
from assay_nb.experiments.run.progress import watch_steps
from assay_nb.experiments.run.runner import Runner, Task, make_call, number_repeats
from assay_nb.experiments.run.target import Target, find_target
from assay_nb.experiments.spending.budget import OverBudget
from assay_nb.text.english import count
from assay_nb.text.placeholders import check_blocks

COMPONENT = "prompt"


@dataclass(frozen=True, slots=True)
class Trace:
    """What GEPA's reflection is shown of one row."""

    values: Mapping[str, str]
    output: str
    score: float
    feedback: str


class Adapter:
    """GEPA's `GEPAAdapter` for one prompt: runs it on rows through the workspace's key, and scores them."""

    propose_new_texts = None
    """GEPA's own way of proposing is used."""

    def __init__(
        self, runner: Runner, target: Target, scorer: Scorer, options: Mapping[str, Any]
    ) -> None:
        self._runner = runner
        self._target = target
        self._scorer = scorer
        self._options = options

    def evaluate(
        self, batch: list[Row], candidate: Mapping[str, str], capture_traces: bool = False
    ) -> Any:
        """Return GEPA's `EvaluationBatch`: an output and a score per row; a row that failed scores 0."""
        from gepa.core.adapter import EvaluationBatch

        traces = self._run(candidate[COMPONENT], batch)
        return EvaluationBatch(
            outputs=[trace.output for trace in traces],
            scores=[trace.score for trace in traces],
            trajectories=traces if capture_traces else None,
        )

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: Any, components_to_update: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the rows as GEPA's reflection reads them."""
        records = [
            {
                "Inputs": dict(trace.values),
                "Generated Outputs": trace.output,
                "Feedback": trace.feedback or f"Score {trace.score:g}.",
            }
            for trace in eval_batch.trajectories or ()
        ]
        return dict.fromkeys(components_to_update, records)

    def _run(self, prompt: str, batch: Sequence[Row]) -> list[Trace]:
        if any(name not in row for row in batch for name in find_names(prompt)):
            return [Trace({}, "", 0.0, "The prompt names a variable that the data has not.")] * len(
                batch
            )
        try:
            check_blocks(prompt)
        except WrongUsage as error:
            return [Trace({}, "", 0.0, error.message)] * len(batch)
        task = Task(prompt, self._target, self._options)
        values = [values_for(prompt, row) for row in batch]
        repeats = number_repeats(values)
        jobs = [task.job(v, n, i) for i, (v, n) in enumerate(zip(values, repeats, strict=True))]
        try:
            outputs = {job.tag: answer for job, answer in _answers(self._runner, jobs)}
        except ProviderError as error:  # of a few rows all may be refused, for what the prompt says
            if not refuses_text(error):
                raise
            outputs = {job.tag: JobResult(error=str(error)) for job in jobs}
        return [self._trace(batch[i], values[i], outputs[i], i) for i in range(len(batch))]

    def _trace(self, row: Row, values: Mapping[str, str], answer: JobResult, number: int) -> Trace:
        output = answer.observed(count_cut=self._runner.count_cut)
        if output is None:  # GEPA knows no missing score, and the prompt has to answer for it
            why = answer.error or f"{WORDS[answer.lost or 'failed']}."
            return Trace(values, "", 0.0, f"There was no whole reply: {why}")
        scored = self._scorer.score(row, output, number)
        return Trace(values, output, scored.score, scored.feedback)


@dataclass(frozen=True)
class GepaTask:
    """What `gepa.optimize` takes, and how its result is measured.

    Attributes:
        arguments: `seed_candidate`, `trainset`, `valset`, `adapter` and `reflection_lm`.
        measure: Takes what `gepa.optimize` returned, or a prompt, and measures it on the test rows.
    """

    arguments: Mapping[str, Any]
    measure: Callable[[Any], Measurement]


def make_gepa_task(
    session: Session, prompt: str, data: Any, settings: Settings, reflection_model: str | None
) -> GepaTask:
    """Return the task for GEPA; see `assay_nb.to_gepa`."""
    if settings.metric is None:
        raise WrongUsage("GEPA needs a metric.", hint="def score(row, output): …")
    rows = settings.limits.choose(read_rows(data, prompt))
    check_columns(prompt, rows)
    split = split_rows([row_key(row) for row in rows])
    dev = [rows[index] for index in split.dev]
    runner = Runner(session, settings.limits, settings.executor, count_cut=settings.count_cut)
    target, reflector = session.portal.call(_find_targets, session, settings, reflection_model)
    settings.limits.check_prices([target, reflector])
    arguments = {
        "seed_candidate": {COMPONENT: prompt},
        "trainset": dev[0::2] or dev,
        "valset": dev[1::2] or dev,
        "adapter": Adapter(runner, target, Scorer(settings.metric), settings.options),
        "reflection_lm": _make_reflector(runner, reflector),
    }

    def measure(found: Any) -> Measurement:
        best = getattr(found, "best_candidate", found)
        text = best if isinstance(best, str) else best[COMPONENT]
        left = replace(runner.purse.left, limit=None, sample=None)  # the rows are chosen already
        measuring = Measuring(session, prompt, text, rows, replace(settings, limits=left))
        watch_steps(measuring.steps(), None)
        return measuring.result

    return GepaTask(arguments, measure)


def _answers(runner: Runner, jobs: Sequence[Job]) -> list[tuple[Job, JobResult]]:
    """Return the answers to all of the jobs.

    Raises:
        LimitReached: If the limits do not cover each of them. GEPA's search ends with it.
    """
    try:
        return list(runner.answers(jobs))
    except OverBudget:
        purse = runner.purse
        raise LimitReached(
            f"The search is at its limit after {count(purse.calls, 'call')} and ${purse.spent:.2f}.",
            hint="Raise budget or max_calls; rows that were answered cost nothing again.",
        ) from None


async def _find_targets(
    session: Session, settings: Settings, reflection_model: str | None
) -> tuple[Target, Target]:
    workspace = settings.workspace or session.control.selected
    target = await find_target(session.control, workspace, settings.model)
    reflector = await find_target(session.control, workspace, reflection_model or settings.model)
    return target, reflector


def _make_reflector(runner: Runner, target: Target) -> Callable[[Any], str]:
    """Return the function that GEPA asks for new texts: a call of the workspace's, like any other."""

    def reflect(prompt: Any) -> str:
        text = prompt if isinstance(prompt, str) else "\n\n".join(str(m["content"]) for m in prompt)
        # The text is data here: braces in it are GEPA's, and nothing of ours to fill.
        call = make_call("playground", "{{reflection}}", target, values={"reflection": text})
        [(_, answer)] = _answers(runner, [Job(call, target=target)])
        if answer.lost is not None:
            raise BadReply(
                f"The reflecting model's reply is not whole: {answer.error or WORDS[answer.lost]}.",
                hint="Choose another reflection_model.",
            )
        return str(answer.output)

    return reflect
