"""The source of a prompt as the rules see it, read once and shared by all of them.

Three views of the same length, so that an offset in one is an offset in all:

- `text`: the prompt, with credentials and lint comments blanked. No rule can quote a key.
- `structure`: the text without code and comments, for what is about tags.
- `prose`: the text without code, quoted words, data, examples and front matter, for what is about
  instructions.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from assay_nb.instruments.lint.demos import find_demos
from assay_nb.instruments.lint.directives import Directives, find_directives
from assay_nb.instruments.lint.examples import JsonExample, find_json
from assay_nb.instruments.lint.tags import TagTree, parse_tags
from assay_nb.instruments.lint.vocabulary import word_set
from assay_nb.models.retirements import Retirement
from assay_nb.text.redaction import KeyShape, find_keys
from assay_nb.text.templates import (
    INLINE_CODE,
    Variable,
    covers,
    find_bound_names,
    find_fences,
    find_variables,
)

MASK = "█"
"""Stands for each character of a credential."""

_QUOTED = re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|„[^“”\n]{1,200}[“”]|«[^»\n]{1,200}»")
_COMMENT = re.compile(r"<!--(?:(?!-->|<!--)[\s\S])*-->")
_NAME = re.compile(r"\w[\w.:-]*(?<![.:-])")
_OPENED = re.compile(r"[<\[＜]\s?([^\W\d_][\w.:-]*(?<![.:-]))")
_FRONT_MATTER = re.compile(r"\ufeff?---[ \t]*\r?\n(?:[^\n]*\n){0,200}?---[ \t]*(?:\r?\n|$)")
_CLOSING_LINE = re.compile(r"^[ \t]*</(?P<name>[^\W\d_][\w.:-]{0,60})>[ \t]*\r?$", re.MULTILINE)
_TAG_MARK = re.compile(
    r"<(?:(?P<opens>[^\W\d_][\w.:-]{0,60})[\s>]|/(?P<closes>[^\W\d_][\w.:-]{0,60})>)"
)
_BULLET = re.compile(r"[ \t]*(?:[-*+•–]|\(?\d{1,3}[.)]|[a-zA-Z][.)]|#{1,6})[ \t]+")
_SPACES = re.compile(r"(?<=[.!?…\"”»)\]*])[ \t\n]+")
_ABBREVIATIONS = word_set(
    "e.g. i.e. z.b. d.h. u.a. bzw. ca. etc. vs. dr. mr. mrs. ms. nr. no. p.ex. ex. cf. p.ej. ej. "
    "art. fig. approx. max. min. incl. inkl. ggf. evtl. usw. st. sr. sra. b. h."
)
RULER = re.compile(r"[ \t]*(?:-{3,}|={3,}|\"{3}|'{3}|\*{3,}|#{3,}|_{3,}|~{3,}|<{3,}|>{3,}|>)")
"""The beginning of a line that sets apart what is above from what is below."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the prose, with its bullet and its blanked stretches left out of the words.

    Attributes:
        start: Where it begins, after a bullet.
        end: Where it ends, exclusive.
        text: What stands there in the prose.
        words: Its words in lower case.
        block: The number of the block (paragraph or list) that it stands in.
    """

    start: int
    end: int
    text: str
    words: tuple[str, ...]
    block: int


@dataclass(frozen=True)
class Source:
    """A prompt, what is known about its use, and what can be read off it.

    Attributes:
        original: The prompt itself; only the rule about credentials looks at it.
        bound: Names that have a value, or None when that is not known.
        model: The model's id without the provider, or None.
        knobs: The sampling parameters that will be sent.
        today: The day that dated facts are held against.
        retirement: The model's end, where its server has named one; None leaves it to the table.
        own_api: Whether the model is meant at its maker's own API, for which the table holds.
    """

    original: str
    bound: Collection[str] | None = None
    model: str | None = None
    knobs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    today: date = date.max
    retirement: Retirement | None = None
    own_api: bool = True

    @cached_property
    def keys(self) -> list[KeyShape]:
        return find_keys(self.original)

    @cached_property
    def directives(self) -> Directives:
        return find_directives(self.original)

    @cached_property
    def masked(self) -> str:
        """The prompt with each character of a credential replaced by `MASK`."""
        return blank(self.original, ((key.start, key.end) for key in self.keys), MASK)

    @cached_property
    def text(self) -> str:
        return blank(self.masked, self.directives.spans)

    @cached_property
    def fences(self) -> list[tuple[int, int]]:
        """Fenced code, fence lines included. A closing tag ends a fence that was opened within it."""
        return _cut_at_closing_tags(self.text, find_fences(self.text))

    @cached_property
    def inline_code(self) -> list[tuple[int, int]]:
        return [m.span() for m in INLINE_CODE.finditer(self.text) if not self.in_fence(m.start())]

    @cached_property
    def structure(self) -> str:
        without_code = blank(self.text, [*self.fences, *self.inline_code])
        return blank(without_code, (m.span() for m in _COMMENT.finditer(without_code)))

    @cached_property
    def tree(self) -> TagTree:
        """The tags outside of code and comments, as a balanced tree."""
        return parse_tags(self.structure)

    @cached_property
    def name_counts(self) -> Counter[str]:
        """How often each name occurs, in tags, variables and prose alike."""
        return Counter(_NAME.findall(self.text))

    @cached_property
    def opened_names(self) -> frozenset[str]:
        """The names behind each `<` and `[`, code and comments included."""
        return frozenset(_OPENED.findall(self.text))

    @cached_property
    def front_matter(self) -> int:
        """Where the prompt begins behind the front matter of its file; 0 where there is none."""
        match = _FRONT_MATTER.match(self.text)
        return match.end() if match else 0

    @cached_property
    def demos(self) -> list[tuple[int, int]]:
        """Few-shot examples, sample replies and sample turns."""
        return find_demos(self.structure)

    @cached_property
    def quoted(self) -> list[tuple[int, int]]:
        """What stands between quotation marks on one line, outside code."""
        return [match.span() for match in _QUOTED.finditer(self.structure)]

    @cached_property
    def prose(self) -> str:
        return blank(
            self.structure,
            [
                (0, self.front_matter),
                *self.tree.data_spans,
                *self.demos,
                *self.quoted,
                *(tag.span for tag in self.tree.tags),
                *((v.start, v.end) for v in self.variables if v.kind == "block"),
            ],
        )

    @cached_property
    def lower_prose(self) -> str:
        """The prose in lower case, to ask whether a word occurs at all; its offsets may differ."""
        return self.prose.lower()

    @cached_property
    def variables(self) -> list[Variable]:
        return find_variables(self.text)

    @cached_property
    def has_blocks(self) -> bool:
        """Whether a template's blocks steer it, so that a run sends only a part of the text."""
        return any(variable.kind == "block" for variable in self.variables)

    @cached_property
    def bound_in_blocks(self) -> frozenset[str]:
        """The names that get a value within the template itself."""
        return find_bound_names(self.text)

    @cached_property
    def json_examples(self) -> list[JsonExample]:
        """What is meant as JSON, in order; none overlap."""
        return list(find_json(self.text, self.fences))

    @cached_property
    def json_spans(self) -> list[tuple[int, int]]:
        return [example.span for example in self.json_examples]

    @cached_property
    def first_word(self) -> int:
        """Where the text begins behind leading space."""
        return len(self.text) - len(self.text.lstrip())

    @cached_property
    def sentences(self) -> list[Sentence]:
        return list(_split_sentences(self.prose))

    @cached_property
    def line_starts(self) -> list[int]:
        return [0, *(m.end() for m in re.finditer("\n", self.original))]

    def in_fence(self, position: int) -> bool:
        return covers(self.fences, position)

    def line_of(self, position: int) -> int:
        """Return the number of the line that holds `position`, counted from 0."""
        return bisect_right(self.line_starts, position) - 1

    def line_span(self, position: int) -> tuple[int, int]:
        """Return where the line of `position` begins and ends, line break left out."""
        start, end = self.line_start(position), self.next_line(position)
        if self.original[end - 1 : end] == "\n" and end > start:
            end -= 2 if self.original[end - 2 : end] == "\r\n" else 1
        return start, end

    def line_start(self, position: int) -> int:
        """Return where the line of `position` begins."""
        return self.line_starts[self.line_of(position)]

    def next_line(self, position: int) -> int:
        """Return where the line after that of `position` begins; the end of the prompt if there is none."""
        after = self.line_of(position) + 1
        return self.line_starts[after] if after < len(self.line_starts) else len(self.original)


def _cut_at_closing_tags(text: str, fences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return each fence without what lies behind the end of a tag that it was opened in."""
    opened: defaultdict[str, list[int]] = defaultdict(list)
    closed: defaultdict[str, list[int]] = defaultdict(list)
    for mark in _TAG_MARK.finditer(text) if fences else ():
        (opened if mark["opens"] else closed)[mark["opens"] or mark["closes"]].append(mark.start())

    def find_end(start: int, end: int) -> int:
        for line in _CLOSING_LINE.finditer(text, start, end):
            openings, closings = opened[line["name"]], closed[line["name"]]
            before = bisect_left(openings, start)
            within = bisect_left(openings, line.start()) - before
            if not within and before > bisect_left(closings, start):
                return line.start()
        return end

    return [(start, find_end(start, end)) for start, end in fences]


def blank(text: str, spans: Iterable[tuple[int, int]], filler: str = " ") -> str:
    """Return `text` with the spans overwritten by `filler`; line breaks stay where they are."""
    pieces: list[str] = []
    position = 0
    for start, end in sorted(spans):
        start = max(start, position)
        if end > start:
            lines = text[start:end].split("\n")
            pieces += [text[position:start], "\n".join(filler * len(line) for line in lines)]
            position = end
    return "".join([*pieces, text[position:]])


def _split_sentences(prose: str) -> Iterable[Sentence]:
    for block, start, end in _chunks(prose):
        position = start
        for gap in _SPACES.finditer(prose, start, end):
            if _ends_sentence(prose, position, gap, end):
                yield _sentence(prose, position, gap.start(), block)
                position = gap.end()
        yield _sentence(prose, position, end, block)


def _sentence(prose: str, start: int, end: int, block: int) -> Sentence:
    text = prose[start:end]
    return Sentence(start, end, text, tuple(_WORD.findall(text.lower())), block)


def _ends_sentence(prose: str, start: int, gap: re.Match[str], end: int) -> bool:
    before = prose[max(start, gap.start() - 12) : gap.start()]
    if before.rstrip('"”»)]*')[-1:] not in {".", "!", "?", "…"} or gap.end() >= end:
        return False
    last = before.split()[-1].lower() if before.split() else ""
    return last.lstrip('("“«') not in _ABBREVIATIONS and not prose[gap.end()].islower()


def _chunks(prose: str) -> Iterable[tuple[int, int, int]]:
    """Yield the block number and span of each list item, heading and run of wrapped lines."""
    chunk: tuple[int, int] | None = None
    block = position = 0
    for line in prose.split("\n"):
        content_start, content_end = _content(line)
        start, end = position + content_start, position + content_end
        position += len(line) + 1
        if chunk and _starts_anew(prose, chunk[1], line, content_start):
            yield block, *chunk
            chunk = None
        if start < end:
            chunk = (chunk[0] if chunk else start, end)
        else:
            block += 1
    if chunk:
        yield block, *chunk


def _content(line: str) -> tuple[int, int]:
    """Return where a line's words begin and end, without its bullet and spaces."""
    stripped = line.rstrip()
    bullet = _BULLET.match(stripped)
    if bullet:
        return bullet.end(), len(stripped)
    return len(stripped) - len(stripped.lstrip()), len(stripped)


def _starts_anew(prose: str, previous_end: int, line: str, content_start: int) -> bool:
    first = line[content_start : content_start + 1]
    wrapped = first.islower() and not _BULLET.match(line)
    return not wrapped or prose[previous_end - 1] in ".!?…:"
