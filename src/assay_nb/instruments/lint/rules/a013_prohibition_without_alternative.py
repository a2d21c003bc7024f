"""A013: "do not make anything up" with no word on what to say then."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.instruments.lint.vocabulary import word_set

_INVENTS = re.compile(
    r"(?i)^\W*(?:please[ ])?(?:do not|don't|don’t|never|avoid)[ ](?:\w+[ ](?:nonsense[ ])?(?:and|"
    r"or)[ ])?(?:ever[ ])?"
    r"(?:(?:mak(?:e|ing)|invent(?:ing)?|fabricat(?:e|ing)|assum(?:e|ing)|guess(?:ing)?|speculat(?:e|"
    r"ing)|infer)"
    r"[ ](?:up[ ])?(?:any[ ]|the[ ]|other[ ])?(?:facts|answers?|information|values?|assumptions|"
    r"details|numbers|figures|data|"
    r"sources|anything|things|at[ ]answers)\b|hallucinat\w+|(?:speculate|guess|infer|invent|assume)\W*$)"
    r"|^\W*(?:erfinde|rate|spekuliere|vermute)[ ](?:\w+[ ]){0,2}(?:nichts|nie|niemals|nicht)\b"
    r"|^\W*n(?:e[ ]|['’])(?:inventez?|devinez?|spécule[sz]?|suppose[sz]?)[ ](?:pas|jamais|rien)\b"
    r"|^\W*no[ ](?:inventes?|inventen|adivines?|especules?|supongas?|asumas?)\b"
)
_VERBS = word_set(
    "make making invent inventing fabricate fabricating assume assuming guess guessing speculate "
    "speculating infer "
    "hallucinate hallucinating ne erfinde rate spekuliere vermute inventes invente inventen "
    "adivines adivine especules "
    "especule supongas suponga asumas asuma"
)
"""Spares the pattern most sentences."""
_WAY_OUT = re.compile(
    r"(?i)\b(?:if|unless|otherwise|when(?:ever)? (?:you|there|the|it|in|un)|instead|unknown|unsure|"
    r"uncertain\w*|unclear|"
    r"not (?:stated|given|known|found|available|sure|provided|mentioned|enough|specified|"
    r"applicable)|n/?a|"
    r"missing|ask|asks|say so|blank|empty|admit|acknowledge|cannot|can't|can’t|don['’]t know|"
    r"do not know|no information|only|"
    r"but|clarif\w+|flag|verify|falls?|wenn|sonst|unbekannt|fehlt|frage nach|leave|omit|skip|si|"
    r"sinon|inconnue?|demandez?|manqu\w+|"
    r"cuando|desconocid\w+|pregunta|falta|solo|sólo|nur|uniquement)\b|不知道|不清楚|不确定|无法|未知|没有找到|除非|"
    r"(?:如果|若)[^。\n]{0,20}(?:没有|不|无|缺)"
)


_JUDGES = re.compile(
    r"(?i)\b(?:yes|no|true|false)\b[\"'”’]?(?: |,|/)+(?:or )?[\"'“‘]?(?:yes|no|true|false)\b|"
    r"\b(?:whether|verdict|rate|score|rating|"
    r"classify|supported|relevance|ob|vérifie)\b"
)
"""Where a verdict is asked for, what is missing decides it."""


def _check(source: Source) -> Iterator[Hit]:
    for sentence in source.sentences:
        elided = any(word.startswith(("n'", "n’")) for word in sentence.words)
        said = elided or not _VERBS.isdisjoint(sentence.words)
        if not (said and _INVENTS.search(sentence.text)):
            continue
        if not (_WAY_OUT.search(source.prose) or _JUDGES.search(source.prose)):
            yield Hit(
                sentence.start,
                sentence.end,
                "This forbids the model to guess and does not say what to do when something is "
                "missing, so it "
                "guesses all the same: add what to answer then.",
            )
        return


RULE = Rule(
    id="A013",
    name="prohibition-without-alternative",
    level="hint",
    summary="“Do not make anything up”, in a prompt that never says what to do when something is missing.",
    why="A model that may neither guess nor say that it does not know has no way out, and guesses.",
    bad="What was the profit? Do not infer.",
    good="What was the profit? Do not infer: where the report does not state it, answer “not stated”.",
    check=_check,
)
