"""Drive an instrument's script with a list of replies, as the engine would with a provider's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.rubric import QUESTIONS
from assay_nb.messages import Reply, Request

PROMPT = (
    "You are a support agent. Summarise {{ticket}} briefly and be detailed.\n"
    "Never promise a refund. Reply in JSON."
)


class Driven:
    """A script that was run to its end: its result, and the requests of each round."""

    def __init__(self, name: str, prompt: str, replies: Sequence[Any], **options: Any) -> None:
        self.rounds: list[tuple[Request, ...]] = []
        waiting = [_make_reply(reply) for reply in replies]
        script = INSTRUMENTS[name].start(prompt, options)
        asked = next(script)
        while True:
            self.rounds.append(asked)
            answers, waiting = waiting[: len(asked)], waiting[len(asked) :]
            try:
                asked = script.send(tuple(answers))
            except StopIteration as end:
                self.result: Any = end.value
                break
        assert not waiting, "more replies were given than asked for"


def _make_reply(reply: Any) -> Reply:
    if isinstance(reply, Reply):
        return reply
    return Reply(reply if isinstance(reply, str) else json.dumps(reply), "end")


def run(name: str, *replies: Any, prompt: str = PROMPT, **options: Any) -> Any:
    """Return the result of an instrument that is given these replies."""
    return Driven(name, prompt, replies, **options).result


def quoted(quote: str, segment: str = "s2") -> dict[str, str]:
    return {"segment": segment, "quote": quote}


def make_answers(answer: str = "yes", **others: str) -> list[dict[str, Any]]:
    """Return an answer to every question; `others` by dimension or question, `output_format="no"`."""
    return [
        {
            "question": question,
            "evidence": None,
            "answer": others.get(
                question.replace(".", "_"), others.get(question.split(".")[0], answer)
            ),
        }
        for question in QUESTIONS
    ]


def make_finding(*quotes: str, **fields: Any) -> dict[str, Any]:
    return {
        "evidence": [quoted(quote) for quote in quotes or ("briefly",)],
        "kind": "present",
        "missing": None,
        "dimension": "consistency",
        "problem": "It says two things.",
        "consequence": "Replies differ in length.",
        "probe": None,
        "fix": None,
        "severity": "major",
        **fields,
    }


def make_critique(*findings: dict[str, Any], answers: Any = None) -> dict[str, Any]:
    return {
        "answers": make_answers() if answers is None else answers,
        "not_applicable": [],
        "findings": list(findings),
    }


def make_edit(before: str, text: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "finding": "f1",
        "op": "replace" if text else "delete",
        "segment": "s2",
        "before": before,
        "text": text,
        "risk": "low",
        **fields,
    }


def make_improvement(*edits: dict[str, Any], **finding: Any) -> dict[str, Any]:
    fields = {k: v for k, v in make_finding().items() if k not in ("missing", "probe", "fix")}
    evidence = [quoted("briefly and be detailed")]
    return {
        "findings": [{"id": "f1", **fields, "evidence": evidence, **finding}],
        "edits": list(edits),
    }


def make_rewrite(text: str, *constraints: dict[str, Any]) -> dict[str, Any]:
    return {"text": text, "constraints": list(constraints), "changes": ["The task stands first."]}


def make_constraint(
    quote: str, kept: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {"segment": "s3", "quote": quote, "kept": kept, "reason": reason}
