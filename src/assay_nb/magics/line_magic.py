"""`%assay`: the sub-commands of `assay-nb`, in a notebook."""

# pyright: reportUnknownVariableType=false
# IPython's own types are partial.

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import StdinNotImplementedError
from IPython.core.getipython import get_ipython
from IPython.display import display

from assay_nb.commands import tree
from assay_nb.commands.environment import add_environment
from assay_nb.commands.keyways import KEY_IN_KERNEL
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.parser import HelpWanted, Parser
from assay_nb.commands.terminal import NotAsked, ask_hidden, ask_yes
from assay_nb.engine.session import Session, current_session
from assay_nb.errors import PermissionDenied, WrongUsage
from assay_nb.magics.discarded import is_discarded
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
            raise PermissionDenied(
                KEY_IN_KERNEL,
                hint="Ask `%assay keys list` where keys are entered here, and by whom.",
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
    """Run one sub-command and return its outcome; with `--json` it prints, and returns nothing.

    At the end of a cell IPython shows what is returned. Anywhere else it is shown here, unless it is kept.
    """
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
    if outcome.text:
        print(outcome.text, end="")
        return None
    if is_discarded():
        display(outcome)
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
