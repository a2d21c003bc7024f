import json

import pytest

from assay_nb.errors import BadReply, WrongUsage
from assay_nb.instruments.catalog import INSTRUMENTS
from assay_nb.instruments.rewrite import Rewrite
from assay_nb.render.document import Callout, Items, Table, Verbatim
from tests.instruments.driving import PROMPT, Driven, make_constraint, make_rewrite, run

GOOD = (
    "Summarise the ticket for a support agent in two sentences.\n\n<ticket>\n{{ticket}}\n</ticket>\n\n"
    "Never promise a refund. Reply in JSON."
)
REFUND = make_constraint("Never promise a refund", "Never promise a refund")
BRIEF = make_constraint("briefly", "", "It contradicts the request for detail.")


def rewrite(text: str = GOOD, *constraints: dict, prompt: str = PROMPT, **options) -> Rewrite:
    return run("rewrite", make_rewrite(text, *constraints), prompt=prompt, **options)


def statuses(result: Rewrite) -> list[str]:
    return [row.status for row in result.ledger]


def test_rewrite_that_keeps_everything_is_the_new_text():
    result = rewrite(GOOD, REFUND, BRIEF)

    assert result.accepted
    assert result.text == result.proposed == GOOD


def test_ledger_finds_both_quotes():
    result = rewrite(GOOD, REFUND)

    (row,) = result.ledger
    assert row.after is not None
    assert PROMPT[row.before.start : row.before.end] == "Never promise a refund"
    assert GOOD[row.after.start : row.after.end] == "Never promise a refund"


def test_constraint_given_up_has_its_reason():
    (row,) = [r for r in rewrite(GOOD, BRIEF, REFUND).ledger if r.status == "dropped"]

    assert row.reason == "It contradicts the request for detail."


def test_constraint_said_to_be_kept_but_not_there_is_lost():
    result = rewrite(GOOD, make_constraint("Never promise a refund", "Do not offer refunds"))

    assert statuses(result) == ["lost"]


def test_constraint_neither_kept_nor_given_up_is_lost():
    assert statuses(rewrite(GOOD, make_constraint("Never promise a refund"))) == ["lost"]


def test_constraint_that_nobody_mentions_and_the_text_lacks_is_unaccounted():
    result = rewrite(GOOD.replace("Never promise a refund. ", ""))

    assert [(r.status, r.before.exact) for r in result.ledger] == [
        ("unaccounted", "Never promise a refund.")
    ]
    assert any(
        isinstance(b, Callout) and "cannot be found" in str(b.content)
        for b in result.to_document().blocks
    )


def test_constraint_that_stands_in_the_new_text_to_the_letter_needs_no_row():
    assert rewrite(GOOD).ledger == ()


def test_ledger_row_about_words_that_never_were_is_dropped_and_counted():
    result = rewrite(GOOD, make_constraint("Be friendly", "Never promise a refund"), REFUND)

    assert (statuses(result), result.unanchored) == (["kept"], 1)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (GOOD.replace("{{ticket}}", "{{tickets}}"), "I1"),
        (GOOD.replace("{{ticket}}", "{ticket}"), "I1"),
        (GOOD + "\n\nMail jane.doe@corp.com about {{ticket}}.", "I9"),
        (GOOD.replace("</ticket>", ""), "I6"),
        (f"Here is the improved prompt:\n\n{GOOD}", "I13"),
        (f"```\n{GOOD}\n```", "I13"),
        (GOOD + "\u200b\u202e", "I9"),
    ],
)
def test_rewrite_that_breaks_an_invariant_is_refused_and_shown(text, check):
    result = rewrite(text, REFUND)

    assert not result.accepted
    assert result.text == PROMPT
    assert result.proposed == text
    assert check in [b.check for b in result.breaches if b.level == "error"]
    blocks = result.to_document().blocks
    assert any(isinstance(b, Callout) and b.tone == "bad" for b in blocks)
    assert Verbatim(text) in blocks
    assert any(isinstance(b, Items) and b.items[0].label.startswith("I") for b in blocks)


def test_variable_may_be_used_more_often_in_a_rewrite():
    assert rewrite(GOOD + " Again: <ticket>{{ticket}}</ticket>", REFUND).accepted


def test_number_may_go_where_the_ledger_says_why():
    prompt = "Summarise {{ticket}} in 50 words. Write at least three paragraphs."
    text = "Summarise {{ticket}} in three paragraphs."
    given_up = {
        "segment": "s1",
        "quote": "in 50 words",
        "kept": "",
        "reason": "It contradicts the rest.",
    }

    assert rewrite(text, given_up, prompt=prompt).accepted
    assert not rewrite(text, prompt=prompt).accepted


def test_url_may_not_go_even_with_a_reason():
    prompt = "Summarise {{ticket}}. See https://example.org/rules."
    given_up = {
        "segment": "s2",
        "quote": "See https://example.org/rules",
        "kept": "",
        "reason": "Not needed.",
    }

    assert not rewrite("Summarise {{ticket}}.", given_up, prompt=prompt).accepted


def test_rewrite_over_its_budget_is_remarked():
    prompt = "Summarise {{ticket}}. " + "Be kind to all. " * 100
    result = rewrite(prompt + "Be kind to all. " * 100, prompt=prompt)

    assert [(b.check, b.level) for b in result.breaches] == [("I8", "warning")]
    assert result.accepted


def test_goal_and_budget_are_sent():
    driven = Driven("rewrite", PROMPT, [make_rewrite(GOOD)], goal="Fewer refunds.", budget=2)

    text = driven.rounds[0][0].messages[0].text
    assert "Fewer refunds." in text
    assert "Budget: 1,200 characters" in text


@pytest.mark.parametrize(
    "options", [{"budget": 0}, {"budget": "2"}, {"budget": True}, {"goal": 3}, {"gaol": "x"}]
)
def test_option_that_cannot_be_carried_out_is_refused(options):
    with pytest.raises(WrongUsage):
        INSTRUMENTS["rewrite"].start(PROMPT, options)


def test_last_line_end_is_kept_as_the_original_has_it():
    assert rewrite(GOOD, prompt=PROMPT + "\n").text == GOOD + "\n"
    assert rewrite(GOOD + "\n\n").text == GOOD


def test_windows_line_ends_are_kept():
    result = rewrite(GOOD, prompt=PROMPT.replace("\n", "\r\n"))

    assert result.text == GOOD.replace("\n", "\r\n")


def test_empty_text_is_repaired_once_and_then_refused():
    assert run("rewrite", make_rewrite(" "), make_rewrite(GOOD)).accepted
    with pytest.raises(BadReply):
        run("rewrite", make_rewrite(" "), make_rewrite(""))


@pytest.mark.parametrize("text", [GOOD, "Here is the improved prompt."])
def test_rewrite_comes_back_equal_from_its_json(text):
    result = rewrite(text, REFUND, BRIEF)

    assert Rewrite.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_ledger_is_shown_as_a_table():
    (table,) = [
        b for b in rewrite(GOOD, REFUND, BRIEF).to_document().blocks if isinstance(b, Table)
    ]

    assert len(table.rows) == 2


def test_preview_shows_the_text_so_far_and_leaves_the_prompt_alone():
    text = json.dumps(make_rewrite(GOOD, REFUND))

    seen = [INSTRUMENTS["rewrite"].preview(PROMPT, text[:cut]) for cut in range(0, len(text), 5)]

    shown = [result for result in seen if result]
    assert all(GOOD.startswith(result.proposed) for result in shown)
    assert all(result.text == PROMPT and result.to_document().blocks for result in shown)
    assert shown[-1].proposed == GOOD


# What it says


def test_goal_is_on_the_card_and_in_the_json():
    result = rewrite(goal="a program reads the reply")

    assert "Goal: a program reads the reply" in str(result)
    assert Rewrite.from_dict(result.to_dict()).goal == "a program reads the reply"


def test_rewrite_that_an_older_version_saved_has_no_goal():
    saved = rewrite().to_dict()
    del saved["goal"]

    assert Rewrite.from_dict(saved).goal is None
    assert "Goal:" not in str(Rewrite.from_dict(saved))


def test_ledger_prints_as_lines():
    assert sorted(map(str, rewrite(GOOD, BRIEF, REFUND).ledger)) == [
        "dropped: “briefly” (It contradicts the request for detail.)",
        "kept: “Never promise a refund” → “Never promise a refund”",
    ]


def test_failed_check_prints_as_a_line():
    (breach,) = [b for b in rewrite(GOOD.replace("{{ticket}}", "")).breaches if b.check == "I1"]

    assert str(breach) == f"I1 error: it {breach.message}"
