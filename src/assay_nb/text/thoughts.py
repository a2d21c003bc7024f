"""Thoughts in a reply: what a model wrote between `<think>` and `</think>`, told from its answer.

Many servers send a reasoning model's thoughts as part of the text. They are at the very beginning, or
the opening tag is missing because the chat template put it at the end of the prompt. A tag anywhere else is the
answer's own, and so is one that the prompt asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from assay_nb.messages import Request, TextDelta, ThoughtDelta

Piece = TextDelta | ThoughtDelta

_MOST_BLANKS = 4_096
"""Characters of blank text that may come before an opening tag; they are held back until it is known."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A pair of marks around thoughts, in lower case."""

    name: str
    opening: str
    closing: str


_TAGS = (
    *(
        Tag(name, f"<{name}>", f"</{name}>")
        for name in ("think", "thinking", "thought", "thoughts", "reasoning", "seed:think")
    ),
    Tag("think", "[think]", "[/think]"),  # Magistral
    Tag("think", "◁think▷", "◁/think▷"),  # Kimi
    Tag("longcat_think", "<longcat_think>", "</longcat_think>"),
    Tag("channel", "<|channel>thought", "<channel|>"),  # Gemma 4
    # gpt-oss, where the server leaves its channels in the text
    Tag("channel", "<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    Tag(
        "channel", "<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>final<|message|>"
    ),
)

_LONGEST_OPENING = max(len(tag.opening) for tag in _TAGS)


class ThoughtSplitter:
    """Splits a reply, piece by piece, into thoughts and answer.

    It holds back no more than the beginning of a tag, and blanks at the very beginning. The time it takes is
    linear in the reply's length.
    """

    def __init__(self, asked: str = "", *, is_data: bool = False) -> None:
        """Begin a reply.

        Args:
            asked: The prompt. A tag that it names is the answer's own.
            is_data: Whether the reply has to be JSON, which begins with no tag whatever the prompt says.
        """
        lower = asked.lower()
        self._tags = [tag for tag in _TAGS if is_data or not _is_named(tag, lower)]
        self._openings = [tag.opening for tag in self._tags]
        self._stray = [tag.closing for tag in self._tags]
        self._read: Callable[[], Iterable[Piece]] = self._beginning
        self._tag = Tag("", "", "")
        self._held = ""
        self._thought = False
        self._ticks = 0
        self._before = ""

    def feed(self, text: str) -> list[Piece]:
        """Return what is known by now of the reply as far as it has come."""
        pieces: list[Piece] = []
        self._held += text
        while self._held:
            read = self._read
            pieces.extend(read())
            if read == self._read:  # what is held back may be the beginning of a tag
                break
        return pieces

    def flush(self) -> list[Piece]:
        """Return what was held back; the reply is over, so it was not the beginning of a tag."""
        held, self._held = self._held, ""
        if self._read == self._inside:
            return [ThoughtDelta(held)] if held else []
        if self._read == self._beginning and self._thought:
            held = held.lstrip()
        return [TextDelta(held)] if held else []

    def note_thoughts(self) -> None:
        """Take note that the server sends thoughts apart: a closing tag alone then means nothing."""
        self._stray = []

    # --- the states: each takes what it can from `_held`

    def _beginning(self) -> Sequence[Piece]:
        """Look for an opening tag where the reply, or what follows thoughts, begins."""
        text = self._held.lstrip()
        start = text[:_LONGEST_OPENING].lower()
        for tag in self._tags:
            if start.startswith(tag.opening):
                self._tag, self._read, self._thought = tag, self._inside, True
                self._held = text[len(tag.opening) :]
                self._stray = []
                return ()
        waits = not text or any(opening.startswith(start) for opening in self._openings)
        if waits and len(self._held) <= _MOST_BLANKS:
            return ()
        if self._thought:
            self._held = text
        if start.startswith(("{", "[")):  # data: a closing tag in it is quoted
            self._stray = []
        self._read = self._answer
        return ()

    def _inside(self) -> Iterator[Piece]:
        """Look for the tag that closes the thoughts."""
        found = re.search(re.escape(self._tag.closing), self._held, re.IGNORECASE)
        end = found.start() if found else _tail_start(self._held, [self._tag.closing])
        if end:
            yield ThoughtDelta(self._held[:end])
        self._held = self._held[found.end() if found else end :]
        if found:
            self._read = self._beginning

    def _answer(self) -> Iterator[Piece]:
        """Hand the answer on, up to a closing tag whose opening one is missing."""
        if not self._stray:
            text, self._held = self._held, ""
            yield TextDelta(text)
            return
        marks = [*self._stray, *self._openings]
        found = re.search("|".join(map(re.escape, marks)), self._held, re.IGNORECASE)
        end = found.start() if found else _tail_start(self._held, marks)
        text, self._held = self._held[:end], self._held[end:]
        self._ticks += text.count("`")
        self._before = text[-1:] or self._before
        if found is None:
            if text:
                yield TextDelta(text)
        elif found[0].lower() in self._stray and not self._is_quoted():
            self._held = self._held[len(found[0]) :]
            self._stray, self._thought, self._read = [], True, self._beginning
            yield ThoughtDelta(text, so_far=True)
        else:
            # Quoted, or opened in the middle: the answer speaks of tags, and what follows is its own.
            self._stray = []
            text, self._held = text + self._held, ""
            yield TextDelta(text)

    def _is_quoted(self) -> bool:
        return self._ticks % 2 == 1 or self._before in {'"', "'", "“", "‘", "«"}


def splitter_for(request: Request) -> ThoughtSplitter:
    """Return a splitter for the reply to a request."""
    asked = "\n".join([request.system or "", *(turn.text for turn in request.messages)])
    return ThoughtSplitter(asked, is_data=request.schema is not None)


def without_thoughts(text: str) -> str:
    """Return a reply, whole or as far as it has come, without its thoughts."""
    splitter = ThoughtSplitter(is_data=True)
    answer = ""
    for piece in (*splitter.feed(text), *splitter.flush()):
        if isinstance(piece, TextDelta):
            answer += piece.text
        elif piece.so_far:
            answer = ""
    return answer


def _tail_start(text: str, marks: Sequence[str]) -> int:
    """Return where the longest tail begins that is the beginning of a mark."""
    longest = max(map(len, marks), default=1) - 1
    for start in range(max(0, len(text) - longest), len(text)):
        if text[start] in "<[◁":
            tail = text[start:].lower()
            if any(mark.startswith(tail) for mark in marks):
                return start
    return len(text)


def _is_named(tag: Tag, lower: str) -> bool:
    """Return whether a prompt, in lower case, asks for a tag: as it is written, escaped, or in words."""
    if tag.name not in lower:  # it is a part of every way to write one
        return False
    if tag.opening in lower or tag.closing in lower:
        return True
    name = re.escape(tag.name)
    words = (
        rf"(?:<|&lt;)\s*/?\s*{name}\b",
        rf"\b{name}\b\W{{0,4}}(?:xml|html)?[\s-]{{0,2}}tags?\b",
        rf"\btags?\s+(?:named|called|like|such as)?\W{{0,4}}{name}\b",
    )
    return any(re.search(pattern, lower) for pattern in words)
