"""A014: capitals and exclamation marks instead of priorities."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source
from assay_nb.instruments.lint.vocabulary import word_set

_EMPHASIS = word_set(
    "MUST NEVER ALWAYS IMPORTANT CRITICAL CRUCIAL ONLY WARNING URGENT MANDATORY ESSENTIAL VITAL STRICTLY "
    "ABSOLUTELY NOT EVER STOP ATTENTION REQUIRED IMPERATIVE DO EXACTLY VERY "
    "ACHTUNG WICHTIG IMMER NIEMALS NIE MUSST MÜSSEN NICHT KEINE NUR UNBEDINGT ZWINGEND KRITISCH "
    "TOUJOURS JAMAIS DOIS DEVEZ DOIT OBLIGATOIRE OBLIGATOIREMENT UNIQUEMENT SEULEMENT ABSOLUMENT CRITIQUE "
    "SIEMPRE NUNCA JAMÁS DEBES DEBE IMPORTANTE CRÍTICO OBLIGATORIO ATENCIÓN SOLO ÚNICAMENTE AVISO URGENTE"
)
_CAPITALS = re.compile(r"\b[A-ZÄÖÜÉÈÀÁÍÓÚÑ]{2,}\b")
_WORD = re.compile(r"\w+")
_MARKS = re.compile(r"(?<!!)!{2,}(?!=)")
_FEWEST = 3
_WINDOW = 100


def _check(source: Source) -> Iterator[Hit]:
    for match in _MARKS.finditer(source.prose):
        yield Hit(
            *match.span(),
            "More exclamation marks make nothing clearer, and current models overdo what is shouted: one "
            "is enough.",
            LintFix(*match.span(), "!"),
        )
    yield from _capitals(source)


def _capitals(source: Source) -> Iterator[Hit]:
    shouted = [m for m in _CAPITALS.finditer(source.prose) if m[0] in _EMPHASIS]
    for first, last in zip(shouted, shouted[_FEWEST - 1 :], strict=False):
        between = source.prose[first.start() : min(last.end(), first.start() + 12 * _WINDOW)]
        if last.end() - first.start() <= 12 * _WINDOW and len(_WORD.findall(between)) <= _WINDOW:
            yield Hit(
                *first.span(),
                "Three or more words in capitals stand close together, and current models overdo what is "
                "shouted: keep capitals for the one rule that comes first.",
            )
            return


RULE = Rule(
    id="A014",
    name="shouting",
    level="hint",
    summary="Three emphasised words in capitals within a hundred words, or “!!”.",
    why="Where everything is critical nothing is; current models overdo rules that are shouted.",
    bad="IMPORTANT: you MUST ALWAYS greet the customer by name.",
    good="Greet the customer by name.",
    check=_check,
)
