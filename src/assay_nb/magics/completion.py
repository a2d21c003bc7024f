"""Tab completion on a magic's line: flags, sub-commands, models, workspaces, variables that fit."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# IPython's own types are partial: what its shell holds is untyped.

from __future__ import annotations

from argparse import Action
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from IPython.core.completer import CompletionContext
from IPython.core.interactiveshell import InteractiveShell

from assay_nb.commands.magic_lines import MAGICS, parser_for
from assay_nb.commands.parser import CONNECTION, MODEL, PRESET, Parser
from assay_nb.connections.presets import PRESETS
from assay_nb.engine.session import current_session
from assay_nb.errors import AssayError
from assay_nb.magics.line_magic import assay_parser
from assay_nb.messages import PROVIDERS


def candidates(shell: InteractiveShell, context: CompletionContext) -> Iterator[str]:
    """Yield what the word under the cursor can become; nothing outside a magic's own line."""
    typed = context.line_with_cursor.lstrip()
    in_cell_magic = context.full_text.lstrip().startswith("%%")
    if not typed.startswith("%") or (in_cell_magic and context.cursor_line != 0):
        return
    magic, space, line = typed.lstrip("%").partition(" ")
    if not space:
        return
    *done, current = line.split(" ")
    flag, equals, value = current.partition("=")
    if equals and flag.startswith("--"):
        done, current = [*done, flag], value
    known = _values(shell, magic, [word for word in done if word], typed.startswith("%%"))
    yield from (word for word in known if word.startswith(current))


def _values(shell: InteractiveShell, magic: str, done: list[str], is_cell: bool) -> Iterable[str]:
    if magic == "assay":
        return _below(assay_parser(), done)
    if magic not in MAGICS:
        return ()
    parser = parser_for(magic)
    action = parser.action_of(done[-1]) if done else None
    if action is not None and _takes_value(action):
        return _values_of(shell, action, done)
    if is_cell or _has_variable(parser, done):
        return parser.flags()
    fits = _is_judged if magic == "judge" else _is_prompt
    return [*_names(shell, fits), *parser.flags()]


def _takes_value(action: Action) -> bool:
    return bool(action.option_strings) and action.nargs != 0


def _has_variable(parser: Parser, done: list[str]) -> bool:
    """Return whether a line magic's variable is typed: a word that is neither a flag nor its value."""
    return _count_words(parser, done) > 0


def _is_value(parser: Parser, flag: str | None) -> bool:
    action = parser.action_of(flag) if flag else None
    return action is not None and _takes_value(action)


def _values_of(shell: InteractiveShell, action: Action, done: list[str]) -> Iterable[str]:
    """Return what can stand behind a flag; nothing where that is free text or a number."""
    if action.choices:
        return [str(choice) for choice in action.choices]
    if action.metavar == MODEL:
        return _models(done)
    if action.dest == "workspace":
        return _workspaces()
    if action.dest == "accept":
        return ["all", "none"]
    if action.dest == "cluster":
        return _columns(shell, done)
    fits = _FITTING.get(action.dest)
    return _names(shell, fits) if fits else ()


# --- variables --------------------------------------------------------------------------------------


def _names(shell: InteractiveShell, fits: Callable[[Any], bool]) -> list[str]:
    """Return the person's own variables that fit, without what IPython and history put there."""
    hidden = shell.user_ns_hidden
    return sorted(
        name
        for name, value in list(shell.user_ns.items())
        if (name == "_assay" or not name.startswith("_"))
        and not (name in hidden and hidden[name] is value)
        and fits(value)
    )


def _schema(value: Any) -> str:
    # Looked up on the type: an object's own attributes may be computed, or be a table's columns.
    schema = getattr(type(value), "schema", "")
    return schema if isinstance(schema, str) else ""


def _is_result(value: Any) -> bool:
    return _schema(value).startswith("assay.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_prompt(value: Any) -> bool:
    return _is_text(value) or _schema(value) in _WITH_PROMPT


def _is_new_prompt(value: Any) -> bool:
    return _is_text(value) or _schema(value) in _WITH_TEXT


def _is_output(value: Any) -> bool:
    return _is_text(value) or _schema(value) in _OUTPUTS


def _is_judged(value: Any) -> bool:
    return _is_prompt(value) or _is_output(value)


def _is_critique(value: Any) -> bool:
    return _schema(value) == "assay.critique.v1"


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], Mapping)
    return type(value).__name__ == "DataFrame"


def _is_metric(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


def _is_rubric(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(one, str) for one in value)
    return _is_text(value)


_WITH_TEXT = {"assay.improvement.v1", "assay.rewrite.v1", "assay.measurement.v1"}
_WITH_PROMPT = _WITH_TEXT | {
    "assay.critique.v1",
    "assay.run.v1",
    "assay.runs.v1",
    "assay.judgement.v1",
}
_OUTPUTS = {"assay.run.v1", "assay.runs.v1"}
_FITTING: Mapping[str, Callable[[Any], bool]] = {
    "out": _is_result,
    "findings": _is_critique,
    "data": _is_table,
    "metric": _is_metric,
    "rubric": _is_rubric,
    "system": _is_text,
    "beside": _is_new_prompt,
    "output": _is_output,
    "against": _is_output,
}
"""Which variables an option's value can name, by the option's name."""


def _columns(shell: InteractiveShell, done: list[str]) -> list[str]:
    """Return the columns of the table that --data names, once it does."""
    words = [word for typed in done for word in typed.split("=", 1)]
    named = next((value for flag, value in pairwise(words) if flag == "--data"), "")
    data: Any = shell.user_ns.get(named)
    if not _is_table(data):
        return []
    first = data[0] if isinstance(data, list) else data.columns
    return [str(column) for column in first]


# --- sub-commands, models, workspaces ---------------------------------------------------------------


def _below(parser: Parser, done: list[str]) -> Iterable[str]:
    """Walk down the sub-commands that are typed, and list what can come next."""
    typed: list[str] = []
    for word in done:
        if word in parser.children and not typed:
            parser = parser.children[word]
        else:
            typed.append(word)
    last = done[-1] if done else ""
    action = parser.action_of(last)
    if last in {"-w", "--workspace"} or (
        done[:1] == ["workspace"] and last in {"use", "show", "rename", "delete", "leave"}
    ):
        return _workspaces()
    if action is not None and _takes_value(action):
        return _words_for(action, typed)
    if parser.children:
        return [*parser.children, *parser.flags()]
    places = parser.positionals()[_count_words(parser, typed) :][:1]
    return [*(word for place in places for word in _words_for(place, typed)), *parser.flags()]


def _count_words(parser: Parser, typed: list[str]) -> int:
    """Return how many words are typed that are neither a flag nor its value."""
    before = [None, *typed]
    return sum(
        not word.startswith("-") and not _is_value(parser, flag)
        for flag, word in zip(before, typed, strict=False)
    )


def _words_for(action: Action, typed: list[str]) -> Iterable[str]:
    """Return what an argument can be; nothing where that is free text."""
    if action.metavar == MODEL:
        return _models(typed)
    if action.metavar == CONNECTION:
        return _connections(typed)
    if action.metavar == PRESET:
        return PRESETS
    return map(str, action.choices or ())


def _models(typed: list[str]) -> list[str]:
    """Return the models that are known, and each other connection as the beginning of one."""
    known = current_session().control.known_models()
    begun = {name.partition("/")[0] for name in known}
    return [*known, *(f"{name}/" for name in _connections(typed) if name not in begun)]


def _connections(typed: list[str]) -> list[str]:
    """Return the workspace's connections; on a hub those of the start, since asking takes a request."""
    session = current_session()
    if session.mode == "hub":
        return list(PROVIDERS)
    workspace = next((v for flag, v in pairwise(typed) if flag in {"-w", "--workspace"}), None)
    try:
        return session.portal.call(session.control.connection_names, workspace)
    except AssayError:
        return list(PROVIDERS)


def _workspaces() -> list[str]:
    session = current_session()
    if session.mode == "hub":  # no network in a completer
        return []
    try:
        return [fact.name for fact in session.portal.call(session.control.workspaces)]
    except AssayError:
        return []
