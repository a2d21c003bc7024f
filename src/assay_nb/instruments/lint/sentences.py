"""Sentences and what they do: instruct, forbid, limit. Read off their words."""

from __future__ import annotations

import re

from assay_nb.instruments.lint.source import Sentence
from assay_nb.instruments.lint.vocabulary import ANY, GERMAN, Words

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_DIGIT = re.compile(r"\d")
_LABEL = re.compile(r"[^:\n]{1,40}:\s+")
_OPENERS = 4
_MOST_CLAUSES = 6
_CLAUSE = 60


def tokens(sentence: Sentence) -> list[tuple[str, int, int]]:
    """Return the words in lower case, with their places in the prompt."""
    return [
        (m[0].lower(), sentence.start + m.start(), sentence.start + m.end())
        for m in _WORD.finditer(sentence.text)
    ]


def has_number(sentence: Sentence, words: Words = ANY) -> bool:
    """Whether it counts something, in figures or in words."""
    if _DIGIT.search(sentence.text) or words.numbers.intersection(sentence.words):
        return True
    said = sentence.words
    articles = (i for i, word in enumerate(said) if word in words.articles)
    return any(words.units.intersection(said[i + 1 : i + 3]) for i in articles)


def is_imperative(sentence: Sentence, words: Words = ANY) -> bool:
    """Whether it opens with an order: "Please list …", "Summary: write …"."""
    return (
        _opens_with_imperative(sentence.words, words)
        or _is_labelled_order(sentence, words)
        or _is_introduced_order(sentence, words)
    )


def _opens_with_imperative(said: tuple[str, ...], words: Words = ANY) -> bool:
    for word in said[:_OPENERS]:
        if word in words.imperatives:
            return True
        if word not in words.openers:
            return False
    return False


def _is_labelled_order(sentence: Sentence, words: Words = ANY) -> bool:
    label = _LABEL.match(sentence.text)
    if label is None:
        return False
    skipped = len(re.findall(r"\w+(?:['’]\w+)*", label[0]))
    return _opens_with_imperative(sentence.words[skipped:], words)


def _is_introduced_order(sentence: Sentence, words: Words = ANY) -> bool:
    """Whether an order follows an opening phrase: "Using the manual, list …", "Wenn …, antworte …"."""
    if not sentence.words or sentence.words[0] not in words.introductions:
        return False
    clauses = sentence.text.split(", ", _MOST_CLAUSES)[1:]
    said = (tuple(_WORD.findall(clause[:_CLAUSE].lower())) for clause in clauses)
    return any(_opens_with_imperative(clause, words) for clause in said)


def is_instruction(sentence: Sentence, words: Words = ANY) -> bool:
    """Whether it tells the model what to do, as an order or as a rule."""
    return is_imperative(sentence, words) or bool(words.obligations.intersection(sentence.words))


def is_prohibition(sentence: Sentence) -> bool:
    """Whether it orders something *not* to be done: "Do not …", "Ne … pas", "Verwende kein …"."""
    if sentence.text.rstrip().endswith("?"):
        return False
    head = _without_openers(sentence.words)[:_NEGATION_REACH]
    return bool(head) and any(forbids(head) for forbids in _PROHIBITIONS)


def _without_openers(said: tuple[str, ...]) -> tuple[str, ...]:
    for index, word in enumerate(said):
        if word not in ANY.openers:
            return said[index:]
    return ()


def _forbids_in_english(head: tuple[str, ...]) -> bool:
    if head[:1] == ("never",):
        # "Never shown to users" describes, and orders nothing.
        return len(head) > 1 and not head[1].endswith("ed") and head[1] not in _PARTICIPLES
    opens = head[0] in {"don't", "avoid"} or head[:2] == ("do", "not")
    return opens and not {"have", "need"} & set(head[1:3])


def _forbids_in_french(head: tuple[str, ...]) -> bool:
    negated = head[0] == "ne" or head[0].startswith(("n'", "n’"))
    return head[0] in {"évite", "évitez"} or (
        negated and bool({"pas", "jamais", "aucun", "aucune", "rien"} & set(head[1:5]))
    )


def _forbids_in_german(head: tuple[str, ...]) -> bool:
    if head[0] in {"vermeide", "vermeiden"}:
        return True
    order = head[0] in GERMAN.imperatives or head[0].endswith("e")
    return order and bool({"nicht", "nie", "niemals"} & set(head[1:]) or _no_noun(head))


def _no_noun(head: tuple[str, ...]) -> bool:
    return any(word.startswith("kein") for word in head[1:4])


def _forbids_in_spanish(head: tuple[str, ...]) -> bool:
    return head[0] in {"nunca", "jamás", "evita", "evite"} or (
        head[0] == "no" and len(head) > 1 and head[1][-1:] in {"s", "e", "a"}
    )


_NEGATION_REACH = 7
_PARTICIPLES = frozenset(
    {"shown", "given", "sent", "made", "done", "seen", "written", "taken", "kept"}
)
_PROHIBITIONS = (
    _forbids_in_english,
    _forbids_in_french,
    _forbids_in_german,
    _forbids_in_spanish,
)
