"""`assay-nb` in a terminal.

Exit status: 0 done, 1 failed, 2 wrong usage.
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
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from assay_nb.commands import tree
from assay_nb.commands.asking import ask_hidden, ask_yes, rewrite_line
from assay_nb.commands.outcome import Desk, Outcome
from assay_nb.commands.parser import HelpWanted
from assay_nb.commands.registry import Adder, add_json
from assay_nb.engine.session import Session, current_session
from assay_nb.errors import AssayError, WrongUsage
from assay_nb.gateway.main import add_arguments, run_gateway
from assay_nb.render.bundle import plain

if TYPE_CHECKING:
    from assay_nb.measurement.progress import Progress

_KEY_LIMIT = 65_536
_DESCRIPTION = "Prompts, keys and workspaces of assay_nb. Alone, it shows where you stand."


class TerminalDesk:
    """The person at the terminal, or the pipe in their place."""

    @property
    def answers(self) -> bool:
        return sys.stdin.isatty()

    def read_key(self, prompt: str) -> bytearray:
        if not self.answers:
            return bytearray(sys.stdin.buffer.read(_KEY_LIMIT))
        return ask_hidden(prompt)

    def confirm(self, question: str) -> bool:
        return self.answers and ask_yes(question)

    def say(self, line: str) -> None:
        if self.answers:
            print(line, file=sys.stderr)

    def watch(self, progress: Progress) -> None:
        rewrite_line(sys.stderr, progress.line)

    def clear(self) -> None:
        """Take the line away that says how far the command is."""
        rewrite_line(sys.stderr, "")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    _allow_poor_terminals()
    try:
        outcome = _run(words)
    except HelpWanted as page:
        print(page.message, end="")
        return 0
    except AssayError as error:
        _complain(error, as_json)
        return error.exit_status
    except KeyboardInterrupt:
        print("assay-nb: stopped.", file=sys.stderr)
        return 130
    _print(
        json.dumps(outcome.data, indent=2, ensure_ascii=False)
        if as_json
        else plain(outcome.document)
    )
    return outcome.exit_status


def _allow_poor_terminals() -> None:
    """Have a character that the terminal does not know shown as `?`, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader has seen enough, as `head` does. Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> Outcome:
    parser, add = tree.build_parser("assay-nb", _DESCRIPTION)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_own(add)
    args = parser.parse_words(words)
    if args.version:
        return _version()
    session, desk = current_session(), TerminalDesk()
    try:
        return tree.run(session, args, desk)
    finally:
        desk.clear()
        session.close()


def _add_own(add: Adder) -> None:
    lint = add_json(add("lint", "check prompts in files against fixed rules, offline", _lint))
    lint.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a text file that is one prompt; - reads standard input",
    )
    lint.add_argument("-m", "--model", metavar="PROVIDER/MODEL", help="the model it is meant for")
    lint.add_argument("--strict", action="store_true", help="warnings fail too")
    trying = add(
        "try", "see it work: no key, no network, a practice provider in place of a model", _try
    )
    trying.add_argument(
        "--lab", action="store_true", help="open the quickstart notebook in JupyterLab"
    )
    add_arguments(add("gateway", "run the hub service that holds a team's keys", _gateway))


def _complain(error: AssayError, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": error.to_dict()}, ensure_ascii=False), file=sys.stderr)
        return
    print(f"assay-nb: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)


def _version() -> Outcome:
    from assay_nb import __version__
    from assay_nb.render.document import Document, Paragraph

    return Outcome(Document([Paragraph([f"assay-nb {__version__}"])]), {"version": __version__})


def _lint(session: Session, args: Namespace, desk: Desk) -> Outcome:
    from assay_nb.api import lint
    from assay_nb.render.document import Block, Document, Heading

    blocks: list[Block] = []
    data: list[dict[str, object]] = []
    failed = False
    for name in args.files:
        report = lint(_read_prompt(name), model=args.model)
        levels = {finding.level for finding in report.findings}
        failed |= "error" in levels or (args.strict and "warning" in levels)
        blocks += [Heading(name, 2), *report.to_document().blocks]
        data.append({"file": name, **report.to_dict()})
    return Outcome(Document(blocks), data, exit_status=int(failed))


def _read_prompt(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise WrongUsage(
            f"{name} is not UTF-8 text.", hint="A prompt file holds one prompt, as text."
        ) from None
    except OSError as exc:
        raise WrongUsage(f"{name} cannot be read: {exc.strerror}.") from exc


def _try(session: Session, args: Namespace, desk: Desk) -> Outcome:
    from assay_nb.practice.tour import run_tour
    from assay_nb.render.document import Document

    if args.lab:
        return _open_lab()
    for document in run_tour(session):
        print(plain(document), flush=True)
    return Outcome(Document(), {})


def _gateway(session: Session, args: Namespace, desk: Desk) -> Outcome:
    from assay_nb.render.document import Document, Paragraph

    run_gateway(args)
    made = args.new_master_key
    said = f"A master key is in {made}. Keep a copy of it, apart from the database's backups."
    return Outcome(Document([Paragraph([said])] if made else []), {"master_key_file": made})


def _open_lab() -> Outcome:
    from assay_nb.render.document import Document

    folder = Path(tempfile.mkdtemp(prefix="assay-nb-"))
    notebook = folder / "01_quickstart.ipynb"
    notebook.write_bytes(_shipped(notebook.name))
    command = [sys.executable, "-m", "jupyterlab", str(notebook)]
    status = subprocess.run(command, check=False).returncode  # noqa: S603 - our own interpreter and notebook
    return Outcome(Document(), {}, exit_status=status)


def _shipped(name: str) -> bytes:
    """Return a notebook that the wheel carries, or that stands beside the source of an editable install."""
    shipped = files("assay_nb") / "notebooks" / name
    if shipped.is_file():
        return shipped.read_bytes()
    return (Path(__file__).parents[2] / "notebooks" / name).read_bytes()


if __name__ == "__main__":
    sys.exit(main())
