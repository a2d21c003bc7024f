import json
from itertools import chain, combinations

import pytest

from assay_nb.errors import BadReply, WrongUsage
from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.improve import Improvement
from assay_nb.instruments.improve.request import (
    MOST_EDITS,
    SCHEMA_OF_FINDINGS_WITH_LISTS,
)
from assay_nb.render.document import Callout, Details, Diff
from tests.instruments.driving import (
    PROMPT,
    Driven,
    make_critique,
    make_edit,
    make_finding,
    make_improvement,
    run,
)

SHORTER = make_edit("briefly and be detailed", "in two sentences")
KEYS = make_edit(
    "Reply in JSON.", " Use the keys subject and summary.", op="insert_after", segment="s4"
)
NO_AGENT = make_edit("You are a support agent. ", segment="s1")


def improve(
    *edits: dict, prompt: str = PROMPT, finding: dict | None = None, **options
) -> Improvement:
    return run("improve", make_improvement(*edits, **(finding or {})), prompt=prompt, **options)


def reasons(result: Improvement) -> list[str]:
    return [dropped.reason for dropped in result.dropped]


def test_accepted_edits_are_applied_and_all_else_is_untouched():
    result = improve(SHORTER, KEYS)

    assert (
        result.text
        == PROMPT.replace("briefly and be detailed", "in two sentences")
        + " Use the keys subject and summary."
    )


def test_any_subset_of_edits_applies():
    result = improve(KEYS, SHORTER, NO_AGENT)
    numbers = [edit.number for edit in result.edits]

    for chosen in chain.from_iterable(combinations(numbers, n) for n in range(4)):
        expected = PROMPT
        for edit in reversed([e for e in result.edits if e.number in chosen]):
            expected = expected[: edit.edit.start] + edit.edit.text + expected[edit.edit.end :]
        assert result.apply(list(reversed(chosen))) == expected


def test_no_accepted_edit_leaves_the_prompt_as_it_is():
    result = improve(SHORTER, KEYS, accept="none")

    assert result.text == result.apply("none") == result.apply([]) == PROMPT
    assert result.apply("all") != PROMPT


def test_edits_are_numbered_in_the_order_of_the_text():
    result = improve(KEYS, SHORTER, NO_AGENT)

    assert [(e.number, e.op) for e in result.edits] == [
        (1, "delete"),
        (2, "replace"),
        (3, "insert_after"),
    ]


@pytest.mark.parametrize("accept", ["1,3", " 1 , 3", [1, 3], [3, 1]])
def test_numbers_choose_the_edits(accept):
    result = improve(KEYS, SHORTER, NO_AGENT, accept=accept)

    assert result.accepted == (1, 3)
    assert result.text == result.apply(accept)


@pytest.mark.parametrize("accept", ["some", "1;3", [True], ["1"], "", "1,"])
def test_accept_that_says_nothing_is_refused_before_anything_is_sent(accept):
    with pytest.raises(WrongUsage, match="accept is 'all', 'none' or numbers"):
        INSTRUMENTS["improve"].start(PROMPT, {"accept": accept})


def test_edit_that_does_not_exist_cannot_be_applied():
    with pytest.raises(WrongUsage, match=r"no edit 7\. The only edit is 1\."):
        improve(SHORTER).apply("7")


def test_other_edits_can_be_accepted_afterwards():
    result = improve(SHORTER, KEYS)

    assert result.accept("2").text == result.apply([2])


# What is dropped


def test_edit_of_words_that_are_not_there_is_dropped():
    result = improve(make_edit("be friendly", "be kind"))

    assert result.edits == ()
    assert "not in the prompt" in reasons(result)[0]


def test_edit_of_misquoted_words_is_dropped_though_a_finding_would_be_reanchored():
    result = improve(make_edit("Summarize {{ticket}} briefly", "Shorten {{ticket}}"))

    assert "not in the prompt" in reasons(result)[0]


def test_edit_without_a_finding_is_dropped():
    result = improve(make_edit("support", "help", segment="s1", finding="f9"))

    assert "mends no finding" in reasons(result)[0]


def test_edit_for_a_finding_whose_words_are_not_there_is_dropped():
    result = improve(SHORTER, finding={"evidence": [{"segment": "s1", "quote": "be friendly"}]})

    assert (result.edits, result.unanchored) == ((), 1)


def test_second_edit_of_the_same_words_is_dropped():
    result = improve(SHORTER, make_edit("be detailed", "be exact"))

    assert [e.edit.text for e in result.edits] == ["in two sentences"]
    assert reasons(result) == ["touches the same words as another edit"]


def test_edit_that_changes_nothing_is_dropped():
    assert reasons(improve(make_edit("briefly", "briefly"))) == ["changes nothing"]


def test_only_the_first_twelve_edits_count():
    prompt = "\n".join(f"Rule {chr(97 + n)} is vague." for n in range(15))
    edits = [
        make_edit(
            f"Rule {chr(97 + n)} is vague", f"Rule {chr(97 + n)} is clear", segment=f"s{n + 1}"
        )
        for n in range(15)
    ]
    result = improve(
        *edits, prompt=prompt, finding={"evidence": [{"segment": "s1", "quote": "Rule a is vague"}]}
    )

    assert len(result.edits) == MOST_EDITS
    assert len(result.dropped) == 3


def test_edit_that_breaks_an_invariant_is_dropped_with_its_number_and_reason():
    result = improve(SHORTER, make_edit("{{ticket}}", "{{tiket}}"))

    assert [e.number for e in result.edits] == [1]
    assert result.dropped[0].checks == ("I1",)
    assert "loses the variable 'ticket'" in reasons(result)[0]


def test_edits_that_only_together_lose_a_number_do_not_both_stay():
    prompt = "Summarise {{ticket}} in 40 words. Mind: 40 words, not more."
    first = make_edit(" in 40 words", segment="s1")
    second = make_edit("Mind: 40 words, not more.", "Mind the length.")
    evidence = {"evidence": [{"segment": "s2", "quote": "Mind: 40 words"}]}

    alone = [improve(edit, prompt=prompt, finding=evidence) for edit in (first, second)]
    together = improve(first, second, prompt=prompt, finding=evidence)

    assert [len(result.edits) for result in alone] == [1, 1]
    assert [e.edit.text for e in together.edits] == [""]
    assert together.dropped[0].checks == ("I4",)
    assert reasons(together)[0].startswith("together with other edits")


def test_conflict_may_give_up_one_of_its_numbers():
    prompt = "Answer in 50 words. Write three paragraphs, 300 words at least."
    conflict = {
        "kind": "conflict",
        "evidence": [
            {"segment": "s1", "quote": "in 50 words"},
            {"segment": "s2", "quote": "300 words"},
        ],
    }
    edit = make_edit("Answer in 50 words.", "Answer.", segment="s1")
    edit_of_a_fault = {"kind": "present", "evidence": [{"segment": "s1", "quote": "in 50 words"}]}

    assert len(improve(edit, prompt=prompt, finding=conflict).edits) == 1
    assert improve(edit, prompt=prompt, finding=edit_of_a_fault).dropped[0].checks == ("I4",)


def test_new_number_is_allowed_and_remarked():
    (edit,) = improve(make_edit("briefly and be detailed", "in at most 40 words")).edits

    assert [b.check for b in edit.warnings] == ["I4"]


# Size


def test_edits_of_much_of_a_long_prompt_advise_a_rewrite():
    prompt = "Keep this as it is. " * 15 + "Change all of this here. " * 10
    start = prompt.index("Change")
    result = improve(
        make_edit(prompt[start:].strip(), "Done.", segment="s16"),
        prompt=prompt,
        finding={"evidence": [{"segment": "s1", "quote": prompt[start:].strip()}]},
    )

    assert result.touched > 0.3
    assert result.advice == "rewrite"
    assert any(
        isinstance(b, Callout) and "%%rewrite" in str(b.content)
        for b in result.to_document().blocks
    )


def test_one_good_edit_of_a_short_prompt_advises_nothing():
    assert improve(SHORTER).advice is None


def test_insertion_does_not_run_into_the_words_around():
    result = improve(make_edit("briefly", "and kindly", op="insert_after"))

    assert "briefly and kindly and be detailed" in result.text


# Feedback and findings


def test_feedback_is_sent():
    driven = Driven("improve", PROMPT, [make_improvement()], feedback="It invents refunds.")

    assert "It invents refunds." in driven.rounds[0][0].messages[0].text


def test_findings_of_a_critique_are_sent_and_only_edits_are_asked_for():
    review = run("critique", make_critique(make_finding("briefly and be detailed")))

    driven = Driven("improve", PROMPT, [{"edits": [SHORTER]}], findings=review.to_dict())

    request = driven.rounds[0][0]
    assert request.schema == SCHEMA_OF_FINDINGS_WITH_LISTS
    assert "f1 (major) [s2] “briefly and be detailed”" in request.messages[0].text
    assert driven.result.findings == review.findings
    assert [e.finding for e in driven.result.edits] == ["f1"]


def test_findings_are_found_again_after_the_prompt_was_edited():
    review = run("critique", make_critique(make_finding("briefly and be detailed")))
    edited = "Be kind.\n" + PROMPT

    result = run("improve", {"edits": []}, prompt=edited, findings=review)

    (anchor,) = result.findings[0].evidence
    assert edited[anchor.start : anchor.end] == "briefly and be detailed"


@pytest.mark.parametrize("findings", [{"findings": 3}, 3, [{"id": "f1"}], "f1"])
def test_findings_that_are_none_are_refused(findings):
    with pytest.raises(WrongUsage, match="has to be a critique"):
        INSTRUMENTS["improve"].start(PROMPT, {"findings": findings})


def test_findings_of_another_prompt_are_refused():
    review = run("critique", make_critique(make_finding("briefly and be detailed")))

    with pytest.raises(WrongUsage, match="about words of this prompt"):
        INSTRUMENTS["improve"].start("Translate it.", {"findings": review.to_dict()})


# The result


def test_prompt_that_is_good_gets_no_edit():
    result = run("improve", {"findings": [], "edits": []})

    assert (result.text, result.edits, result.advice) == (PROMPT, (), None)


def test_improvement_comes_back_equal_from_its_json():
    result = improve(SHORTER, KEYS, make_edit("{{ticket}}", "it"), accept=[1])

    assert Improvement.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_each_edit_is_shown_as_a_hunk_with_its_finding():
    blocks = improve(SHORTER, make_edit("{{ticket}}", "it")).to_document().blocks

    (diff,) = [b for b in blocks if isinstance(b, Diff)]
    (hunk,) = diff.hunks
    before = "".join(p.text for p in hunk.pieces if p.op != "inserted")
    assert hunk.label == "1"
    assert hunk.line == 1
    assert hunk.note == ["It says two things. → Replies differ in length."]
    assert before.strip("…") in PROMPT
    assert any(isinstance(b, Details) and "Dropped" in b.summary for b in blocks)


def test_preview_shows_whole_edits_only_and_accepts_none():
    text = json.dumps(make_improvement(SHORTER, KEYS))

    seen = [
        INSTRUMENTS["improve"].preview(PROMPT, text[:cut]) for cut in range(0, len(text) - 1, 9)
    ]

    for result in filter(None, seen):
        assert result.text == PROMPT
        assert not result.complete
        assert [e.edit.text for e in result.edits] in ([], ["in two sentences"])
        assert result.to_document().blocks


def test_reply_that_never_fits_is_a_bad_reply():
    with pytest.raises(BadReply):
        run("improve", "{}", "{}")


def test_critique_without_findings_is_refused_before_a_call_is_paid():
    review = run("critique", make_critique())

    with pytest.raises(WrongUsage, match="nothing to improve"):
        INSTRUMENTS["improve"].start(PROMPT, {"findings": review.to_dict()})


def test_number_that_no_edit_has_is_told_and_does_not_lose_the_reply():
    result = improve(SHORTER, accept="1,9")

    assert (result.accepted, result.absent) == ((1,), (9,))
    assert any(
        isinstance(b, Callout) and "9" in str(b.content) for b in result.to_document().blocks
    )


# What it says


def said(result: Improvement) -> str:
    return " ".join(str(result).split())


def test_none_accepted_says_that_the_text_is_the_original():
    result = improve(SHORTER, KEYS, accept="none")

    assert "2 edits, none accepted: `.text` is the original prompt." in said(result)
    assert "has them applied" not in said(result)


def test_some_accepted_says_what_the_text_has():
    result = improve(SHORTER, KEYS, accept="2")

    assert "2 edits, 1 accepted: `.text` has it applied." in said(result)


def test_all_accepted_says_what_the_text_has():
    assert "2 edits, all accepted: `.text` has them applied." in said(improve(SHORTER, KEYS))


def test_number_that_no_edit_has_is_told_with_those_there_are():
    result = improve(SHORTER, KEYS, accept="1,7")

    assert "There is no edit 7; the edits are 1 and 2. Edit 1 is accepted." in said(result)


@pytest.mark.parametrize("accept", [1, 1.5, None, True, {"1": 2}, b"1", [1.0], ["1"], "x", [True]])
def test_choice_that_cannot_be_read_is_one_sentence(accept):
    with pytest.raises(WrongUsage, match="accept is 'all', 'none' or numbers, not "):
        improve(SHORTER).apply(accept)


def test_single_number_is_told_how_it_is_written():
    with pytest.raises(WrongUsage) as error:
        improve(SHORTER).apply(1)

    assert error.value.hint == "For one edit: [1]."


def test_numbers_may_come_as_any_collection():
    result = improve(SHORTER, KEYS)

    assert result.apply({2}) == result.apply((2,)) == result.apply([2]) != result.prompt


def test_edits_print_as_lines():
    result = improve(SHORTER, KEYS)

    assert [str(edit) for edit in result.edits] == [
        "[1] replace “briefly and be detailed” with “in two sentences” (low risk)",
        "[2] after “Reply in JSON.” add “Use the keys subject and summary.” (low risk)",
    ]


def test_dropped_edit_prints_with_its_reason():
    (dropped,) = improve(make_edit("nowhere to be found", "x")).dropped

    assert str(dropped).startswith("replace “nowhere to be found” with “x”: the words to change")
