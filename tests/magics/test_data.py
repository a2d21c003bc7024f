"""The magics on many rows and on a notebook's variables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay_nb import Batch, Judgement, KeyPasted, Measurement, Run, SideBySide, WrongUsage
from tests.canaries import make_canary
from tests.fakes.providers import Answer, Call, FakeProviders
from tests.instruments.driving import make_critique, make_finding
from tests.kernel.replies import critique
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


def test_every_row_of_a_table_is_run(stage: Stage, shell: Shell) -> None:
    stage.fake.answer_by(lambda call: Answer(chunks=(prompt_of(call).strip()[::-1],)))
    shell.run("import pandas as pd\ndf = pd.DataFrame({'word': ['abc', 'def']})")

    shell.run("%%playground --data df --concurrency 2 -o runs\n{{word}}")

    assert isinstance(shell["runs"], Batch)
    assert list(shell["runs"].frame["output"]) == ["cba", "fed"]


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
    one = {"criterion": "c1", "evidence": None, "reason": "", "answer": answer}
    return json.dumps({"criteria": [one]})


def test_what_the_playground_made_is_judged_by_another_provider(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("Bonjour.")
    shell.run("%%playground -o run\nSay hello in French.")
    stage.fake.answers(scored("yes"))

    shell.run('%judge run --rubric "It is French." -o judged')

    assert isinstance(shell["judged"], Judgement)
    assert shell["judged"].score == 1.0
    assert stage.fake.calls[0].wire != stage.fake.calls[-1].wire


def test_a_text_is_judged_for_the_prompt_in_the_cell(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(scored("no"))
    shell.run("said = 'Hallo.'")

    shell.run('%%judge --output said --rubric "It is French." -o judged\nSay hello in French.')

    assert (shell["judged"].prompt.strip(), shell["judged"].output) == (
        "Say hello in French.",
        "Hallo.",
    )


def test_a_table_is_judged_row_by_row(stage: Stage, shell: Shell) -> None:
    stage.fake.answers("x")
    shell.run("rows = [{'a': 1}, {'a': 2}]\nrule = '- It is short.'")
    shell.run("%%playground --data rows -o runs\n{{a}}")
    stage.fake.answers(scored("yes"))

    shell.run("%judge runs --rubric rule -o judged")

    assert shell["judged"].scores == [1.0, 1.0]


# --- measured improvement ---------------------------------------------------------------------------


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
    assert "limit on calls" in (error.hint or "")
    assert [call for call in stage.fake.calls if call.method == "POST"] == []


def test_accept_is_not_for_measuring(stage: Stage, shell: Shell) -> None:
    shell.run("rows = [{'a': 1}]")

    error = shell.run("%%improve --data rows --accept 1\nCopy {{a}}.").error

    assert isinstance(error, WrongUsage)
    assert "--accept" in error.message


# --- probes -----------------------------------------------------------------------------------------


def probed(predict: str) -> dict[str, Any]:
    return make_finding(
        "briefly",
        probe={"inputs": [{"name": "ticket", "value": "none"}], "predict": predict},
    )


def test_a_finding_whose_failure_shows_is_confirmed(stage: Stage, shell: Shell) -> None:
    reply = json.dumps(make_critique(probed("It invents a ticket.")))
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
