"""The practice provider's replies: each fits the schema that it was asked in, in lists and in slots alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.exchange.fitting import keep_fitting
from assay_nb.instruments.exchange.schema import find_missing
from assay_nb.messages import Reply, Request
from assay_nb.practice.replies import make_reply
from assay_nb.practice.wire import Asked

PROMPT = (
    "<rules>\nBe kind.\n</rule>\n\nSummarise {{ticket}} and {ticket} in 40 words.\n"
    "Never promise a refund.\n"
)
_JUDGED = {"output": "A refund is due.", "rubric": "- It names a refund.\n- It is kind. (1-5)"}
_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "critique": ("critique", {}),
    "improve": ("improve", {}),
    "rewrite": ("rewrite", {}),
    "judge": ("judge", _JUDGED),
    "judge two": ("judge", {**_JUDGED, "against": "Nothing."}),
}


def practise(name: str, lists: bool, **options: Any) -> tuple[list[tuple[Request, str]], Any]:
    """Run an instrument on the practice provider's replies; return those, and the result."""
    instrument, given = _CALLS[name]
    script = INSTRUMENTS[instrument].start(PROMPT, {**given, **options, "_ends_lists": lists})
    asked, said = next(script), []
    while True:
        replies = [_answer(request) for request in asked]
        said += list(zip(asked, replies, strict=True))
        try:
            asked = script.send(tuple(Reply(text, "end") for text in replies))
        except StopIteration as end:
            return said, end.value


def _answer(request: Request) -> str:
    texts = tuple(message.text for message in request.messages)
    return make_reply(Asked(texts, (request.schema or {})["properties"], "practice-1"))


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("name", _CALLS)
def test_a_reply_fits_its_schema_and_needs_no_repair(name: str, lists: bool) -> None:
    said, result = practise(name, lists)

    assert result.to_dict()
    assert len(said) == (2 if name == "judge two" else 1)
    for request, text in said:
        data, schema = json.loads(text), request.schema or {}
        assert keep_fitting(data, schema, cut=True) == data
        assert not find_missing(data, schema)


@pytest.mark.parametrize("lists", [True, False])
def test_what_rules_find_is_in_the_critique(lists: bool) -> None:
    _, result = practise("critique", lists)

    assert result.answered == 24
    assert any(finding.origin == "model" for finding in result.findings)


@pytest.mark.parametrize("lists", [True, False])
def test_what_rules_can_fix_is_in_the_edits(lists: bool) -> None:
    _, review = practise("critique", True)

    for options in ({}, {"findings": review}):
        said, result = practise("improve", lists, **options)
        assert not find_missing(json.loads(said[0][1]), said[0][0].schema or {})
        assert not any("not in the prompt" in dropped.reason for dropped in result.dropped)


@pytest.mark.parametrize("lists", [True, False])
def test_a_rewrite_accounts_for_what_it_kept(lists: bool) -> None:
    _, result = practise("rewrite", lists)

    assert {row.status for row in result.ledger} == {"kept"}
