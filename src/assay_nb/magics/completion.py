"""Tab completion of flags, sub-commands, models, workspaces and variables on a magic's line."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# IPython's own types are partial: what its shell holds is untyped.

from __future__ import annotations

from collections.abc import Iterable, Iterator

from IPython.core.completer import CompletionContext
from IPython.core.interactiveshell import InteractiveShell

from assay_nb.commands.magic_lines import MAGICS, parser_for
from assay_nb.commands.parser import Parser
from assay_nb.engine.session import current_session
from assay_nb.errors import AssayError
from assay_nb.magics.lines import assay_parser


def candidates(shell: InteractiveShell, context: CompletionContext) -> Iterator[str]:
    """Yield what the word under the cursor can become; nothing outside a magic's first line."""
    if context.cursor_line != 0 or not context.full_text.startswith("%"):
        return
    typed = context.line_with_cursor
    magic, _, line = typed.lstrip("%").partition(" ")
    if typed == f"%{magic}" or typed == f"%%{magic}":
        return
    words = line.split(" ")
    done, current = words[:-1], words[-1]
    known = _values(shell, magic, done)
    yield from (word for word in known if word.startswith(current))


def _values(shell: InteractiveShell, magic: str, done: list[str]) -> Iterable[str]:
    if magic == "assay":
        return _below(assay_parser(), done)
    if magic not in MAGICS:
        return ()
    last = done[-1] if done else ""
    if last in {"-m", "--model"}:
        return _models()
    if last in {"-w", "--workspace"}:
        return _workspaces()
    if last == "--findings":
        return [
            name
            for name, value in shell.user_ns.items()
            if getattr(value, "schema", "") == "assay.critique.v1"
        ]
    action = parser_for(magic).action_of(last)
    if action is not None and action.choices:
        return [str(choice) for choice in action.choices]
    return parser_for(magic).flags()


def _below(parser: Parser, done: list[str]) -> Iterable[str]:
    """Walk down the sub-commands that are typed, and list what can come next."""
    for word in done:
        children = parser.children
        if word in children:
            parser = children[word]
    last = done[-1] if done else ""
    if last in {"-w", "--workspace"} or (
        done[:1] == ["workspace"] and last in {"use", "show", "rename", "delete", "leave"}
    ):
        return _workspaces()
    if parser.children:
        return [*parser.children, *parser.flags()]
    choices = [str(choice) for action in parser.positionals() for choice in action.choices or ()]
    models = _models() if done[:1] == ["model"] else []
    return [*choices, *models, *parser.flags()]


def _models() -> list[str]:
    return current_session().control.known_models()


def _workspaces() -> list[str]:
    session = current_session()
    if session.mode == "hub":  # no network in a completer
        return []
    try:
        return [fact.name for fact in session.portal.call(session.control.workspaces)]
    except AssayError:
        return []
