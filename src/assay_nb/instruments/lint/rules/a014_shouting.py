"""A014: capitals and exclamation marks instead of priorities."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, LintFix, Rule
from assay_nb.instruments.lint.source import Source

_EMPHASIS = re.compile(
    r"(?<![\w/|\[(#])(?:DO[ ]NOT|DON['’]T|DOES[ ]NOT|MUST[ ]NOT|CAN[ ]?NOT|(?:YOU[ ])?MUST|NEVER|"
    r"ALWAYS|ONLY|NOT|"
    r"STRICTLY|ABSOLUTELY|EXACTLY|VERY[ ]IMPORTANT|IMPORTANT|CRITICAL|CRUCIAL|MANDATORY|IMPERATIVE|"
    r"REQUIRED|ESSENTIAL|WARNING|VITAL|EVER|"
    r"IMMER|NIEMALS|NIE|MUSST|MÜSSEN|NICHT|KEINE|NUR|UNBEDINGT|ZWINGEND|"
    r"TOUJOURS|JAMAIS|DEVEZ|UNIQUEMENT|SEULEMENT|ABSOLUMENT|"
    r"SIEMPRE|NUNCA|JAMÁS|DEBES|DEBE|ÚNICAMENTE)(?![\w/|\]])"
)
_STRONG = re.compile(
    r"DO[ ]NOT|DON['’]T|MUST|NEVER|ALWAYS|ONLY|NOT|IMMER|NIEMALS|MUSST|NICHT|NUR|TOUJOURS|JAMAIS|"
    r"DEVEZ|UNIQUEMENT|SIEMPRE|NUNCA|DEBES|EXACTLY"
)
_LOWER = re.compile(r"[a-zà-öø-ÿ]{2,}")
_WORD = re.compile(r"\w+")
_MARKS = re.compile(r"(?<=[A-Za-zÀ-ÿ])!{2,}(?![=!\w\]])")
_FEWEST = 3
_WINDOW = 100
_DENSITY = 0.004
"""In a longer prompt, three words close together may well be the three that count most."""
_REACH = 12 * _WINDOW


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
    shouted = [m for m in _EMPHASIS.finditer(source.prose) if _is_emphasis(source, m)]
    if len(shouted) < _FEWEST or "RFC 2119" in source.text:
        return
    if len(shouted) < _DENSITY * len(_WORD.findall(source.text)):
        return
    for first, last in zip(shouted, shouted[_FEWEST - 1 :], strict=False):
        between = source.prose[first.start() : min(last.end(), first.start() + _REACH)]
        if last.end() - first.start() <= _REACH and len(_WORD.findall(between)) <= _WINDOW:
            yield Hit(
                *first.span(),
                "Three or more words in capitals stand close together, and current models overdo what is "
                "shouted: keep capitals for the one rule that comes first.",
            )
            return


def _is_emphasis(source: Source, match: re.Match[str]) -> bool:
    """Whether it stands in a sentence: a heading, a label or a list of levels is in capitals by custom."""
    line_start, line_end = source.line_span(match.start())
    line_start = max(line_start, match.start() - _WINDOW)
    if source.text[match.end() : match.end() + 1] == ":":
        return False
    if source.text[line_start : line_start + 4].lstrip().startswith("#"):
        return False
    around = source.prose[line_start : min(line_end, match.end() + _WINDOW)]
    return bool(_LOWER.search(around)) or bool(_STRONG.fullmatch(match[0]))


RULE = Rule(
    id="A014",
    name="shouting",
    level="hint",
    summary="Three emphasised words in capitals within a hundred words, or “!!”.",
    why="Where everything is critical nothing is; current models overdo rules that are shouted.",
    bad="You MUST ALWAYS greet the customer by name. NEVER leave it out.",
    good="Greet the customer by name.",
    check=_check,
)
