"""Find the words that a model says it quotes, or say that they are not there.

A model's quotes are often not verbatim, and its character offsets are fiction. So neither is trusted:
code looks for the quote and keeps a span of the *prompt*. What is shown is always `prompt[start:end]`,
never the model's string.

The search gives way in steps, and stops rather than guess:

    exact in the cited segment → exact anywhere, if unique → the same after normalising (NFKC, runs of
    white space, quotation marks, dashes, invisible characters) → at most one edit in ten characters
    away, in the cited segment only, if unique and long enough ("reanchored") → None

A quote that fits in two places, with no context to tell them apart, is not an anchor.

Every step is linear in the length of the prompt, whatever the text: the approximate search is Myers'
bit-vector algorithm (JACM 46(3), 1999) over one bounded segment, not a comparison of all substrings.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Literal

from assay_nb.text.approximate import find_approximate
from assay_nb.text.english import quote
from assay_nb.text.normal import Normalised, normalise, splits_character
from assay_nb.text.segments import Segment

Match = Literal["exact", "normalised", "reanchored"]
CONTEXT = 32
"""Characters of prefix and suffix kept with an anchor."""


FUZZY_SHORTEST = 12
FUZZY_LONGEST = 1_000
FUZZY_SIMILARITY = 0.90
_FUZZY_SEGMENT = 20_000
_MOST_CANDIDATES = 1_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """A stretch of the prompt that code has found: `exact == prompt[start:end]`, in code points.

    `exact`, `prefix` and `suffix` are a TextQuoteSelector in the sense of the W3C Web Annotation Data
    Model, so the anchor can be found again after the prompt was edited elsewhere.
    """

    start: int
    end: int
    match: Match
    exact: str
    prefix: str = ""
    suffix: str = ""
    segment: str | None = None

    def __str__(self) -> str:
        return quote(self.exact)

    def to_dict(self) -> dict[str, Any]:
        return {
            "segment_id": self.segment,
            "quote": self.exact,
            "start": self.start,
            "end": self.end,
            "match": self.match,
            "prefix": self.prefix,
            "suffix": self.suffix,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Anchor:
        """Return the anchor that `to_dict` described."""
        return cls(
            start=fields["start"],
            end=fields["end"],
            match=fields["match"],
            exact=fields["quote"],
            prefix=fields["prefix"],
            suffix=fields["suffix"],
            segment=fields["segment_id"],
        )


class _AmbiguousQuote(Exception):
    """The quote fits in more than one place."""


class Locator:
    """Finds quotes in one text. What has to be prepared is prepared once, and only when needed."""

    def __init__(self, text: str, segments: Sequence[Segment] = ()) -> None:
        self.text = text
        self.segments = segments
        self._by_id = {segment.id: segment for segment in segments}
        self._starts = [segment.start for segment in segments]

    def find(
        self, quote: str, segment: str | None = None, *, prefix: str = "", suffix: str = ""
    ) -> Anchor | None:
        """Return where `quote` stands, or None if it is absent or could be in two places.

        Args:
            quote: What is said to stand in the text.
            segment: The id of the segment that was cited. An unknown one counts as none.
            prefix: Text known to stand before it, to tell repeats apart.
            suffix: Text known to stand after it.
        """
        if not quote.strip():
            return None
        cited = self._by_id.get(segment) if segment else None
        context = (prefix, suffix)
        try:
            return (
                self._find_exact(quote, cited, context)
                or self._find_normalised(quote, cited, context)
                or self._find_fuzzy(quote, cited)
            )
        except _AmbiguousQuote:
            return None

    def find_again(self, anchor: Anchor) -> Anchor | None:
        """Return where an anchor of an earlier version of the text stands now."""
        return self.find(anchor.exact, prefix=anchor.prefix, suffix=anchor.suffix)

    def make_anchor(self, start: int, end: int, match: Match = "exact") -> Anchor:
        """Return the anchor of a span that is already known."""
        return Anchor(
            start=start,
            end=end,
            match=match,
            exact=self.text[start:end],
            prefix=self.text[max(0, start - CONTEXT) : start],
            suffix=self.text[end : end + CONTEXT],
            segment=self._segment_at(start),
        )

    def _segment_at(self, position: int) -> str | None:
        index = bisect_right(self._starts, position) - 1
        return self.segments[index].id if index >= 0 else None

    def _find_exact(
        self, quote: str, cited: Segment | None, context: tuple[str, str]
    ) -> Anchor | None:
        for wanted in dict.fromkeys((quote, quote.strip())):
            for start, end in self._scopes(cited):
                spans = _find_all(self.text, wanted, start, end)
                found = self._pick(spans, context)
                if found:
                    return self.make_anchor(*found)
        return None

    def _find_normalised(
        self, quote: str, cited: Segment | None, context: tuple[str, str]
    ) -> Anchor | None:
        wanted = normalise(quote).text.strip()
        if not wanted:
            return None
        for start, end in self._scopes(cited):
            inner = _find_all(self._folded.text, wanted, *self._folded.inner_span(start, end))
            whole = (span for span in inner if not self._folded.splits_origin(*span))
            found = self._pick((self._folded.outer_span(*span) for span in whole), context)
            if found:
                return self.make_anchor(*found, match="normalised")
        return None

    def _find_fuzzy(self, quote: str, cited: Segment | None) -> Anchor | None:
        wanted = normalise(quote).text.strip()
        if cited is None or not FUZZY_SHORTEST <= len(wanted) <= FUZZY_LONGEST:
            return None
        low, high = self._folded.inner_span(cited.start, cited.end)
        if high - low > _FUZZY_SEGMENT:
            return None
        found = find_approximate(wanted, self._folded.text[low:high], FUZZY_SIMILARITY)
        if found is None:
            return None
        start, end = self._folded.outer_span(low + found[0], low + found[1])
        start, end = _trim(self.text, start, end)
        if start == end or splits_character(self.text, start, end):
            return None
        return self.make_anchor(start, end, match="reanchored")

    @cached_property
    def _folded(self) -> Normalised:
        return normalise(self.text)

    def _scopes(self, cited: Segment | None) -> Iterator[tuple[int, int]]:
        if cited:
            yield cited.start, cited.end
        yield 0, len(self.text)

    def _pick(
        self, spans: Iterator[tuple[int, int]], context: tuple[str, str]
    ) -> tuple[int, int] | None:
        """Return the one span, or the one that the context singles out."""
        candidates = list(islice(spans, _MOST_CANDIDATES))
        if len(candidates) == _MOST_CANDIDATES:
            raise _AmbiguousQuote
        whole = [span for span in candidates if not splits_character(self.text, *span)]
        if len(whole) < 2:
            return whole[0] if whole else None
        ranked = sorted((self._agreement(span, context), span) for span in whole)
        if ranked[-1][0] == ranked[-2][0]:
            raise _AmbiguousQuote
        return ranked[-1][1]

    def _agreement(self, span: tuple[int, int], context: tuple[str, str]) -> int:
        """Return how many characters around the span are as the context has them."""
        prefix, suffix = context
        before = self.text[max(0, span[0] - len(prefix)) : span[0]]
        after = self.text[span[1] : span[1] + len(suffix)]
        return _common(reversed(before), reversed(prefix)) + _common(iter(after), iter(suffix))


def _common(a: Iterator[str], b: Iterator[str]) -> int:
    length = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        length += 1
    return length


def _find_all(text: str, wanted: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield every place where `wanted` stands, overlapping ones too."""
    position = text.find(wanted, start, end)
    while position >= 0:
        yield position, position + len(wanted)
        position = text.find(wanted, position + 1, end)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
