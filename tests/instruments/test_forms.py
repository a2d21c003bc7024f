"""One judgement in three forms: that of before, in lists, and in slots. Nothing may be lost on the way.

The prompts are those of the self-check. What is said of them is made up from a fixed seed, and much of it:
more findings than slots, conflicts, probes, fixes, quotes that are not there, questions that do not apply.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from assay_nb.experiments.calibration.self_check import Planted, load_corpus
from assay_nb.instruments.critique.result import ANSWERS
from assay_nb.instruments.findings import FINDING_KINDS, SEVERITIES
from assay_nb.instruments.invariants import presence
from assay_nb.instruments.rubric import DIMENSIONS, LABELS, QUESTIONS
from assay_nb.text.segments import split_segments
from tests.instruments import old_form
from tests.instruments.driving import make_plain_critique, run

CORPUS = load_corpus()
_NO_PROBE: tuple[dict[str, str], str] = ({}, "")


def judge(one: Planted) -> old_form.Judgement:
    """Return what a critic might say of a prompt of the corpus."""
    chance = random.Random(one.id)
    words = [w for s in split_segments(one.prompt) for w in s.text.split() if len(w) > 4]
    quotes = [one.words or words[0], *chance.sample(words, min(7, len(words))), "never was there"]
    answers = [
        (question, chance.choice(ANSWERS), chance.choice([None, chance.choice(quotes)]))
        for question in QUESTIONS
    ]
    no_reason = chance.choice(DIMENSIONS).id
    answers = [(q, "na" if q.startswith(f"{no_reason}.") else a, e) for q, a, e in answers]
    findings = [_find(quote, chance, quotes) for quote in quotes]
    return {"answers": answers, "reasons": {no_reason: "It is too short."}, "findings": findings}


def _find(quote: str, chance: random.Random, quotes: list[str]) -> dict[str, Any]:
    kind = chance.choice(FINDING_KINDS)
    return {
        "quotes": [quote, chance.choice(quotes)] if kind == "conflict" else [quote],
        "kind": kind,
        "missing": chance.choice(presence.MISSING) if kind == "absent" else None,
        "dimension": chance.choice(list(LABELS)),
        "problem": f"{quote} is at fault.",
        "consequence": "Replies vary.",
        "probe": chance.choice([None, ({"text": "a long one"}, "two pages")]),
        "fix": chance.choice([None, ("replace", "better words"), ("delete", "")]),
        "severity": chance.choice(SEVERITIES),
    }


def in_lists(judgement: old_form.Judgement) -> dict[str, Any]:
    """Return the judgement as a model of the catalogue writes it today."""
    key_of = {question.id: question.key for question in QUESTIONS.values()}
    return {
        "evidence": [
            {"question": key_of[question], "segment": "", "quote": quote}
            for question, _, quote in judgement["answers"]
            if quote is not None
        ],
        "answers": {key_of[question]: answer for question, answer, _ in judgement["answers"]},
        "not_applicable": [
            {"dimension": name, "reason": reason} for name, reason in judgement["reasons"].items()
        ],
        "findings": [_list(found) for found in judgement["findings"]],
    }


def _list(found: dict[str, Any]) -> dict[str, Any]:
    op, text = found["fix"] or ("none", "")
    inputs, predict = found["probe"] or _NO_PROBE
    return {
        **{n: found[n] for n in ("kind", "dimension", "problem", "consequence", "severity")},
        "evidence": [{"segment": "", "quote": quote} for quote in found["quotes"]],
        "missing": found["missing"] or "none",
        "probe": [{"name": name, "value": value} for name, value in inputs.items()],
        "predict": predict,
        "op": op,
        "text": text,
    }


def in_slots(judgement: old_form.Judgement) -> dict[str, Any]:
    """Return the judgement as any other model writes it: the first three findings, without probes."""
    slots = [_put(found) for found in judgement["findings"][:3]]
    return make_plain_critique(*slots, answers=in_lists(judgement)["answers"])


def _put(found: dict[str, Any]) -> dict[str, Any]:
    checked = found["missing"] in ("format", "length", "example", "boundary")
    return {
        **{n: found[n] for n in ("dimension", "problem", "severity")},
        "effect": found["consequence"],
        "quote": found["quotes"][0],
        "against": found["quotes"][1] if len(found["quotes"]) > 1 else "",
        "kind": f"no_{found['missing']}" if checked else found["kind"],
    }


@pytest.mark.parametrize("one", CORPUS, ids=lambda one: one.id)
def test_lists_say_all_that_the_form_of_before_said(one: Planted) -> None:
    judgement = judge(one)

    before = old_form.read(one.prompt, old_form.write(judgement))
    today = run("critique", in_lists(judgement), prompt=one.prompt)

    assert today == before
    assert today.to_dict() == before.to_dict()


@pytest.mark.parametrize("one", CORPUS, ids=lambda one: one.id)
def test_slots_say_the_same_of_the_first_three_findings(one: Planted) -> None:
    judgement = judge(one)
    for found in judgement["findings"]:
        found |= {"probe": None, "fix": None}
    few = {**judgement, "findings": judgement["findings"][:3]}

    before = old_form.read(one.prompt, old_form.write(few))
    today = run("critique", in_slots(judgement), prompt=one.prompt, _ends_lists=False)

    assert today.findings == before.findings
    assert (today.score, today.verdict) == (before.score, before.verdict)
    assert today.consistency == before.consistency
    assert [d.score for d in today.dimensions] == [d.score for d in before.dimensions]


def test_the_corpus_has_more_findings_than_slots_and_every_kind_of_them() -> None:
    """Positive control: what is compared above is not empty."""
    read = [run("critique", in_lists(judge(one)), prompt=one.prompt) for one in CORPUS]
    findings = [finding for critique in read for finding in critique.findings]

    assert max(len(critique.findings) for critique in read) > 3
    assert {finding.kind for finding in findings} == set(FINDING_KINDS)
    assert any(finding.fix for finding in findings)
    assert any(finding.probe for finding in findings)
    assert any(item.evidence for critique in read for d in critique.dimensions for item in d.items)
    assert sum(critique.consistency.unanchored for critique in read) > 0
    assert sum(critique.consistency.contradicted for critique in read) > 0
