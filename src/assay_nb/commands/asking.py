"""Asking a person: for a key, unseen, and for a yes or no. And telling them how far it is."""

from __future__ import annotations

import getpass
import warnings
from typing import TextIO

from assay_nb.errors import WrongUsage


def ask_hidden(prompt: str) -> bytearray:
    """Return what is typed at a hidden prompt; in a kernel, at the front end's own.

    Raises:
        WrongUsage: Where the input ends, or where what is typed would be seen.
    """
    try:
        with warnings.catch_warnings():
            # Without a terminal Python reads all the same, shows what is typed, and merely warns.
            warnings.simplefilter("error", getpass.GetPassWarning)
            typed = getpass.getpass(prompt)
    except getpass.GetPassWarning:
        raise WrongUsage(
            "What is typed here would be seen, so nothing was asked.",
            hint="Use `assay-nb keys set PROVIDER` in a terminal, or --from-env NAME.",
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
    """Show a line in place of the one before, or take that away; on a terminal alone."""
    if out.isatty():
        print(f"\r\x1b[K{line}", end="", file=out, flush=True)
