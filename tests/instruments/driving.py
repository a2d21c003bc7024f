"""Drive an instrument's script with a list of replies, as the engine would with a provider's.

Replies are in lists, as a model of the catalogue would write them; `make_plain_critique` is that of any other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.exchange.validation import ENDS_LISTS
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
        script = INSTRUMENTS[name].start(prompt, {ENDS_LISTS: True, **options})
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


def make_answers(answer: str = "yes", **others: str) -> dict[str, str]:
    """Return an answer to every question; `others` by dimension or question, `output_format="no"`."""
    return {
        question.key: others.get(
            question.id.replace(".", "_"), others.get(question.id.split(".")[0], answer)
        )
        for question in QUESTIONS.values()
    }


def make_finding(*quotes: str, **fields: Any) -> dict[str, Any]:
    return {
        "evidence": [quoted(quote) for quote in quotes or ("briefly",)],
        "kind": "present",
        "missing": "none",
        "dimension": "consistency",
        "problem": "It says two things.",
        "consequence": "Replies differ in length.",
        "probe": [],
        "predict": "",
        "op": "none",
        "text": "",
        "severity": "major",
        **fields,
    }


def make_critique(*findings: dict[str, Any], answers: Any = None) -> dict[str, Any]:
    return {
        "evidence": [],
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
    left_out = ("missing", "probe", "predict", "op", "text")
    fields = {k: v for k, v in make_finding().items() if k not in left_out}
    evidence = [quoted("briefly and be detailed")]
    return {
        "findings": [{"id": "f1", **fields, "evidence": evidence, **finding}],
        "edits": list(edits),
    }


def make_rewrite(text: str, *constraints: dict[str, Any]) -> dict[str, Any]:
    return {"text": text, "constraints": list(constraints), "changes": ["The task stands first."]}


def make_constraint(quote: str, kept: str = "", reason: str = "") -> dict[str, Any]:
    return {"segment": "s3", "quote": quote, "kept": kept, "reason": reason}


def make_slots(
    name: str, count: int, empty: dict[str, Any], *filled: dict[str, Any]
) -> dict[str, Any]:
    """Return slots, the first of them filled and the others empty."""
    held = [*filled, *([{}] * (count - len(filled)))]
    return {f"{name}_{n}": {**empty, **slot} for n, slot in enumerate(held, 1)}


_NO_FINDING = {
    "quote": "",
    "against": "",
    "kind": "none",
    "dimension": "task",
    "problem": "",
    "effect": "",
    "probe": "",
    "predict": "",
    "severity": "nit",
}


def make_slot(quote: str = "briefly", **fields: Any) -> dict[str, Any]:
    """Return a finding in a slot."""
    said = make_finding()
    same = {name: said[name] for name in ("dimension", "problem", "severity")}
    return {"quote": quote, "kind": "present", "effect": said["consequence"], **same, **fields}


def make_plain_critique(*slots: dict[str, Any], answers: Any = None) -> dict[str, Any]:
    """Return a critique as any model writes it, in slots."""
    given = make_answers() if answers is None else answers
    return {"answers": given, **make_slots("finding", 3, _NO_FINDING, *slots)}


NO_EDIT = {
    "before": "",
    "problem": "",
    "dimension": "task",
    "severity": "nit",
    "op": "none",
    "text": "",
    "risk": "low",
}


def make_plain_improvement(before: str = "", text: str = "", **fields: Any) -> dict[str, Any]:
    """Return an improvement as any model writes it: at most one edit here, in six slots."""
    edit = {"before": before, "problem": "It says two things.", "op": "replace", "text": text}
    return make_slots("edit", 6, NO_EDIT, *([{**edit, **fields}] if before else []))


def make_plain_rewrite(text: str, *constraints: dict[str, Any]) -> dict[str, Any]:
    """Return a rewrite as any model writes it, its constraints in slots."""
    rows = [{name: row[name] for name in ("quote", "kept", "reason")} for row in constraints]
    empty = {"quote": "", "kept": "", "reason": ""}
    slots = make_slots("constraint", 6, empty, *rows)
    return {"text": text, **slots, "changes": "The task stands first."}


def make_mark(answer: str = "yes", reason: str = "", evidence: str = "") -> dict[str, str]:
    """Return what a judge says of an output by one criterion."""
    return {"c1_evidence": evidence, "c1_reason": reason, "c1_answer": answer}


def make_choice(better: str = "tie", reason: str = "") -> dict[str, str]:
    """Return what a judge says of two outputs by one criterion."""
    return {"c1_evidence": "", "c1_reason": reason, "c1_better": better}
