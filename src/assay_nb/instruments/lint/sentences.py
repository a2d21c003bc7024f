"""What a sentence does: instruct, forbid, limit. Read off its words."""

from __future__ import annotations

import re

from assay_nb.instruments.lint.language import Words
from assay_nb.instruments.lint.source import Sentence

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_DIGIT = re.compile(r"\d")
_LABEL = re.compile(r"[^:\n]{1,40}:\s+")
_OPENERS = 4


def tokens(sentence: Sentence) -> list[tuple[str, int, int]]:
    """Return the words in lower case, with their places in the prompt."""
    return [
        (m[0].lower(), sentence.start + m.start(), sentence.start + m.end())
        for m in _WORD.finditer(sentence.text)
    ]


def has_number(sentence: Sentence, words: Words) -> bool:
    """Whether it counts something, in figures or in words."""
    return bool(_DIGIT.search(sentence.text) or words.numbers.intersection(sentence.words))


def is_imperative(sentence: Sentence, words: Words) -> bool:
    """Whether it opens with an order: "Please list …", "Summary: write …"."""
    return _opens_with_imperative(sentence.words, words) or _is_labelled_order(sentence, words)


def _opens_with_imperative(said: tuple[str, ...], words: Words) -> bool:
    for word in said[:_OPENERS]:
        if word in words.imperatives:
            return True
        if word not in words.openers:
            return False
    return False


def _is_labelled_order(sentence: Sentence, words: Words) -> bool:
    label = _LABEL.match(sentence.text)
    if label is None:
        return False
    skipped = len(re.findall(r"\w+(?:['’]\w+)*", label[0]))
    return _opens_with_imperative(sentence.words[skipped:], words)


def is_rule(sentence: Sentence, words: Words) -> bool:
    """Whether it says what must or must not be."""
    return bool((words.obligations | words.negations).intersection(sentence.words))


def is_instruction(sentence: Sentence, words: Words) -> bool:
    """Whether it tells the model what to do, as an order or as a rule."""
    return is_imperative(sentence, words) or bool(words.obligations.intersection(sentence.words))
