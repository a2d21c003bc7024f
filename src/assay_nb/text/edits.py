"""Small edits of a text: apply any subset of them, leave every other character alone, show what changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal, TypeAlias

Op = Literal["same", "deleted", "inserted"]
Run: TypeAlias = tuple[Op, str]
CONTEXT = 48
"""Unchanged characters shown on either side of a change."""

_TOKEN = re.compile(r"(?:\{\{[^{}\n]*\}\}|</?[\w-]+>|\w+|[^\w\s])[^\S\n]*|\s")
# difflib may take time in the product of both lengths. These bound one comparison to well under a
# second; what is longer is compared by lines, and beyond that shown as replaced whole.
_MOST_WORD_PAIRS = 400_000
_MOST_LINE_PAIRS = 1_000_000


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `original[start:end]` by `text`. An insertion has `start == end`, a deletion no text."""

    start: int
    end: int
    text: str


def overlap(a: Edit, b: Edit) -> bool:
    """Return whether two edits touch the same characters, so that applying both has no one meaning.

    Two insertions at one point overlap too: their order would decide. An insertion at the border of a
    replacement does not.
    """
    if a.start == a.end and b.start == b.end:
        return a.start == b.start
    return a.start < b.end and b.start < a.end


def check_edits(text: str, edits: Sequence[Edit]) -> None:
    """Raise `ValueError` if an edit lies outside of `text` or two of them overlap."""
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    for edit in ordered:
        if not 0 <= edit.start <= edit.end <= len(text):
            raise ValueError(f"edit {edit.start}:{edit.end} lies outside of the text")
    for before, after in pairwise(ordered):
        if overlap(before, after):
            raise ValueError(f"edits at {before.start} and {after.start} overlap")


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return `text` with the edits made. Their order does not matter; every other character stays.

    Raises:
        ValueError: If an edit lies outside of the text or two of them overlap.
    """
    check_edits(text, edits)
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*pieces, text[position:]])


def find_line(text: str, offset: int) -> int:
    """Return the number, from 1, of the line on which `offset` lies."""
    return text.count("\n", 0, offset) + 1


def diff_words(before: str, after: str) -> list[Run]:
    """Return the runs that turn one text into the other, word by word.

    The runs that are `same` or `deleted` join to `before`, those that are `same` or `inserted` to
    `after`. Neighbouring runs differ in kind.
    """
    head = _common_prefix(before, after)
    tail = _common_suffix(before[head:], after[head:])
    middle_before, middle_after = before[head : len(before) - tail], after[head : len(after) - tail]
    return _merge(
        [
            ("same", before[:head]),
            *_absorb(_merge(list(_diff_middle(middle_before, middle_after)))),
            ("same", before[len(before) - tail :]),
        ]
    )


def _diff_middle(before: str, after: str) -> Iterator[Run]:
    a, b = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(a) * len(b) <= _MOST_WORD_PAIRS:
        yield from _diff_tokens(a, b)
        return
    a, b = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if len(a) * len(b) > _MOST_LINE_PAIRS:
        yield from _replace(before, after)
        return
    for op, a1, a2, b1, b2 in _opcodes(a, b):
        old, new = "".join(a[a1:a2]), "".join(b[b1:b2])
        if op == "equal":
            yield "same", old
        else:
            yield from _diff_block(old, new)


def _diff_block(before: str, after: str) -> Iterator[Run]:
    a, b = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(a) * len(b) <= _MOST_WORD_PAIRS // 10:
        yield from _diff_tokens(a, b)
    else:
        yield from _replace(before, after)


def _replace(before: str, after: str) -> Iterator[Run]:
    yield "deleted", before
    yield "inserted", after


def _diff_tokens(a: list[str], b: list[str]) -> Iterator[Run]:
    for op, a1, a2, b1, b2 in _opcodes(a, b):
        if op == "equal":
            yield "same", "".join(a[a1:a2])
        else:
            yield from _replace("".join(a[a1:a2]), "".join(b[b1:b2]))


def _opcodes(a: list[str], b: list[str]) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, a, b, autojunk=False).get_opcodes()


def _merge(runs: Iterable[Run]) -> list[Run]:
    """Return the runs without empty ones, each change as one deletion and one insertion."""
    merged: list[Run] = []
    change: dict[Op, str] = {"deleted": "", "inserted": ""}
    end: Run = ("same", "")
    for op, text in (*runs, end):
        if op != "same":
            change[op] += text
        elif any(change.values()):
            merged += [run for run in change.items() if run[1]]
            change = {"deleted": "", "inserted": ""}
        if op == "same" and text:
            again = merged and merged[-1][0] == "same"
            merged.append(("same", (merged.pop()[1] if again else "") + text))
    return merged


def _absorb(runs: Sequence[Run]) -> Iterator[Run]:
    """Yield the runs with each short agreement between two longer changes made part of them.

    Two sentences share a `the` and a comma; shown as unchanged, they make a diff unreadable.
    """
    for (op, text), before, after in zip(
        runs, _measure_changes(runs), _measure_changes(runs[::-1])[::-1], strict=True
    ):
        if op == "same" and 2 * len(text) <= min(before, after):
            yield from _replace(text, text)
        else:
            yield op, text


def _measure_changes(runs: Sequence[Run]) -> list[int]:
    """Return for each run the length of the change just before it."""
    lengths: list[int] = []
    length = 0
    for op, text in runs:
        lengths.append(length)
        length = 0 if op == "same" else max(length, len(text))
    return lengths


def _common_prefix(a: str, b: str) -> int:
    """Return the length of the common beginning, back to its last white space."""
    length = _count_common(a, b)
    if length == len(a) == len(b):
        return length
    while length and not a[length - 1].isspace():
        length -= 1
    return length


def _common_suffix(a: str, b: str) -> int:
    """Return the length of the common end, from its first white space on."""
    length = _count_common(a[::-1], b[::-1])
    while length and not a[-length].isspace():
        length -= 1
    return length


def _count_common(a: str, b: str) -> int:
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


@dataclass(frozen=True, slots=True)
class Change:
    """Runs that belong together, with a little of what stands around, and the line they begin on."""

    line: int
    runs: tuple[Run, ...]


def split_changes(runs: Sequence[Run], context: int = CONTEXT) -> list[Change]:
    """Return the changes of a diff, each with `context` characters around; long quiet stretches go.

    Lines are counted in the text before.
    """
    changes: list[Change] = []
    current: list[Run] = []
    line, quiet_line, quiet = 1, 1, ""
    for op, text in runs:
        if op == "same":
            if current and len(text) > 2 * context:
                changes.append(Change(quiet_line, (*current, ("same", cut_after(text, context)))))
                current = []
            elif current:
                current.append((op, text))
            quiet = text
        else:
            if not current:
                lead = cut_before(quiet, context)
                quiet_line = line
                current = [("same", lead)] if lead else []
            current.append((op, text))
        if op != "inserted":
            line += text.count("\n")
    if current:
        if current[-1][0] == "same":
            current[-1] = ("same", cut_after(current[-1][1], context))
        changes.append(Change(quiet_line, tuple(current)))
    return changes


def cut_before(text: str, context: int = CONTEXT) -> str:
    """Return the end of `text`, from a word's beginning, with an ellipsis where something is left out."""
    if len(text) <= context:
        return text
    kept = text[-context:]
    _, space, rest = kept.partition(" ")
    return "…" + (rest if space and rest else kept)


def cut_after(text: str, context: int = CONTEXT) -> str:
    """Return the beginning of `text`, to a word's end, with an ellipsis where something is left out."""
    if len(text) <= context:
        return text
    kept = text[:context]
    rest, space, _ = kept.rpartition(" ")
    return (rest if space and rest else kept) + "…"
