"""Similarity of names: enough to spot a typing error, no more."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST = 3


def is_slip(written: str, meant: str) -> bool:
    """Whether `written` is `meant` with one letter added, lost, changed or swapped with the next.

    Names that differ by a digit or by a letter after an underscore (`doc1`, `text_a`) are a series and
    no slip; nor is a plural.
    """
    if written == meant or min(len(written), len(meant)) < _SHORTEST:
        return False
    if written.lower() == meant.lower():
        return True
    head = _common_prefix(written, meant)
    a, b = written[head:], meant[head:]
    tail = _common_prefix(a[::-1], b[::-1])
    a, b = a[: len(a) - tail], b[: len(b) - tail]
    if a == b[::-1] and len(a) == 2:
        return True
    return len(a) <= 1 and len(b) <= 1 and not _is_series(written, head, tail, a + b)


def _common_prefix(a: str, b: str) -> int:
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _is_series(name: str, head: int, tail: int, difference: str) -> bool:
    if any(character.isdigit() for character in difference):
        return True
    at_end = tail == 0
    plural = len(difference) == 1 and difference in "sne"
    return at_end and (plural or name[head - 1 : head] in {"_", "-", ".", ""})


def find_meant(written: str, names: Iterable[str]) -> str | None:
    """Return the one name that `written` is a slip of; None when there is none, or more than one."""
    close = [name for name in names if is_slip(written, name)]
    return close[0] if len(close) == 1 else None
