"""`assay-nb` in a terminal.

Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped, 141 when the reader of a pipe has gone.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from assay_nb.commands import tree
from assay_nb.commands.environment import add_environment
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.output import ReaderGone, write_err, write_out
from assay_nb.commands.parser import MODEL, HelpWanted, Parser
from assay_nb.commands.registry import Adder, add_json
from assay_nb.commands.terminal import ask_hidden, ask_yes, rewrite_line
from assay_nb.engine.session import Session, current_session
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.gateway.process.examples import write_examples
from assay_nb.gateway.process.main import add_arguments, run_gateway
from assay_nb.operating.parser import add_operator
from assay_nb.render.bundle import plain

if TYPE_CHECKING:
    from assay_nb.experiments.run.progress import Progress

_KEY_LIMIT = 65_536
_DESCRIPTION = (
    "Prompts, keys and workspaces of assay_nb. Without a sub-command, it shows your status."
)


class TerminalDesk:
    """The person at the terminal, or the pipe in their place."""

    _watched = False

    @property
    def answers(self) -> bool:
        return _is_terminal(_stdin())

    def read_key(self, prompt: str) -> bytearray:
        if self.answers:
            return ask_hidden(prompt)
        stdin = _stdin()
        return bytearray(stdin.buffer.read(_KEY_LIMIT) if stdin else b"")

    def confirm(self, question: str) -> bool:
        if not self.answers or sys.stderr is None:
            return False
        with redirect_stdout(sys.stderr):  # standard output is the command's, and may be a file
            return ask_yes(question)

    def say(self, line: str) -> None:
        if self.answers:
            write_err(line)

    def watch(self, progress: Progress) -> None:
        self._watched = True
        self._rewrite(progress.line)

    def clear(self) -> None:
        """Take the line away that says how far the command is."""
        if self._watched:
            self._rewrite("")

    def _rewrite(self, line: str) -> None:
        with suppress(OSError, AttributeError):  # closed, or gone: nobody watches
            rewrite_line(sys.stderr, line)


def _stdin() -> TextIO | None:
    """Return standard input; None where it was closed (`<&-`)."""
    return sys.stdin


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    _allow_poor_terminals()
    try:
        return _carry_out(words, as_json)
    except ReaderGone as gone:
        return gone.exit_status
    except AssayError as error:
        _complain(error, as_json)
        return error.exit_status
    except KeyboardInterrupt:
        write_err("assay-nb: stopped.")
        return 130


def _carry_out(words: list[str], as_json: bool) -> int:
    try:
        outcome = _run(words)
    except HelpWanted as page:
        write_out(page.message, end="")
        return page.exit_status
    if as_json:
        write_out(json.dumps(outcome.data, indent=2, ensure_ascii=False))
    elif outcome.text:
        write_out(outcome.text, end="")
    elif outcome.document.blocks:
        write_out(plain(outcome.document))
    return outcome.exit_status


def _allow_poor_terminals() -> None:
    """Have a character that the terminal does not know shown as `?`, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _run(words: list[str]) -> Outcome:
    args = _parser().parse_words(words)
    if args.version:
        return _version()
    session, desk = current_session(), TerminalDesk()
    try:
        return tree.run(session, args, desk)
    finally:
        desk.clear()
        session.close()


def _parser() -> Parser:
    parser, add = tree.build_parser("assay-nb", _DESCRIPTION)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_own(add, parser)
    return parser


def _add_own(add: Adder, parser: Parser) -> None:
    lint = add_json(add("lint", "check prompts in files against fixed rules, offline", _lint))
    lint.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a text file that is one prompt; - reads standard input",
    )
    lint.add_argument("-m", "--model", metavar=MODEL, help="the model it is meant for")
    lint.add_argument("--strict", action="store_true", help="warnings fail too")
    lint.add_argument(
        "--format",
        choices=("card", "text", "json", "github", "junit"),
        help="card: for people, the default in a terminal; text: a line FILE:LINE:COLUMN: RULE LEVEL: "
        "MESSAGE for each finding, the default in a pipe; github: annotations in GitHub Actions; "
        "junit: XML for other CI servers",
    )
    trying = add(
        "try", "see it work: no key, no network, a practice provider in place of a model", _try
    )
    trying.add_argument(
        "--lab", action="store_true", help="open the quickstart notebook in JupyterLab"
    )
    add_environment(add, kernel=False)
    add_arguments(add("gateway", "run the hub service that holds a team's keys", _gateway))
    add_operator(add, parser)


def _complain(error: AssayError, as_json: bool) -> None:
    if as_json:
        write_err(json.dumps({"error": error.to_dict()}, ensure_ascii=False))
        return
    named = error.message.startswith("assay-nb")  # what a parser says begins with the command
    write_err(error.message if named else f"assay-nb: {error.message}")
    if error.hint:
        write_err(f"  {error.hint}")


def _version() -> Outcome:
    from assay_nb._version import read_version
    from assay_nb.render.document import Document, Paragraph

    return Outcome(
        Document([Paragraph([f"assay-nb {read_version()}"])]), {"version": read_version()}
    )


def _lint(session: Session, args: Namespace, desk: Console) -> Outcome:
    from assay_nb.api import lint
    from assay_nb.commands.linting import Linted, show_linted, write_linted

    form = args.format or ("card" if _is_terminal(sys.stdout) else "text")
    alone = len(args.files) == 1 and (args.json or form in {"card", "text"})

    def check(name: str) -> Linted:
        try:
            return Linted(name, lint(_read_prompt(name), model=args.model))
        except WrongUsage as error:
            if alone:
                raise
            return Linted(name, error)

    linted = [check(name) for name in args.files]
    if form != "card" and not args.json:
        write_out(write_linted(linted, form, strict=args.strict), end="")
    return show_linted(linted, strict=args.strict, cards=form == "card")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _read_prompt(name: str) -> str:
    from assay_nb.commands.prompt_files import read_prompt, read_prompt_file

    if name != "-":
        return read_prompt_file(name)
    stdin = _stdin()
    if stdin is None:
        raise WrongUsage("Standard input is closed, so there is no prompt to read from it.")
    return read_prompt(stdin.buffer, "Standard input")


def _try(session: Session, args: Namespace, desk: Console) -> Outcome:
    from assay_nb.practice.tour import run_tour
    from assay_nb.render.document import Document

    if args.lab:
        return _open_lab()
    for document in run_tour(on_hub=session.mode == "hub"):
        write_out(plain(document))
    return Outcome(Document(), {})


def _gateway(session: Session, args: Namespace, desk: Console) -> Outcome:
    from assay_nb.render.document import Document, Paragraph

    if args.example:
        names = write_examples(Path(args.example))
        said = f"{args.example} has {', '.join(names)} now. Adapt gateway.toml first."
        return Outcome(Document([Paragraph([said])]), {"directory": args.example, "files": names})
    run_gateway(args)
    made = args.new_master_key
    said = f"A master key is in {made}. Keep a copy of it, apart from the database's backups."
    return Outcome(Document([Paragraph([said])] if made else []), {"master_key_file": made})


def _open_lab() -> Outcome:
    from assay_nb.render.document import Document

    folder = Path(tempfile.mkdtemp(prefix="assay-nb-"))
    notebook = folder / "01_quickstart.ipynb"
    notebook.write_bytes(_shipped(notebook.name))
    write_out(f"The notebook is {notebook}. Copy it from there if you want to keep it.")
    command = [sys.executable, "-m", "jupyterlab", *_lab_options(), str(notebook)]
    status = subprocess.run(command, check=False).returncode  # noqa: S603 - our own interpreter and notebook
    return Outcome(Document(), {}, exit_status=status)


def _lab_options() -> list[str]:
    """Return what JupyterLab needs to run as root, which is who one is in most containers.

    Jupyter refuses that unless told, since whoever reaches such a server is root. So it is told to listen on
    this machine alone, whatever its configuration says; its token is asked for as ever.
    """
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return []
    return ["--allow-root", "--ServerApp.ip=127.0.0.1"]


def _shipped(name: str) -> bytes:
    """Return a notebook that the wheel carries, or that stands beside the source of an editable install."""
    shipped = files("assay_nb") / "notebooks" / name
    if shipped.is_file():
        return shipped.read_bytes()
    return (Path(__file__).parents[2] / "notebooks" / name).read_bytes()


if __name__ == "__main__":
    sys.exit(main())
