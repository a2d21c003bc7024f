"""Which rows may be looked at, and which are kept for the one test at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MIN_ROWS = 20
DEV_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Split:
    """Rows by index: `dev` may be shown to whatever proposes prompts, `test` never.

    Attributes:
        dev: Rows to find failures in and to screen candidates on.
        test: Rows for the one confirmatory test.
        exploratory: True when there are too few rows to keep any back. `dev` and `test` are then both
            all rows, and no verdict on them may be "improved".
        test_id: Names the set of test rows, so that looks at it can be counted across runs.
    """

    dev: tuple[int, ...]
    test: tuple[int, ...]
    exploratory: bool
    test_id: str


def split_rows(
    keys: Sequence[str], *, clusters: Sequence[Hashable] | None = None, salt: str = ""
) -> Split:
    """Split rows 40 to 60 into dev and test by the hash of their keys.

    A hash and not a shuffle: the same row falls on the same side in every run, on every machine, and when
    rows are added later, so a row that a proposer has seen never turns up in a test. Shares are therefore
    approximate. Equal keys, and rows of one cluster, stay together.

    Args:
        keys: One key per row, as `row_key` makes them.
        clusters: The cluster of each row, for rows that belong together.
        salt: Another salt gives another split.
    """
    names = [str(name) for name in (keys if clusters is None else clusters)]
    if len(names) != len(keys):
        raise ValueError("every row needs its cluster, and only rows have one")
    dev = tuple(i for i, name in enumerate(names) if _position(name, salt) < DEV_SHARE)
    test = tuple(i for i, name in enumerate(names) if _position(name, salt) >= DEV_SHARE)
    exploratory = len(keys) < MIN_ROWS or not dev or not test
    if exploratory:
        dev = test = tuple(range(len(keys)))
    return Split(dev, test, exploratory, _set_id(keys[i] for i in test))


def row_key(row: Mapping[str, Any]) -> str:
    """Return a key made of a row's content, the same in every process and for every column order."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _position(name: str, salt: str) -> float:
    """Return where on the line from 0 to 1 a name falls."""
    digest = hashlib.sha256(f"{salt}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _set_id(keys: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(keys)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
