"""A prompt with faults, and what a model could say of it."""

from __future__ import annotations

import json

from assay_nb.instruments.rubric import QUESTIONS
from tests.fakes.providers import Answer, Call
from tests.kernel.replies import chunks

PROMPT = """You are a support agent. Summarise {{ticket}} briefly and be detailed.

Be nice. Return JSON with the fields mood and text.
Never guess an order number.
"""

_BRIEFLY = {
    "evidence": [
        {"segment": "s1", "quote": "briefly"},
        {"segment": "s1", "quote": "be detailed"},
    ],
    "kind": "conflict",
    "dimension": "consistency",
    "problem": "Brief and detailed exclude each other.",
    "consequence": "The length changes from run to run.",
    "severity": "major",
}
_NICE = {
    "evidence": [{"segment": "s2", "quote": "Be nice."}],
    "kind": "present",
    "dimension": "output",
    "problem": "Nobody can check whether a reply is nice.",
    "consequence": "The tone is left to chance.",
    "severity": "minor",
}
_FIELDS = {
    "evidence": [{"segment": "s3", "quote": "the fields mood and text"}],
    "kind": "present",
    "dimension": "output",
    "problem": "The values that mood may take are not listed.",
    "consequence": "A program that reads it meets words that it does not know.",
    "severity": "minor",
}
_FINDINGS = (_BRIEFLY, _NICE, _FIELDS)
_EDITS = (
    ("f1", "briefly and be detailed", "in two sentences"),
    ("f2", "Be nice.", "Write as to a colleague."),
    ("f3", "mood and text", "mood (calm, annoyed or angry) and text"),
)


def critique() -> str:
    """Three findings, one of them a conflict of two places."""
    more = {"missing": None, "probe": None, "fix": None}
    no = {
        "output.parts",
        "output.size",
        "consistency.agree",
        "consistency.checkable",
        "examples.edge",
    }
    return json.dumps(
        {
            "answers": [
                {"question": q, "evidence": None, "answer": "no" if q in no else "yes"}
                for q in QUESTIONS
            ],
            "not_applicable": [],
            "findings": [{**finding, **more} for finding in _FINDINGS],
        }
    )


def improvement() -> str:
    """Three edits, one for each finding."""
    findings = [{"id": f"f{n}", **finding} for n, finding in enumerate(_FINDINGS, 1)]
    edits = [
        {
            "finding": id_,
            "op": "replace",
            "segment": findings[int(id_[1]) - 1]["evidence"][0]["segment"],
            "before": before,
            "text": text,
            "risk": "low",
        }
        for id_, before, text in _EDITS
    ]
    return json.dumps({"findings": findings, "edits": edits})


def rewriting() -> str:
    """A new text that keeps the constraints."""
    text = (
        "You are a support agent.\n\n# Task\nSummarise {{ticket}} in two sentences.\n\n# Reply\n"
        "Return JSON with the fields mood and text. mood is calm, annoyed or angry.\n"
        "Never guess an order number.\n"
    )
    kept = [("s3", "Return JSON"), ("s4", "Never guess an order number.")]
    constraints = [
        {"segment": segment, "quote": quote, "kept": quote, "reason": None}
        for segment, quote in kept
    ]
    constraints.append(
        {"segment": "s2", "quote": "Be nice.", "kept": None, "reason": "It cannot be checked."}
    )
    changes = ["Task and form of the reply stand apart.", "The length is a number of sentences."]
    return json.dumps({"text": text, "constraints": constraints, "changes": changes})


def answer(call: Call) -> Answer:
    """Answer by what the request asks for, piece by piece."""
    text = call.text
    if '"constraints"' in text:
        reply = rewriting()
    elif '"edits"' in text:
        reply = improvement()
    else:
        reply = critique()
    return Answer(chunks=chunks(reply, 60), pause=0.005, input_tokens=812, output_tokens=240)
