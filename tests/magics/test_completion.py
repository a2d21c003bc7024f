"""What Tab offers on a magic's line: flags where one can stand, and values that fit where one is due."""

from __future__ import annotations

import pytest

from assay_nb.commands.magic_lines import MAGICS, parser_for
from tests.kernel.replies import PROMPT, critique, improvement
from tests.kernel.stage import Stage
from tests.magics.shells import Shell

NOTEBOOK = """
import pandas as pd
import math
draft = "Summarise {{ticket}}."
other = "Another prompt."
frame = pd.DataFrame({"ticket": ["a"], "customer": [1]})
rows = [{"word": "abc", "shop": 1}]
criteria = ["It is short.", "It is true."]
seven = 7
numbers = [1, 2]
_private = "Not shown."

def score(row, output):
    return True

class Kind:
    pass
"""


@pytest.fixture
def notebook(stage: Stage, shell: Shell) -> Shell:
    """A shell with variables of every kind, and a result of each instrument that is used here."""
    shell.run(NOTEBOOK)
    stage.fake.answers(critique())
    shell.run(f"%%critique -o review\n{PROMPT}")
    stage.fake.answers(improvement())
    shell.run(f"%%improve -o better\n{PROMPT}")
    stage.fake.answers("Hi.")
    shell.run("%%playground -o once\nGreet me.")
    shell.run("%%playground --data rows -o runs\n{{word}}")
    return shell


OFFERED = {
    "%%improve --data ": {"frame", "rows"},
    "%%playground --data ": {"frame", "rows"},
    "%%improve --metric ": {"score"},
    "%%improve --rubric ": {"draft", "other", "criteria"},
    "%%judge --rubric ": {"draft", "other", "criteria"},
    "%%playground --beside ": {"draft", "other", "better"},
    "%%playground --system ": {"draft", "other"},
    "%%judge --output ": {"draft", "other", "once", "runs"},
    "%%judge --against ": {"draft", "other", "once", "runs"},
    "%%improve --findings ": {"review"},
    "%%critique -o ": {"review", "better", "once", "runs"},
    "%%critique --out ": {"review", "better", "once", "runs"},
    "%%improve --data frame --cluster ": {"ticket", "customer"},
    "%%improve --data rows --cluster ": {"word", "shop"},
    "%%improve --data=rows --cluster ": {"word", "shop"},
    "%%improve --cluster=s --data rows --cluster ": {"word", "shop"},
    "%%improve --accept ": {"all", "none"},
    "%%critique --effort ": {"low", "medium", "high"},
}


def test_value_of_an_option_is_offered_from_what_fits(notebook: Shell) -> None:
    offered = {typed: set(notebook.complete(typed)) - {"_assay"} for typed in OFFERED}

    assert offered == OFFERED


PROMPTS = {"draft", "other", "review", "better", "once", "runs"}


def test_line_magic_is_offered_the_variables_that_hold_a_prompt(notebook: Shell) -> None:
    for name in ("critique", "improve", "rewrite", "lint", "playground"):
        words = notebook.complete(f"%{name} ")
        assert {word for word in words if not word.startswith(("-", "_"))} == PROMPTS, name


def test_beginning_of_a_name_is_completed_on_any_line(notebook: Shell) -> None:
    assert notebook.complete("%critique dra") == ["draft"]
    assert notebook.complete("x = 1\n%critique dra") == ["draft"]
    assert notebook.complete("%%improve --data=fr") == ["frame"]


def test_second_variable_is_not_offered_on_a_line_magic(notebook: Shell) -> None:
    words = notebook.complete("%critique draft ")

    assert "--model" in words
    assert not PROMPTS & set(words)


def test_variable_is_not_offered_on_the_line_of_a_cell_magic(notebook: Shell) -> None:
    words = notebook.complete("%%critique ")

    assert "--model" in words
    assert not PROMPTS & set(words)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAGICS)
def test_option_is_never_offered_as_the_value_of_another(name: str, shell: Shell) -> None:
    parser = parser_for(name)
    taking = [f for f in parser.flags() if (a := parser.action_of(f)) and a.nargs != 0]

    assert "--model" in taking
    for flag in taking:
        offered = set(shell.complete(f"%%{name} {flag} "))
        assert not offered & set(parser.flags()), flag


@pytest.mark.parametrize("flag", ["--model", "-m", "--judge-model"])
def test_models_are_offered_wherever_one_is_named(flag: str, shell: Shell) -> None:
    assert "openai/gpt-6-luna" in shell.complete(f"%%critique {flag} openai/")


@pytest.fixture
def connected(stage: Stage, shell: Shell) -> Shell:
    """A shell whose workspace has a connection of another name, and a workspace that has one of its own."""
    endpoint = stage.fake.endpoint("openai")
    shell.run("%assay workspace create research")
    line = f"%assay connect ollama {{}} --endpoint {endpoint} --unverified"
    shell.run(line.format("local"))
    shell.run(line.format("theirs") + " -w research")
    return shell


CONNECTIONS = {
    "%%critique -m lo": {"local/"},
    "%%critique -w research -m th": {"theirs/"},
    "%%critique --judge-model=lo": {"local/"},
    "%%improve --judge-model lo": {"local/"},
    "%assay model lo": {"local/"},
    "%assay keys test lo": {"local"},
    "%assay keys set lo": {"local"},
    "%assay connections test ": {"local", "anthropic", "openai", "google"},
    "%assay connections remove -w research th": {"theirs"},
    "%assay connections re": {"remove", "rename"},
    "%assay connections rename lo": {"local"},
    "%assay connections rename local lo": set[str](),
    "%assay connect ol": {"ollama"},
    "%assay connect ollama ol": set[str](),
    "%assay connect ollama --kind open": {"openai-chat", "openai-responses"},
    "%assay member role max ad": {"admin"},
}


@pytest.mark.parametrize("typed", CONNECTIONS)
def test_connection_is_offered_where_one_is_named(typed: str, connected: Shell) -> None:
    offered = {word for word in connected.complete(typed) if not word.startswith(("-", "%"))}

    assert offered == CONNECTIONS[typed]


def test_completing_a_connection_opens_no_key_and_asks_nobody(
    stage: Stage, connected: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_key(*_: object, **__: object) -> None:
        raise AssertionError("a key was opened")

    monkeypatch.setattr("assay_nb.vault.vault.Vault.open_key", open_key)

    assert connected.complete("%assay keys test lo") == ["local"]
    assert connected.complete("%%critique -m lo") == ["local/"]
    assert stage.fake.calls == []


def test_options_are_offered_again_after_a_value(notebook: Shell) -> None:
    assert notebook.complete("%%improve --data frame --met") == ["--metric"]


def test_prompt_below_the_magic_is_not_completed_by_us(notebook: Shell) -> None:
    assert "--model" not in notebook.complete("%%critique\n--mod")
