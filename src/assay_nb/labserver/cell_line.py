"""A cell's magic line, for a run that a button starts beside the kernel.

The magics' own parser reads it. What a run without a kernel can honour goes into the call; a line with
anything else on it is refused whole, before anything is sent, so that nothing on it is dropped in silence.
"""

from __future__ import annotations

from argparse import Action, Namespace
from collections.abc import Sequence
from typing import Any

from assay_nb.commands.magic_lines import (
    MAGICS,
    flags_set,
    option_names,
    options_of,
    parser_for,
    refuse_variable,
    split_magic,
)
from assay_nb.commands.parser import HelpWanted, refuse_keys, refuse_keys_in_options
from assay_nb.errors import WrongUsage
from assay_nb.text.pasted import LAB

_CALL = ("workspace", "model")
"""What a line says of the call itself; an instrument's options are beside it."""


def read_cell_line(line: str, instrument: str) -> dict[str, Any]:
    """Return the workspace, model and options that a cell's first line sets for an instrument.

    Args:
        line: The line as it is in the cell, such as `"%%critique -w research --repeat 3"`.
        instrument: What the button runs. It may be another one than the cell's own magic.

    Raises:
        WrongUsage: If the line cannot be read, or has a flag that only the kernel can honour or that
            the button's instrument does not take. Every such flag is named.
    """
    refuse_keys([line], surface=LAB)
    magic, arguments = split_magic(line)
    if magic not in MAGICS:
        raise WrongUsage(
            "The cell's first line is not a prompt magic.",
            hint=f"Begin it with {', '.join(f'%%{name}' for name in MAGICS)}, and a space after it.",
        )
    args = _parse(magic, arguments)
    refuse_variable(magic, args)
    honoured = {*_CALL, *option_names(instrument)}
    left = [action for name, action in flags_set(magic, args).items() if name not in honoured]
    if left:
        raise _beyond(magic, instrument, _as_typed(left, arguments))
    options = options_of(instrument, args)
    refuse_keys_in_options(options, LAB)
    return {name: getattr(args, name, None) for name in _CALL} | {"options": options}


def _parse(magic: str, arguments: str) -> Namespace:
    try:
        return parser_for(magic).parse_line(arguments)
    except HelpWanted:
        raise _beyond(magic, magic, ["-h"]) from None


def _as_typed(actions: Sequence[Action], arguments: str) -> list[str]:
    """Name each argument by the flag that is on the line, in the line's order."""
    typed = [word.partition("=")[0] for word in arguments.split()]
    names = [
        next((flag for flag in action.option_strings if flag in typed), _name(action))
        for action in actions
    ]
    return sorted(names, key=lambda name: typed.index(name) if name in typed else len(typed))


def _name(action: Action) -> str:
    return action.option_strings[-1] if action.option_strings else str(action.metavar)


def _beyond(magic: str, instrument: str, flags: Sequence[str]) -> WrongUsage:
    named = ", ".join(f"`{flag}`" for flag in flags)
    them = "them" if len(flags) > 1 else "it"
    if magic != instrument:
        return WrongUsage(
            f"{instrument.title()} cannot use {named} of this %%{magic} cell: take {them} off its line,"
            f" or run %%{instrument} in a cell of its own."
        )
    need = "need" if len(flags) > 1 else "needs"
    return WrongUsage(
        f"{named} {need} the kernel: run the cell itself (Shift+Enter), or take {them} off its line."
    )
