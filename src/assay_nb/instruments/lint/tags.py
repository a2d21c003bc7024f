"""XML-like tags in a prompt: which ones build its structure, and which are only spoken of.

"Put the reply in <answer> tags" mentions a tag; `<rules>` at the start of a line opens one. The
difference decides whether a missing `</answer>` is a fault.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from assay_nb.instruments.lint.vocabulary import word_set

_TAG = re.compile(
    r"(?<![\w<])<(?P<close>/)?(?P<name>[A-Za-z][\w.-]{0,40})(?P<rest>[ \t][^<>\n]{0,200})?(?P<self>/)?>"
)
_VOID = word_set("br hr img input meta link wbr area base col embed source track p li")
_DATA = word_set(
    "example examples document documents doc docs context article email mail text texts data input "
    "inputs transcript conversation message messages review reviews ticket source sources passage "
    "passages content code log logs history chat page report contract sample samples quote "
    "exemple exemples texte donnees données message avis courriel beispiel beispiele dokument "
    "daten nachricht eingabe ejemplo ejemplos documento datos texto correo mensaje entrada"
)

TagKind = Literal["open", "close", "void"]


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `structural` when it stands where a tag builds, not where prose speaks of it."""

    name: str
    kind: TagKind
    start: int
    end: int
    structural: bool

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class Region:
    """An opening tag with the closing one that belongs to it."""

    opening: Tag
    closing: Tag


def find_tags(text: str) -> list[Tag]:
    """Return the tags of `text` in order."""
    matches = list(_TAG.finditer(text))
    return [
        Tag(
            match["name"],
            kind := _kind(match),
            *match.span(),
            structural=kind != "void" and _is_structural(text, matches, index),
        )
        for index, match in enumerate(matches)
    ]


def _kind(match: re.Match[str]) -> TagKind:
    if match["self"] or (match["rest"] or "").endswith("/") or match["name"].lower() in _VOID:
        return "void"
    return "close" if match["close"] else "open"


def _is_structural(text: str, matches: Sequence[re.Match[str]], index: int) -> bool:
    match = matches[index]
    before = text[max(0, match.start() - 60) : match.start()].rpartition("\n")[2]
    if match["close"]:
        # `text</rules>` and a line of its own close; "end with </answer>" speaks of it.
        attached = before[-1:] not in {" ", "\t"} or not before.strip()
        return attached or _closes_on_this_line(text, matches, index)
    at_line_start = not before.strip(" \t>*-0123456789.)")
    return at_line_start or _is_closed_on_this_line(text, matches, index)


def _is_closed_on_this_line(text: str, matches: Sequence[re.Match[str]], index: int) -> bool:
    following = matches[index + 1] if index + 1 < len(matches) else None
    return bool(
        following
        and following["close"]
        and following["name"] == matches[index]["name"]
        and "\n" not in text[matches[index].end() : following.start()]
    )


def _closes_on_this_line(text: str, matches: Sequence[re.Match[str]], index: int) -> bool:
    return (
        index > 0
        and not matches[index - 1]["close"]
        and _is_closed_on_this_line(text, matches, index - 1)
    )


def find_regions(found: Sequence[Tag]) -> list[Region]:
    """Pair each closing tag with the nearest open one of its name; order of the opening tags."""
    waiting: defaultdict[str, list[Tag]] = defaultdict(list)
    regions: list[Region] = []
    for tag in found:
        if tag.kind == "open" and tag.structural:
            waiting[tag.name].append(tag)
        elif tag.kind == "close" and waiting[tag.name]:
            regions.append(Region(waiting[tag.name].pop(), tag))
    return sorted(regions, key=lambda region: region.opening.start)


def data_spans(regions: Sequence[Region]) -> list[tuple[int, int]]:
    """Return the outermost stretches between tags whose names promise data."""
    spans: list[tuple[int, int]] = []
    for region in regions:
        start, end = region.opening.end, region.closing.start
        if region.opening.name.lower() in _DATA and (not spans or start >= spans[-1][1]):
            spans.append((start, end))
    return spans


def find_innermost(regions: Sequence[Region], positions: Sequence[int]) -> list[Region | None]:
    """Return, for each of the ascending `positions`, the smallest region around it."""
    found: list[Region | None] = []
    stack: list[Region] = []
    waiting = iter(regions)
    upcoming = next(waiting, None)
    for position in positions:
        while upcoming and upcoming.opening.end <= position:
            stack.append(upcoming)
            upcoming = next(waiting, None)
        while stack and stack[-1].closing.start < position:
            stack.pop()
        found.append(stack[-1] if stack else None)
    return found
