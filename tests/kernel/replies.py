"""Replies that a model could give to `PROMPT`, as the scripted provider sends them."""

from __future__ import annotations

import json
from typing import Any

from assay_nb.instruments.rubric import QUESTION_OF_KEY
from tests.instruments.driving import (
    make_constraint,
    make_plain_critique,
    make_plain_improvement,
    make_plain_rewrite,
)

PROMPT = "Summarise {{ticket}} briefly.\nReturn JSON with the fields mood and text.\n"

_FINDING = {
    "kind": "present",
    "dimension": "output",
    "problem": "The length is left open.",
    "effect": "Replies vary from run to run.",
    "severity": "major",
}


def critique(**changes: Any) -> str:
    """A critique with one finding, as any model writes it."""
    finding = {**_FINDING, "quote": "briefly"}
    answers = dict.fromkeys(QUESTION_OF_KEY, "yes")
    return json.dumps({**make_plain_critique(finding, answers=answers), **changes})


def improvement(*, of_findings: bool = False) -> str:
    """An improvement with one edit; `of_findings` where it was told what to mend."""
    if of_findings:
        edit = {"finding": "f1", "before": "briefly", "op": "replace", "risk": "low"}
        return json.dumps({"edit_1": {**edit, "text": "in two sentences"}})
    said = {name: _FINDING[name] for name in ("problem", "dimension", "severity")}
    return json.dumps(make_plain_improvement("briefly", "in two sentences", **said))


def rewriting() -> str:
    """A rewrite that keeps the variable."""
    text = "Summarise {{ticket}} in two sentences.\n\nReturn JSON with the fields mood and text.\n"
    kept = make_constraint("Return JSON", "Return JSON")
    return json.dumps({**make_plain_rewrite(text, kept), "changes": "The length is set."})


def chunks(text: str, size: int = 40) -> tuple[str, ...]:
    return tuple(text[i : i + size] for i in range(0, len(text), size))
