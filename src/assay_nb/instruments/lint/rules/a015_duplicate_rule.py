"""A015: the same rule twice, or twice with another number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.sentences import is_instruction, is_prohibition
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.instruments.lint.vocabulary import Words

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_ALIKE = 0.8
_FEWEST_WORDS = 5
_CANDIDATES = 12
_KEYS = 6


@dataclass(frozen=True, slots=True)
class _Claim:
    """A rule without its numbers: `words` in order, `numbers` apart."""

    sentence: Sentence
    words: tuple[str, ...]
    numbers: tuple[str, ...]


def _check(source: Source) -> Iterator[Hit]:
    rules = [_claim(s, source.words) for s in source.sentences if _is_rule(source, s)]
    for later, earlier in _pairs(rules):
        same = later.numbers == earlier.numbers
        what = "says again what stands above" if same else "repeats a rule with another number"
        yield Hit(
            later.sentence.start,
            later.sentence.end,
            f"This {what} (line {source.line_of(earlier.sentence.start) + 1}), and two copies drift apart: "
            "keep one.",
            _deletion(source, later, earlier),
        )


def _is_rule(source: Source, sentence: Sentence) -> bool:
    if len(sentence.words) < _FEWEST_WORDS or sentence.text.rstrip().endswith("?"):
        return False
    line_start, _ = source.line_span(sentence.start)
    if source.text[line_start : sentence.start].lstrip().startswith(("#", "|")):
        return False  # headings and table cells repeat with good reason
    if source.words is None:
        return len(sentence.words) >= 2 * _FEWEST_WORDS
    return is_instruction(sentence, source.words) or is_prohibition(sentence, source.words)


def _claim(sentence: Sentence, words: Words | None) -> _Claim:
    known = words.numbers if words else frozenset[str]()
    is_number = [bool(_NUMBER.fullmatch(w)) or w in known for w in sentence.words]
    numbers = tuple(w for w, counts in zip(sentence.words, is_number, strict=True) if counts)
    rest = tuple(w for w, counts in zip(sentence.words, is_number, strict=True) if not counts)
    return _Claim(sentence, rest, numbers)


def _pairs(rules: list[_Claim]) -> Iterator[tuple[_Claim, _Claim]]:
    """Yield each rule that resembles an earlier one, with the nearest such.

    Rules that share four fifths of their words share one of their few longest, so an index over those
    finds them without comparing all with all.
    """
    index: defaultdict[str, list[_Claim]] = defaultdict(list)
    for rule in rules:
        keys = sorted(set(rule.words), key=lambda word: (-len(word), word))[:_KEYS]
        near = (other for key in keys for other in islice(reversed(index[key]), _CANDIDATES))
        twin = next((other for other in near if _alike(rule, other)), None)
        if twin:
            yield rule, twin
        for key in keys:
            index[key].append(rule)


def _alike(a: _Claim, b: _Claim) -> bool:
    """Whether one is the other with at most a fifth of its words left out, in the same order.

    A word in another's place makes it another rule: "Check the name", "Check the date".
    """
    short, long = sorted((a.words, b.words), key=len)
    if len(short) < _FEWEST_WORDS - 1 or len(short) < _ALIKE * len(long):
        return False
    rest = iter(long)
    return all(word in rest for word in short)


def _deletion(source: Source, later: _Claim, earlier: _Claim) -> LintFix | None:
    """Delete the line where it holds nothing but the very same sentence."""
    a, b = later.sentence, earlier.sentence
    if source.text[a.start : a.end].strip() != source.text[b.start : b.end].strip():
        return None
    start, end = source.line_span(a.start)
    marker = source.text[start : a.start].strip()
    if source.text[a.end : end].strip() or a.end > end or marker.strip("-*+•–"):
        return None
    return LintFix(start, source.next_line(start), "")


RULE = Rule(
    id="A015",
    name="duplicate-rule",
    level="warning",
    summary="A rule that stands in the prompt twice, word for word or nearly, or with another number.",
    why="Two copies drift apart with the next edit; with two numbers, the model picks either.",
    bad="Use at most 5 bullets per topic. Cite the page.\nUse at most 7 bullets per topic.",
    good="Use at most 5 bullets per topic. Cite the page.",
    check=_check,
)
