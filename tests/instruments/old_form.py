"""The form that critiques had before slots: nullable fields, and a list of answers. Written and read.

Tests compare it with the forms of today: the same judgement has to come to the same critique.
"""

from __future__ import annotations

from typing import Any

from assay_nb.instruments.critique.reading import RunReading, add_up
from assay_nb.instruments.critique.result import Critique, ItemScore
from assay_nb.instruments.exchange.validation import find_kind
from assay_nb.instruments.findings import Finding, Fix, Probe
from assay_nb.instruments.invariants import presence
from assay_nb.text.anchors import Anchor, Locator
from assay_nb.text.segments import split_segments

Judgement = dict[str, Any]
"""`answers` (question, answer, quote or None), `reasons` by dimension, `findings`."""


def write(judgement: Judgement) -> dict[str, Any]:
    """Return the judgement as the old schema asked for it."""
    return {
        "answers": [
            {
                "question": question,
                "evidence": None if quote is None else {"segment": "", "quote": quote},
                "answer": answer,
            }
            for question, answer, quote in judgement["answers"]
        ],
        "not_applicable": [
            {"dimension": dimension, "reason": reason}
            for dimension, reason in judgement["reasons"].items()
        ],
        "findings": [
            {
                "evidence": [{"segment": "", "quote": quote} for quote in found["quotes"]],
                "kind": found["kind"],
                "missing": found["missing"],
                "dimension": found["dimension"],
                "problem": found["problem"],
                "consequence": found["consequence"],
                "probe": found["probe"]
                and {
                    "inputs": [{"name": n, "value": v} for n, v in found["probe"][0].items()],
                    "predict": found["probe"][1],
                },
                "fix": found["fix"] and {"op": found["fix"][0], "text": found["fix"][1]},
                "severity": found["severity"],
            }
            for found in judgement["findings"]
        ],
    }


def read(prompt: str, reply: dict[str, Any]) -> Critique:
    """Return the critique that the old reader made of a reply."""
    locator = Locator(prompt, split_segments(prompt))
    findings: list[Finding] = []
    unanchored = contradicted = 0
    for number, described in enumerate(reply["findings"][:24], 1):
        evidence = _find(locator, described["evidence"])
        if len(evidence) < (2 if described["kind"] == "conflict" else 1):
            unanchored += 1
        elif described["kind"] == "absent" and presence.states(prompt, described["missing"] or ""):
            contradicted += 1
        else:
            findings.append(_make_finding(described, evidence, f"f{number}"))
    answers = {
        one["question"]: ItemScore(
            one["question"],
            one["answer"],
            next(iter(_find(locator, [one["evidence"]] if one["evidence"] else [])), None),
        )
        for one in reply["answers"]
    }
    reasons = {entry["dimension"]: entry["reason"] for entry in reply["not_applicable"]}
    run = RunReading(answers, reasons, tuple(findings), unanchored, contradicted, 0)
    return add_up(locator, find_kind(prompt, {}), [run], 1)


def _find(locator: Locator, quoted: list[dict[str, str]]) -> tuple[Anchor, ...]:
    found = [locator.find(one["quote"], one["segment"]) for one in quoted]
    return tuple({(a.start, a.end): a for a in found if a}.values())


def _make_finding(described: dict[str, Any], evidence: tuple[Anchor, ...], id_: str) -> Finding:
    fix, probe = described["fix"], described["probe"]
    return Finding(
        id=id_,
        dimension=described["dimension"],
        severity=described["severity"],
        kind=described["kind"],
        evidence=evidence,
        problem=described["problem"],
        consequence=described["consequence"],
        fix=Fix(fix["op"], fix["text"]) if fix else None,
        probe=Probe({i["name"]: i["value"] for i in probe["inputs"]}, probe["predict"])
        if probe
        else None,
    )
