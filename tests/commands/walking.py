"""Every command and every magic, each with a line that it can carry out in a workspace that is named.

A walk over them derives what there is from the parsers. A command that is added fails until it has a line here.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assay_nb.commands import tree
from assay_nb.commands.outcome import Outcome
from assay_nb.commands.parser import Parser
from assay_nb.engine.session import Session
from assay_nb.experiments.run.progress import Progress
from assay_nb.magics.line_magic import assay_parser
from assay_nb.practice.server import MODEL

KEY = "sk-no-such-key-0123456789abcdef0123456"

LINES: Mapping[str, str] = {
    "status": "",
    "model": f"openai/{MODEL} -w {{x}}",
    "models": "-w {x}",
    "budget": "",
    "calls": "-w {x}",
    "usage": "-w {x}",
    "doctor": "",
    "workspace list": "",
    "workspace use": "{x}",
    "workspace create": "{new}",
    "workspace leave": "{x}",
    "workspace show": "{x}",
    "workspace rename": "{x} {new}",
    "workspace delete": "{x} --yes",
    "member list": "-w {x}",
    "member add": "nora -w {x}",
    "member remove": "max -w {x}",
    "member role": "max admin -w {x}",
    "connect": "openai-compatible {new} --endpoint {endpoint} --unverified -w {x}",
    "connections list": "-w {x}",
    "connections test": "anthropic -w {x}",
    "connections rename": "spare renamed -w {x}",
    "connections remove": "anthropic -w {x}",
    "keys list": "-w {x}",
    "keys set": "openai --endpoint {endpoint} --unverified -w {x}",
    "keys test": "anthropic -w {x}",
    "keys remove": "anthropic -w {x}",
    "master status": "",
    "master rotate": "",
    "master purge": "--yes",
    "master accept-restore": "",
    "platform-key list": "",
    "platform-key test": "anthropic",
    "platform-key set": "anthropic",
    "platform-key remove": "anthropic",
    "eval": "{suite} -w {x}",
    "judge-check": "{pairs} -w {x}",
    "selfcheck": "-w {x}",
    "env": "-w {x}",
    "try": "",
    "panel": "",
}
"""What follows each command's name. `{x}` is the workspace that it works in, `{new}` a name that is free."""

CELLS: Mapping[str, tuple[str, ...]] = {
    "critique": ("", "--repeat 2", "--probe"),
    "improve": ("", "--data rows --metric fits"),
    "rewrite": ("",),
    "playground": ("", "--data rows", "--beside other"),
    "judge": ("--output said", "--output said --against said"),
    "lint": ("",),
}
"""What stands on each magic's line, for each way that it can go."""

PROMPT = "Answer with one of billing, shipping, other.\n<ticket>{{ticket}}</ticket>"


def cells_of(magic: str, workspace: str = "") -> list[str]:
    """Return a magic's cells with the prompt; for a workspace, where the magic takes one."""
    named = f"-w {workspace}" if workspace and magic != "lint" else ""
    return [f"%%{magic} {named} {options}\n{PROMPT}" for options in CELLS[magic]]


def lines_of(magic: str) -> list[str]:
    """Return a magic's line forms, for a prompt in the variable `prompt`."""
    return [f"%{magic} prompt {options}" for options in CELLS[magic]]


NOTEBOOK = """\
ticket, said, other = "a billing matter", "billing", "Say what this is about: {{ticket}}"
rows = [{"ticket": f"{word} matter {n}", "answer": word} for n in range(10) for word in ("billing", "shipping")]
def fits(row, output):
    return row["answer"] in output
"""
"""What a notebook holds that the cells read."""


class Person:
    """Somebody at the desk who says yes, and has a key at hand."""

    def read_key(self, prompt: str) -> bytearray:
        return bytearray(KEY.encode())

    def confirm(self, question: str) -> bool:
        return True

    def say(self, line: str) -> None: ...

    def watch(self, progress: Progress) -> None: ...


def leaves(parser: Parser, *above: str) -> Iterator[tuple[str, Parser]]:
    """Yield every command that can be carried out, with its parser."""
    for name, child in parser.children.items():
        if child.children:
            yield from leaves(child, *above, name)
        else:
            yield " ".join((*above, name)), child


def list_unnamed() -> list[str]:
    """Return the commands that work in a workspace, and let it unnamed."""
    return [name for name, parser in leaves(assay_parser()) if _may_leave_out(name, parser)]


def _may_leave_out(command: str, parser: Parser) -> bool:
    optional = any(action.nargs == "?" for action in parser.positionals())
    return parser.action_of("-w") is not None or (command.startswith("workspace ") and optional)


def unnamed(line: str) -> str:
    """Return a command's line without the workspace that it names."""
    return line.replace("-w {x}", "").replace("{x}", "")


def carry_out(session: Session, words: str) -> Outcome:
    """Carry out a command as a notebook does."""
    args: Namespace = assay_parser().parse_line(words)
    return tree.run(session, args, Person())


def write_files(folder: Path) -> dict[str, str]:
    """Write what the evaluating commands read, as small as it may be; return the names by their use."""
    suite: dict[str, Any] = {
        "name": "tickets",
        "prompt": PROMPT,
        "threshold": 0.5,
        "cases": [{"values": {"ticket": "a billing matter"}, "expect": {"contains": "billing"}}],
    }
    pairs = [
        {"task": f"Name fruit {n}.", "better": f"A sweet fruit, number {n}.", "worse": "No."}
        for n in range(10)
    ]
    files = {"suite": suite, "pairs": pairs}
    for name, data in files.items():
        (folder / f"{name}.json").write_text(json.dumps(data))
    return {name: str(folder / f"{name}.json") for name in files}


def plain_words(outcome: Outcome) -> str:
    """Return what an outcome shows, as words on one line: where lines break is the drawing's affair."""
    return " ".join(str(outcome).replace("┃", "").split())
