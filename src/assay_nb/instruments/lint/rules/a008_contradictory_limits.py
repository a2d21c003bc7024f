"""A008: two limits on the same thing that no reply can keep at once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from assay_nb.instruments.lint.limits import Limit, find_limits
from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.source import Sentence, Source
from assay_nb.instruments.lint.vocabulary import LANGUAGES, word_set

_IN_LANGUAGE = re.compile(
    r"(?i)\b(?:answer|reply|respond|write|antworte|antworten|schreibe?|schreiben|réponds|répondez|"
    r"écris|écrivez|rédige|rédigez|"
    r"responde|responda|escribe|escriba)(?:\s+(?:only|always|nur|immer|stets|uniquement|toujours|"
    r"solo|sólo|siempre))?"
    r"\s+(?:in|auf|en)\s+(?P<language>english|german|french|spanish|italian|portuguese|dutch|"
    r"deutsch|englisch|"
    r"französisch|spanisch|italienisch|français|anglais|allemand|espagnol|italien|español|inglés|"
    r"francés|alemán|italiano|portugués)\b"
)
_CONDITIONS = word_set(
    "if when unless otherwise where for wenn falls sonst für si quand sinon pour cuando para or "
    "oder ou o then dann puis "
    "luego first second third next last version option variant simple complex short long each every per jede jeder jedes "
    "chaque cada"
)
_LANGUAGE_OF = {
    name: code
    for code, names in {
        "en": "english englisch anglais inglés",
        "de": "german deutsch allemand alemán",
        "fr": "french französisch français francés",
        "es": "spanish spanisch espagnol español",
        "it": "italian italienisch italien italiano",
        "pt": "portuguese portugués",
        "nl": "dutch",
    }.items()
    for name in names.split()
}
_REACH = 3
"""Sentences apart: further off, another section is likely to be meant."""
_LINE_LABEL = re.compile(r"[ \t]*(?:[-*#>]+[ \t]*|\d{1,3}[.)][ \t]*)?(?:\*\*)?[^\n:：]{1,60}[:：]")


def _check(source: Source) -> Iterator[Hit]:
    yield from _lengths(source)
    yield from _languages(source)


def _lengths(source: Source) -> Iterator[Hit]:
    """Compare the limits of one thing that stand near each other, without a condition or a label."""
    groups: defaultdict[str, list[tuple[int, Limit]]] = defaultdict(list)
    for number, sentence in enumerate(source.sentences):
        if _is_conditional(sentence) or _is_labelled(source, sentence):
            continue
        for limit in find_limits(sentence):
            if not limit.thing.startswith("each"):
                groups[limit.thing].append((number, limit))
    for group in groups.values():
        for index, (number, limit) in enumerate(group):
            near = [
                other for n, other in group[max(0, index - _REACH) : index] if number - n <= _REACH
            ]
            earlier = next((other for other in near if _exclude(other, limit)), None)
            if earlier:
                yield _unequal(source, earlier, limit)
                break


def _exclude(a: Limit, b: Limit) -> bool:
    """Whether no text keeps both. A bare "two sentences" is a wish; one of the two must be firm."""
    return (a.firm or b.firm) and (_exceeds(a, b) or _exceeds(b, a))


def _exceeds(floor: Limit, ceiling: Limit) -> bool:
    if ceiling.high is None or floor.low is None:
        return False
    if floor.unit == ceiling.unit:
        return floor.low > ceiling.high
    fewest = floor.fewest_words()
    return ceiling.unit == "words" and fewest is not None and fewest > ceiling.high


def _unequal(source: Source, first: Limit, second: Limit) -> Hit:
    return Hit(
        second.start,
        second.end,
        f"This limit and “{source.text[first.start : first.end]}” in line {source.line_of(first.start) + 1} cannot "
        "both be kept, so the model breaks either: drop one.",
    )


def _is_labelled(source: Source, sentence: Sentence) -> bool:
    """Whether its line names what it is about ("Title: …"), or it is a heading."""
    line_start = source.line_start(sentence.start)
    if source.text.startswith(("#", "|"), line_start):
        return True
    return bool(_LINE_LABEL.match(source.text, line_start, sentence.end))


def _is_conditional(sentence: Sentence) -> bool:
    return bool(_CONDITIONS.intersection(sentence.words))


def _languages(source: Source) -> Iterator[Hit]:
    first: str | None = None
    for sentence in source.sentences:
        if not _LANGUAGE_OF.keys() & set(sentence.words) or _is_conditional(sentence):
            continue
        for match in _IN_LANGUAGE.finditer(sentence.text):
            language = _LANGUAGE_OF[match["language"].lower()]
            first = first or language
            if language != first:
                yield Hit(
                    sentence.start + match.start(),
                    sentence.start + match.end(),
                    "The prompt asks for the reply in two languages, so the model picks either: "
                    "name one, or "
                    "say when which.",
                )
                return


RULE = Rule(
    id="A008",
    name="contradictory-limits",
    level="warning",
    summary="Two lengths of one text, or two languages of one reply, that exclude each other.",
    why="The model keeps one of the two, not always the same; reasoning models spend tokens on the choice.",
    bad="Answer in at most 40 words. Write at least three paragraphs.",
    good="Answer in at most 120 words, in three paragraphs.",
    check=_check,
    languages=LANGUAGES,
)
