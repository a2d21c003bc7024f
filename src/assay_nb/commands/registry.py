"""How a sub-command is added, once for `assay-nb` and `%assay`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any, Protocol

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import Parser
from assay_nb.engine.session import Session

Handler = Callable[[Session, Namespace, Console], Outcome]


class Adder(Protocol):
    """Add a sub-command and get its parser, or an adder for what stands below it."""

    def __call__(self, name: str, text: str, run: Handler | None) -> Any: ...


def adder(parser: Parser) -> Adder:
    """Return the function that adds sub-commands to a parser."""
    below = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    def add(name: str, text: str, run: Handler | None) -> Any:
        child = below.add_parser(name, help=text, description=_sentence(text))
        child.set_defaults(parser=child)
        parser.children[name] = child
        if run is None:
            child.set_defaults(run=_needs_more(child))
            return adder(child)
        child.set_defaults(run=run)
        return child

    return add


def add_json(parser: Parser) -> Parser:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def add_workspace(parser: Parser) -> Parser:
    """Add `-w/--workspace`."""
    parser.add_argument(
        "-w", "--workspace", metavar="NAME", help="another workspace than the active one"
    )
    return parser


def program(args: Namespace) -> str:
    """Return what a command was typed after, as a hint repeats it: `assay-nb` or `%assay`."""
    return args.parser.prog.partition(" ")[0]


def _needs_more(child: Parser) -> Handler:
    def run(session: Session, args: Namespace, desk: Console) -> Outcome:
        from assay_nb.commands.parser import HelpWanted

        raise HelpWanted(child.format_help())

    return run


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
