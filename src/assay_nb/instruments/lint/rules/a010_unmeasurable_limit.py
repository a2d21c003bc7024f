"""A010: a length or a number of the main thing that everybody reads differently."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.sentences import has_number, is_imperative, tokens
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.instruments.lint.vocabulary import ANY, LANGUAGES, VOCABULARIES, Words, word_set

_REACH = 2
_REACH_BACK = 6
_LOOSE_COUNTS = word_set("multiple various many couple")
"""Words that ask for more than one and mean no number."""
_NEAR = 24
_SHORT_PROMPT = 8
"""In a longer prompt the size of a part matters little, so only what its opening names is looked at."""
_OPENING = 4
_MAIN = word_set(
    "summary summaries overview abstract synopsis description essay article story email e-mail "
    "letter text post "
    "list report paragraph bio biography speech poem outline recap digest translation keywords "
    "résumé aperçu synthèse texte courriel lettre rapport article liste description histoire "
    "zusammenfassung überblick beschreibung text artikel e-mail mail brief bericht liste "
    "geschichte aufsatz "
    "resumen descripción texto correo carta informe artículo lista historia síntesis ensayo"
)
_VAGUE = ANY.vague_sizes | ANY.vague_manners | ANY.vague_counts
_COUNTED = ANY.countables | ANY.units | _MAIN
_SUMMARISES = word_set(
    "summarise summarize condense recap résume résumez synthétise fasse zusammenfassen resume "
    "resuma resumir"
)
_SIDE = re.compile(
    r"(?i)\b(?:if|when|where|optional\w*|necessary|possible|appropriate|applicable|include|includes|"
    r"start|begin|end|"
    r"followed|along|then|also|each|for every|as short|as long|enough|clear|precise|clearly|"
    r"and concise|concise and|format)\b"
)
_BRIEF = re.compile(r"(?i)(?:please )?(?:be|keep it) (?P<word>(?:very )?(?:brief|short))[.!]?")


def _check(source: Source) -> Iterator[Hit]:
    if any(_sets_length(s) for s in source.sentences):
        return
    named = {word for s in source.sentences[:_OPENING] for word in s.words}
    brief = len(source.sentences) <= _SHORT_PROMPT
    for number, sentence in enumerate(source.sentences):
        bare = _BRIEF.fullmatch(sentence.text)
        if bare and not _is_item(source, sentence):
            yield _hit(*bare.span("word"), "how long", sentence)
        if _VAGUE.isdisjoint(sentence.words):
            continue
        aside = _SIDE.search(sentence.text)
        for start, end, what, noun in _find_vague(sentence):
            is_main = noun in named if number >= _OPENING else brief
            if is_main and not (aside and aside.start() < end + _NEAR):
                yield _hit(start, end, what, sentence)
                break


def _find_vague(sentence: Sentence) -> Iterator[tuple[int, int, str, str]]:
    """Read the sentence in each language whose orders it opens like."""
    for words in VOCABULARIES:
        if is_imperative(sentence, words):
            yield from _vague(sentence, words)


def _is_item(source: Source, sentence: Sentence) -> bool:
    line_start = source.line_start(sentence.start)
    return bool(source.text[line_start : sentence.start].strip())


def _sets_length(sentence: Sentence) -> bool:
    return not _COUNTED.isdisjoint(sentence.words) and has_number(sentence)


def _vague(sentence: Sentence, words: Words) -> Iterator[tuple[int, int, str, str]]:
    """Yield each vague word with its place in the sentence, what it leaves open, and of what."""
    said = [
        (word, start - sentence.start, end - sentence.start)
        for word, start, end in tokens(sentence)
    ]
    summarises = not _SUMMARISES.isdisjoint(word for word, _, _ in said)
    for index, (word, start, end) in enumerate(said):
        after = [w for w, _, _ in said[index + 1 : index + 1 + _REACH]]
        before = [w for w, _, _ in said[max(0, index - _REACH_BACK) : index]]
        if not words.imperatives.intersection(before):
            continue  # it is not about what the order asks for first
        noun = _counted(word, after, words) or _sized(word, before, after, words)
        if noun:
            yield start, end, "how many" if word in words.vague_counts else "how long", noun
        elif summarises and word in words.vague_manners:
            yield start, end, "how long", ""


def _counted(word: str, after: list[str], words: Words) -> str | None:
    if word in _LOOSE_COUNTS or word not in words.vague_counts:
        return None
    return next((w for w in after if w in words.countables), None)


def _sized(word: str, before: list[str], after: list[str], words: Words) -> str | None:
    """Return what is to be short: "a short summary", "a summary that is short", "un résumé court"."""
    if word not in words.vague_sizes:
        return None
    if words.language in {"fr", "es"} or words.be.intersection(before):
        after = [*after, *reversed(before)]
    return next((w for w in after if w in _MAIN), None)


def _hit(start: int, end: int, what: str, sentence: Sentence) -> Hit:
    return Hit(
        sentence.start + start,
        sentence.start + end,
        f"“{sentence.text[start:end]}” leaves open {what}, so the replies vary from run to run: write a number.",
    )


RULE = Rule(
    id="A010",
    name="unmeasurable-limit",
    level="hint",
    summary="The length or number of the main thing is set by a word like “short”, and by nothing else.",
    why="Every run and every model reads it differently, and no test can check it.",
    bad="Write a short summary of the meeting.",
    good="Write a summary of the meeting in at most 60 words.",
    check=_check,
    languages=LANGUAGES,
)
