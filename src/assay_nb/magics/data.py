"""Magics on many rows, and on a notebook's own variables: playground, judge, measured improvement, probes."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# IPython's own types are partial: what its shell holds is untyped.

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from assay_nb.commands.parser import nearest
from assay_nb.engine.session import current_session
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.instruments.base import Result
from assay_nb.magics.live import Display, choose_display

Keep = Callable[[Result], None]

_LIMITS = ("concurrency", "budget", "max_calls", "fresh")


def concerns(name: str, args: Namespace) -> bool:
    """Return whether a magic, as it was typed, is about more than one call."""
    if name == "playground":
        return any(getattr(args, option) for option in ("data", "beside", "beside_model"))
    return (
        name == "judge"
        or (name == "improve" and args.data is not None)
        or (name == "critique" and args.probe)
    )


def run(
    shell: InteractiveShell,
    name: str,
    args: Namespace,
    prompt: str,
    options: Mapping[str, Any],
    keep: Keep,
) -> Result:
    """Run it, showing how far it is; `keep` gets what is there when the person stops it."""
    return _RUNNERS[name](shell, args, prompt, dict(options), keep)


def find_values(shell: InteractiveShell, prompt: str) -> dict[str, str]:
    """Return the notebook's values for the prompt's variables; those it has none for are left out."""
    from assay_nb.measurement.rows import find_names

    return {name: str(shell.user_ns[name]) for name in find_names(prompt) if name in shell.user_ns}


def find_system(shell: InteractiveShell, args: Namespace) -> dict[str, str]:
    """Return the standing instructions that `--system` names, as an option."""
    return {"system": str(_find(shell, args.system))} if args.system else {}


def _find(shell: InteractiveShell, name: str) -> Any:
    if name not in shell.user_ns:
        near = nearest(name, [key for key in shell.user_ns if key[0] != "_"])
        raise WrongUsage(
            f"There is no variable '{name}'.", hint=f"Did you mean {near}?" if near else None
        )
    return shell.user_ns[name]


def _find_rubric(shell: InteractiveShell, word: str | None) -> Any:
    """Return the rubric that a word names; words with a blank between them are a criterion themselves."""
    if word is None or (" " in word.strip() and word not in shell.user_ns):
        return word
    return _find(shell, word)


def _text_of(value: Any) -> Any:
    text = getattr(value, "text", value)
    return text if isinstance(text, str) else value


def _limits(args: Namespace) -> dict[str, Any]:
    return {name: getattr(args, name) for name in _LIMITS if getattr(args, name)}


# --- one runner per magic ---------------------------------------------------------------------------


def _play(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.measurement.playing import prepare

    playing = prepare(
        current_session(),
        prompt,
        None if args.data else find_values(shell, prompt),
        data=_find(shell, args.data) if args.data else None,
        beside=_text_of(_find(shell, args.beside)) if args.beside else None,
        beside_model=args.beside_model,
        workspace=args.workspace,
        model=args.model,
        options={**options, **find_system(shell, args)},
        **_limits(args),
    )
    return _show(shell, playing.steps(), playing.result, keep)


def _judge(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.measurement.batch import Batch

    named = args.output or args.variable
    output = _find(shell, named) if named else None
    against = _find(shell, args.against) if args.against else None
    rubric = _find_rubric(shell, args.rubric)
    if isinstance(output, Batch):
        return _judge_rows(shell, args, output, against, rubric, keep)
    return _judge_one(shell, args, prompt, options, output, against, rubric)


def _judge_one(
    shell: InteractiveShell,
    args: Namespace,
    prompt: str,
    options: dict[str, Any],
    output: Any,
    against: Any,
    rubric: Any,
) -> Result:
    from assay_nb.instruments.playground import Run
    from assay_nb.measurement.judging import judge_output

    if isinstance(output, str) and not args.output:
        output = None  # a line magic's variable was the prompt itself
    for one in (output, against):
        if one is not None and not isinstance(one, str | Run):
            raise WrongUsage(
                f"An output is text, not a {type(one).__name__}.",
                hint="`%%playground -o run` makes one that can be judged.",
            )
    session, display = current_session(), choose_display(shell)
    display.note("Asking the judge …")
    values = None if isinstance(output, Run) else find_values(shell, prompt)
    try:
        result = session.portal.call(
            lambda: judge_output(
                session,
                prompt,
                output,
                against=against,
                rubric=rubric,
                values=values,
                workspace=args.workspace,
                model=args.model,
                options=options,
            )
        )
    except AssayError:
        display.fail()
        raise
    display.finish(result)
    return result


def _judge_rows(
    shell: InteractiveShell, args: Namespace, output: Any, against: Any, rubric: Any, keep: Keep
) -> Result:
    from assay_nb.measurement.batch import Batch
    from assay_nb.measurement.bench import make_bench
    from assay_nb.measurement.judgements import Judging

    if against is not None and not isinstance(against, Batch):
        raise WrongUsage("A table of outputs is compared with another table of outputs.")
    judging = Judging(
        make_bench(current_session(), **_limits(args)),
        output,
        against=against,
        rubric=rubric,
        workspace=args.workspace,
        model=args.model,
    )
    return _show(shell, judging.steps(), judging.result, keep)


def _measure(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.measurement.measuring import Measuring, Settings

    unfit = [name for name in ("accept", "findings") if getattr(args, name)]
    if unfit:
        raise WrongUsage(
            f"--{unfit[0]} is for %%improve without --data, where edits are yours to take."
        )
    given = {
        "margin": args.margin,
        "cluster": args.cluster,
        "candidates": args.candidates,
        "feedback": options.pop("feedback", None),
        "metric": _find(shell, args.metric) if args.metric else None,
        "rubric": _find_rubric(shell, args.rubric),
        "judge_model": args.judge_model,
        "workspace": args.workspace,
        "model": args.model,
        **_limits(args),
    }
    settings = Settings(
        options=options, **{name: value for name, value in given.items() if value is not None}
    )
    measuring = Measuring(current_session(), prompt, None, _find(shell, args.data), settings)
    return _show(shell, measuring.steps(), lambda: measuring.result, None)


def _probe(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.engine.call import Call
    from assay_nb.magics.cells import Running
    from assay_nb.measurement.bench import make_bench
    from assay_nb.measurement.probes import Probing

    call = Call(
        instrument="critique",
        prompt=prompt,
        workspace=args.workspace,
        model=args.model,
        options=options,
    )
    session = current_session()
    critique: Any = Running(session, call, choose_display(shell)).result()
    keep(critique)
    probing = Probing(
        make_bench(session),
        critique,
        workspace=args.workspace,
        model=args.model,
        judge_model=args.judge_model,
    )
    return _show(shell, probing.steps(), probing.result, keep)


_RUNNERS: Mapping[str, Callable[..., Result]] = {
    "playground": _play,
    "judge": _judge,
    "improve": _measure,
    "critique": _probe,
}


def _show(
    shell: InteractiveShell,
    steps: Generator[Any],
    result: Callable[[], Any],
    keep: Keep | None,
) -> Result:
    """Run the steps, showing each, and the result at the end, or what there is when the person stops it."""
    display = choose_display(shell)
    try:
        with closing(steps):  # the calls must end also when an interrupt lands in the display
            _watch(display, steps)
    except KeyboardInterrupt:
        if keep is None:  # half a measurement says nothing; its rows are in the cache
            display.note(
                "Stopped. Every row that was done is kept; running it again goes on from there."
            )
        else:
            keep(result())
            display.finish(result())
        raise
    except AssayError:
        display.fail()
        raise
    finished = result()
    display.finish(finished)
    return finished


def _watch(display: Display, steps: Generator[Any]) -> None:
    step = ""
    for progress in steps:
        if progress.step != step:
            step = progress.step
            display.note(f"{progress.title}: {step}")
        display.watch(progress)
