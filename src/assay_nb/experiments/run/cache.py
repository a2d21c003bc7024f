"""Finished rows, kept on disk by their content: a run that was stopped goes on, and pays for none twice.

One file holds the rows of one prompt, model and set of knobs. A row is a line that is appended in a
single write as soon as its reply is whole, so that a killed process loses none that had finished; a line
that was cut is skipped. Nothing in it is a key, and prompts stand in it only as hashes; replies stand in
it as they came, in a directory that only its owner may read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def digest(*parts: object) -> str:
    """Return a hash of plain data that depends on nothing else: not on order of keys, nor on the process."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Cache:
    """Rows that are done, by the file and the name that their content gives them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shelves: dict[str, _Shelf] = {}

    def find(self, shelf: str, name: str) -> Mapping[str, Any] | None:
        """Return a finished row, or None."""
        return self._open(shelf).rows.get(name)

    def save(self, shelf: str, name: str, row: Mapping[str, Any]) -> None:
        """Keep a finished row, in place of an earlier one. When this returns, the operating system has it."""
        self._open(shelf).append(name, row)

    def close(self) -> None:
        for shelf in self._shelves.values():
            shelf.close()
        self._shelves.clear()

    def _open(self, name: str) -> _Shelf:
        if name not in self._shelves:
            self._shelves[name] = _Shelf(self._directory / f"{name[:40]}.jsonl")
        return self._shelves[name]


class _Shelf:
    """One file of rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self.rows: dict[str, Mapping[str, Any]] = dict(_read(path))

    def append(self, name: str, row: Mapping[str, Any]) -> None:
        if self.rows.get(name) == row:
            return
        line = json.dumps({"name": name, **row}, ensure_ascii=True, separators=(",", ":"))
        # A line end first, in case that a process was killed within the last line.
        os.write(self._descriptor(), f"\n{line}\n".encode())
        self.rows[name] = row

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _descriptor(self) -> int:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._file = os.open(self._path, flags, 0o600)
        return self._file


def _read(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [pair for line in lines if line and (pair := _read_line(line))]


def _read_line(line: str) -> tuple[str, Mapping[str, Any]] | None:
    try:
        fields = json.loads(line)
        return str(fields.pop("name")), fields
    except (ValueError, AttributeError, KeyError):
        return None
