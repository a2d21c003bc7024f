"""Cell magics on one prompt, and their line forms that read a variable. `rows` runs those on many rows."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# IPython's own types are partial: what its shell holds is untyped.

from __future__ import annotations

from argparse import Namespace
from typing import Any, NoReturn

from IPython.core.interactiveshell import InteractiveShell

from assay_nb.commands.magic_lines import options_of, parser_for, refuse_variable
from assay_nb.commands.parser import HelpWanted, nearest, refuse_keys_in_options, surface_here
from assay_nb.engine.call import Call
from assay_nb.engine.session import current_session
from assay_nb.errors import BelowThreshold, WrongUsage
from assay_nb.instruments.base import Result
from assay_nb.instruments.exchange.validation import refuse_no_text
from assay_nb.instruments.improve.result import describe_absent
from assay_nb.instruments.rubric import HIGHEST_SCORE, LOWEST_SCORE
from assay_nb.magics.display import choose_display
from assay_nb.magics.running import Interrupted, Running
from assay_nb.text.pasted import CELL, VARIABLE, refuse_secrets


def run_cell(shell: InteractiveShell, name: str, line: str, cell: str | None) -> Result | None:
    """Run one instrument on a cell's body, or on the variable that the line names.

    The result is shown by a display that the call updates while it runs, so it is not returned as
    well: a notebook would show it twice. `-o NAME` and `_assay` hold it.
    """
    parser = parser_for(name)
    try:
        args = parser.parse_line("-h" if line.strip() == "?" else line)
    except HelpWanted as page:
        print(page.message, end="")
        return None
    _check_bar(name, args)
    prompt = _prompt(shell, name, args, cell)
    _refuse_key_in(prompt, args.variable if cell is None else None)
    result = _lint(prompt, args, shell) if name == "lint" else _run(shell, name, args, prompt)
    _keep(shell, args, result)
    _judge(name, args, result)
    return None


def _prompt(shell: InteractiveShell, name: str, args: Namespace, cell: str | None) -> str:
    if cell is not None:
        refuse_variable(name, args)
        if not cell.strip():
            raise WrongUsage(
                f"The cell below %%{name} is empty.",
                hint="Write the prompt on the lines below it, or use "
                f"`%{name} NAME` for one in a variable; `%%{name} -h` shows the options.",
            )
        return cell
    if not args.variable:
        raise WrongUsage(
            f"%{name} needs the name of a variable that holds a prompt.",
            hint=f"Or use %%{name} on a cell, with the prompt below it.",
        )
    return _variable(shell, args.variable)


def _variable(shell: InteractiveShell, name: str) -> str:
    if name not in shell.user_ns:
        near = nearest(
            name,
            [
                key
                for key, value in shell.user_ns.items()
                if isinstance(value, str) and key[0] != "_"
            ],
        )
        raise WrongUsage(
            f"There is no variable '{name}'.", hint=f"Did you mean {near}?" if near else None
        )
    text = find_prompt(shell.user_ns[name])
    if text is None:
        refuse_no_text(shell.user_ns[name], f"The prompt in '{name}'")
    return text


def find_prompt(value: Any) -> str | None:
    """Return the prompt that a variable gives: text, a result's new text, what a critique is about."""
    for text in (value, getattr(value, "text", None), getattr(value, "prompt", None)):
        if isinstance(text, str):
            return text
    return None


def _refuse_key_in(prompt: str, variable: str | None) -> None:
    if variable is None:
        refuse_secrets(prompt, "The prompt", surface_here(CELL))
    else:
        refuse_secrets(prompt, f"The variable '{variable}'", surface_here(VARIABLE))


def _lint(prompt: str, args: Namespace, shell: InteractiveShell) -> Result:
    from assay_nb.api import lint

    report = lint(prompt, model=args.model)
    choose_display(shell).finish(report)
    return report


def _run(shell: InteractiveShell, name: str, args: Namespace, prompt: str) -> Result:
    from assay_nb.magics import rows

    options = options_of(name, args)
    rows.check_mode_of(shell, name, args)
    refuse_keys_in_options(options)
    if not rows.concerns(name, args):
        return _ask(shell, name, args, prompt, options)
    kept: list[str] = []

    def keep(done: Result) -> None:
        _keep(shell, args, done)
        kept[:] = [args.out or "_assay"]

    try:
        return rows.run(shell, name, args, prompt, options, keep)
    except KeyboardInterrupt:
        raise Interrupted(*kept) from None


def _ask(
    shell: InteractiveShell, name: str, args: Namespace, prompt: str, options: dict[str, Any]
) -> Result:
    if name == "improve" and (critique := _find_critique(shell, args)):
        options["findings"] = critique
    if name == "playground":
        from assay_nb.magics.rows import find_system, find_values

        options |= {"values": find_values(shell, prompt), **find_system(shell, args)}
    call = Call(
        instrument=name, prompt=prompt, workspace=args.workspace, model=args.model, options=options
    )
    running = Running(current_session(), call, choose_display(shell))
    try:
        return running.result()
    except Interrupted:
        if running.partial is None:
            raise
        _keep(shell, args, running.partial)
        raise Interrupted(args.out or "_assay") from None


def _find_critique(shell: InteractiveShell, args: Namespace) -> dict[str, Any] | None:
    """Return the critique that --findings names, or the one that `%improve NAME` reads its prompt from."""
    value = shell.user_ns.get(args.findings or args.variable or "")
    if getattr(value, "schema", None) == "assay.critique.v1" and value is not None:
        return value.to_dict()
    if args.findings:
        raise WrongUsage(
            f"'{args.findings}' holds no critique.",
            hint=f"`%%critique -o {args.findings}` makes one.",
        )
    return None


def _keep(shell: InteractiveShell, args: Namespace, result: Result) -> None:
    shell.user_ns["_assay"] = result
    if args.out:
        shell.user_ns[args.out] = result


def _check_bar(name: str, args: Namespace) -> None:
    """Refuse a bar that no score can be held against, before the call is paid for."""
    bar = args.fail_under if name == "critique" else None
    if bar is not None and not LOWEST_SCORE <= bar <= HIGHEST_SCORE:
        raise WrongUsage(
            f"--fail-under is a score from {LOWEST_SCORE} to {HIGHEST_SCORE}, not {bar:g}.",
            hint="A prompt fails when its score is lower: `--fail-under 3.5`.",
        )


def _judge(name: str, args: Namespace, result: Any) -> None:
    if name == "critique" and args.fail_under is not None:
        _check_score(result.score, args.fail_under)
    if name == "improve" and getattr(result, "absent", ()):
        _refuse_absent(result, args.out or "_assay")
    if name == "lint" and args.strict:
        bad = sum(finding.level in {"error", "warning"} for finding in result.findings)
        if bad:
            raise BelowThreshold(f"Lint found {bad} problem{'s' if bad > 1 else ''}.")


def _refuse_absent(result: Any, kept: str) -> NoReturn:
    """Say which edits there are where one was to be accepted that is not among them."""
    taken = f"`{kept}.accept([1])` takes another choice" if result.edits else "Nothing is applied"
    raise WrongUsage(
        f"{describe_absent(result)} The improvement is kept in `{kept}`.", hint=f"{taken}."
    )


def _check_score(score: float | None, bar: float) -> None:
    if score is None:
        raise BelowThreshold(f"The critique gives no score, so it cannot reach {bar:g}.")
    if score < bar:
        raise BelowThreshold(f"The prompt scores {score:g} of 5, under {bar:g}.")
