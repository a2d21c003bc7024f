"""A013: "do not" with no word on what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.sentences import is_imperative, is_prohibition
from assay_nb.instruments.lint.source import Sentence, Source, sentences_near
from assay_nb.instruments.lint.vocabulary import LANGUAGES, Words

_TURN = re.compile(r"[;:—–→]\s*\w|\s-\s\w")
_BROAD = re.compile(r"(?i)\b(?:infer|guess|assume|speculate)\b")
_REACH = 2
_MOST_BROAD_WORDS = 6


def _check(source: Source) -> Iterator[Hit]:
    words = source.words
    if words is None:
        return
    for index, sentence in enumerate(source.sentences):
        if not is_prohibition(sentence, words):
            continue
        if _is_broad(source, sentence):
            yield _hit(sentence, "which this model takes as a ban on concluding anything")
        elif not _says_what_to_do(sentence, sentences_near(source.sentences, index, _REACH), words):
            yield _hit(
                sentence, "and a model that knows only what is forbidden picks anything else"
            )


def _is_broad(source: Source, sentence: Sentence) -> bool:
    """Whether it is a bare "do not infer", which Gemini follows too far."""
    brief = len(sentence.words) <= _MOST_BROAD_WORDS
    gemini = (source.model or "").startswith("gemini")
    return gemini and brief and bool(_BROAD.search(sentence.text))


def _says_what_to_do(sentence: Sentence, near: list[Sentence], words: Words) -> bool:
    if words.alternatives.intersection(sentence.words) or _TURN.search(sentence.text):
        return True
    orders = words.imperatives.intersection(sentence.words[2:])
    return bool(orders and "," in sentence.text) or any(_is_order(s, words) for s in near)


def _is_order(sentence: Sentence, words: Words) -> bool:
    if is_prohibition(sentence, words):
        return False
    return is_imperative(sentence, words) or bool(words.obligations.intersection(sentence.words))


def _hit(sentence: Sentence, why: str) -> Hit:
    return Hit(
        sentence.start,
        sentence.end,
        f"This says what not to do, {why}: say what to do instead.",
    )


RULE = Rule(
    id="A013",
    name="prohibition-without-alternative",
    level="warning",
    summary="“Do not …” with no positive instruction in it or in the two sentences around it.",
    why="A ban names what to avoid and leaves open what to do; Gemini follows a broad one too far.",
    bad="What was the profit? Do not infer.",
    good="What was the profit? If the report does not state it, answer “not stated”.",
    check=_check,
    languages=LANGUAGES,
)
