"""The magics on many rows and on a notebook's variables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assay_nb import (
    BadReply,
    Batch,
    Judgement,
    KeyPasted,
    Measurement,
    ProviderAuthError,
    Run,
    SideBySide,
    WrongUsage,
)
from assay_nb.experiments.run.progress import Progress
from assay_nb.magics.display import NotebookDisplay, TerminalDisplay
from tests.canaries import make_canary
from tests.fakes.providers import Answer, Call, FakeProviders
from tests.instruments.driving import make_mark, make_plain_critique, make_slot
from tests.kernel.replies import chunks, critique
from tests.kernel.stage import Stage
from tests.magics.shells import Shell


def prompt_of(call: Call) -> str:
    content = call.body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


def told(fake: FakeProviders) -> str:
    return prompt_of(fake.calls[-1])


# --- playground -------------------------------------------------------------------------------------


def test_a_variable_of_the_notebook_is_filled_in(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("Hi.")
    shell.run("name = 'Ada'")

    shell.run("%%playground -o run\nGreet {{name}}.")

    assert told(stage.fake).strip() == "Greet Ada."
    assert isinstance(shell["run"], Run)
    assert shell["run"].output == "Hi."


def test_names_that_the_notebook_has_not_are_all_listed(stage: Stage, shell: Shell) -> None:
    shell.run("name = 'Ada'")

    error = shell.run("%%playground\n{{name}} {{place}} {{time}}").error

    assert isinstance(error, WrongUsage)
    assert "{{place}}, {{time}}" in error.message
    assert stage.fake.calls == []


@pytest.mark.slow
def test_every_row_of_a_table_is_run(stage: Stage, shell: Shell) -> None:
    stage.fake.answer_by(lambda call: Answer(chunks=(prompt_of(call).strip()[::-1],)))
    shell.run("import pandas as pd\ndf = pd.DataFrame({'word': ['abc', 'def']})")

    shell.run("%%playground --data df --concurrency 2 -o runs\n{{word}}")

    assert isinstance(shell["runs"], Batch)
    assert list(shell["runs"].frame["output"]) == ["cba", "fed"]


def test_a_placeholder_that_nothing_fills_is_named_above_the_result(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers("fine")
    shell.run("rows = [{'word': 'abc', 'label': 'x'}]")

    shown = " ".join(shell.run("%%playground --data rows\n{{word}}, not {label}").out.split())

    before, _, after = shown.partition("Playground: 1 of 1 rows")
    assert "`{label}` is sent as it stands: write `{{label}}` to put the column there." in before
    assert "`{label}` is sent as it stands: write `{{label}}` to put the column there." in after


def test_two_prompts_stand_side_by_side(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("fine")
    shell.run("other = 'Say it again.'")

    shell.run("%%playground --beside other -o both\nSay it.")

    assert isinstance(shell["both"], SideBySide)
    assert {prompt_of(call).strip() for call in stage.fake.calls} == {"Say it.", "Say it again."}


def test_a_variable_that_is_not_there_is_told_with_the_nearest(stage: Stage, shell: Shell) -> None:
    shell.run("tickets = [{'a': 1}]")

    error = shell.run("%%playground --data tikets\n{{a}}").error

    assert isinstance(error, WrongUsage)
    assert "tickets" in (error.hint or "")


def test_a_key_on_the_line_is_refused(stage: Stage, shell: Shell) -> None:
    error = shell.run(f"%%judge --rubric '{make_canary('anthropic')}'\nHi.").error

    assert isinstance(error, KeyPasted)
    assert stage.fake.calls == []


# --- judge ------------------------------------------------------------------------------------------


def scored(answer: str) -> str:
    one = make_mark(answer)
    return json.dumps(one)


@pytest.mark.slow
def test_what_the_playground_made_is_judged_by_another_provider(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("Bonjour.")
    shell.run("%%playground -o run\nSay hello in French.")
    stage.fake.answers(scored("yes"))

    shell.run('%judge run --rubric "It is French." -o judged')

    assert isinstance(shell["judged"], Judgement)
    assert shell["judged"].score == 1.0
    assert stage.fake.calls[0].wire != stage.fake.calls[-1].wire


@pytest.mark.slow
def test_a_text_is_judged_for_the_prompt_in_the_cell(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(scored("no"))
    shell.run("said = 'Hallo.'")

    shell.run('%%judge --output said --rubric "It is French." -o judged\nSay hello in French.')

    assert (shell["judged"].prompt.strip(), shell["judged"].output) == (
        "Say hello in French.",
        "Hallo.",
    )


@pytest.mark.slow
def test_a_table_is_judged_row_by_row(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("x")
    shell.run("rows = [{'a': 1}, {'a': 2}]\nrule = '- It is short.'")
    shell.run("%%playground --data rows -o runs\n{{a}}")
    stage.fake.answers(scored("yes"))

    shell.run("%judge runs --rubric rule -o judged")

    assert shell["judged"].scores == [1.0, 1.0]


# --- measured improvement ---------------------------------------------------------------------------


@pytest.mark.slow
def test_improve_on_data_measures(
    stage: Stage, shell: Shell, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    stage.fake.answers("right")
    shell.run(
        "rows = [{'a': f'row {n}'} for n in range(40)]\n"
        "def score(row, output): return output == 'right'"
    )

    shell.run("%%improve --data rows --metric score --max-calls 500 -o measured\nCopy {{a}}.")

    assert isinstance(shell["measured"], Measurement)
    assert shell["measured"].stopped_at == "headroom"


def test_a_budget_without_prices_is_refused_before_anything_is_sent(
    stage: Stage, shell: Shell
) -> None:
    shell.run("rows = [{'a': 1}] * 30\nscore = lambda row, output: True")

    error = shell.run("%%improve --data rows --metric score --budget 2.00\nCopy {{a}}.").error

    assert isinstance(error, WrongUsage)
    assert "--max-calls" in (error.hint or "")
    assert [call for call in stage.fake.calls if call.method == "POST"] == []


def test_accept_is_not_for_measuring(stage: Stage, shell: Shell) -> None:
    shell.run("rows = [{'a': 1}]")

    error = shell.run("%%improve --data rows --accept 1\nCopy {{a}}.").error

    assert isinstance(error, WrongUsage)
    assert "--accept" in error.message


# --- probes -----------------------------------------------------------------------------------------


def probed(predict: str) -> dict[str, Any]:
    return make_slot("briefly", probe="none", predict=predict)


def test_a_finding_whose_failure_shows_is_confirmed(stage: Stage, shell: Shell) -> None:
    reply = json.dumps(make_plain_critique(probed("It invents a ticket.")))
    stage.fake.queue(Answer(chunks=(reply,)), Answer(chunks=("The ticket says …",)))
    stage.fake.answers(scored("yes"))

    shell.run(
        "%%critique --probe -o review\n"
        "You are a support agent. Summarise {{ticket}} briefly and be detailed."
    )

    assert [finding.status for finding in shell["review"].findings] == ["confirmed"]


def test_a_finding_without_a_probe_stays_untested_and_costs_nothing(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers(critique())

    shell.run("%%critique --probe -o review\nSummarise {{ticket}} briefly and be detailed.")

    posts = [call for call in stage.fake.calls if call.method == "POST"]
    assert len(posts) == 1


# --- what is there of a run that did not end ----------------------------------------------------------


def fine_unless(**bad: Answer) -> Callable[[Call], Answer]:
    """Answer the rows that are named with these, and the others "fine"."""
    fine = Answer(chunks=("fine",))
    return lambda call: next((bad[name] for name in bad if f"<{name}>" in prompt_of(call)), fine)


def stopped_after(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt a run, as Ctrl-C does, once so many rows are done."""

    def watch(self: object, progress: Progress) -> None:
        if progress.done >= number:
            raise KeyboardInterrupt

    for display in (NotebookDisplay, TerminalDisplay):
        monkeypatch.setattr(display, "watch", watch)


TABLE = "rows = [{'a': f'<t{n}>'} for n in range(6)]"


@pytest.mark.parametrize("name", ["out", "_assay"])
def test_a_table_that_an_error_ends_is_kept_as_far_as_it_came(
    stage: Stage, shell: Shell, name: str
) -> None:
    stage.fake.answer_by(fine_unless(t3=Answer(status=401)))
    shell.run(TABLE)

    ran = shell.run("%%playground --data rows --concurrency 1 -o out\n{{a}}")

    assert isinstance(ran.error, ProviderAuthError)
    assert (shell[name].done, shell[name].stopped) == (3, "failed")
    assert ran.error.partial.done == 3
    assert "Stopped by an error" in ran.shown


@pytest.mark.parametrize("name", ["out", "_assay"])
def test_a_table_that_is_interrupted_is_kept_as_far_as_it_came(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stage.fake.answers("fine")
    stopped_after(2, monkeypatch)
    shell.run(TABLE)

    ran = shell.run("%%playground --data rows --concurrency 1 -o out\n{{a}}")

    assert isinstance(ran.error, KeyboardInterrupt)
    assert 2 <= shell[name].done < 6
    assert shell[name].stopped == "interrupted"
    assert "in `out`" in ran.shown


def test_judgements_that_are_interrupted_are_kept_as_far_as_they_came(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.fake.answers("fine")
    shell.run(f"{TABLE}\nrule = '- It is fine.'")
    shell.run("%%playground --data rows -o runs\n{{a}}")
    stage.fake.answers(scored("yes"))
    stopped_after(2, monkeypatch)

    shell.run("%judge runs --rubric rule --concurrency 1 -o judged")

    assert shell["judged"].stopped == "interrupted"
    assert shell["judged"].scores.count(1.0) >= 2


def test_a_measurement_that_is_interrupted_is_kept_as_stopped(
    stage: Stage, shell: Shell, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    stage.fake.answers("wrong")
    shell.run(
        "rows = [{'a': f'row {n}'} for n in range(40)]\n"
        "def score(row, output): return output == 'right'"
    )
    stopped_after(5, monkeypatch)

    shell.run("%%improve --data rows --metric score --max-calls 500 -o measured\nCopy {{a}}.")

    assert isinstance(shell["measured"], Measurement)
    assert (shell["measured"].stopped_at, shell["measured"].verdict) == ("stopped", None)


def test_a_comparison_that_an_error_ends_keeps_both_sides(stage: Stage, shell: Shell) -> None:
    stage.fake.answer_by(fine_unless(t3=Answer(status=403)))
    shell.run(f"{TABLE}\nother = 'Again: {{{{a}}}}'")

    shell.run("%%playground --data rows --beside other --concurrency 1 -o both\n{{a}}")

    assert isinstance(shell["both"], SideBySide)
    assert (shell["both"].left.done, shell["both"].right.done) == (3, 3)


def test_a_run_that_failed_before_anything_came_keeps_nothing(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("x", status=401)
    shell.run(f"out = 'mine'\n{TABLE}")

    ran = shell.run("%%playground --data rows --concurrency 1 -o out\n{{a}}")

    assert isinstance(ran.error, ProviderAuthError)
    assert shell["out"] == "mine"


def test_an_interrupt_before_anything_came_names_no_variable(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.fake.answers("fine", fault="stall")
    stopped_after(0, monkeypatch)
    shell.run(f"out = 'mine'\n{TABLE}")

    ran = shell.run("%%playground --data rows --concurrency 1 -o out\n{{a}}")

    assert isinstance(ran.error, KeyboardInterrupt)
    assert shell["out"] == "mine"
    assert "`out`" not in ran.shown
    assert "Stopped before anything had come." in ran.shown


def stopped_in_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt a call, as Ctrl-C does, once something of its reply can be shown."""

    def preview(self: object, make: Callable[[], Any]) -> None:
        if make() is not None:
            raise KeyboardInterrupt

    for display in (NotebookDisplay, TerminalDisplay):
        monkeypatch.setattr(display, "preview", preview)


@pytest.mark.parametrize("name", ["out", "_assay"])
def test_a_reply_that_is_interrupted_is_kept_as_far_as_it_came(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stage.fake.answers("first", "second", fault="stall")
    stopped_in_a_reply(monkeypatch)

    ran = shell.run("%%playground -o out\nSay it.")

    assert isinstance(ran.error, KeyboardInterrupt)
    assert (shell[name].output, shell[name].stop) == ("first", "incomplete")
    assert shell[name].provenance.stopped
    assert isinstance(shell.run("%judge out").error, BadReply)


def test_a_critique_that_is_interrupted_before_its_probes_is_kept(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = chunks(critique())
    stage.fake.answers(*whole, fault="stall", fault_after=len(whole) - 1)
    stopped_in_a_reply(monkeypatch)

    ran = shell.run("%%critique --probe -o review\nSummarise {{ticket}} briefly.")

    assert isinstance(ran.error, KeyboardInterrupt)
    assert shell["review"].provenance.stopped
    assert "in `review`" in ran.shown


# --- replies that are not whole -----------------------------------------------------------------------


def test_a_table_says_how_its_replies_ended(stage: Stage, shell: Shell) -> None:
    cut, none = Answer(chunks=("hal",), stop="length"), Answer(chunks=("",), stop="refusal")
    stage.fake.answer_by(fine_unless(t1=cut, t2=none, t4=Answer(status=413)))
    shell.run(TABLE)

    ran = shell.run("%%playground --data rows -o out\n{{a}}")

    stops = ["end", "length", "refusal", "end", None, "end"]
    assert ran.error is None
    assert [row["stop"] for row in shell["out"].frame] == stops
    assert "3 whole, 1 cut at the token limit, 1 declined, 1 failed." in ran.shown


def test_cut_replies_are_judged_only_with_count_cut(stage: Stage, shell: Shell) -> None:
    stage.fake.answer_by(fine_unless(t1=Answer(chunks=("hal",), stop="length")))
    shell.run("rows = [{'a': '<t0>'}, {'a': '<t1>'}]\nrule = '- It is fine.'")
    shell.run("%%playground --data rows -o runs\n{{a}}")
    stage.fake.answers(scored("yes"))

    shell.run("%judge runs --rubric rule -o judged")
    shell.run("%judge runs --rubric rule --count-cut -o all")

    assert shell["judged"].scores == [1.0, None]
    assert shell["all"].scores == [1.0, 1.0]


def test_a_single_reply_that_is_cut_is_not_judged_and_its_text_can_be(
    stage: Stage, shell: Shell
) -> None:
    stage.fake.answers("half of it", stop="length")
    shell.run("%%playground -o run\nSay hello.")
    stage.fake.answers(scored("yes"))
    asked = len(stage.fake.calls)

    error = shell.run('%judge run --rubric "It is short." -o judged').error
    shell.run("said = run.output")
    shell.run('%%judge --output said --rubric "It is short." -o judged\nSay hello.')

    assert isinstance(error, BadReply)
    assert error.stop == "length"
    assert "`run.output`" in (error.hint or "")
    assert shell["judged"].score == 1.0
    assert len(stage.fake.calls) == asked + 1


def test_a_prompt_whose_own_reply_is_cut_is_not_judged(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("half of it", stop="length")

    error = shell.run('%%judge --rubric "It is short."\nSay hello.').error

    assert isinstance(error, BadReply)
    assert error.stop == "length"
    assert len([call for call in stage.fake.calls if call.method == "POST"]) == 1


def test_rows_with_an_empty_value_are_left_out_unless_asked_for(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("fine")
    shell.run("import pandas as pd\ndf = pd.DataFrame({'a': ['x', None, float('nan')]})")

    ran = shell.run("%%playground --data df -o out\nSay {{a}}")
    shell.run("%%playground --data df --keep-empty -o every\nSay {{a}}")

    assert list(shell["out"].frame["output"].dropna()) == ["fine"]
    assert shell["out"].ends == {"whole": 1, "not sent": 2}
    assert "Rows 1 and 2 were left out: {{a}} is empty." in ran.shown
    assert shell["every"].ends == {"whole": 3}


def test_a_frame_in_a_cell_is_sent_whole(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("fine")
    shell.run("import pandas as pd\ndf = pd.DataFrame({'n': range(300)})")

    shell.run("%%playground -o run\nAdd up:\n{{df}}")

    assert "\n".join(map(str, range(300))) in told(stage.fake)
