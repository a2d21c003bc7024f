"""Replies that were cut off or lack something: what is kept of them, and what is asked for again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.errors import BadReply, ProviderError, RateLimited
from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.critique import Critique
from assay_nb.instruments.exchange.salvage import salvage_object
from assay_nb.instruments.rubric import QUESTION_OF_KEY
from assay_nb.messages import Reply, Usage
from assay_nb.render.document import Callout
from tests.instruments.driving import (
    PROMPT,
    Driven,
    make_answers,
    make_constraint,
    make_critique,
    make_edit,
    make_finding,
    make_improvement,
    make_plain_critique,
    make_plain_improvement,
    make_plain_rewrite,
    make_rewrite,
    make_slot,
    run,
)

GOOD = "Summarise the ticket in two sentences.\n\n<ticket>{{ticket}}</ticket>\n\nNever promise a refund. Reply in JSON."


def cut_after(reply: dict[str, Any], words: str) -> Reply:
    """Return a reply that reached its limit right after these words."""
    text = json.dumps(reply)
    return Reply(text[: text.rindex(words) + len(words)], "length")


def take(answers: dict[str, str], *keys: str) -> dict[str, str]:
    return {key: answers[key] for key in keys}


def tones(result: Any) -> list[str]:
    return [
        str(block.content)
        for block in result.to_document().blocks
        if isinstance(block, Callout) and block.tone == "warning"
    ]


# --- the JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('{"a": "yes", "b": "n', {"a": "yes"}),
        ('{"a": "yes", "b"', {"a": "yes"}),
        ('{"a": "yes", "b":', {"a": "yes"}),
        ('{"a": {"b": "yes", "c": "n', {"a": {"b": "yes"}}),
        ('{"a": ["x", "y', {"a": ["x"]}),
        ('Sure: {"a": "yes", "b": "n', {"a": "yes"}),
        ('Use {x} so: {"a": "yes", "b": "n', {"a": "yes"}),
        ('```json\n{"a": "\\u00e9", "b": "\\ud83d', {"a": "é"}),
        ("no object at all", {}),
        ('{"a', {}),
        ("{" * 50_000, {}),
        ('{"a":' * 50_000, {}),
    ],
)
def test_whole_members_of_a_cut_object_are_kept(text: str, members: dict[str, Any]) -> None:
    assert salvage_object(text) == (members, True, False)


def test_an_object_that_came_whole_was_not_cut() -> None:
    assert salvage_object('So: {"a": "yes"} and') == ({"a": "yes"}, False, False)


@given(st.data())
def test_what_is_salvaged_is_always_a_part_of_what_was_written(data: st.DataObject) -> None:
    reply = make_critique(make_finding(), make_finding("be detailed"))
    text = json.dumps(reply)

    kept = salvage_object(text[: data.draw(st.integers(0, len(text)))]).data

    assert all(reply["answers"][key] == value for key, value in kept.get("answers", {}).items())
    for given_, whole in zip(kept.get("findings", ()), reply["findings"], strict=False):
        assert given_.items() <= whole.items() or "evidence" in given_


# --- a critique that lacks answers --------------------------------------------------------------------


@pytest.mark.parametrize("lists", [True, False])
def test_only_the_answers_that_are_missing_are_asked_for_again(lists: bool) -> None:
    whole = make_critique(make_finding()) if lists else make_plain_critique(make_slot())
    few = {**whole, "answers": take(make_answers(), "action", "purpose")}
    rest = {key: "no" for key in QUESTION_OF_KEY if key not in ("action", "purpose")}

    driven = Driven("critique", PROMPT, [few, {"answers": rest}], _ends_lists=lists)

    schema = driven.rounds[1][0].schema
    assert list(schema["properties"]) == ["answers"]
    assert list(schema["properties"]["answers"]["properties"]) == list(rest)
    assert driven.result.answered == 24
    assert [f.evidence[0].exact for f in driven.result.findings] == ["briefly"]
    assert [i.answer for i in driven.result.dimensions[0].items] == ["yes", "yes", "no", "no"]


def test_the_repair_names_what_is_missing_and_shows_what_was_kept() -> None:
    answers = make_answers()
    del answers["edge"]

    turns = Driven("critique", PROMPT, [make_critique(answers=answers), {}]).rounds[1][0].messages

    assert "answers (edge)" in turns[-1].text
    assert json.loads(turns[-2].text)["answers"] == answers


@pytest.mark.parametrize("wrong", ["maybe", 1, None, {"answer": "yes", "or": "no"}, "yes or no"])
def test_an_answer_that_is_none_of_the_choices_counts_as_missing(wrong: Any) -> None:
    reply = make_critique(answers={**make_answers(), "edge": wrong})

    driven = Driven("critique", PROMPT, [reply, {"answers": {"edge": "na"}}])

    assert driven.result.answered == 24


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (" Yes", "yes"),
        ("No.", "no"),
        ("N/A", "na"),
        (True, "yes"),
        (False, "no"),
        ({"answer": "yes", "reason": "It is."}, "yes"),
    ],
)
def test_an_answer_that_is_clear_though_written_otherwise_is_the_answer(
    said: object, answer: str
) -> None:
    result = run("critique", make_critique(answers={**make_answers(), "edge": said}))

    given = {item.question: item.answer for d in result.dimensions for item in d.items}
    assert given["examples.edge"] == answer


def test_what_stays_unanswered_is_told_and_lifts_no_score() -> None:
    few = take(make_answers(), "action", "purpose", "done", "scope", "inputs", "meaning")

    result = run("critique", make_critique(answers=few), {})

    assert [d.score for d in result.dimensions] == [5.0, 3.0, None, None, None, None]
    assert (result.answered, result.score, result.verdict) == (6, 2.0, "report")
    shown = " ".join(str(result).split())
    assert "Score 2.0 of 5, though only 6 of 24 questions were answered." in shown
    assert "not answered" in shown


def test_one_open_question_of_a_good_prompt_costs_a_point_and_no_verdict() -> None:
    answers = make_answers()
    del answers["edge"]

    result = run("critique", make_critique(answers=answers), {})

    assert (result.score, result.verdict) == (4.8, "pass")


def test_unanswered_questions_survive_the_way_through_json() -> None:
    result = run("critique", make_critique(answers=take(make_answers(), "action")), {})
    written = json.loads(json.dumps(result.to_dict()))

    assert Critique.from_dict(written) == result
    items = written["dimensions"][0]["items"]
    assert ["answered" in item for item in items] == [False, True, True, True]


def test_findings_alone_are_of_use() -> None:
    result = run("critique", {"findings": [make_finding()]}, {})

    assert (len(result.findings), result.answered, result.score) == (1, 0, None)
    assert result.verdict == "report"


def test_a_reply_without_its_findings_is_told() -> None:
    reply = make_critique()
    del reply["findings"]

    driven = Driven("critique", PROMPT, [reply, "{}"])

    assert list(driven.rounds[1][0].schema["properties"]) == ["findings"]
    assert driven.result.consistency.cut == 1
    assert "findings may be missing" in tones(driven.result)[0]


def test_a_finding_that_does_not_say_what_it_is_about_is_dropped_and_counted() -> None:
    result = run("critique", make_critique(make_finding(dimension="style"), make_finding()))

    assert (len(result.findings), result.consistency.unreadable) == (1, 1)
    assert result.to_dict()["consistency"]["dropped"] == 1
    assert "what is wrong was not said" in str(result)


def test_a_complete_critique_has_no_word_of_what_might_be_missing() -> None:
    written = run("critique", make_critique(make_finding())).to_dict()

    assert set(written["consistency"]) == {
        "k", "kept", "agreement", "unanchored", "contradicted", "dropped",
    }  # fmt: skip
    assert all(
        set(item) == {"question_id", "answer", "evidence"}
        for dimension in written["dimensions"]
        for item in dimension["items"]
    )


# --- a critique that was cut ------------------------------------------------------------------------


def test_whole_findings_of_a_cut_critique_are_kept_and_the_cut_is_told() -> None:
    reply = make_critique(make_finding(), make_finding("be detailed"))

    result = run("critique", cut_after(reply, '"consequence": "Rep'))

    assert [f.evidence[0].exact for f in result.findings] == ["briefly"]
    assert (result.answered, result.consistency.cut) == (24, 1)
    assert tones(result) == ["['The reply ended early, so findings may be missing.']"]


def test_a_good_prompt_does_not_pass_while_its_findings_are_not_known() -> None:
    cut = cut_after(make_plain_critique(), '"finding_1": {"quote": "')

    result = run("critique", cut, _ends_lists=False)

    assert (result.score, result.verdict) == (5.0, "report")
    assert "not finished" in str(result)
    whole = [make_critique(), cut_after(make_critique(), '"findings": [')]
    assert run("critique", *whole, repeat=2).verdict == "pass"


def test_an_improvement_of_which_no_edit_came_whole_is_not_called_good() -> None:
    reply = make_improvement(make_edit("briefly", "in two sentences"))

    result = run("improve", cut_after(reply, '"before": "brie'))

    assert (result.edits, result.cut) == ((), True)
    assert "No edit had come whole." in str(result)
    assert "no change" not in str(result)


def test_a_cut_slot_is_not_half_a_finding() -> None:
    reply = make_plain_critique(make_slot(), make_slot("be detailed"))
    cut = Reply(
        json.dumps(reply).split('"finding_2"')[0] + '"finding_2": {"quote": "be d', "length"
    )

    result = run("critique", cut, _ends_lists=False)

    assert [f.evidence[0].exact for f in result.findings] == ["briefly"]
    assert result.consistency.cut == 1


def test_after_a_cut_the_open_answers_alone_are_asked_for_again() -> None:
    cut = cut_after(make_plain_critique(), '"empty": "yes"')

    driven = Driven("critique", PROMPT, [cut, {"answers": make_answers()}], _ends_lists=False)

    assert list(driven.rounds[1][0].schema["properties"]) == ["answers"]
    assert driven.result.answered == 24
    assert driven.result.consistency.cut == 1


def test_a_reply_that_reached_its_limit_after_the_last_bracket_is_whole() -> None:
    result = run("critique", Reply(json.dumps(make_critique(make_finding())), "length"))

    assert result.consistency.cut == 0


@given(st.integers(0, 2_000))
def test_a_critique_cut_anywhere_is_a_result_or_a_bad_reply(at: int) -> None:
    text = json.dumps(make_plain_critique(make_slot(), make_slot("be detailed")))
    cut, rest = Reply(text[:at], "length"), {"answers": make_answers("no")}

    if '"action": "yes"' not in text[:at]:
        with pytest.raises(BadReply, match="before it was whole"):
            run("critique", cut, _ends_lists=False)
        return
    replies = [cut] if '"references": "yes"' in text[:at] else [cut, rest]
    result = run("critique", *replies, _ends_lists=False)

    assert result.answered == 24
    assert Critique.from_dict(result.to_dict()) == result


def test_a_server_that_calls_a_cut_reply_whole_is_not_believed() -> None:
    text = cut_after(
        make_plain_critique(make_slot(), make_slot("be detailed")), '"quote": "be d'
    ).text

    result = run("critique", text, _ends_lists=False)

    assert (len(result.findings), result.answered, result.consistency.cut) == (1, 24, 1)


# --- the second round fails -------------------------------------------------------------------------


def _fail_second(first: Any, error: Exception) -> Any:
    script = INSTRUMENTS["critique"].start(PROMPT, {})
    next(script)
    script.send((Reply(json.dumps(first), "end"),))
    with pytest.raises(StopIteration) as end:
        script.throw(error)
    return end.value.value


@pytest.mark.parametrize("error", [RateLimited("Later."), BadReply("No more requests.")])
def test_what_came_first_is_kept_where_no_more_can_be_asked(error: Exception) -> None:
    result = _fail_second(make_plain_critique(answers=take(make_answers(), "action")), error)

    assert result.answered == 1


def test_an_error_that_is_not_passing_ends_the_call() -> None:
    """A server that sends back the key raises a plain `ProviderError`, which nothing may swallow."""
    with pytest.raises(ProviderError, match="sent back"):
        _fail_second(make_plain_critique(answers={"action": "no"}), ProviderError("It sent back."))


def test_an_error_of_the_second_round_is_the_calls_where_nothing_came_first() -> None:
    with pytest.raises(RateLimited):
        _fail_second("nothing", RateLimited("Later."))


# --- improve and rewrite ----------------------------------------------------------------------------


def test_whole_edits_of_a_cut_improvement_are_kept_and_the_cut_is_told() -> None:
    reply = make_improvement(
        make_edit("briefly and be detailed", "in two sentences"), make_edit("JSON", "YAML")
    )

    result = run("improve", cut_after(reply, '"before": "JSON'))

    assert [e.edit.text for e in result.edits] == ["in two sentences"]
    assert result.cut
    assert tones(result) == ["['The reply was cut off, so edits may be missing.']"]
    assert type(result).from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_edits_without_their_findings_are_asked_for_their_findings() -> None:
    reply = make_improvement(make_edit("briefly and be detailed", "in two sentences"))
    findings = {"findings": reply.pop("findings")}

    driven = Driven("improve", PROMPT, [reply, findings])

    assert list(driven.rounds[1][0].schema["properties"]) == ["findings"]
    assert len(driven.result.edits) == 1


def test_any_models_edit_says_itself_what_it_mends() -> None:
    reply = make_plain_improvement("briefly and be detailed", "in two sentences")

    result = run("improve", reply, _ends_lists=False)

    (edit,), (finding,) = result.edits, result.findings
    assert edit.finding == finding.id == "f1"
    assert finding.evidence[0].exact == "briefly and be detailed"
    assert "in two sentences" in result.text


def test_any_models_edits_of_given_findings_name_them() -> None:
    review = run("critique", make_critique(make_finding("briefly and be detailed")))
    edit = {"finding": "f1", "before": "briefly and be detailed", "op": "replace"}

    driven = Driven(
        "improve",
        PROMPT,
        [{"edit_1": {**edit, "text": "in two sentences", "risk": "low"}}],
        findings=review,
        _ends_lists=False,
    )

    assert list(driven.rounds[0][0].schema["properties"]) == ["edit_1"]
    assert driven.result.findings == review.findings
    assert [e.finding for e in driven.result.edits] == ["f1"]


def test_slots_that_say_that_there_is_nothing_propose_nothing() -> None:
    result = run("improve", make_plain_improvement(), _ends_lists=False)

    assert (result.edits, result.dropped, result.findings) == ((), (), ())


def test_an_improvement_without_any_edit_or_word_of_them_is_a_bad_reply() -> None:
    with pytest.raises(BadReply):
        run("improve", {"findings": []}, {"findings": []})


@pytest.mark.parametrize("at", range(0, 700, 50))
def test_preview_of_slots_leaves_out_the_edit_that_is_still_coming(at: int) -> None:
    text = json.dumps(make_plain_improvement("briefly and be detailed", "in two sentences"))

    result = INSTRUMENTS["improve"].preview(PROMPT, text[:at])

    assert result is None or len(result.edits) == ('"edit_2"' in text[:at])


def test_a_rewrite_whose_account_was_cut_is_a_rewrite_and_says_so() -> None:
    reply = make_rewrite(GOOD, make_constraint("Never promise a refund", "Never promise a refund"))

    result = run("rewrite", cut_after(reply, '"quote": "Never'))

    assert (result.accepted, result.ledger, result.cut) == (True, (), True)
    assert "its account of constraints" in tones(result)[0]
    assert type(result).from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_a_rewrite_whose_text_was_cut_is_shown_and_refused() -> None:
    driven = Driven("rewrite", PROMPT, [cut_after(make_rewrite(GOOD), "Summarise the")])

    result = driven.result

    assert (result.accepted, result.text) == (False, PROMPT)
    assert result.proposed == "Summarise the"
    assert [breach.check for breach in result.breaches] == ["I14"]
    assert "It ends in the middle" in repr(result)
    assert "raise max_output_tokens if that was set" in " ".join(repr(result).split())
    assert type(result).from_dict(json.loads(json.dumps(result.to_dict()))) == result
    assert len(driven.rounds) == 1, "the same would be cut again"


@pytest.mark.parametrize("text", ["", "{", '{"text": "', '{"text": "  ', '{"changes": ["The'])
def test_a_rewrite_that_was_cut_before_its_text_is_a_bad_reply(text: str) -> None:
    with pytest.raises(BadReply, match="before it was whole"):
        run("rewrite", Reply(text, "length"))


@pytest.mark.parametrize(
    ("came", "options", "words"),
    [
        (16_000, {}, "limit of 16,000 output tokens"),
        (15_990, {}, "limit of 16,000 output tokens"),
        (3_120, {}, "the model's own limit"),  # a small context was full
        (None, {}, "the model's own limit"),
        (900, {"max_output_tokens": 900}, "limit of 900 output tokens"),
        (None, {"max_output_tokens": 900}, "limit of 900 output tokens"),
    ],
)
def test_a_limit_is_named_only_where_it_was_the_one_reached(
    came: int | None, options: dict[str, Any], words: str
) -> None:
    cut = Reply('{"answers": {"action": "ye', "length", Usage(output_tokens=came))

    with pytest.raises(BadReply, match=words):
        run("critique", cut, **options)


def test_a_reply_longer_than_any_answer_is_said_to_have_run_on() -> None:
    with pytest.raises(BadReply, match="longer than any answer"):
        run("critique", Reply('{"answers": {"action": "' + "and on " * 40_000, "length"))


def test_any_models_rewrite_accounts_for_constraints_in_slots() -> None:
    rows = [make_constraint("Never promise a refund", "Never promise a refund")]

    result = run("rewrite", make_plain_rewrite(GOOD, *rows), _ends_lists=False)

    assert [row.status for row in result.ledger] == ["kept"]
    assert result.changes == ("The task stands first.",)
