"""Cut a prompt into numbered segments, so that a model can say where and code can check it.

Models count characters badly and copy a number well. So they are shown `[s7]` before each sentence and
cite that, together with a quote; `anchors` then finds the words themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay_nb.text.templates import find_fences

MOST_SEGMENTS = 400
"""Beyond this, neighbours are joined: a number costs tokens, and thousands of them help nobody."""

_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]+(?![.!?…])[\"'”’»)\]]*(?![\"'”’»)\]])(?=\s)|(?<![。！？])[。！？]+[”’」』）]*"
)
"""Each run of marks is tried from its beginning alone, and whole, so that a million dots take no longer
than a million letters."""
_SHORTEST_SENTENCE = 4  # so that the "1." of a list and an initial do not stand alone


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence, a line, or a few of them: `text == prompt[start:end]`, in code points."""

    id: str
    start: int
    end: int
    text: str


def split_segments(text: str, most: int = MOST_SEGMENTS) -> tuple[Segment, ...]:
    """Return the segments of `text`, in order, numbered from `s1`.

    They do not overlap, and everything between them is white space. Lines of a code fence are not cut
    at full stops.
    """
    spans = _join_neighbours(list(_find_spans(text)), len(text) // most)
    return tuple(
        Segment(f"s{number}", start, end, text[start:end])
        for number, (start, end) in enumerate(spans, 1)
    )


def number_segments(text: str, segments: Sequence[Segment]) -> str:
    """Return `text` with `[s1] ` and so on before each segment; nothing else changes."""
    pieces: list[str] = []
    position = 0
    for segment in segments:
        pieces += [text[position : segment.start], f"[{segment.id}] ", segment.text]
        position = segment.end
    return "".join([*pieces, text[position:]])


def parse_numbered(numbered: str) -> tuple[str, tuple[Segment, ...]]:
    """Return the text and the segments that `number_segments` was given: its exact inverse.

    A text that itself holds `[s2]` before its second segment cannot be told apart from a marker; the
    first one is taken.
    """
    heads: list[tuple[int, int]] = []
    position = numbered.find("[s1] ")
    while position >= 0:
        start = position + len(f"[s{len(heads) + 1}] ")
        heads.append((position, start))
        position = numbered.find(f"[s{len(heads) + 1}] ", start)
    pieces = [numbered[: heads[0][0]] if heads else numbered]
    segments: list[Segment] = []
    offset = len(pieces[0])
    for index, (_, start) in enumerate(heads):
        following = heads[index + 1][0] if index + 1 < len(heads) else len(numbered)
        piece = numbered[start:following]
        body = piece.rstrip()
        segments.append(Segment(f"s{index + 1}", offset, offset + len(body), body))
        pieces.append(piece)
        offset += len(piece)
    return "".join(pieces), tuple(segments)


def _find_spans(text: str) -> Iterator[tuple[int, int]]:
    fences = find_fences(text)
    fence = 0
    for start, end in _find_lines(text):
        while fence < len(fences) and fences[fence][1] <= start:
            fence += 1
        in_fence = fence < len(fences) and fences[fence][0] < end
        yield from [(start, end)] if in_fence else _find_sentences(text, start, end)


def _find_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each line that is not blank, without the white space around it."""
    position = 0
    for line in text.splitlines(keepends=True):
        body = line.strip()
        if body:
            start = position + len(line) - len(line.lstrip())
            yield start, start + len(body)
        position += len(line)


def _find_sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() - start >= _SHORTEST_SENTENCE and match.end() < end:
            yield start, match.end()
            start = match.end()
            while start < end and text[start].isspace():
                start += 1
    if start < end:
        yield start, end


def _join_neighbours(spans: list[tuple[int, int]], shortest: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and joined[-1][1] - joined[-1][0] < shortest:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
