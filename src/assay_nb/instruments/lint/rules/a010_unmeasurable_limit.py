"""A010: a length or a number that everybody reads differently."""

from __future__ import annotations

from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.sentences import has_number, is_instruction, tokens
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.instruments.lint.vocabulary import LANGUAGES, Words

_REACH = 2


def _check(source: Source) -> Iterator[Hit]:
    words = source.words
    if words is None:
        return
    for index, sentence in enumerate(source.sentences):
        if not is_instruction(sentence, words):
            continue
        following = source.sentences[index + 1 : index + 2]
        if any(has_number(s, words) and _sets_length(s, words) for s in following):
            continue
        yield from _vague(sentence, words)


def _sets_length(sentence: Sentence, words: Words) -> bool:
    return bool(words.countables.intersection(sentence.words))


def _vague(sentence: Sentence, words: Words) -> Iterator[Hit]:
    vague = words.vague_counts | words.vague_sizes | words.vague_manners
    found = tokens(sentence) if vague.intersection(sentence.words) else []
    measured = has_number(sentence, words)
    for index, (word, start, end) in enumerate(found):
        near = [w for w, _, _ in found[index + 1 : index + 1 + _REACH]]
        before = [w for w, _, _ in found[max(0, index - _REACH - 1) : index]]
        if word in words.vague_counts and words.countables.intersection(near):
            if not _is_counted([*before, *near], words):
                yield _hit(start, end, sentence, "how many")
        elif not measured and _is_vague_size(word, near, before, words):
            yield _hit(start, end, sentence, "how long")


def _is_counted(near: list[str], words: Words) -> bool:
    """Whether a number stands right by it: "a few (3 to 5) bullet points"."""
    return any(word.isdecimal() or word in words.numbers for word in near)


def _is_vague_size(word: str, near: list[str], before: list[str], words: Words) -> bool:
    """Whether it says how long the reply is to be: "a short note", "be brief", "answer briefly"."""
    if word in words.vague_manners:
        return True
    attributive = words.products.intersection([*near, *before[-1:]])
    predicative = words.be.intersection(before)
    return word in words.vague_sizes and bool(attributive or predicative)


def _hit(start: int, end: int, sentence: Sentence, what: str) -> Hit:
    word = sentence.text[start - sentence.start : end - sentence.start]
    return Hit(
        start,
        end,
        f"“{word}” leaves open {what}, so the replies vary from run to run: write a number.",
    )


RULE = Rule(
    id="A010",
    name="unmeasurable-limit",
    level="warning",
    summary="A length or number set by a word like “short” or “a few”, with no number near it.",
    why="Every run and every model reads it differently, and no test can check it.",
    bad="Write a short summary of the meeting.",
    good="Write a summary of the meeting in at most 60 words.",
    check=_check,
    languages=LANGUAGES,
)
