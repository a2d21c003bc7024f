"""Magic line grammar: the options of each magic, shared by the kernel and the toolbar buttons."""

from __future__ import annotations

from argparse import Action, ArgumentTypeError, Namespace
from collections.abc import Callable
from functools import cache
from keyword import iskeyword
from typing import Any

from assay_nb.commands.parser import MODEL, Parser
from assay_nb.errors import WrongUsage

Build = Callable[[Parser], None]

KNOBS = ("temperature", "top_p", "effort", "max_output_tokens")


@cache
def parser_for(name: str) -> Parser:
    """Return the parser of a magic, such as `"critique"`."""
    parser = Parser(prog=f"%%{name}")
    parser.add_argument(
        "variable",
        nargs="?",
        metavar="NAME",
        help="as a line magic: the Python variable that holds the prompt",
    )
    _BUILDERS[name](parser)
    parser.add_argument(
        "-o", "--out", type=_new_name, metavar="NAME", help="put the result in this variable"
    )
    return parser


def _new_name(word: str) -> str:
    """Return a name that can be assigned to: found out before the call is paid for."""
    if not word.isidentifier() or iskeyword(word):
        raise ArgumentTypeError(f"'{word}' is not a valid variable name")
    return word


def split_magic(line: str) -> tuple[str, str]:
    """Split a cell's first line into the magic's name and its arguments, as IPython does."""
    name, _, arguments = line.strip().removeprefix("%%").partition(" ")
    return name, arguments


def option_names(name: str) -> tuple[str, ...]:
    """Return the options of a magic that its instrument gets, by the instrument's own names."""
    return (*_OPTIONS[name], *KNOBS)


def options_of(name: str, args: Namespace) -> dict[str, Any]:
    """Return the instrument's options that were set on the line."""
    given = {option: getattr(args, option, None) for option in option_names(name)}
    return {option: value for option, value in given.items() if value is not None}


def flags_set(name: str, args: Namespace) -> dict[str, Action]:
    """Return what a magic's line sets, by the argument's name.

    It is read off the parser's own actions, so a flag that is added later is in here by itself.
    """
    parser = parser_for(name)
    flags = [action for flag in parser.flags() if (action := parser.action_of(flag))]
    return {
        action.dest: action
        for action in (*flags, *parser.positionals())
        if getattr(args, action.dest, action.default) != action.default
    }


def refuse_variable(name: str, args: Namespace) -> None:
    """Refuse a word on a cell magic's line that is not a flag: the cell is the prompt.

    Raises:
        WrongUsage: With the word, and with the two things that it may have been meant for.
    """
    if args.variable:
        raise WrongUsage(
            f"%%{name} takes its prompt from the cell, and '{args.variable}' is on its line.",
            hint=f"A result goes into a variable with `-o {args.variable}`; `%{name} {args.variable}` reads one.",
        )


def _model_options(parser: Parser) -> None:
    parser.add_argument(
        "-w", "--workspace", metavar="NAME", help="whose key pays; the active one by default"
    )
    parser.add_argument("-m", "--model", metavar=MODEL, help="the workspace's choice by default")
    parser.add_argument(
        "--temperature", type=float, metavar="T", help="sent only when set; newer models refuse it"
    )
    parser.add_argument("--top-p", type=float, metavar="P", help="likewise")
    parser.add_argument(
        "--effort", choices=("low", "medium", "high"), help="how much a reasoning model thinks"
    )
    parser.add_argument("--max-output-tokens", type=int, metavar="N", help="ceiling on the reply")


def _critique(parser: Parser) -> None:
    _model_options(parser)
    parser.add_argument(
        "--fail-under",
        type=float,
        metavar="N",
        help="fail the cell when the score (1 to 5) is lower",
    )
    parser.add_argument(
        "--repeat", type=int, metavar="K", help="ask K times and keep what the answers agree on"
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="run each finding's probe, and mark it confirmed or refuted",
    )
    parser.add_argument("--judge-model", metavar=MODEL, help="who judges the probes")


def _improve(parser: Parser) -> None:
    _model_options(parser)
    parser.add_argument(
        "--accept", metavar="WHICH", help="edits that `.text` has applied: all, none, or 1,3"
    )
    parser.add_argument(
        "--feedback", metavar="TEXT", help="what goes wrong with the prompt, in your words"
    )
    parser.add_argument(
        "--findings", metavar="NAME", help="a variable with an earlier critique of this prompt"
    )
    parser.add_argument(
        "--data", metavar="NAME", help="measure on this DataFrame or list: propose, choose, test"
    )
    parser.add_argument(
        "--metric", metavar="NAME", help="a function (row, output): True or False, or a number"
    )
    parser.add_argument("--rubric", metavar="NAME", help="criteria for a judge, where no metric is")
    parser.add_argument("--judge-model", metavar=MODEL, help="who judges")
    parser.add_argument(
        "--margin", type=float, metavar="D", help="a difference too small to matter"
    )
    parser.add_argument("--cluster", metavar="COLUMN", help="what rows belong to that go together")
    parser.add_argument("--candidates", type=int, metavar="K", help="how many to propose, 1 to 3")
    parser.add_argument(
        "--rows", choices=("all", "unseen"), help="unseen: test rows that no verdict has used yet"
    )
    _limits(parser)
    add_count_cut(parser)
    _keep_empty(parser)


def _rewrite(parser: Parser) -> None:
    _model_options(parser)
    parser.add_argument("--goal", metavar="TEXT", help="what the new prompt should do better")


def _playground(parser: Parser) -> None:
    _model_options(parser)
    parser.add_argument(
        "--data", metavar="NAME", help="run on every row of this DataFrame or list of dictionaries"
    )
    parser.add_argument("--system", metavar="NAME", help="a variable that holds the system prompt")
    parser.add_argument(
        "--beside", metavar="NAME", help="a variable with a prompt to see beside it"
    )
    parser.add_argument("--beside-model", metavar=MODEL, help="a model to see beside it")
    _limits(parser)
    _keep_empty(parser)


def _judge(parser: Parser) -> None:
    _model_options(parser)
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="a variable with what to judge: text, or a playground's result",
    )
    parser.add_argument(
        "--against", metavar="NAME", help="another output, to compare in both orders"
    )
    parser.add_argument(
        "--rubric", metavar="NAME", help="a variable with criteria, one a line, or one criterion"
    )
    _limits(parser)
    add_count_cut(parser)


def _limits(parser: Parser) -> None:
    """Add what bounds a run over many rows."""
    add_limits(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="the first N rows only")
    parser.add_argument("--sample", type=int, metavar="N", help="N rows, the same ones each time")


def add_limits(parser: Parser) -> None:
    """Add what bounds a run of many calls, in a notebook and in a terminal."""
    parser.add_argument(
        "--budget", type=float, metavar="DOLLARS", help="no call is sent above it; 0 sends none"
    )
    parser.add_argument("--max-calls", type=int, metavar="N", help="requests at most, with retries")
    parser.add_argument(
        "--concurrency", type=int, metavar="N", help="calls under way at once, 1 to 256 (8)"
    )
    parser.add_argument(
        "--price-in",
        type=float,
        metavar="DOLLARS",
        help="per million input tokens, where the price is not known here",
    )
    parser.add_argument("--price-out", type=float, metavar="DOLLARS", help="the same for output")
    parser.add_argument("--fresh", action="store_true", help="ask again what was answered before")
    parser.add_argument(
        "--dry-run", action="store_true", help="send nothing; show calls, tokens and dollars"
    )


def add_count_cut(parser: Parser) -> None:
    """Add the flag that lets metrics and judges see replies that are not whole."""
    parser.add_argument(
        "--count-cut", action="store_true", help="count replies too that are not whole"
    )


def _keep_empty(parser: Parser) -> None:
    parser.add_argument(
        "--keep-empty", action="store_true", help="send rows too that have nothing for a variable"
    )


def _lint(parser: Parser) -> None:
    parser.add_argument("-m", "--model", metavar=MODEL, help="the model it is meant for")
    parser.add_argument("--strict", action="store_true", help="fail the cell on warnings too")


_BUILDERS: dict[str, Build] = {
    "critique": _critique,
    "improve": _improve,
    "rewrite": _rewrite,
    "playground": _playground,
    "judge": _judge,
    "lint": _lint,
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "critique": ("repeat",),
    "improve": ("accept", "feedback"),
    "rewrite": ("goal",),
    "playground": (),
    "judge": (),
    "lint": (),
}
MAGICS = tuple(_BUILDERS)
