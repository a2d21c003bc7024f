"""Judging one output, or two: who judges, what the task was, and the call itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from assay_nb.engine.session import Session
from assay_nb.errors import BadReply
from assay_nb.evaluation.lost import WORDS
from assay_nb.experiments.data.rows import as_text
from assay_nb.experiments.run.cache import digest
from assay_nb.experiments.run.jobs import Ask, Job
from assay_nb.experiments.run.runner import identity, make_call
from assay_nb.experiments.run.target import Target, find_judge, find_target
from assay_nb.instruments.judge import Judgement, RubricLike, parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC
from assay_nb.instruments.playground import Run
from assay_nb.text.placeholders import check_blocks
from assay_nb.text.templates import fill


async def judge_output(
    session: Session,
    prompt: str,
    output: str | Run | None,
    *,
    against: str | Run | None = None,
    rubric: RubricLike | None = None,
    values: Mapping[str, object] | None = None,
    workspace: str | None = None,
    model: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Judgement:
    """Return the judgement of an output; without one, run the prompt first.

    Raises:
        BadReply: Where a run's reply is not whole.
    """
    criteria = [criterion.to_dict() for criterion in parse_rubric(rubric or DEFAULT_RUBRIC)]
    if values:
        check_blocks(prompt, given=True)
    control = session.control
    ask = cast("Ask", session.engine.ask)
    target = await find_target(control, workspace or control.selected, None)
    judge = await find_judge(control, target, model)
    task = fill(prompt, values) if values else prompt
    if output is None:
        given = {name: as_text(value) for name, value in (values or {}).items()}
        run: Run = await ask(make_call("playground", prompt, target, values=given))
        output = run
    task = output.sent if isinstance(output, Run) and not values else task
    call = make_call(
        "judge",
        task,
        judge,
        output=_text(output),
        against=None if against is None else _text(against),
        rubric=criteria,
        **dict(options or {}),
    )
    return await ask(call)


def judge_job(
    judge: Target,
    task: str,
    output: str,
    rubric: list[dict[str, Any]],
    *,
    against: str | None = None,
    repeat: object = 0,
    tag: Any = None,
    options: Mapping[str, Any] | None = None,
) -> Job:
    """Return the job of one judgement, for many of them at once. Options are the judge's knobs."""
    knobs = dict(options or {})
    call = make_call("judge", task, judge, output=output, against=against, rubric=rubric, **knobs)
    # Without knobs the shelf has the name that it always had, so that what was paid for is found again.
    shelf = digest("judge", identity(judge), rubric, *([knobs] if knobs else []))
    requests = 1 if against is None else 2
    name = digest(task, output, against, repeat)
    return Job(call, tag, shelf, name, requests, target=judge)


def _text(output: str | Run) -> str:
    """Return the text that is judged.

    Raises:
        BadReply: For a run whose reply is not whole: it is no observation of the prompt.
    """
    if isinstance(output, str):
        return output
    if output.stop != "end":
        raise BadReply(
            f"The reply is not judged, since it is not whole: {WORDS[output.stop]}.",
            hint="Run the prompt again, or give the text itself (`run.output`) to judge it all the same.",
            stop=output.stop,
        )
    return output.output
