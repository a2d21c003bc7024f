"""Asking a person: for a key, unseen, and for a yes or no. And telling them how far it is."""

from __future__ import annotations

import getpass
import warnings
from typing import TextIO

from assay_nb.config import is_smart_terminal
from assay_nb.errors import WrongUsage
from assay_nb.render.surroundings import find_width


class NotAsked(WrongUsage):
    """Nobody can be asked here. What to do instead is for the command to say: it knows what it wanted."""

    def __init__(
        self, message: str = "Nobody can be asked here: no person is at this input."
    ) -> None:
        super().__init__(message)


def ask_hidden(prompt: str) -> bytearray:
    """Return what is typed at a hidden prompt; in a kernel, at the front end's own.

    Raises:
        NotAsked: Where what is typed would be seen.
        WrongUsage: Where the input ends.
    """
    try:
        with warnings.catch_warnings():
            # Without a terminal Python reads all the same, shows what is typed, and merely warns.
            warnings.simplefilter("error", getpass.GetPassWarning)
            typed = getpass.getpass(prompt)
    except getpass.GetPassWarning:
        raise NotAsked(
            "This terminal would show what you type, so the key was not requested."
        ) from None
    except EOFError:
        raise WrongUsage("No key was given, so nothing was stored.") from None
    # Bytes that are no UTF-8 arrive as surrogates, and the codec's complaint would quote the key.
    return bytearray(typed.encode("utf-8", "surrogateescape"))


def ask_yes(question: str) -> bool:
    """Return whether somebody says yes; the end of the input is a no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def rewrite_line(out: TextIO, line: str) -> None:
    """Show a line in place of the one before, or take that away; on a terminal that can do that.

    A line that is wider than the terminal is cut: only its last row could be taken away again.
    """
    if can_rewrite(out):
        print(f"\r\x1b[K{line[: find_width() - 1]}", end="", file=out, flush=True)


def can_rewrite(out: TextIO) -> bool:
    """Return whether a stream leads to a terminal that knows how to erase a line."""
    return out.isatty() and is_smart_terminal()
