"""`%%critique` and its siblings: what goes in, what comes out, and what each mistake is told."""

from __future__ import annotations

import json

import pytest

from assay_nb import (
    BelowThreshold,
    KeyPasted,
    ProviderAuthError,
    ProviderKeyMissing,
    WorkspaceNotFound,
    WrongUsage,
)
from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders
from tests.kernel.replies import PROMPT, chunks, critique, improvement, rewriting
from tests.kernel.stage import Stage
from tests.magics.shells import Shell


def told(fake: FakeProviders) -> str:
    """What the last call told the model."""
    return json.dumps(fake.calls[-1].body, ensure_ascii=False)


# --- the result -------------------------------------------------------------------------------------


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
    ran = shell.run("%%lint -o report\nAnswer NOW!!! You MUST NOT GUESS!!!\n")

    assert ran.error is None
    assert shell["report"].findings


def test_strict_lint_fails_the_cell_and_keeps_the_report(shell: Shell) -> None:
    ran = shell.run("%%lint --strict -o report\nHello {{name}}, and {name}, summarise it.\n")

    assert isinstance(ran.error, BelowThreshold)
    assert shell["report"].findings


def test_score_under_the_bar_fails_the_cell(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())

    ran = shell.run(f"%%critique --fail-under 5.5\n{PROMPT}")

    assert isinstance(ran.error, BelowThreshold)
    assert "5" in ran.error.message


# --- what is sent -----------------------------------------------------------------------------------


def test_workspace_on_the_line_pays(stage: Stage, shell: Shell) -> None:
    shell.run("%assay workspace create research")

    ran = shell.run(f"%%critique -w research\n{PROMPT}")

    assert isinstance(ran.error, ProviderKeyMissing)
    assert "research" in ran.error.message
    assert stage.fake.calls == []


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
    "%%critique --fail-under high\nhello": (WrongUsage, "--fail-under"),
    "%%critique draft\nhello": (WrongUsage, "`-o draft`"),
    "%critique": (WrongUsage, "needs the name of a variable"),
    "%critique drft": (WrongUsage, "Did you mean draft?"),
    "%critique seven": (WrongUsage, "'seven' holds a int"),
    "%%critique -w nope\nhello": (WorkspaceNotFound, "'nope'"),
    "%%critique -m nope/x\nhello": (WrongUsage, "PROVIDER/MODEL"),
    "%%critique\n  \n\t\n": (WrongUsage, "is empty"),
    "%%critique -o 'two words'\nhello": (WrongUsage, "no name for a variable"),
    "%%critique -o class\nhello": (WrongUsage, "no name for a variable"),
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
    shell.run("draft, seven = 'Summarise.', 7")

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
