"""The Python surface: what the magics do, as functions.

    from assay_nb import critique

    for name, prompt in prompts.items():
        print(name, critique(prompt).score)

Each function has an async twin with an `a` in front (`acritique`). Both take the workspace's key from
the vault or the gateway, as the magics do; there is no argument for a key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from assay_nb.engine.call import Call
from assay_nb.engine.events import Event, Finished
from assay_nb.engine.session import current_session
from assay_nb.instruments.base import Result

if TYPE_CHECKING:
    from assay_nb.instruments.critique import Critique
    from assay_nb.instruments.improve import Improvement
    from assay_nb.instruments.lint import LintReport
    from assay_nb.instruments.rewrite import Rewrite


def critique(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    repeat: int | None = None,
    **knobs: Any,
) -> Critique:
    """Score a prompt on six dimensions and anchor each finding to the words it is about.

    Args:
        prompt: The prompt, as it would be sent. `{{name}}` is a variable; nothing is filled in.
        workspace: Whose key pays; the active workspace by default.
        model: `"provider/model"`; the workspace's choice by default.
        repeat: Ask so many times and keep what the answers agree on. Each is paid for.
        knobs: `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.

    Raises:
        AssayError: One sentence on what happened and the next step; see `assay_nb.errors`.
    """
    return cast(
        "Critique", _run(_call("critique", prompt, workspace, model, repeat=repeat, **knobs))
    )


async def acritique(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    repeat: int | None = None,
    **knobs: Any,
) -> Critique:
    """Like `critique`, to await. Cancelling closes the connection to the provider."""
    call = _call("critique", prompt, workspace, model, repeat=repeat, **knobs)
    return cast("Critique", await _arun(call))


def improve(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    feedback: str | None = None,
    accept: str | Sequence[int] | None = None,
    findings: Critique | None = None,
    **knobs: Any,
) -> Improvement:
    """Propose small edits, each tied to a finding; any subset of them can be applied.

    `improve(p).text` has the accepted edits applied, and `improve(p).apply([1, 3])` any others. Bytes
    outside an applied edit stay as they are.

    Args:
        prompt: The prompt, as it would be sent.
        workspace: Whose key pays; the active workspace by default.
        model: `"provider/model"`; the workspace's choice by default.
        feedback: What goes wrong with the prompt, in your words.
        accept: `"all"` (the default), `"none"`, or numbers such as `[1, 3]` or `"1,3"`.
        findings: An earlier critique of the same prompt, to mend what it found.
        knobs: `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.
    """
    call = _improve_call(prompt, workspace, model, feedback, accept, findings, knobs)
    return cast("Improvement", _run(call))


async def aimprove(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    feedback: str | None = None,
    accept: str | Sequence[int] | None = None,
    findings: Critique | None = None,
    **knobs: Any,
) -> Improvement:
    """Like `improve`, to await."""
    call = _improve_call(prompt, workspace, model, feedback, accept, findings, knobs)
    return cast("Improvement", await _arun(call))


def rewrite(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    goal: str | None = None,
    **knobs: Any,
) -> Rewrite:
    """Restructure a prompt whole, and account for every constraint of the old one.

    Args:
        prompt: The prompt, as it would be sent.
        workspace: Whose key pays; the active workspace by default.
        model: `"provider/model"`; the workspace's choice by default.
        goal: What the new prompt should do better.
        knobs: `temperature`, `top_p`, `effort`, `max_output_tokens`: sent only when set.
    """
    return cast("Rewrite", _run(_call("rewrite", prompt, workspace, model, goal=goal, **knobs)))


async def arewrite(
    prompt: str,
    *,
    workspace: str | None = None,
    model: str | None = None,
    goal: str | None = None,
    **knobs: Any,
) -> Rewrite:
    """Like `rewrite`, to await."""
    return cast(
        "Rewrite", await _arun(_call("rewrite", prompt, workspace, model, goal=goal, **knobs))
    )


def lint(
    prompt: str,
    *,
    variables: Collection[str] | None = None,
    model: str | None = None,
    knobs: Mapping[str, Any] | None = None,
    today: date | None = None,
) -> LintReport:
    """Check a prompt against sixteen fixed rules: offline, no key, no model, no cost.

    Args:
        prompt: The prompt, as it would be sent.
        variables: Names that `{{name}}` may take; unknown ones are then reported.
        model: `"provider/model"` that it is meant for, for the rules that depend on it.
        knobs: Sampling parameters it would be sent with.
        today: The date that retirements are judged by; today by default.
    """
    from assay_nb.instruments.lint import lint as run

    return run(prompt, variables=variables, model=model, knobs=knobs, today=today)


def _improve_call(
    prompt: str,
    workspace: str | None,
    model: str | None,
    feedback: str | None,
    accept: str | Sequence[int] | None,
    findings: Critique | None,
    knobs: Mapping[str, Any],
) -> Call:
    return _call(
        "improve",
        prompt,
        workspace,
        model,
        feedback=feedback,
        accept=accept if accept is None or isinstance(accept, str) else list(accept),
        findings=None if findings is None else findings.to_dict(),
        **knobs,
    )


def _call(
    instrument: str, prompt: str, workspace: str | None, model: str | None, **options: Any
) -> Call:
    given = {name: value for name, value in options.items() if value is not None}
    return Call(
        instrument=instrument, prompt=prompt, workspace=workspace, model=model, options=given
    )


def _run(call: Call) -> Result:
    session = current_session()
    return session.portal.call(_result, session.engine.run(session.address(call)))


async def _arun(call: Call) -> Result:
    session = current_session()
    return await session.portal.wait(_result, session.engine.run(session.address(call)))


async def _result(events: AsyncIterator[Event]) -> Result:
    async with aclosing(cast("Any", events)):
        async for event in events:
            if isinstance(event, Finished):
                return event.result
    raise RuntimeError("an engine ended without a result")  # a broken engine, not a user's mistake
