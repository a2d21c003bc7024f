"""Loading and unloading: what `%load_ext assay_nb` registers, and nothing else.

Loading is silent, opens no file or socket, starts no thread and imports no SDK.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportOptionalMemberAccess=false
# IPython's own types are partial: what its shell and its display hold is untyped.

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    context_matcher,
)
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import (
    MagicAlias,
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)

from assay_nb.commands.magic_lines import MAGICS, parser_for

_NAMES = (*MAGICS, "assay")


@magics_class
class AssayMagics(Magics):
    """The magics of assay_nb."""

    @no_var_expand
    @line_cell_magic
    def critique(self, line: str, cell: str | None = None) -> None:
        """Score the prompt in this cell and show which words each finding is about.

        The cell is the prompt, exactly as typed: braces stay braces, `{{name}}` is a variable. One call
        goes to your workspace's provider, on its account; `%assay calls` lists it. As a line magic,
        `%critique NAME` reads the prompt from a Python variable.

            %%critique -o review
            Summarise {{ticket}} in two sentences for a customer.
        """
        self._run("critique", line, cell)

    @no_var_expand
    @line_cell_magic
    def improve(self, line: str, cell: str | None = None) -> None:
        """Propose small edits to the prompt in this cell, each tied to a finding.

        Any subset of the edits can be taken; every byte outside a taken edit stays as it is. `.text` of
        the result is the prompt with the accepted edits, `.apply([1, 3])` with others.

            %%improve -o better --accept 1,3
            Summarise {{ticket}} briefly and be detailed.
        """
        self._run("improve", line, cell)

    @no_var_expand
    @line_cell_magic
    def rewrite(self, line: str, cell: str | None = None) -> None:
        """Restructure the prompt in this cell whole, and account for every constraint of the old one.

        A rewrite that loses a variable, a literal or the language is refused and shown as such.

            %%rewrite -o draft --goal "a program must be able to read the reply"
            Summarise {{ticket}} and say how angry the customer is.
        """
        self._run("rewrite", line, cell)

    @no_var_expand
    @line_cell_magic
    def playground(self, line: str, cell: str | None = None) -> None:
        """Run the prompt in this cell, once or on every row of a table.

        `{{name}}` takes the Python variable of that name, or with `--data` the column. A run that was
        stopped keeps every row that is done; running it again continues, and pays for no row twice. `.frame` of
        the result is the data with the outputs beside it.

            %%playground --data df --budget 0.50 -o runs
            Classify the ticket as billing, shipping or other: {{ticket}}
        """
        self._run("playground", line, cell)

    @no_var_expand
    @line_cell_magic
    def judge(self, line: str, cell: str | None = None) -> None:
        """Score outputs of the prompt in this cell by a rubric, or compare two in both orders.

        The judge is a model of another provider where the workspace has its key. With `--against`, a win
        counts only where both orders agree.

            %%judge --output runs --rubric "It names exactly one of the three labels."
            Classify the ticket as billing, shipping or other: {{ticket}}
        """
        self._run("judge", line, cell)

    @no_var_expand
    @line_cell_magic
    def lint(self, line: str, cell: str | None = None) -> None:
        """Check the prompt in this cell against fixed rules: offline, no key, no model, no cost.

        %%lint
        Dear {{name}}, TODO
        """
        self._run("lint", line, cell)

    @no_var_expand
    @line_magic
    def assay(self, line: str) -> Any:
        """Show your status, or run a sub-command: keys, connections, workspaces, model, calls, doctor.

            %assay
            %assay workspace use research
            %assay keys set google
            %assay connect ollama

        `%assay -h` lists them; `assay-nb` in a terminal has the same.
        """
        from assay_nb.magics.line_magic import run_line

        return run_line(line)

    def _run(self, name: str, line: str, cell: str | None) -> None:
        from assay_nb.magics.cells import run_cell

        run_cell(cast("InteractiveShell", self.shell), name, line, cell)


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion; loading again replaces them.

    A magic of the same name that something else has registered stays, and one line says so.
    """
    unload(shell)
    others = {(kind, name): function for kind, name, function in _registered(shell)}
    shell.register_magics(AssayMagics(shell=shell))
    for (kind, name), function in others.items():
        shell.magics_manager.magics[kind][name] = function
    for name in sorted({name for _, name in others}):
        warnings.warn(
            f"%{name} belongs to another extension here, and stays with it.", stacklevel=2
        )
    added = _Added(_matcher(shell), _fillers(shell))
    _added[shell] = added
    shell.Completer.custom_matchers.append(added.matcher)
    shell.input_transformers_cleanup.extend(added.fillers)


def unload(shell: InteractiveShell) -> None:
    """Take away what `load` registered, and end the background loop if one runs."""
    for kind, name, function in _registered(shell):
        if isinstance(getattr(function, "__self__", None), AssayMagics):
            del shell.magics_manager.magics[kind][name]
    added = _added.pop(shell, None)
    if added is not None:
        shell.Completer.custom_matchers.remove(added.matcher)
        for filler in added.fillers:
            shell.input_transformers_cleanup.remove(filler)
    session = sys.modules.get("assay_nb.engine.session")
    if session is not None:
        session.set_session(None)


Filler = Callable[[list[str]], list[str]]
"""An input transformer: a cell's lines in, and out."""


@dataclass(frozen=True)
class _Added:
    """What a shell has of ours beside the magics."""

    matcher: Any
    fillers: tuple[Filler, ...]


_added: WeakKeyDictionary[InteractiveShell, _Added] = WeakKeyDictionary()


def _registered(shell: InteractiveShell) -> list[tuple[str, str, Any]]:
    tables = shell.magics_manager.magics
    return [
        (kind, name, tables[kind][name])
        for kind in ("line", "cell")
        for name in _NAMES
        if name in tables[kind]
    ]


def _fillers(shell: InteractiveShell) -> tuple[Filler, ...]:
    """Return input transformers that let a cell magic of ours be run without a body.

    IPython refuses one before our code hears of it, and its sentence knows nothing of `-h`. A line feed
    is a body. A terminal asks the transformers too whether Enter ends the cell: a line with `-h` is whole,
    while one without is where the prompt is about to be typed, so that one is filled only when it runs.
    """

    def fill_help(lines: list[str]) -> list[str]:
        return [*lines, "\n"] if _asks_for_help(shell, lines) else lines

    def fill_empty(lines: list[str]) -> list[str]:
        return [*lines, "\n"] if _without_body(shell, lines) is not None else lines

    cast("Any", fill_empty).has_side_effects = True  # skipped where IPython only asks
    return fill_help, fill_empty


def _asks_for_help(shell: InteractiveShell, lines: list[str]) -> bool:
    typed = _without_body(shell, lines)
    return typed is not None and not {"-h", "--help", "?"}.isdisjoint(typed.split())


def _without_body(shell: InteractiveShell, lines: list[str]) -> str | None:
    """Return what is typed behind the name of a cell magic of ours that has no body, else None."""
    if len(lines) != 1 or not lines[0].startswith("%%"):
        return None
    name, _, typed = lines[0][2:].rstrip().partition(" ")
    cells: dict[str, Any] = shell.magics_manager.magics["cell"]
    function = cells.get(name)
    if isinstance(function, MagicAlias):
        function = cells.get(function.magic_name)
    return typed if isinstance(getattr(function, "__self__", None), AssayMagics) else None


def _matcher(shell: InteractiveShell) -> Any:
    def match(context: CompletionContext) -> dict[str, Any]:
        from assay_nb.magics.completion import candidates

        words = list(candidates(shell, context))
        found = [SimpleCompletion(text=word, type="magic option") for word in words]
        return {"completions": found, "suppress": bool(found)}

    return context_matcher(identifier="assay_nb")(cast("Any", match))


for _name in MAGICS:
    _method = getattr(AssayMagics, _name)
    _method.__doc__ = f"{_method.__doc__}\n{parser_for(_name).format_help()}"
