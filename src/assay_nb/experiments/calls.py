"""Calls and runs made from Python arguments: checked before anything is sent, then run or awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from assay_nb.engine.call import Call
from assay_nb.engine.session import current_session
from assay_nb.errors import AssayError
from assay_nb.instruments.base import Result
from assay_nb.instruments.exchange.validation import check_text

if TYPE_CHECKING:
    from assay_nb.experiments.batch import Batch
    from assay_nb.experiments.grading.judged_rows import Judgements
    from assay_nb.experiments.playground import Playing
    from assay_nb.experiments.run.progress import OnProgress
    from assay_nb.experiments.spending.plan import Plan
    from assay_nb.instruments.critique import Critique
    from assay_nb.instruments.judge import Judgement, RubricLike
    from assay_nb.instruments.playground import Run


class HasText(Protocol):
    """A result to go on from: its text is the prompt."""

    @property
    def text(self) -> str: ...


def text_of(prompt: str | HasText) -> str:
    """Return a prompt, given as text or as a result that holds one."""
    return prompt if isinstance(prompt, str) else check_text(getattr(prompt, "text", prompt))


def make_improve_call(
    prompt: str,
    workspace: str | None,
    model: str | None,
    feedback: str | None,
    accept: str | Sequence[int] | None,
    findings: Critique | None,
    knobs: Mapping[str, Any],
) -> Call:
    """Return a call of improve; its findings travel as data."""
    from assay_nb.instruments.improve.result import parse_accept

    numbers = None if accept is None else parse_accept(accept)
    to_dict = getattr(
        findings, "to_dict", None
    )  # what is not a critique is refused by the instrument
    return make_call(
        "improve",
        prompt,
        workspace,
        model,
        feedback=feedback,
        accept=accept if isinstance(accept, str) else numbers,
        findings=findings if to_dict is None else to_dict(),
        **knobs,
    )


def make_call(
    instrument: str, prompt: str, workspace: str | None, model: str | None, **options: Any
) -> Call:
    """Return a call of an instrument with the options that were given.

    Raises:
        WrongUsage: If prompt, workspace or model is not text.
    """
    check_text(prompt)
    check_model(model)
    if workspace is not None:
        check_text(workspace, "The name of a workspace")
    given = {name: value for name, value in options.items() if value is not None}
    return Call(
        instrument=instrument, prompt=prompt, workspace=workspace, model=model, options=given
    )


def make_playground_call(
    prompt: str,
    values: Mapping[str, object] | None,
    workspace: str | None,
    model: str | None,
    knobs: Mapping[str, Any],
) -> Call:
    """Return a call of the playground, with the values as text."""
    from assay_nb.experiments.data.rows import as_text

    given = {name: as_text(value) for name, value in (values or {}).items()}
    return make_call("playground", prompt, workspace, model, values=given, **knobs)


def prepare_playing(
    prompt: str,
    values: Mapping[str, object] | None,
    *,
    data: Any,
    beside: str | None,
    beside_model: str | None,
    workspace: str | None,
    model: str | None,
    knobs: Mapping[str, Any],
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> Playing | None:
    """Return a run over data, or beside something, that is ready to go; None for a single run."""
    check_text(prompt)
    compared = beside is not None or beside_model is not None
    _check_mode(
        "beside" if compared else "playground",
        settings,
        many=data is not None,
        values=values or None,
        on_progress=on_progress,
    )
    if data is None and not compared:
        return None
    from assay_nb.experiments.playground import prepare

    return prepare(
        current_session(), prompt, values, data=data, beside=beside, beside_model=beside_model,
        workspace=workspace, model=model, options=knobs, **_without(settings, "dry_run"),
    )  # fmt: skip


def prepare_judging(
    prompt: str,
    output: str | Run | Batch | None,
    *,
    against: str | Run | Batch | None,
    rubric: RubricLike | None,
    values: Mapping[str, object] | None,
    workspace: str | None,
    model: str | None,
    knobs: Mapping[str, Any],
    **settings: Any,
) -> Callable[[], Awaitable[Judgement | Judgements | Plan]]:
    """Return what judges, to be run on the background loop."""
    check_text(prompt)
    _check_mode("judge", settings, many=hasattr(output, "answers"), values=values or None)
    from assay_nb.experiments.grading.judging import judge_any

    return lambda: judge_any(
        current_session(), prompt, output, against=against, rubric=rubric, values=values,
        workspace=workspace, model=model, options=knobs, **settings,
    )  # fmt: skip


def _check_mode(name: str, settings: Mapping[str, Any], *, many: bool, **others: Any) -> None:
    """Refuse, before anything is sent, a setting that this kind of run would pass over."""
    from assay_nb.experiments.spending.limits import Limits
    from assay_nb.experiments.spending.modes import LIMITS, check_mode

    Limits.of(**{name: settings[name] for name in LIMITS})
    given = {**settings, **others}
    check_mode(name, [k for k, v in given.items() if v is not None and v is not False], many=many)


def _without(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != name}


@contextmanager
def keeping(result: Callable[[], Any]) -> Generator[None]:
    """Hang what is there on an error that ends a run: what was answered was paid for."""
    try:
        yield
    except AssayError as error:
        with suppress(AssayError):  # of two single runs, one has no reply
            error.partial = result()
        raise


def check_model(model: str | None) -> None:
    """Refuse a model that is not text."""
    if model is not None:
        check_text(model, "The name of a model")


def run_call(call: Call) -> Result:
    """Run a call to its end, from synchronous code."""
    session = current_session()
    with session.explaining(call):
        return session.portal.call(session.engine.ask, session.address(call))


async def await_call(call: Call) -> Result:
    """Run a call to its end, from asynchronous code on any event loop."""
    session = current_session()
    with session.explaining(call):
        return await session.portal.wait(session.engine.ask, session.address(call))
