"""A prompt with faults, and what a model could say of it."""

from __future__ import annotations

import json

from assay_nb.instruments.rubric import QUESTIONS
from tests.fakes.providers import Answer, Call
from tests.instruments.driving import (
    NO_EDIT,
    make_constraint,
    make_plain_critique,
    make_plain_rewrite,
    make_slots,
)
from tests.kernel.replies import chunks

PROMPT = """You are a support agent. Summarise {{ticket}} briefly and be detailed.

Be nice. Return JSON with the fields mood and text.
Never guess an order number.
"""

_BRIEFLY = {
    "quote": "briefly",
    "against": "be detailed",
    "kind": "conflict",
    "dimension": "consistency",
    "problem": "Brief and detailed exclude each other.",
    "effect": "The length changes from run to run.",
    "severity": "major",
}
_NICE = {
    "quote": "Be nice.",
    "kind": "present",
    "dimension": "output",
    "problem": "Nobody can check whether a reply is nice.",
    "effect": "The tone is left to chance.",
    "severity": "minor",
}
_FIELDS = {
    "quote": "the fields mood and text",
    "kind": "present",
    "dimension": "output",
    "problem": "The values that mood may take are not listed.",
    "effect": "A program that reads it meets words that it does not know.",
    "severity": "minor",
}
_FINDINGS = (_BRIEFLY, _NICE, _FIELDS)
_EDITS = (
    ("briefly and be detailed", "in two sentences"),
    ("Be nice.", "Write as to a colleague."),
    ("mood and text", "mood (calm, annoyed or angry) and text"),
)


def critique() -> str:
    """Three findings, one of them a conflict of two places."""
    no = {
        "output.parts",
        "output.size",
        "consistency.agree",
        "consistency.checkable",
        "examples.edge",
    }
    answers = {q.key: "no" if q.id in no else "yes" for q in QUESTIONS.values()}
    return json.dumps(make_plain_critique(*_FINDINGS, answers=answers))


def improvement() -> str:
    """Three edits, one for each finding."""
    edits = [
        {
            **{name: finding[name] for name in ("problem", "dimension", "severity")},
            "before": before,
            "op": "replace",
            "text": text,
        }
        for finding, (before, text) in zip(_FINDINGS, _EDITS, strict=True)
    ]
    return json.dumps(make_slots("edit", 6, NO_EDIT, *edits))


def rewriting() -> str:
    """A new text that keeps the constraints."""
    text = (
        "You are a support agent.\n\n# Task\nSummarise {{ticket}} in two sentences.\n\n# Reply\n"
        "Return JSON with the fields mood and text. mood is calm, annoyed or angry.\n"
        "Never guess an order number.\n"
    )
    kept = [
        make_constraint(words, words) for words in ("Return JSON", "Never guess an order number.")
    ]
    given_up = make_constraint("Be nice.", "", "It cannot be checked.")
    changes = "Task and form of the reply stand apart. The length is a number of sentences."
    return json.dumps({**make_plain_rewrite(text, *kept, given_up), "changes": changes})


def answer(call: Call) -> Answer:
    """Answer by what the request asks for, piece by piece."""
    text = call.text
    if '"constraint_1"' in text:
        reply = rewriting()
    elif '"edit_1"' in text:
        reply = improvement()
    else:
        reply = critique()
    return Answer(chunks=chunks(reply, 60), pause=0.005, input_tokens=812, output_tokens=240)
