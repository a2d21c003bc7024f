"""Replies that a model could give to `PROMPT`, as the scripted provider sends them."""

from __future__ import annotations

import json
from typing import Any

from assay_nb.instruments.rubric import QUESTIONS

PROMPT = "Summarise {{ticket}} briefly.\nReturn JSON with the fields mood and text.\n"

_FINDING = {
    "evidence": [{"segment": "s1", "quote": "briefly"}],
    "kind": "present",
    "dimension": "output",
    "problem": "The length is left open.",
    "consequence": "Replies vary from run to run.",
    "severity": "major",
}


def critique(**changes: Any) -> str:
    """A critique with one finding."""
    finding = {
        **_FINDING,
        "missing": None,
        "probe": None,
        "fix": {"op": "replace", "text": "in two sentences"},
    }
    reply = {
        "answers": [{"question": q, "evidence": None, "answer": "yes"} for q in QUESTIONS],
        "not_applicable": [],
        "findings": [finding],
    }
    return json.dumps({**reply, **changes})


def improvement(*, of_findings: bool = False) -> str:
    """An improvement with one edit; `of_findings` where it was told what to mend."""
    edit = {
        "finding": "f1",
        "op": "replace",
        "segment": "s1",
        "before": "briefly",
        "text": "in two sentences",
        "risk": "low",
    }
    if of_findings:
        return json.dumps({"edits": [edit]})
    return json.dumps({"findings": [{"id": "f1", **_FINDING}], "edits": [edit]})


def rewriting() -> str:
    """A rewrite that keeps the variable."""
    text = "Summarise {{ticket}} in two sentences.\n\nReturn JSON with the fields mood and text.\n"
    constraint = {
        "segment": "s2",
        "quote": "Return JSON",
        "kept": "Return JSON",
        "reason": None,
    }
    return json.dumps(
        {"text": text, "constraints": [constraint], "changes": ["The length is set."]}
    )


def chunks(text: str, size: int = 40) -> tuple[str, ...]:
    return tuple(text[i : i + size] for i in range(0, len(text), size))
