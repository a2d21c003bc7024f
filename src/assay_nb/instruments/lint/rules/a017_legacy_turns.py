"""A017: turn markers of the retired text-completion interface."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay_nb.instruments.lint.rule import Hit, Rule
from assay_nb.instruments.lint.source import Source

_ASKS = re.compile(r"(?:\A\s*|\n[ \t\r]*\n[ \t]*)(?P<mark>Human:)(?=[ \t]*\S)")
_ANSWERS = re.compile(r"\n[ \t\r]*\n[ \t]*Assistant:[^\n]{0,200}\s*\Z")


def _check(source: Source) -> Iterator[Hit]:
    if source.has_blocks:
        return  # a template of a chat, which writes the marks that its model wants
    match = _ASKS.search(source.text) if _ANSWERS.search(source.text) else None
    if match:
        yield Hit(
            *match.span("mark"),
            "“Human:” and “Assistant:” mark turns in the text itself, which chat models read as "
            "words of the "
            "prompt: send the turns as messages, or delete the marks.",
        )


RULE = Rule(
    id="A017",
    name="legacy-turn-marker",
    level="warning",
    summary="“Human:” and “Assistant:” after empty lines, as text-completion models once wanted them.",
    why="The interface that read these marks is gone; a chat model takes them for part of the text.",
    bad="\n\nHuman: Name the capital of France.\n\nAssistant:",
    good="Name the capital of France.",
    check=_check,
)
