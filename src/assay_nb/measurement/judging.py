"""Judging one output, or two: who judges, what the task was, and the call itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from assay_nb.engine.session import Session
from assay_nb.instruments.judge import Judgement, RubricLike, parse_rubric
from assay_nb.instruments.judge.criteria import DEFAULT_RUBRIC
from assay_nb.instruments.playground import Run
from assay_nb.measurement.answers import Ask, Job
from assay_nb.measurement.bench import identity, make_call
from assay_nb.measurement.cache import digest
from assay_nb.measurement.target import Target, find_judge, find_target
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
    """Return the judgement of an output; without one, run the prompt first."""
    criteria = [criterion.to_dict() for criterion in parse_rubric(rubric or DEFAULT_RUBRIC)]
    control = session.control
    ask = cast("Ask", session.engine.ask)
    target = await find_target(control, workspace or control.selected, None)
    judge = await find_judge(control, target, model)
    task = fill(prompt, values) if values else prompt
    if output is None:
        given = {name: str(value) for name, value in (values or {}).items()}
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
) -> Job:
    """Return the job of one judgement, for many of them at once."""
    call = make_call("judge", task, judge, output=output, against=against, rubric=rubric)
    shelf = digest("judge", identity(judge), rubric)
    requests = 1 if against is None else 2
    return Job(call, tag, shelf, digest(task, output, against, repeat), requests)


def _text(output: str | Run) -> str:
    return output.output if isinstance(output, Run) else output
