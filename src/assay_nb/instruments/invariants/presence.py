"""Presence of a thing in a prompt, where code can tell: a check on findings that say it is missing.

Models like to report that something is absent. Of a few things the opposite can be shown, and then the
finding is dropped. Only clear cases count: what is not recognised here proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from assay_nb.text.templates import Variable, find_variables

_FORMAT = re.compile(
    r"\b(?:return|reply|respond|answer|output|format|write|give|produce|print)\w*\b[^.\n]{0,60}\b"
    r"(?:json|yaml|csv|xml|html|markdown|table|bullet(?:ed)?(?: points?| lists?)?|numbered list"
    r"|plain text|one word|single word|comma[- ]separated)\b",
    re.IGNORECASE,
)
_NUMBER = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|fifty|hundred)"
_LENGTH = re.compile(
    rf"\b{_NUMBER}(?:\s?(?:-|–|to|or)\s?{_NUMBER})?\s(?:short\s)?"
    r"(?:words?|sentences?|lines?|bullets?|paragraphs?|characters?|items?|tokens?|points?)\b",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"^[#* \t]*examples?\b[^\n]{0,40}:|<examples?>|^[ \t]*input:[^\n]*\n(?:[^\n]*\n){0,8}?[ \t]*output:",
    re.IGNORECASE | re.MULTILINE,
)
_OPENS = re.compile(r"(?:<[A-Za-z][\w-]*>|\"\"\"|```\w*|[\"“«])\s*$")
_CLOSES = re.compile(r"\s*(?:</[A-Za-z][\w-]*>|\"\"\"|```|[\"”»])")
MISSING = ("format", "length", "example", "boundary", "fallback", "other")
"""What a finding of kind `absent` can say is missing."""


def states(prompt: str, thing: str) -> bool:
    """Return True if code can see that `prompt` has the thing; False also where it cannot tell."""
    check = _CHECKS.get(thing)
    return check is not None and check(prompt)


def _states_boundaries(prompt: str) -> bool:
    variables = [v for v in find_variables(prompt) if v.kind == "variable"]
    return bool(variables) and all(_is_enclosed(prompt, variable) for variable in variables)


def _is_enclosed(prompt: str, variable: Variable) -> bool:
    before = prompt[max(0, variable.start - 80) : variable.start]
    return bool(_OPENS.search(before) and _CLOSES.match(prompt, variable.end))


_CHECKS: dict[str, Callable[[str], bool]] = {
    "format": lambda prompt: bool(_FORMAT.search(prompt)),
    "length": lambda prompt: bool(_LENGTH.search(prompt)),
    "example": lambda prompt: bool(_EXAMPLE.search(prompt)),
    "boundary": _states_boundaries,
}
