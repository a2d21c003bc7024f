"""How wide plain text may be: the one question about its surroundings that drawing asks."""

from __future__ import annotations

import shutil
import sys

PAGE = 88
"""Columns of text that is kept in a notebook or sent through a pipe, whoever reads it later."""


def find_width() -> int:
    """Return how many columns text may take: the terminal's, `COLUMNS`, or a page's.

    A kernel puts a stream of its own in standard output's place. What is saved from there is read on
    other screens, so it gets a page's width, whatever the terminal that the kernel was started in.
    """
    out = sys.stdout
    if out is None or not (out is sys.__stdout__ or out.isatty()):
        return PAGE
    return shutil.get_terminal_size((PAGE, 24)).columns
