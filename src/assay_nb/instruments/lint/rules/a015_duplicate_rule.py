"""A015: the same rule twice, word for word."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.sentences import is_instruction, is_prohibition
from assay_nb.instruments.lint.source import Sentence, Source, blank

_FEWEST_WORDS = 5
_FEWEST_CHARACTERS = 20
_LONGEST = 8_000
_REACH = 3_000
"""Copies so far apart are in different sections."""
_LONG_COPY = 80
"""So many characters twice are an oversight in any language."""
_MOST_IN_A_ROW = 1
"""More copied lines in a row, in another section, are a procedure that is meant to be there twice."""
_HEADING = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]*\S|[A-ZÀ-Þ][A-ZÀ-Þ \d&/-]{3,40}:?[ \t\r]*$|"
    r"\*\*[^*\n]{1,60}\*\*:?[ \t\r]*$|[^\n]{1,120}[:：][ \t\r]*$|={3,}|-{3,})",
    re.MULTILINE,
)
_POINTS_ELSEWHERE = re.compile(
    r"(?i)\b(?:this|these|those|them|they|it|its|each|above|below|following|same|here|next|previous|"
    r"dies\w*|jene\w*|ce(?:t|tte|s|ci|la)?|est[eo]s?|estas?|ell[ao]s?)\b"
    r"(?! (?:task|prompt|conversation|chat|role|instructions|rules|free)\b)"
)
_IS_RULE = re.compile(r"[^\W\d_\"“'*(].*[^:：?？]\s*$", re.DOTALL)
_ANSWER = re.compile(
    r"(?im)^\W*(?:answer|response|output|a|label|result|antwort|réponse|respuesta|答案|回答)\W{0,3}[:：]"
)
_CODE = re.compile(r"\s/\w|\s-{1,2}[a-z]+ |[{}=;\\]|&&|\(\)|\[\]|</")
_LABELLED = re.compile(r"[^:：\n.]{1,30}[:：](?:\s|$)")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A sentence with its number among all sentences and the line that it stands on."""

    number: int
    words: str
    sentence: Sentence
    line: int


def _check(source: Source) -> Iterator[Hit]:
    if source.has_blocks:
        return  # the branches of a template repeat what only one of them sends
    copies = _whole_items(source, list(_find_copies(list(_rules(source)))))
    for run in _runs(copies):
        if not any(_is_order(source, later) for later, _ in run) or _is_head(source, *run[0]):
            continue
        far = _has_heading(source, *run[0])
        if far and len({later.line for later, _ in run}) > _MOST_IN_A_ROW:
            continue
        for later, earlier in run:
            if not _is_order(source, later) or (far and not _is_oversight(source, later)):
                continue
            yield Hit(
                later.sentence.start,
                later.sentence.end,
                f"This repeats line {earlier.line + 1} word for word, and two copies drift apart: keep one.",
                _deletion(source, later, earlier),
                level="hint" if far else None,
            )


def _rules(source: Source) -> Iterator[_Rule]:
    for number, sentence in enumerate(source.sentences):
        words = source.text[sentence.start : sentence.end]
        line_start = source.line_start(sentence.start)
        if source.text.startswith(("#", "|"), line_start) or not _IS_RULE.match(words):
            continue  # headings and table cells repeat with good reason
        if _is_long(sentence, words) and not (_LABELLED.match(words) or _CODE.search(words)):
            key = " ".join(words.lower().split()).rstrip(".!")
            yield _Rule(number, key, sentence, source.line_of(sentence.start))


def _is_long(sentence: Sentence, words: str) -> bool:
    return len(sentence.words) >= _FEWEST_WORDS or (
        not words.isascii() and len(words) >= _FEWEST_CHARACTERS
    )


def _find_copies(rules: Sequence[_Rule]) -> Iterator[tuple[_Rule, _Rule]]:
    """Yield what is there exactly twice, the later one first; more often it is a pattern."""
    seen: defaultdict[str, list[_Rule]] = defaultdict(list)
    for rule in rules:
        seen[rule.words].append(rule)
    for rule in rules:
        alike = seen[rule.words]
        if len(alike) == 2 and rule is alike[1]:
            yield rule, alike[0]


def _whole_items(
    source: Source, copies: Sequence[tuple[_Rule, _Rule]]
) -> list[tuple[_Rule, _Rule]]:
    """Return the copies that fill their line: a sentence that closes an item may well recur."""
    by_line: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for later, _ in copies:
        by_line[later.line].append((later.sentence.start, later.sentence.end))
    whole = set[int]()
    for line, spans in by_line.items():
        start, end = source.line_span(source.line_starts[line])
        rest = blank(source.text[start:end], ((a - start, b - start) for a, b in spans))
        if not rest.strip(" \t\r-*+•–0123456789.)"):
            whole.add(line)
    return [(later, earlier) for later, earlier in copies if later.line in whole]


def _runs(copies: Sequence[tuple[_Rule, _Rule]]) -> Iterator[list[tuple[_Rule, _Rule]]]:
    """Group the copies that follow each other in both places; sentences of one line count once."""
    run: list[tuple[_Rule, _Rule]] = []
    for later, earlier in copies:
        if run and (later.number, earlier.number) != (run[-1][0].number + 1, run[-1][1].number + 1):
            yield run
            run = []
        run.append((later, earlier))
    if run:
        yield run


def _is_head(source: Source, later: _Rule, earlier: _Rule) -> bool:
    """Whether it opens each of several examples: an answer is given between the two."""
    start = max(earlier.sentence.end, later.sentence.start - _REACH)
    return bool(_ANSWER.search(source.text, start, later.sentence.start))


def _has_heading(source: Source, later: _Rule, earlier: _Rule) -> bool:
    """Whether the two are in different sections."""
    start, end = earlier.sentence.end, later.sentence.start
    if end - start > _REACH:
        return True
    tags = (tag for tag in source.tree.tags if tag.alone and start <= tag.start < end)
    return bool(_HEADING.search(source.text, start, end)) or next(tags, None) is not None


def _is_oversight(source: Source, later: _Rule) -> bool:
    """Whether a copy in another section can be spared: in a long document each section is read alone."""
    return len(source.text) <= _LONGEST and not _POINTS_ELSEWHERE.search(later.words)


def _is_order(source: Source, rule: _Rule) -> bool:
    """Whether it is a rule of its own, rather than a remark or a numbered step of a procedure."""
    line_start = source.line_start(rule.sentence.start)
    if source.text[line_start : rule.sentence.start].strip()[:1].isdigit():
        return not rule.words.isascii() and len(rule.words) >= _LONG_COPY
    return is_instruction(rule.sentence) or is_prohibition(rule.sentence)


def _deletion(source: Source, later: _Rule, earlier: _Rule) -> LintFix | None:
    """Delete the later line where the two are neighbours and alike."""
    start, end = source.line_span(later.sentence.start)
    above = source.line_span(earlier.sentence.start)
    if later.line != earlier.line + 1 or source.text[start:end] != source.text[slice(*above)]:
        return None
    return LintFix(start, source.next_line(start), "")


RULE = Rule(
    id="A015",
    name="duplicate-rule",
    level="warning",
    summary="A rule that is in the prompt twice, word for word, about one thing.",
    why="Two copies drift apart with the next edit, and then the model picks either.",
    bad="- Cite the page for every figure.\n- Use at most 5 bullets.\n- Cite the page for every figure.",
    good="- Cite the page for every figure.\n- Use at most 5 bullets.",
    check=_check,
)
