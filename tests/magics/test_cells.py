"""`%%critique` and its siblings: what goes in, what comes out, and what each mistake is told."""

from __future__ import annotations

import json

import pytest

from assay_nb import (
    BelowThreshold,
    KeyPasted,
    LintReport,
    ProviderAuthError,
    ProviderKeyMissing,
    WorkspaceNotFound,
    WrongUsage,
)
from assay_nb.instruments.lint import LintFinding
from assay_nb.instruments.lint.rule import Level
from assay_nb.instruments.rubric import QUESTION_OF_KEY
from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders
from tests.kernel.replies import PROMPT, chunks, critique, improvement, rewriting
from tests.kernel.stage import Stage
from tests.magics.shells import Shell
from tests.text.credentials import chars


def told(fake: FakeProviders) -> str:
    """What the last call told the model."""
    return json.dumps(fake.calls[-1].body, ensure_ascii=False)


# --- the result -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_result_is_in_the_variable_that_was_named_and_in_the_usual_one(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers(critique())

    shell.run(f"%%critique -o review\n{PROMPT}")

    assert shell["review"].score == 5.0
    assert shell["_assay"] is shell["review"]


def test_cell_has_no_value_that_would_be_shown_a_second_time(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())

    assert shell.run(f"%%critique\n{PROMPT}").result is None


def test_terminal_prints_each_finding_as_it_comes_and_the_whole_at_the_end(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers(*chunks(critique()))

    shown = shell.run(f"%%critique\n{PROMPT}").out

    assert shown.startswith("Asking anthropic/")
    assert shown.index("The length is left open.") < shown.index("tokens 12 in, 5 out")


def test_terminal_says_once_that_the_model_thinks_and_shows_the_answer(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers("<think>Hm, ", "hm.", "</think>", "Ye", "s.")

    shown = shell.run("%%playground -o run\nIs it?").out

    assert shown.count("is thinking …") == 1
    assert "Hm" not in shown
    assert "in `.thoughts`" in shown
    assert (shell["run"].output, shell["run"].thoughts) == ("Yes.", "Hm, hm.")


def test_text_that_turns_out_to_be_thought_is_no_part_of_what_is_kept(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers("Hm, hm.", "\n</think>\n", "Yes.")

    shell.run("%%playground -o run\nIs it?")

    assert (shell["run"].output, shell["run"].thoughts) == ("Yes.", "Hm, hm.")


def test_result_of_an_earlier_cell_is_read_by_the_line_form(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(improvement())
    shell.run(f"%%improve -o better\n{PROMPT}")
    stage.fake.answers(critique())

    shell.run("%critique better")

    assert "in two sentences" in told(stage.fake)


def test_improvement_of_a_critique_is_told_what_was_found(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run(f"%%critique -o review\n{PROMPT}")
    stage.fake.answers(improvement())

    shell.run("%improve review")

    assert "The length is left open." in told(stage.fake)


def test_accepted_edits_are_in_the_text_and_every_other_byte_stays(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers(improvement())

    shell.run(f"%%improve -o better\n{PROMPT}")

    assert shell["better"].text == PROMPT.replace("briefly", "in two sentences")


def test_no_edit_is_applied_when_none_is_accepted(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(improvement())

    shell.run(f"%%improve -o better --accept none\n{PROMPT}")

    assert shell["better"].text == PROMPT


def test_rewrite_is_one_text_with_the_variables_of_the_old(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(rewriting())

    ran = shell.run(f"%%rewrite -o draft\n{PROMPT}")

    assert ran.error is None
    assert "{{ticket}}" in shell["draft"].text


def test_goal_and_feedback_reach_the_model(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(rewriting())
    shell.run(f"%%rewrite --goal 'a program reads the reply'\n{PROMPT}")
    goal = told(stage.fake)
    stage.fake.answers(improvement())
    shell.run(f"%%improve --feedback 'replies are too long'\n{PROMPT}")

    assert "a program reads the reply" in goal
    assert "replies are too long" in told(stage.fake)


def test_lint_needs_neither_vault_nor_key(shell: Shell) -> None:
    ran = shell.run("%%lint -o report\nAnswer yes or n\u200bo.\n")

    assert ran.error is None
    assert shell["report"].findings


def test_strict_lint_fails_the_cell_and_keeps_the_report(shell: Shell) -> None:
    ran = shell.run("%%lint --strict -o report\nAnswer yes or n\u200bo.\n")

    assert isinstance(ran.error, BelowThreshold)
    assert shell["report"].findings


@pytest.mark.parametrize(
    ("level", "flag", "fails"),
    [
        ("error", "", False),
        ("error", "--strict", True),
        ("warning", "--strict", True),
        ("hint", "--strict", False),
    ],
)
def test_strict_lint_fails_warnings_too_and_hints_never(
    level: Level, flag: str, fails: bool, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = LintFinding(
        rule="A001", name="n", level=level, message="m", start=0, end=1, line=1, column=1
    )
    report = LintReport(text="Hello.", findings=(finding,))
    monkeypatch.setattr("assay_nb.api.lint", lambda *_, **__: report)

    ran = shell.run(f"%%lint {flag}\nHello.\n")

    assert isinstance(ran.error, BelowThreshold) is fails
    assert shell["_assay"] == report


def test_score_under_the_bar_fails_the_cell(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())

    poor = dict.fromkeys(QUESTION_OF_KEY, "no")
    stage.fake.answers(critique(answers=poor))

    ran = shell.run(f"%%critique --fail-under 2.5 -o review\n{PROMPT}")

    assert isinstance(ran.error, BelowThreshold)
    assert ran.error.message == "The prompt scores 1 of 5, under 2.5."
    assert shell["review"].score == 1.0


@pytest.mark.parametrize("bar", ["1", "5", "3.5"])
def test_bar_within_the_range_of_scores_is_held(bar: str, stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())

    assert shell.run(f"%%critique --fail-under {bar}\n{PROMPT}").error is None


# --- what was to be accepted ------------------------------------------------------------------------


def test_number_that_no_edit_has_is_an_error_that_names_those_there_are(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers(improvement())

    ran = shell.run(f"%%improve --accept 7 -o better\n{PROMPT}")

    assert isinstance(ran.error, WrongUsage)
    assert ran.error.message == (
        "There is no edit 7; the only edit is 1. None is accepted. "
        "The improvement is kept in `better`."
    )
    assert ran.error.hint == "`better.accept([1])` takes another choice."


def test_improvement_with_such_a_number_is_kept(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(improvement())

    shell.run(f"%%improve --accept 1,7 -o better\n{PROMPT}")

    assert shell["_assay"] is shell["better"]
    assert shell["better"].text == PROMPT.replace("briefly", "in two sentences")


def test_sentence_names_the_usual_variable_where_none_was_given(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(improvement())

    ran = shell.run(f"%%improve --accept 7\n{PROMPT}")

    assert "kept in `_assay`" in str(ran.error)
    assert shell["_assay"].text == PROMPT


def test_none_accepted_shows_what_the_text_is(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(improvement())

    shown = shell.run(f"%%improve --accept none\n{PROMPT}").out

    assert "1 edit, none accepted: `.text` is the original prompt." in shown


# --- lint -------------------------------------------------------------------------------------------


def test_lint_refuses_what_is_too_long_for_a_prompt(shell: Shell) -> None:
    shell.run("draft = 'word ' * 120_000")

    ran = shell.run("%lint draft")

    assert isinstance(ran.error, WrongUsage)
    assert ran.error.message == (
        "The prompt is 600 kB long and the limit is 200 kB, so nothing was checked."
    )


def test_empty_variable_is_told_to_be_empty_by_lint(shell: Shell) -> None:
    shell.run("draft = ''")

    shown = shell.run("%lint draft").out

    assert "The prompt is empty" in shown
    assert "Pass" not in shown


# --- what is sent -----------------------------------------------------------------------------------


def test_workspace_on_the_line_pays(stage: Stage, shell: Shell) -> None:
    shell.run("%assay workspace create research")

    ran = shell.run(f"%%critique -w research\n{PROMPT}")

    assert isinstance(ran.error, ProviderKeyMissing)
    assert "research" in ran.error.message
    assert stage.fake.calls == []


@pytest.mark.slow
def test_model_on_the_line_chooses_the_provider(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())

    shell.run(f"%%critique -m google/gemini-3.8-flash\n{PROMPT}")

    assert stage.fake.calls[-1].wire == "google"
    assert stage.fake.calls[-1].key == stage.keys["google"]


def test_no_sampling_parameter_is_sent_unless_it_was_set(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run(f"%%critique\n{PROMPT}")
    bare = dict(stage.fake.calls[-1].body)

    shell.run(f"%%critique --temperature 0.25\n{PROMPT}")

    assert not {"temperature", "top_p", "top_k"} & set(bare)
    assert stage.fake.calls[-1].body["temperature"] == 0.25


def test_dollar_and_brace_in_a_cell_are_not_filled_in(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run("ticket, n = 'FILLED', 3")

    shell.run("%%critique\nTake {ticket} and $n and {{ticket}} as they are.\n")

    assert "Take {ticket} and $n and {{ticket}} as they are." in told(stage.fake)


def test_dollar_and_brace_on_the_line_are_not_filled_in(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(rewriting())
    shell.run("goal = 'FILLED'")

    shell.run(f"%%rewrite --goal '{{goal}} and $goal'\n{PROMPT}")

    assert "{goal} and $goal" in told(stage.fake)
    assert "FILLED" not in told(stage.fake)


# --- mistakes ---------------------------------------------------------------------------------------

MISTAKES = {
    "%%critique --modle x\nhello": (WrongUsage, "Did you mean --model?"),
    "%%critique --repat 2\nhello": (WrongUsage, "Did you mean --repeat?"),
    "%%critique --bogus\nhello": (WrongUsage, "`%%critique -h` lists its options."),
    "%%critique --fail-under 9\nhello": (WrongUsage, "a score from 1 to 5, not 9."),
    "%%critique --fail-under 0.5\nhello": (WrongUsage, "a score from 1 to 5, not 0.5."),
    "%%critique --fail-under nan\nhello": (WrongUsage, "a score from 1 to 5, not nan."),
    "%%critique --fail-under -inf\nhello": (WrongUsage, "--fail-under"),
    "%%critique --temperature nan\nhello": (WrongUsage, "temperature is a number, not nan."),
    "%%critique --fail-under high\nhello": (WrongUsage, "--fail-under"),
    "%%critique draft\nhello": (WrongUsage, "`-o draft`"),
    "%critique": (WrongUsage, "needs the name of a variable"),
    "%critique drft": (WrongUsage, "Did you mean draft?"),
    "%critique seven": (WrongUsage, "'seven' has to be text, and this is an int."),
    "%critique path": (WrongUsage, "`Path.read_text()`"),
    "%critique rows": (WrongUsage, "this is a list. Give one prompt at a time"),
    "%lint seven": (WrongUsage, "'seven' has to be text, and this is an int."),
    "%%critique -w nope\nhello": (WorkspaceNotFound, "'nope'"),
    "%%critique -m nope/x\nhello": (ProviderKeyMissing, "no connection 'nope'"),
    "%%critique -m sonnet\nhello": (WrongUsage, "`anthropic/sonnet`"),
    "%%critique\n  \n\t\n": (WrongUsage, "is empty"),
    "%%critique": (WrongUsage, "Write the prompt on the lines below it"),
    "%%improve --accept none": (WrongUsage, "`%improve NAME`"),
    "%%lint": (WrongUsage, "`%%lint -h` shows the options"),
    "%%critique -o 'two words'\nhello": (WrongUsage, "not a valid variable name"),
    "%%critique -o class\nhello": (WrongUsage, "not a valid variable name"),
    "%%critique -o 'open\nhello": (WrongUsage, "quotation mark"),
    "%%improve --findings draft\nhello": (WrongUsage, "holds no critique"),
    "%%improve --accept 1,x\nhello": (WrongUsage, "1,x"),
    "%%critique --repeat 0\nhello": (WrongUsage, "repeat"),
    "%%critique --effort extreme\nhello": (WrongUsage, "--effort"),
}


@pytest.mark.parametrize("cell", MISTAKES)
def test_mistake_is_one_line_with_the_next_step_and_nothing_is_sent(
    cell: str, stage: Stage, shell: Shell
) -> None:
    kind, words = MISTAKES[cell]
    shell.run("draft, seven, rows = 'Summarise.', 7, ['a']\nfrom pathlib import Path")
    shell.run("path = Path('prompt.txt')")

    ran = shell.run(cell)

    assert type(ran.error) is kind
    assert words in ran.shown
    assert len(ran.shown.strip().splitlines()) == 1
    assert stage.fake.calls == []


def test_bad_name_for_the_result_is_noticed_before_the_call_is_paid_for(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers(critique())

    shell.run(f"%%critique -o 2nd\n{PROMPT}")

    assert stage.fake.calls == []


def test_key_in_a_prompt_is_refused_before_anything_is_sent(stage: Stage, shell: Shell) -> None:
    ran = shell.run(f"%%critique\nUse {make_canary('openai')} for the call.\n")

    assert isinstance(ran.error, KeyPasted)
    assert "revoke" in ran.shown
    assert stage.fake.calls == []


def test_secret_in_a_prompt_is_named_with_its_line_and_nothing_is_sent(
    stage: Stage, shell: Shell
) -> None:
    ran = shell.run(f"%%critique\nLog in first.\npassword: {chars(24)}\n")

    assert isinstance(ran.error, KeyPasted)
    assert "The prompt holds something shaped like a secret (password: …) in line 2" in ran.shown
    assert "provider" not in ran.shown
    assert stage.fake.calls == []


def test_variable_with_a_secret_is_named(stage: Stage, shell: Shell) -> None:
    shell.ip.user_ns["draft"] = f"Use api_key={chars(32)}."

    ran = shell.run("%critique draft")

    assert isinstance(ran.error, KeyPasted)
    assert "The variable 'draft' holds" in ran.shown
    assert stage.fake.calls == []


def test_prompt_with_words_after_a_label_is_sent(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())

    ran = shell.run("%%critique\nPasswort: siehe-handbuch-seite-2024\nnext_page_token: {{token}}\n")

    assert ran.error is None
    assert stage.fake.calls


def test_key_in_an_option_is_refused(stage: Stage, shell: Shell) -> None:
    ran = shell.run(f"%%rewrite --goal 'use {make_canary('google')}'\n{PROMPT}")

    assert isinstance(ran.error, KeyPasted)
    assert stage.fake.calls == []


def test_provider_that_refuses_the_key_is_one_line(stage: Stage, shell: Shell) -> None:
    stage.fake.keys = {"another"}

    ran = shell.run(f"%%critique\n{PROMPT}")

    assert isinstance(ran.error, ProviderAuthError)
    assert "Traceback" not in ran.shown
    assert "keys set" in ran.shown


def test_failed_call_leaves_the_earlier_result_where_it_was(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run(f"%%critique -o review\n{PROMPT}")
    before = shell["review"]
    stage.fake.answers(status=400)

    shell.run(f"%%critique -o review\n{PROMPT}")

    assert shell["review"] is before
