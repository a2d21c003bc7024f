import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_nb.errors import BadReply, CallStopped, WrongUsage
from assay_nb.instruments.base import Provenance
from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.critique import (
    SCHEMA,
    SCHEMA_WITH_LISTS,
    SYSTEM,
    SYSTEM_WITH_LISTS,
    Critique,
)
from assay_nb.instruments.exchange.fencing import parse_fence
from assay_nb.instruments.exchange.validation import LARGEST_PROMPT
from assay_nb.instruments.findings import make_item
from assay_nb.instruments.rubric import DIMENSIONS, QUESTION_OF_KEY, QUESTIONS
from assay_nb.messages import Reply, Usage
from assay_nb.render.document import Annotated, Callout, Details, FinePrint, Items
from assay_nb.text.segments import split_segments
from tests.instruments.driving import (
    PROMPT,
    Driven,
    make_answers,
    make_critique,
    make_finding,
    make_plain_critique,
    run,
)


def critique(*findings: dict, **options) -> Critique:
    return run("critique", make_critique(*findings), **options)


def scores(result: Critique) -> dict[str, float | None]:
    return {dimension.id: dimension.score for dimension in result.dimensions}


# What is asked


def test_evidence_is_asked_for_before_the_conclusion():
    members = list(SCHEMA_WITH_LISTS["properties"])
    finding = SCHEMA_WITH_LISTS["properties"]["findings"]["items"]["required"]
    slot = SCHEMA["properties"]["finding_1"]["required"]

    assert members.index("evidence") < members.index("answers")
    assert (finding[0], finding[-1]) == ("evidence", "severity")
    assert (slot[0], slot[-1]) == ("quote", "severity")


def test_any_model_is_asked_for_choices_first_and_for_no_list():
    request = Driven("critique", PROMPT, [make_plain_critique()], _ends_lists=False).rounds[0][0]

    assert request.schema == SCHEMA
    assert request.system == SYSTEM
    assert next(iter(SCHEMA["properties"])) == "answers"
    assert "array" not in json.dumps(SCHEMA)


def test_each_question_has_a_key_of_its_own_that_the_model_is_told():
    assert len(QUESTION_OF_KEY) == len(QUESTIONS) == 24
    for system in (SYSTEM, SYSTEM_WITH_LISTS):
        assert all(f"  {key}: {q.text}" in system for key, q in QUESTION_OF_KEY.items())


def test_prompt_is_fenced_with_numbered_segments():
    request = Driven("critique", PROMPT, [make_critique()]).rounds[0][0]

    assert parse_fence(request.messages[0].text) == (PROMPT, split_segments(PROMPT))
    assert request.system == SYSTEM_WITH_LISTS
    assert PROMPT not in SYSTEM_WITH_LISTS


def test_fence_is_another_one_in_every_call():
    texts = {
        Driven("critique", PROMPT, [make_critique()]).rounds[0][0].messages[0].text
        for _ in range(3)
    }

    assert len(texts) == 3


def test_fence_never_stands_in_the_prompt():
    prompt = "Stop at 0123456789abcdef and go on."

    request = Driven("critique", prompt, [make_critique()], _nonce="0123456789abcdef").rounds[0][0]

    assert request.messages[0].text.count("0123456789abcdef") == 1


def test_no_knob_is_sent_unless_it_is_set():
    plain = Driven("critique", PROMPT, [make_critique()]).rounds[0][0]
    tuned = Driven(
        "critique",
        PROMPT,
        [make_critique()],
        temperature=0.2,
        effort="low",
        max_output_tokens=900,
        top_p=None,
    ).rounds[0][0]

    assert plain.knobs == {}
    assert tuned.knobs == {"temperature": 0.2, "effort": "low"}
    assert tuned.max_output_tokens == 900


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repaet": 3}, "no option 'repaet'. Did you mean 'repeat'"),
        ({"repeat": 0}, "whole number from 1"),
        ({"repeat": "3"}, "whole number"),
        ({"temperature": "hot"}, "temperature is a number"),
        ({"kind": "poem"}, "kind is one of"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"effort": 3}, "effort is a word"),
    ],
)
def test_option_that_cannot_be_carried_out_is_refused_before_anything_is_sent(options, message):
    with pytest.raises(WrongUsage, match=message):
        INSTRUMENTS["critique"].start(PROMPT, options)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("\x89PNG\r\n\x1a\n\x00\x00", "control characters"),
        ("x\ud800", "1 control character, as binary"),
        ("\x1b[0m" * 50, "control characters"),
        ("é" * (LARGEST_PROMPT // 2 + 1), "limit is 200 kB"),
        ("a" * 1_048_576, "1,049 kB"),
    ],
)
def test_prompt_that_is_none_is_refused_with_one_clear_line(prompt, message):
    with pytest.raises(WrongUsage, match=message) as caught:
        INSTRUMENTS["critique"].start(prompt, {})

    assert caught.value.hint


def test_prompt_of_exactly_the_limit_is_accepted():
    assert INSTRUMENTS["critique"].start("a " * (LARGEST_PROMPT // 2), {})


# What is made of the reply


def test_shown_words_are_the_prompts_own():
    (finding,) = critique(
        make_finding("briefly  and be detailed", "briefly and\n be detailed")
    ).findings

    assert [PROMPT[a.start : a.end] for a in finding.evidence] == ["briefly and be detailed"]
    assert finding.evidence[0].match == "normalised"


def test_finding_whose_words_are_not_there_is_dropped_and_counted():
    result = critique(make_finding("be friendly"), make_finding())

    assert len(result.findings) == 1
    assert result.consistency.unanchored == result.consistency.dropped == 1


def test_conflict_needs_both_places():
    result = critique(make_finding("briefly", "in one word", kind="conflict"))

    assert result.findings == ()


def test_score_is_computed_from_the_answers():
    answers = make_answers(output="no", task_scope="no", examples="na")

    result = run("critique", make_critique(answers=answers))

    assert scores(result) == {
        "task": 4,
        "context": 5,
        "output": 1,
        "consistency": 5,
        "examples": None,
        "robustness": 5,
    }
    assert result.score == 4.0


def test_dimension_without_a_score_says_why():
    reply = make_critique(answers=make_answers(examples="na"))
    reply["not_applicable"] = [{"dimension": "examples", "reason": "It is a plain greeting."}]

    (examples,) = [d for d in run("critique", reply).dimensions if d.id == "examples"]

    assert (examples.score, examples.na_reason) == (None, "It is a plain greeting.")


def test_three_answered_questions_give_one_decimal():
    result = run("critique", make_critique(answers=make_answers(task_done="no", task_scope="na")))

    assert scores(result)["task"] == 3.7


def test_clean_prompt_passes():
    result = run("critique", make_critique(), prompt="Translate <text>{{text}}</text> into French.")

    assert (result.verdict, result.findings) == ("pass", ())


def test_nits_alone_pass():
    assert critique(make_finding(severity="nit")).verdict == "pass"


def test_minor_findings_alone_let_a_prompt_pass():
    assert critique(make_finding(severity="minor")).verdict == "pass"


def test_major_finding_is_reported():
    assert critique(make_finding(severity="major")).verdict == "report"


def test_weak_dimension_is_reported_though_nothing_was_found():
    weak = make_critique(answers=make_answers(examples="no"))

    result = run("critique", weak)

    assert scores(result)["examples"] == 1
    assert result.verdict == "report"


def test_dimension_in_the_middle_of_the_scale_passes():
    middle = make_critique(answers=make_answers(output_format="no", output_parts="no"))

    result = run("critique", middle)

    assert scores(result)["output"] == 3
    assert result.verdict == "pass"


def test_blocker_that_names_no_failing_input_is_major():
    assert critique(make_finding(severity="blocker")).findings[0].severity == "major"


def test_blocker_with_a_failing_input_stays():
    probe = [{"name": "ticket", "value": "a long log"}]
    finding = make_finding(severity="blocker", probe=probe, predict="a page of text")

    assert critique(finding).findings[0].severity == "blocker"


def test_blocker_stays_where_a_lint_error_agrees():
    prompt = "<rules>\nBe kind.\n</rule>\n\nSummarise {{ticket}}."
    finding = make_finding("</rule>", severity="blocker", dimension="output")

    result = run("critique", make_critique(finding), prompt=prompt)

    assert [f.severity for f in result.findings] == ["blocker"]


def test_lint_error_that_no_model_saw_is_reported():
    result = run(
        "critique", make_critique(), prompt="<rules>\nBe kind.\n</rule>\n\nSummarise {{ticket}}."
    )

    assert [f.origin for f in result.findings] == ["lint"]
    assert result.verdict == "report"


@pytest.mark.parametrize(
    ("missing", "prompt"),
    [
        ("format", "Summarise briefly. Reply in JSON with the keys a and b."),
        ("length", "Summarise briefly, in at most 50 words."),
        ("example", "Summarise briefly.\n\nExample:\nlong text -> short text"),
        ("boundary", "Summarise briefly:\n<ticket>\n{{ticket}}\n</ticket>"),
    ],
)
def test_thing_that_the_prompt_has_is_not_reported_as_missing(missing, prompt):
    finding = make_finding(kind="absent", missing=missing, dimension="output")

    there = run("critique", make_critique(finding), prompt=prompt)
    control = run("critique", make_critique(finding), prompt="Summarise {{ticket}} briefly.")

    assert (there.findings, there.consistency.contradicted) == ((), 1)
    assert len(control.findings) == 1


def test_findings_stand_from_the_worst_to_the_least():
    result = critique(make_finding(severity="nit"), make_finding("be detailed", severity="major"))

    assert [(f.id, f.severity) for f in result.findings] == [("f1", "major"), ("f2", "nit")]


def test_model_cannot_smuggle_invisible_characters_into_a_sentence():
    (finding,) = critique(make_finding(problem="Two\u202e th\u200bings.\n\nAnd more.")).findings

    assert finding.problem == "Two things. And more."


# Repetition


def repeated(*replies: dict) -> Critique:
    return run("critique", *replies, repeat=len(replies))


def test_repeated_runs_are_asked_in_one_round():
    driven = Driven("critique", PROMPT, [make_critique()] * 3, repeat=3)

    assert [len(asked) for asked in driven.rounds] == [3]


def test_same_finding_of_several_runs_is_one_with_its_support():
    result = repeated(
        make_critique(make_finding("briefly and be detailed")),
        make_critique(make_finding("briefly and be")),
        make_critique(),
    )

    assert [(f.support, f.severity) for f in result.findings] == [("2/3", "major")]


def test_finding_of_one_run_in_three_is_at_most_minor_and_folded():
    result = repeated(make_critique(make_finding()), make_critique(), make_critique())

    assert [(f.support, f.severity) for f in result.findings] == [("1/3", "minor")]
    blocks = result.to_document().blocks
    assert not any(isinstance(b, Items) for b in blocks)
    assert any(isinstance(b, Details) and "fewer than half" in b.summary for b in blocks)


def test_findings_on_other_words_or_in_another_dimension_stay_apart():
    result = repeated(
        make_critique(make_finding("briefly")),
        make_critique(make_finding("be detailed")),
        make_critique(make_finding("briefly", dimension="task")),
    )

    assert [f.support for f in result.findings] == ["1/3"] * 3


def test_each_question_goes_to_the_majority():
    result = repeated(
        make_critique(answers=make_answers(task="no")),
        make_critique(answers=make_answers(task_scope="no")),
        make_critique(),
    )

    assert scores(result)["task"] == 4
    assert result.consistency.agreement == round(20 / 24, 2)


def test_split_vote_counts_for_neither_side():
    result = repeated(make_critique(answers=make_answers(task_scope="no")), make_critique())

    (task,) = [d for d in result.dimensions if d.id == "task"]
    assert [i.answer for i in task.items] == ["yes", "yes", "yes", None]


def test_run_that_cannot_be_read_is_left_out_and_told():
    result = repeated(make_critique(), make_critique())
    lame = run("critique", make_critique(), Reply("", "refusal"), repeat=2)

    assert result.consistency.kept == 2
    assert (lame.consistency.k, lame.consistency.kept) == (2, 1)
    assert any(
        isinstance(b, Callout) and "1 of 2 runs" in str(b.content)
        for b in lame.to_document().blocks
    )


# Replies that do not fit


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("```json\n", "\n```"),
        ("Here it is:\n", ""),
        ("", "\nI hope this helps!"),
        ("Use {x} so: ", ""),
    ],
)
def test_fence_or_sentence_around_the_json_is_tolerated(head, tail):
    text = head + json.dumps(make_critique(make_finding())) + tail

    assert len(run("critique", text).findings) == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I cannot do that.", "one whole JSON object"),
        ("", "one whole JSON object"),
        ('{"answers": [', "one whole JSON object"),
        ("[" * 5_000, "one whole JSON object"),
        ('{"a":' * 5_000, "one whole JSON object"),
        (json.dumps({"verdict": "pass", "score": 5, "findings": []}), "lacks evidence; answers"),
    ],
)
def test_reply_of_which_nothing_can_be_used_is_asked_for_again_whole(text, fault):
    driven = Driven("critique", PROMPT, [text, make_critique(make_finding())])

    repair = driven.rounds[1][0]
    assert len(driven.result.findings) == 1
    assert [m.role for m in repair.messages] == ["user", "assistant", "user"]
    assert re.search(fault, repair.messages[-1].text)
    assert repair.schema == SCHEMA_WITH_LISTS


def test_second_reply_of_which_nothing_can_be_used_is_a_bad_reply_in_ten_words():
    with pytest.raises(BadReply, match="nor its repair fits") as caught:
        run("critique", "no", "still no")

    assert len(caught.value.message.split()) <= 10


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ("refusal", "declined"),
        ("filtered", "filter"),
        ("incomplete", "did not mark it as complete"),
    ],
)
def test_each_way_to_end_early_has_its_own_sentence_and_no_repair(stop, message):
    with pytest.raises(BadReply, match=message):
        run("critique", Reply(json.dumps(make_critique()), stop))


@pytest.mark.parametrize("text", ["", "Let me see: first", '{"answers": {"action": "ye'])
def test_cut_reply_of_which_nothing_is_whole_is_a_bad_reply(text):
    with pytest.raises(BadReply, match=r"limit of output tokens.*max_output_tokens") as caught:
        run("critique", Reply(text, "length"))

    assert caught.value.stop == "length"


def test_stopped_reply_is_no_result():
    with pytest.raises(CallStopped):
        run("critique", Reply("{", "stopped"))


# The result


def test_critique_comes_back_equal_from_its_json():
    result = critique(
        make_finding(
            op="replace",
            text="short",
            probe=[{"name": "a", "value": "b"}],
            predict="c",
        )
    ).with_provenance(Provenance(provider="openai", usage=Usage(1, 2), request_ids=("r1",)))

    assert Critique.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_json_has_the_same_bytes_every_time():
    first, second = (json.dumps(critique(make_finding()).to_dict()) for _ in range(2))

    assert first == second


def test_what_a_probe_has_shown_is_at_the_finding():
    (finding,) = critique(make_finding()).findings

    assert "confirmed" not in str(make_item(finding))
    assert "confirmed" in str(make_item(replace(finding, status="confirmed")).badges)


def test_document_marks_the_words_and_tells_tokens_and_cost():
    provenance = Provenance(
        provider="anthropic",
        model="m-1",
        usage=Usage(1200, 34),
        cost=0.0123,
        practice=True,
        requests=1,
    )
    blocks = critique(make_finding()).with_provenance(provenance).to_document().blocks

    (annotated,) = [b for b in blocks if isinstance(b, Annotated)]
    assert [PROMPT[m.start : m.end] for m in annotated.marks] == ["briefly"]
    assert isinstance(blocks[-1], FinePrint)
    assert blocks[-1].content == [
        "Anthropic · m-1 · tokens 1,200 in, 34 out · ≈ $0.0123 · 1 request"
    ]
    assert any(isinstance(b, Callout) and "not from a model" in str(b.content) for b in blocks)


def test_cost_that_is_not_known_is_not_shown():
    result = critique().with_provenance(Provenance(provider="google"))

    assert result.to_document().blocks[-1] == FinePrint(["Google"])


def test_long_prompt_is_shown_only_around_its_findings():
    prompt = "Fill. " * 3_000 + "Be brief and be detailed. " + "Fill. " * 3_000
    finding = make_finding()
    finding["evidence"] = [{"segment": "s1", "quote": "brief and be detailed"}]
    result = run("critique", make_critique(finding), prompt=prompt)

    (annotated,) = [b for b in result.to_document().blocks if isinstance(b, Annotated)]

    (mark,) = annotated.marks
    assert annotated.text[mark.start : mark.end] == "brief and be detailed"
    assert len(annotated.text) < 1_000


# Previews


@given(st.integers(0, 5_000))
def test_preview_never_fails_on_a_beginning(cut: int):
    text = json.dumps(make_critique(make_finding()))[:cut]

    result = INSTRUMENTS["critique"].preview(PROMPT, text)

    if result:
        assert result.verdict is None
        assert result.to_document().blocks
        assert Critique.from_dict(result.to_dict()) == result


def test_preview_shows_only_dimensions_that_are_answered_whole():
    reply = make_critique(answers=dict(list(make_answers().items())[:6]))

    result = INSTRUMENTS["critique"].preview(PROMPT, json.dumps(reply)[:-40])

    assert result is not None
    assert [d.score for d in result.dimensions] == [5.0, None, None, None, None, None]


def test_preview_of_nothing_is_nothing():
    assert INSTRUMENTS["critique"].preview(PROMPT, "") is None
    assert INSTRUMENTS["critique"].preview(PROMPT, "Sure, here") is None


def test_rubric_has_six_dimensions_of_four_questions():
    assert [len(d.questions) for d in DIMENSIONS] == [4] * 6


# How it reads


def card(result: Critique) -> str:
    return " ".join(str(result).split())


def test_pass_says_what_was_found_in_words():
    assert "✓ pass 1 minor finding. Score 5.0 of 5." in card(
        critique(make_finding(severity="minor"))
    )


def test_pass_without_findings_says_that_there_are_none():
    assert "✓ pass No findings. Score 5.0 of 5." in card(critique())


def test_headline_names_the_weak_dimension():
    result = run("critique", make_critique(answers=make_answers(examples="no")))

    assert "▲ needs work No findings. Weak: Examples and edge cases (1 of 5)." in card(result)


def test_headline_of_a_major_finding_counts_by_severity():
    found = [
        make_finding(severity="major"),
        make_finding("be detailed", severity="minor", dimension="task"),
    ]

    assert "✕ needs work 1 major finding and 1 minor finding." in card(critique(*found))


@pytest.mark.parametrize("severity", ["blocker", "major", "minor", "nit"])
@pytest.mark.parametrize("answer", ["yes", "no"])
def test_every_form_of_the_card_has_one_verdict(severity, answer):
    answers = make_answers(examples=answer)
    result = run("critique", make_critique(make_finding(severity=severity), answers=answers))

    forms, _ = result._repr_mimebundle_()
    passes = forms["application/vnd.assay.critique.v1+json"]["verdict"] == "pass"

    assert passes == (severity in ("minor", "nit") and answer == "yes")
    for form in ("text/plain", "text/markdown", "text/html"):
        assert ("✓ pass" in forms[form]) == passes
        assert ("needs work" in forms[form]) != passes
        assert ("1 of 5" in forms[form]) <= (not passes)


def test_questions_that_do_not_apply_are_not_counted():
    answers = make_answers(output="na", context="na", examples="no")
    result = run("critique", make_critique(answers=answers))

    assert "4 of 16 questions that apply were answered no" in card(result)


def test_question_without_an_answer_is_not_called_a_split():
    answers = make_answers()
    del answers["action"]
    result = run("critique", make_critique(answers=answers), {"answers": {}})
    details = next(block for block in result.to_document().blocks if isinstance(block, Details))

    assert details.summary.endswith("0 of 23 questions that apply were answered no, 1 not answered")
    assert details.blocks[0].rows[0][2] == "not answered"


def test_code_in_a_models_sentence_is_code_in_html_and_makes_no_element():
    problem = "Nothing marks `<b>{{ticket}}</b>`, and a ` alone stays."
    html = critique(make_finding(problem=problem))._repr_mimebundle_()[0]["text/html"]
    paired = critique(make_finding(problem="Nothing marks `<b>{{ticket}}</b>`."))

    assert "and a ` alone stays" in html
    shown = paired._repr_mimebundle_()[0]["text/html"]
    assert "&lt;b&gt;{{ticket}}&lt;/b&gt;</code>" in shown
    assert "<b>" not in html + shown
    assert "Nothing marks `<b>{{ticket}}</b>`." in str(paired)


def test_finding_prints_as_one_line():
    result = critique(
        make_finding("briefly", severity="minor", problem="Open.", consequence="Long.")
    )

    (finding,) = result.findings

    assert str(finding) == "[1] minor, Consistency and priority: Open. → Long. (at “briefly”)"
    assert repr(finding) == f"<Finding {finding}>"
    assert str(result.findings) == f"({finding!r},)"


def test_dimension_prints_as_one_line():
    (first, *_) = run("critique", make_critique(answers=make_answers(task_action="no"))).dimensions

    assert str(first) == "Task clarity: 4 of 5"
    assert str(first.items[0]) == "task.action: no"
