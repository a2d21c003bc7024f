"""`%assay`: the sub-commands of `assay-nb`, in a notebook."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import StdinNotImplementedError
from IPython.core.getipython import get_ipython

from assay_nb.commands import tree
from assay_nb.commands.environment import add_environment
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import HelpWanted, Parser
from assay_nb.commands.terminal import NotAsked, ask_hidden, ask_yes
from assay_nb.engine.session import Session, current_session
from assay_nb.errors import WrongUsage
from assay_nb.magics.display import Display, choose_display

if TYPE_CHECKING:
    from assay_nb.experiments.run.progress import Progress

T = TypeVar("T")

_DESCRIPTION = "Keys, workspaces, model and budget. Without a sub-command, it shows your status."


class NotebookConsole:
    """The person at the notebook, asked through the front end's own hidden prompt."""

    answers = True

    def __init__(self) -> None:
        self._display: Display | None = None

    def read_key(self, prompt: str) -> bytearray:
        if current_session().mode == "hub":
            raise WrongUsage(
                "On a hub, a key never goes through a kernel.",
                hint="An owner or admin adds it on the gateway's key page: `%assay keys list` shows its address.",
            )
        return _asking(ask_hidden, prompt)

    def confirm(self, question: str) -> bool:
        try:
            return _asking(ask_yes, question)
        except NotAsked:
            return False

    def say(self, line: str) -> None:
        print(line)

    def watch(self, progress: Progress) -> None:
        if self._display is None:
            self._display = choose_display(get_ipython())
        self._display.watch(progress)

    def clear(self) -> None:
        """Take away what says how far the command is."""
        if self._display is not None:
            self._display.fail()


def run_line(line: str) -> Outcome | None:
    """Run one sub-command; its outcome shows itself, or prints as JSON with `--json`."""
    desk = NotebookConsole()
    try:
        args = assay_parser().parse_line(line)
        outcome = tree.run(current_session(), args, desk)
    except HelpWanted as page:
        print(page.message, end="")
        return None
    finally:
        desk.clear()
    if getattr(args, "json", False):
        print(json.dumps(outcome.data, indent=2, ensure_ascii=False))
        return None
    return outcome


@lru_cache(maxsize=1)
def assay_parser() -> Parser:
    """Return the parser of `%assay`: the shared sub-commands, and the notebook's own."""
    parser, add = tree.build_parser("%assay", _DESCRIPTION)
    add_environment(add, kernel=True)
    add("try", "start the practice provider and work in a practice workspace", _try)
    panel = add("panel", "widgets: workspace, keys, model; or the review of an improvement", _panel)
    panel.add_argument("name", metavar="NAME", nargs="?", help="a variable that holds one")
    return parser


def _panel(session: Session, args: Namespace, desk: Console) -> Outcome:
    from assay_nb.panels.review import ReviewPanel
    from assay_nb.panels.settings import SettingsPanel, opened

    if not args.name:
        return opened(SettingsPanel(session))
    shell: Any = get_ipython()
    value = shell.user_ns.get(args.name)
    if getattr(value, "schema", None) != "assay.improvement.v1":
        raise WrongUsage(
            f"'{args.name}' holds no improvement.", hint=f"`%%improve -o {args.name}` makes one."
        )
    return opened(ReviewPanel(value, shell.user_ns, insert=shell.set_next_input))


def _try(session: Session, args: Namespace, desk: Console) -> Outcome:
    from assay_nb.practice.tour import WORKSPACE, start_practice

    return Outcome(start_practice(session), {"workspace": WORKSPACE})


def _asking(ask: Callable[[str], T], prompt: str) -> T:
    try:
        return ask(prompt)
    except StdinNotImplementedError:
        raise NotAsked("Nobody can be asked here: this notebook runs without a person.") from None
