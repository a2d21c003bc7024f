"""Limits on length that a prompt sets: "at most 50 words", "mindestens drei Absätze", and for what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assay_nb.instruments.lint.source import Sentence
from assay_nb.instruments.lint.vocabulary import ANY, word_set

Unit = Literal["words", "sentences", "paragraphs", "points", "characters", "lines"]

_UNITS: dict[Unit, str] = {
    "words": "words? mots? wörtern? wort worte worten palabras?",
    "sentences": "sentences? phrases? sätzen? satz frases? oraciones oración",
    "paragraphs": "paragraphs? paragraphes? absätzen? absatz párrafos?",
    "points": "bullets? points? items? puces? stichpunkten? punkten? puntos? viñetas?",
    "characters": "characters? caractères? zeichen caracteres",
    "lines": "lines? lignes? zeilen? líneas?",
}
_UNIT_GROUPS = "|".join(f"(?P<{unit}>{'|'.join(words.split())})" for unit, words in _UNITS.items())
_COUNTED = re.compile(
    rf"(?:(?P<from>\d{{1,5}})\s?(?:to|-|–|bis|à|a)\s?)?\b(?P<count>\d{{1,5}}|[^\W\d_]{{2,10}})"
    rf"(?:[ -](?:bullet|full|complete|short|kurze[nr]?|ganze[nr]?|courtes?|frases?|cortas?))?[ -](?:{_UNIT_GROUPS})\b",
    re.IGNORECASE,
)
_UNIT_WORDS = frozenset(
    form
    for words in _UNITS.values()
    for pattern in words.split()
    for form in (pattern.replace("?", ""), re.sub(r".\?", "", pattern))
)
_AT_MOST = re.compile(
    r"(?i)(?:at most|no more than|not more than|up to|maximum(?: of)?|max\.?|under|fewer than|less than|"
    r"within|not exceed(?:ing)?|below|höchstens|maximal|nicht mehr als|bis zu|weniger als|unter|"
    r"au plus|au maximum|pas plus de|jusqu'à|moins de|maximum de|como máximo|máximo(?: de)?|no más de|"
    r"hasta|menos de)\s*$"
)
_AT_MOST_AFTER = re.compile(
    r"(?i)\s*(?:or fewer|or less|at most|maximum|max\b|oder weniger|maximal|höchstens|au plus|au maximum|"
    r"maximum|como máximo|o menos|máximo)"
)
_AT_LEAST = re.compile(
    r"(?i)(?:at least|no fewer than|no less than|minimum(?: of)?|more than|over|mindestens|wenigstens|"
    r"mehr als|au moins|minimum de|plus de|al menos|como mínimo|mínimo(?: de)?|por lo menos|más de)\s*$"
)
_AT_LEAST_AFTER = re.compile(
    r"(?i)\s*(?:or more|minimum|at least|oder mehr|mindestens|au moins|ou plus|o más|como mínimo)"
)
_EXACTLY = re.compile(
    r"(?i)(?:exactly|precisely|genau|exactement|précisément|exactamente|justo)\s*$"
)
_EACH = word_set(
    "each per every apiece jede jeder jedes jedem jeden pro je chaque par cada por bis zwischen"
)
_NUMERALS = {
    1: "a an one single un une uno una ein eine einen einem einer",
    2: "two deux zwei dos",
    3: "three trois drei tres",
    4: "four quatre vier cuatro",
    5: "five cinq fünf cinco",
    6: "six sechs seis",
    7: "seven sept sieben siete",
    8: "eight huit acht ocho",
    9: "nine neuf neun nueve",
    10: "ten dix zehn diez",
    12: "twelve douze zwölf doce",
    15: "fifteen quinze fünfzehn quince",
    20: "twenty vingt zwanzig veinte",
    50: "fifty cinquante fünfzig cincuenta",
    100: "hundred cent hundert cien",
}
_VALUES = {word: number for number, words in _NUMERALS.items() for word in words.split()}
_REPLY = word_set("answer reply response output antwort réponse respuesta text texte texto")
_WORDS_EACH: dict[Unit, int] = {"paragraphs": 20, "sentences": 4, "points": 2, "lines": 2}
"""The fewest words that one of these can have: a cautious reading of "three paragraphs in 50 words"."""
_LABEL = re.compile(r"\W*([^:\n]{1,40}):\s")
_ASIDE = re.compile(r"(\w+)\W{0,6}\([^()]{0,30}$")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_LOOK_BACK = 24
_NEAR = 160


@dataclass(frozen=True, slots=True)
class Limit:
    """One length that is set.

    Attributes:
        thing: What it is set for, as one word; empty for the reply as a whole.
        unit: What is counted.
        low: The fewest allowed, or None.
        high: The most allowed, or None.
        firm: Whether a word such as "at most" or "exactly" stands by it.
        start: Where it begins.
        end: Where it ends, exclusive.
    """

    thing: str
    unit: Unit
    low: int | None
    high: int | None
    firm: bool
    start: int
    end: int

    def fewest_words(self) -> int | None:
        """Return how many words it takes at the least, or None when that cannot be said."""
        if self.low is None:
            return None
        return self.low if self.unit == "words" else self.low * _WORDS_EACH.get(self.unit, 0)


def find_limits(sentence: Sentence) -> Iterator[Limit]:
    """Yield the lengths that a sentence sets."""
    if not _UNIT_WORDS.intersection(sentence.words):
        return
    for match in _COUNTED.finditer(sentence.text):
        count = _value(match["count"])
        if count is None:
            continue
        before = sentence.text[max(0, match.start() - _LOOK_BACK) : match.start()]
        after = sentence.text[match.end() : match.end() + _LOOK_BACK]
        low, high, firm = _bounds(before, after, match, count)
        yield Limit(
            _thing(sentence, match),
            _unit(match),
            low,
            high,
            firm,
            sentence.start + match.start(),
            sentence.start + match.end(),
        )


def _value(written: str) -> int | None:
    return int(written) if written.isdecimal() else _VALUES.get(written.lower())


def _unit(match: re.Match[str]) -> Unit:
    return next(unit for unit in _UNITS if match[unit])


def _bounds(
    before: str, after: str, match: re.Match[str], count: int
) -> tuple[int | None, int | None, bool]:
    if match["from"]:
        return int(match["from"]), count, True
    if _AT_MOST.search(before) or _AT_MOST_AFTER.match(after):
        return None, count, True
    if _AT_LEAST.search(before) or _AT_LEAST_AFTER.match(after):
        return count, None, True
    return count, count, bool(_EXACTLY.search(before))


def _thing(sentence: Sentence, match: re.Match[str]) -> str:
    """Return what the limit is set for: a label, "each …", or the nearest product before or after it."""
    label = _LABEL.match(sentence.text, 0, match.start())
    if label and label[1].strip():
        return label[1].split()[-1].lower()
    aside = _ASIDE.search(sentence.text, max(0, match.start() - 60), match.start())
    if aside:
        return aside[1].lower()  # "Name the movement (1-2 words)"
    left, right = max(0, match.start() - _NEAR), match.end() + _NEAR
    before = [m[0].lower() for m in _WORD.finditer(sentence.text, left, match.start())]
    after = [m[0].lower() for m in _WORD.finditer(sentence.text, match.end(), right)]
    for index, word in enumerate(before[-6:] + after[:4]):
        if word in _EACH:
            following = (before[-6:] + after[:6])[index + 1 : index + 2]
            return "each " + " ".join(following)
    products = [w for w in reversed(before) if w in ANY.products]
    products += [w for w in after[:3] if w in ANY.products]
    thing = products[0] if products else ""
    return "" if thing in _REPLY else thing
