"""A006: the prompt points to something that is not in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.source import Source

_NUMBERED = re.compile(
    r"(?im)^[ \t]*(?:[-*#>]+[ \t]+)?(?:\*\*)?(?:(?:rule|step|point|instruction|guideline|regel|"
    r"schritt|punkt|"
    r"règle|étape|consigne|regla|paso|punto)[ \t]+)?[(#]?(\d{1,3})\b(?:[ \t]?[.):–—-]|[ \t]*$|\*\*)"
)
_NUMBER_SPOKEN = re.compile(
    r"(?i:\b(?:in|of|from|see|per|by|to|with|follow|apply|under|aus|nach|von|laut|gilt|siehe|de|à|"
    r"selon|voir|según)"
    r"(?: the| la| le| der| die)? )(?P<words>(?i:rule|step|point|instruction|guideline|regel|"
    r"schritt|punkt|règle|étape|consigne|regla|paso|punto)"
    r"[ ]\#?(?P<number>\d{1,3}))\b(?![ ]?(?:of|to|-|–|von|bis|à|de|\.\d)[ ]?\d|\(|[ ][A-Z]{2})"
)
_SECTION = re.compile(
    r"\b(?i:see|follow|in|under|from|per|apply|to|accompany)[ ](?:the[ ])?(?i:section)[ ][\"“']?"
    r"(?P<a>[A-Z][\w-]+(?:[ ][A-Z][\w-]+){0,3})(?![\w-]|[ ](?!for\b|and\b|to\b|or\b|of\b|when\b|if\b|below\b|above\b)\w)"
    r"|\bthe[ ][\"“']?(?P<b>[A-Z][\w-]+(?:[ ][A-Z][\w-]+){0,3})[\"”']?[ ]section[ ](?:above|below)"
)
"""A name that goes on in small letters is a sentence that was cut."""
_LONGEST_HEADING = 4
_NEAR = 3
"""A number further off is one of another text: "Rule 43 EPC"."""


def _check(source: Source) -> Iterator[Hit]:
    yield from _numbers(source)
    yield from _sections(source)


def _numbers(source: Source) -> Iterator[Hit]:
    numbers = {int(match[1]) for match in _NUMBERED.finditer(source.structure)}
    if len(numbers) < 2 or max(numbers) != len(numbers):
        return  # not one list that counts from 1
    for match in _NUMBER_SPOKEN.finditer(source.prose):
        if max(numbers) < int(match["number"]) <= max(numbers) + _NEAR:
            yield Hit(
                *match.span("words"),
                f"“{match['words']}” is not in the prompt, whose list ends at {max(numbers)}, so the model "
                "guesses what it says: correct the number.",
            )


def _sections(source: Source) -> Iterator[Hit]:
    if "section" not in source.lower_prose:
        return
    headings = _headings(source)
    for match in _SECTION.finditer(source.prose):
        name = match["a"] or match["b"]
        start, end = match.span("a" if match["a"] else "b")
        if set(headings.get(name.lower(), ())) <= {source.line_of(start)}:
            yield Hit(
                start,
                end,
                f"There is no section “{name}” in the prompt, so the model guesses what it says: add it "
                "or correct the name.",
            )


def _headings(source: Source) -> dict[str, list[int]]:
    """Return the first words of each line, as a heading or a label would have them, with their lines."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(source.text.lower().split("\n")):
        words = re.findall(r"[\w-]+", line[:80].replace("_", " "))
        for count in range(1, _LONGEST_HEADING + 1):
            lines = found.setdefault(" ".join(words[:count]), [])
            if len(lines) < 2 and lines[-1:] != [number]:
                lines.append(number)
    return found


RULE = Rule(
    id="A006",
    name="dangling-reference",
    level="warning",
    summary="A numbered rule or a section that the prompt points to and does not have.",
    why="The model makes up what is missing, differently each time.",
    bad="1. Greet the customer.\n2. Answer by the terms in rule 4.",
    good="1. Greet the customer.\n2. Answer by the terms in rule 3.\n3. Refunds take 30 days.",
    check=_check,
)
