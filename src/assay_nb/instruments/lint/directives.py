"""Directives, comments that switch rules off: `# assay: ignore A007` and `# assay: ignore-file A010`.

Beside other text, `ignore` is about its own line; alone on a line, about the next one that is not blank.
`ignore-file` is about the whole prompt. Both need rule ids: a comment that silences everything would
also silence the rule of tomorrow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_DIRECTIVE = re.compile(
    r"(?:\#|//|<!--|\{\#)[ \t]{0,8}assay:[ \t]{0,8}ignore(?P<whole>-file)?"
    r"[ \t:]{1,8}(?P<ids>A\d{3}(?:[ ,\t]{1,4}A\d{3})*)(?:[ \t]{0,8}(?:-->|\#\}))?"
)
_ID = re.compile(r"A\d{3}")


@dataclass(slots=True)
class Directives:
    """Which rules are switched off where.

    Attributes:
        spans: Where the comments stand.
        whole: Rules that are off for the whole prompt.
        lines: Rules that are off on a line, by the number of the line, from 0.
    """

    spans: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    whole: set[str] = field(default_factory=set[str])
    lines: dict[int, set[str]] = field(default_factory=dict[int, set[str]])

    def ignores(self, rule_id: str, line: int) -> bool:
        """Whether the rule is off on this line (counted from 0)."""
        return rule_id in self.whole or rule_id in self.lines.get(line, ())


def find_directives(text: str) -> Directives:
    """Return the comments of `text` that switch rules off."""
    directives = Directives()
    if "assay:" not in text:
        return directives
    lines = text.split("\n")
    position = 0
    for number, line in enumerate(lines):
        matches = list(_DIRECTIVE.finditer(line)) if "assay:" in line else []
        for match in matches:
            directives.spans.append((position + match.start(), position + match.end()))
        if matches:
            _record(directives, matches, _target(lines, number))
        position += len(line) + 1
    return directives


def _record(directives: Directives, matches: list[re.Match[str]], line: int) -> None:
    for match in matches:
        ids = set(_ID.findall(match["ids"]))
        if match["whole"]:
            directives.whole |= ids
        else:
            directives.lines.setdefault(line, set()).update(ids)


def _target(lines: list[str], number: int) -> int:
    if _DIRECTIVE.sub("", lines[number]).strip():
        return number
    return next((n for n in range(number + 1, len(lines)) if lines[n].strip()), number)
