"""XML-like tags of a prompt, parsed once into a balanced tree.

Every rule that asks about tags asks this tree. It says which stretches lie between an opening tag and
its closing one, and what is left over on either side. A tag may be glued to a word (`资料<doc>`), stand
in mid-line or carry attributes with template holes. A tag that the prose only speaks of ("put the reply
in <answer> tags") opens nothing.

A leftover is not yet a fault: `Array<string>` and "start with <answer>" leave one as well. Only rule
A005 decides, and only where there is no doubt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from assay_nb.instruments.lint.vocabulary import word_set

_TAG = re.compile(
    r"<(?P<close>/)?(?P<name>[^\W\d_](?:[\w.-]|:(?=\w)){0,60})"
    r"(?P<rest>\s(?:[^<>\"'\n]|\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'|\n(?!\s*\n)){0,300}?)?(?P<self>/)?>"
)
_SPOKEN_OF = re.compile(
    r"[`\"'”’»]?[ \t]{0,2}(?:xml[ -]|html[ -])?(?:tags?|tagged|elements?|blocks?|markers?|placeholders?|"
    r"balises?|etiquetas?|tags?\b|标签|標籤|标记|タグ|태그)",
    re.IGNORECASE,
)
_VOID = word_set(
    "br hr img input meta link wbr area base col embed source track p li dt dd td th tr option s"
)
_DATA = word_set(
    "example examples document documents doc docs context article email mail text texts data input "
    "inputs transcript conversation message messages review reviews ticket source sources passage "
    "passages content code log logs history chat page report contract sample samples quote "
    "good-example bad-example good_example bad_example example_input example_output sample_input "
    "exemple exemples texte donnees données message avis courriel beispiel beispiele dokument "
    "daten nachricht eingabe ejemplo ejemplos documento datos texto correo mensaje entrada "
    "示例 例子 文档 例 예시"
)

TagKind = Literal["open", "close", "void", "mention"]


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag.

    Attributes:
        name: As it is written.
        kind: `"void"` for one that holds nothing, `"mention"` for one that the prose only speaks of.
        start: Where it begins, in code points.
        end: Where it ends, exclusive.
        alone: Whether nothing else stands on its line.
    """

    name: str
    kind: TagKind
    start: int
    end: int
    alone: bool

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class Region:
    """An opening tag with the closing one that belongs to it."""

    opening: Tag
    closing: Tag


@dataclass(frozen=True)
class TagTree:
    """The tags of a text and how they nest.

    Attributes:
        tags: All of them, in order.
        regions: Pairs, in the order of their opening tags.
        unclosed: Opening tags without a closing one.
        unopened: Closing tags without an opening one.
        crossed: Closing tags whose opening one lies outside of a tag that has been closed since.
    """

    tags: tuple[Tag, ...]
    regions: tuple[Region, ...]
    unclosed: tuple[Tag, ...]
    unopened: tuple[Tag, ...]
    crossed: tuple[Tag, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all tags, spoken of or not."""
        return frozenset(tag.name for tag in self.tags)

    @cached_property
    def data_spans(self) -> list[tuple[int, int]]:
        """The outermost stretches between tags whose names promise data, in order."""
        spans: list[tuple[int, int]] = []
        for region in self.regions:
            start, end = region.opening.end, region.closing.start
            if region.opening.name.lower() in _DATA and (not spans or start >= spans[-1][1]):
                spans.append((start, end))
        return spans


def parse_tags(text: str) -> TagTree:
    """Return the tree of the tags in `text`.

    A closing tag belongs to the nearest open one of its name; those opened in between and never
    closed are left over. Linear: each tag is pushed and popped once.
    """
    found = tuple(_find_tags(text))
    stack: list[Tag] = []
    opened: defaultdict[str, int] = defaultdict(int)
    regions: list[Region] = []
    unclosed: list[Tag] = []
    unopened: list[Tag] = []
    crossed: list[Tag] = []
    skipped: defaultdict[str, int] = defaultdict(int)
    for tag in found:
        if tag.kind == "open":
            stack.append(tag)
            opened[tag.name] += 1
        elif tag.kind == "close" and opened[tag.name]:
            while (top := stack.pop()).name != tag.name:
                unclosed.append(top)
                opened[top.name] -= 1
                skipped[top.name] += 1
            opened[tag.name] -= 1
            regions.append(Region(top, tag))
        elif tag.kind == "close":
            (crossed if skipped[tag.name] else unopened).append(tag)
            skipped[tag.name] = max(0, skipped[tag.name] - 1)
    return TagTree(
        tags=found,
        regions=tuple(sorted(regions, key=lambda region: region.opening.start)),
        unclosed=tuple(sorted([*unclosed, *stack], key=lambda tag: tag.start)),
        unopened=tuple(unopened),
        crossed=tuple(crossed),
    )


def _find_tags(text: str) -> list[Tag]:
    return [
        Tag(match["name"], _kind(text, match), *match.span(), alone=_is_alone(text, match))
        for match in _TAG.finditer(text)
        if not (match["close"] and match["rest"])
    ]


def _kind(text: str, match: re.Match[str]) -> TagKind:
    if match["self"] or (match["rest"] or "").endswith("/") or match["name"].lower() in _VOID:
        return "void"
    if _SPOKEN_OF.match(text, match.end(), match.end() + 40) and not _holds(text, match):
        return "mention"
    return "close" if match["close"] else "open"


def _holds(text: str, match: re.Match[str]) -> bool:
    """Whether it is closed on its line after all: `<name>tag of the release</name>`."""
    line_end = text.find("\n", match.end(), match.end() + 400)
    closing = f"</{match['name']}>"
    return closing in text[match.end() : line_end if line_end >= 0 else match.end() + 400]


def _is_alone(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 80) : match.start()].rpartition("\n")[2]
    after = text[match.end() : match.end() + 80].partition("\n")[0]
    return not before.strip(" \t>") and not after.strip()


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
