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
from assay_nb.experiments.spending.modes import LIMITS
from assay_nb.instruments.base import Result
from assay_nb.magics.display import Display, choose_display
from assay_nb.text.english import kind_of

Keep = Callable[[Result], None]


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
    from assay_nb.experiments.data.rows import as_text, find_names

    known = shell.user_ns
    return {name: as_text(known[name]) for name in find_names(prompt) if name in known}


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
    return {name: getattr(args, name, None) for name in LIMITS}


def check_mode_of(shell: InteractiveShell, name: str, args: Namespace) -> None:
    """Refuse, before anything is sent, an option that this kind of run would pass over.

    Raises:
        WrongUsage: With the option as it was typed; and where a limit is none.
    """
    from assay_nb.experiments.spending.limits import Limits
    from assay_nb.experiments.spending.modes import MODES, check_mode

    if name not in MODES:
        return
    Limits.of(**_limits(args))
    many = concerns(name, args) and not (name == "judge" and not _is_table(shell, args))
    if name == "playground" and (args.beside or args.beside_model):
        name, many = "beside", args.data is not None
    given = [
        option
        for mode in MODES[name]
        for option in mode.only
        if (value := getattr(args, option, None)) is not None and value is not False
    ]
    check_mode(name, given, many=many, write=lambda option: f"--{option.replace('_', '-')}")


def _is_table(shell: InteractiveShell, args: Namespace) -> bool:
    return hasattr(shell.user_ns.get(args.output or args.variable or ""), "answers")


# --- one runner per magic ---------------------------------------------------------------------------


def _play(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.experiments.playground import prepare

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
        keep_empty=args.keep_empty,
        fresh=args.fresh,
        **_limits(args),
    )
    if args.dry_run:
        return _show_plan(shell, lambda: current_session().portal.call(playing.plan))
    return _show(shell, playing.steps(), playing.result, keep)


def _judge(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.experiments.batch import Batch

    named = args.output or args.variable
    output = _find(shell, named) if named else None
    against = _find(shell, args.against) if args.against else None
    rubric = _find_rubric(shell, args.rubric)
    if isinstance(output, Batch):
        return _judge_rows(shell, args, options, output, against, rubric, keep)
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
    from assay_nb.experiments.grading.judge import judge_output
    from assay_nb.instruments.playground import Run

    if isinstance(output, str) and not args.output:
        output = None  # a line magic's variable was the prompt itself
    for one in (output, against):
        if one is not None and not isinstance(one, str | Run):
            raise WrongUsage(
                f"An output is text, not {kind_of(one)}.",
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
    shell: InteractiveShell,
    args: Namespace,
    options: dict[str, Any],
    output: Any,
    against: Any,
    rubric: Any,
    keep: Keep,
) -> Result:
    from assay_nb.experiments.batch import Batch
    from assay_nb.experiments.grading.judging import Judging
    from assay_nb.experiments.run.runner import make_runner

    if against is not None and not isinstance(against, Batch):
        raise WrongUsage("A table of outputs is compared with another table of outputs.")
    judging = Judging(
        make_runner(current_session(), fresh=args.fresh, count_cut=args.count_cut, **_limits(args)),
        output,
        against=against,
        rubric=rubric,
        workspace=args.workspace,
        model=args.model,
        options=options,
    )
    if args.dry_run:
        return _show_plan(shell, lambda: current_session().portal.call(judging.plan))
    return _show(shell, judging.steps(), judging.result, keep)


def _measure(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.experiments.measure.measure import Measuring
    from assay_nb.experiments.measure.settings import Settings
    from assay_nb.experiments.spending.limits import Limits

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
        "rows": args.rows,
        "fresh": args.fresh,
        "count_cut": args.count_cut,
        "keep_empty": args.keep_empty,
    }
    limits = Limits.of(**_limits(args))
    settings = Settings(
        options=options,
        limits=limits,
        **{name: value for name, value in given.items() if value is not None},
    )
    measuring = Measuring(current_session(), prompt, None, _find(shell, args.data), settings)
    if args.dry_run:
        return _show_plan(shell, measuring.plan)
    return _show(
        shell, measuring.steps(), lambda: measuring.result, keep, partial=measuring.partial
    )


def _probe(
    shell: InteractiveShell, args: Namespace, prompt: str, options: dict[str, Any], keep: Keep
) -> Result:
    from assay_nb.engine.call import Call
    from assay_nb.experiments.probes import Probing
    from assay_nb.experiments.run.runner import make_runner
    from assay_nb.magics.running import Running

    call = Call(
        instrument="critique",
        prompt=prompt,
        workspace=args.workspace,
        model=args.model,
        options=options,
    )
    session, display = current_session(), choose_display(shell)
    running = Running(session, call, display, last=False)
    try:
        critique: Any = running.result()
    except KeyboardInterrupt:
        if running.partial is not None:
            keep(running.partial)
        raise
    keep(critique)
    probing = Probing(
        make_runner(session),
        critique,
        workspace=args.workspace,
        model=args.model,
        judge_model=args.judge_model,
    )
    return _show(shell, probing.steps(), probing.result, keep, display)


_RUNNERS: Mapping[str, Callable[..., Result]] = {
    "playground": _play,
    "judge": _judge,
    "improve": _measure,
    "critique": _probe,
}


def _show_plan(shell: InteractiveShell, make: Callable[[], Any]) -> Result:
    plan = make()
    choose_display(shell).finish(plan)
    return plan


def _show(
    shell: InteractiveShell,
    steps: Generator[Any],
    result: Callable[[], Any],
    keep: Keep,
    display: Display | None = None,
    *,
    partial: Callable[[], Any] | None = None,
) -> Result:
    """Run the steps, showing each, and the result at the end.

    Where the person stops it, or an error ends it, what is there is shown and kept: it was paid for.
    """
    display = display or choose_display(shell)
    try:
        with closing(steps):  # the calls must end also when an interrupt lands in the display
            _watch(display, steps)
    except KeyboardInterrupt:
        if not _keep_partial(display, keep, partial or result):
            display.note("Stopped before anything had come.")
        raise
    except AssayError as error:
        if not _keep_partial(display, keep, partial or result):
            display.fail()
        else:
            error.partial = (partial or result)()
        raise
    finished = result()
    display.finish(finished)
    return finished


def has_answers(result: Any) -> bool:
    """Return whether a result holds anything that was answered."""
    answers = getattr(result, "answers", None)
    if answers is not None:
        return any(answer is not None for answer in answers)
    sides = getattr(result, "left", None), getattr(result, "right", None)
    if hasattr(sides[0], "answers"):
        return any(has_answers(side) for side in sides)
    return result is not None


def _keep_partial(display: Display, keep: Keep, make: Callable[[], Any]) -> bool:
    """Show and keep what is there of a run that did not end, and say whether there is anything."""
    try:
        found = make()
    except AssayError:  # of two single runs, one has no reply
        return False
    if not has_answers(found):
        return False
    keep(found)
    display.finish(found)
    return True


def _watch(display: Display, steps: Generator[Any]) -> None:
    step = ""
    for progress in steps:
        if progress.step != step:
            step = progress.step
            display.note(f"{progress.title}: {step}")
        display.watch(progress)
