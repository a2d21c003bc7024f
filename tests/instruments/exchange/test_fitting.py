"""Fitting of replies: which ways of writing an answer are understood, and which say nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay_nb.errors import BadReply
from assay_nb.instruments.critique.request import SCHEMA as CRITIQUE
from assay_nb.instruments.exchange.fitting import fit
from assay_nb.instruments.exchange.schema import STRING, array_of, object_of, one_of, slots_of
from assay_nb.instruments.improve.request import SCHEMA as IMPROVE
from assay_nb.instruments.rewrite.request import SCHEMA as REWRITE
from tests.instruments.driving import (
    PROMPT,
    Driven,
    make_answers,
    make_plain_critique,
    make_plain_improvement,
    make_plain_rewrite,
    make_slot,
    run,
)

CHOICES = object_of(action=one_of("yes", "no", "na"), own_words=one_of("yes", "no", "na"))
SLOT = object_of(quote=STRING, kind=one_of("none", "no_format"))
SCHEMA = object_of(answers=CHOICES, **slots_of("finding", 2, SLOT))
ANSWERS = {"action": "yes", "own_words": "no"}
FOUND = {"quote": "briefly", "kind": "no_format"}
WHOLE = {"answers": ANSWERS, "finding_1": FOUND, "finding_2": FOUND}


@pytest.mark.parametrize(
    "reply",
    [
        WHOLE,
        {"result": WHOLE},
        {"response": {"data": {"critique": WHOLE}}},
        {"results": [WHOLE]},
        {"reply": json.dumps(WHOLE)},
        {"plan": "First the answers.", "type": "object", "properties": WHOLE},
        {**WHOLE, "answers": json.dumps(ANSWERS)},
        {"Answers": {"Action": "YES", "OWN WORDS": "No"}, "Finding 1": FOUND, "finding2": FOUND},
        {**WHOLE, "answers": {"task.action": "yes", "task.own_words": "no"}},
        {
            **WHOLE,
            "answers": [{"question": "action", "answer": "yes"}, {"id": "own_words", "is": False}],
        },
        {**WHOLE, "answers": [{"action": "yes"}, {"own_words": "no"}]},
        {**ANSWERS, "finding_1": FOUND, "finding_2": FOUND},
        {"answers": ANSWERS, "findings": [FOUND, FOUND, FOUND]},
    ],
)
def test_reply_is_understood_whichever_way_it_is_wrapped_and_named(reply: dict[str, Any]) -> None:
    assert fit(reply, SCHEMA) == WHOLE


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("yes", "yes"),
        (" Yes. ", "yes"),
        ("**No**", "no"),
        ("n/a", "na"),
        ("Not applicable", "na"),
        ("Not applicable: it has no input", "na"),
        (True, "yes"),
        ("false", "no"),
        ("Y", "yes"),
        ("yes, because it names the ticket", "yes"),
        ("No - it never says so", "no"),
        ({"answer": "yes", "reason": "It does."}, "yes"),
        (["no"], "no"),
        ("maybe", None),
        ("yes or no", None),
        ("yes, no or na", None),
        ("yes | no | na", None),
        ("yes/no", None),
        ("Yes, no", None),
        ("yesterday", None),
        ("nothing", None),
        ("", None),
        (1, None),
        (0, None),
        (None, None),
        (["yes", "no"], None),
        ({"answer": "yes", "other": "no"}, None),
        ({"type": "string", "enum": ["yes", "no", "na"]}, None),
        ({"answer": {"answer": {"answer": "yes"}}}, None),
    ],
)
def test_choice_is_taken_where_it_is_clear_and_only_there(said: object, meant: str | None) -> None:
    schema = object_of(a=one_of("yes", "no", "na"))

    assert fit({"a": said}, schema) == ({"a": meant} if meant else {})


@pytest.mark.parametrize(
    ("said", "meant"),
    [(4, "4"), (4.0, "4"), ("4/5", "4"), ("4 out of 5", "4"), ("4: good", "4"), ("4. Good", "4"),
     (4.5, None), ("4.5", None), ("4-5", None), ("45", None), (6, None), (True, None)],
)  # fmt: skip
def test_degree_is_taken_where_it_is_clear_and_only_there(said: object, meant: str | None) -> None:
    schema = object_of(a=one_of(*"12345"))

    assert fit({"a": said}, schema) == ({"a": meant} if meant else {})


@pytest.mark.parametrize("schema", [CRITIQUE, IMPROVE, REWRITE, SCHEMA])
def test_schema_that_is_sent_back_is_no_answer_to_it(schema: dict[str, Any]) -> None:
    assert fit(schema, schema) == {}


def test_exact_name_goes_before_one_that_is_alike() -> None:
    schema = object_of(text=STRING)

    assert fit({"Text": "a", "text": "b"}, schema) == {"text": "b"}


def test_object_of_which_more_fits_goes_before_the_one_around_it() -> None:
    schema = object_of(text=STRING, changes=STRING)

    reply = {"changes": "The task.", "rewrite": {"text": "Do it.", "changes": "It."}}

    assert fit(reply, schema) == {"text": "Do it.", "changes": "It."}


def test_nothing_within_lists_and_depths_without_end_is_read_for_long() -> None:
    deep: dict[str, Any] = {"text": "far"}
    for _ in range(50):
        deep = {"a": deep, "b": [{"c": "d"}] * 50}

    assert fit(deep, object_of(text=STRING)) == {}


def test_list_keeps_what_fits_of_it() -> None:
    schema = object_of(edits=array_of(SLOT))

    assert fit({"edits": [FOUND, "x", None, {"kind": "no format"}, {}]}, schema) == {
        "edits": [FOUND, {"kind": "no_format"}]
    }


# --- replies with a fault in the middle ---------------------------------------------------------------


def _break(reply: dict[str, Any], at: str, fault: str) -> str:
    text = json.dumps(reply)
    return text.replace(at, f"{fault}{at}", 1)


@pytest.mark.parametrize("fault", ["/* now */ ", ", ", "'x': 1, ", "… "])
def test_what_stands_before_a_fault_is_kept_and_the_rest_asked_for_again(fault: str) -> None:
    whole = make_plain_critique(make_slot())
    rest = {name: whole[name] for name in ("finding_2", "finding_3")}

    driven = Driven(
        "critique", PROMPT, [_break(whole, '"finding_2"', fault), rest], _ends_lists=False
    )

    assert list(driven.rounds[1][0].schema["properties"]) == ["finding_2", "finding_3"]
    assert (driven.result.answered, len(driven.result.findings)) == (24, 1)
    assert driven.result.consistency.cut == 0


def test_line_break_within_a_string_is_no_fault() -> None:
    text = json.dumps(make_plain_rewrite("Do it.\nNow.")).replace("\\n", "\n")

    assert run("rewrite", text, _ends_lists=False).proposed == "Do it.\nNow."


@pytest.mark.parametrize(
    ("instrument", "replies", "read"),
    [
        ("critique", [{"critique": make_plain_critique(make_slot())}], lambda r: len(r.findings)),
        ("improve", [{"edits": [make_plain_improvement("briefly", "soon")["edit_1"]]}, "no more"],
         lambda r: len(r.edits)),
        ("rewrite", [{"Rewrite": {"Text": "Summarise {{ticket}}."}}, "no more"],
         lambda r: "ticket" in r.proposed),
    ],
)  # fmt: skip
def test_each_instrument_understands_what_is_written_otherwise(
    instrument: str, replies: list[Any], read: Any
) -> None:
    assert read(run(instrument, *replies, _ends_lists=False)) == 1


def test_judge_understands_words_around_its_answers() -> None:
    reply = {
        "judgement": {"C1_Answer": "Yes, wholly", "c2_answer": True, "c3_answer": "No: too long"}
    }

    result = run("judge", reply, "nothing more", output="Fine.")

    assert [mark.answer for mark in result.marks] == ["yes", "yes", "no"]


@pytest.mark.parametrize("instrument", ["critique", "improve", "rewrite"])
def test_bad_reply_of_which_nothing_can_be_used_says_so_in_ten_words(instrument: str) -> None:
    schema = {"critique": CRITIQUE, "improve": IMPROVE, "rewrite": REWRITE}[instrument]

    with pytest.raises(BadReply) as caught:
        run(instrument, schema, schema, _ends_lists=False)

    assert len(caught.value.message.split()) <= 10


def test_answers_that_stand_alone_after_a_second_question_count() -> None:
    few = {"answers": {"action": "yes"}}
    rest = {key: "no" for key in make_answers() if key != "action"}

    driven = Driven("critique", PROMPT, [few, rest], _ends_lists=False)

    assert driven.result.answered == 24
