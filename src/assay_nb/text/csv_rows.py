"""CSV for a spreadsheet: plain rows, in which no name is taken for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_rows(file: TextIO, columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> int:
    """Write a head and its rows, and return how many rows there were.

    A spreadsheet would run a name that begins like a formula, so an apostrophe stands before it.
    """
    writer, written = csv.writer(file, lineterminator="\n"), 0
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_as_cell(value) for value in row])
        written += 1
    return written


def _as_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
