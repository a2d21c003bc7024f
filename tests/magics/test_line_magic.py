"""`%assay`: the commands of the terminal, in a notebook."""

from __future__ import annotations

import json

import pytest
from IPython.core.error import StdinNotImplementedError

from assay_nb import ProviderAuthError, ProviderKeyMissing, WorkspaceNotFound, WrongUsage
from assay_nb.commands.outcome import Outcome
from tests.fakes.providers import only
from tests.kernel.replies import PROMPT, critique
from tests.kernel.stage import Stage
from tests.magics.shells import Shell


def data(shell: Shell, line: str) -> object:
    """Return what a command prints as JSON."""
    return json.loads(shell.run(f"{line} --json").out)


def test_alone_it_shows_workspace_keys_and_vault(stage: Stage, shell: Shell) -> None:
    outcome = shell.run("%assay").result

    assert isinstance(outcome, Outcome)
    assert outcome.data["workspace"]["name"] == "personal"
    assert outcome.data["vault"] == "open"
    assert [key["state"] for key in outcome.data["keys"]] == ["ready"] * 3


def test_outcome_shows_itself_in_every_form(stage: Stage, shell: Shell) -> None:
    shown = shell.run("%assay keys list").result._repr_mimebundle_()

    assert set(shown) == {"text/plain", "text/markdown", "text/html"}


def test_without_a_key_it_names_the_fastest_start(shell: Shell) -> None:
    assert "%assay keys set google" in shell.run("%assay").out


def test_created_workspace_is_used_after_it_is_chosen(stage: Stage, shell: Shell) -> None:
    shell.run("%assay workspace create research")
    made = shell.run("%assay").result.data["workspace"]["name"]
    shell.run("%assay workspace use research")

    assert made == "personal"
    assert shell.run("%assay").result.data["workspace"]["name"] == "research"
    ran = shell.run(f"%%critique\n{PROMPT}")
    assert isinstance(ran.error, ProviderKeyMissing)
    assert "research" in ran.shown


def test_renamed_workspace_keeps_its_keys(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run("%assay workspace create research")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("getpass.getpass", lambda prompt: stage.keys["openai"])
        endpoint = stage.fake.endpoint("openai")
        shell.run(f"%assay keys set openai -w research --endpoint {endpoint}")

    shell.run("%assay workspace rename research science")

    ran = shell.run(f"%%critique -w science\n{PROMPT}")
    assert ran.error is None
    assert stage.fake.calls[-1].key == stage.keys["openai"]


def test_deleted_workspace_is_gone_with_its_keys(stage: Stage, shell: Shell) -> None:
    shell.run("%assay workspace create research")
    shell.run("%assay workspace delete research --yes")

    assert isinstance(shell.run("%assay workspace use research").error, WorkspaceNotFound)


def test_personal_workspace_cannot_be_deleted_or_left(stage: Stage, shell: Shell) -> None:
    for line in ("%assay workspace delete personal --yes", "%assay workspace leave personal"):
        assert shell.run(line).error is not None

    assert data(shell, "%assay workspace list")[0]["name"] == "personal"  # type: ignore[index]


def test_model_of_a_workspace_is_what_its_calls_ask_for(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run("%assay model google/gemini-3.8-flash")

    shell.run(f"%%critique\n{PROMPT}")
    shell.run("%assay model --reset")

    assert "gemini-3.8-flash" in stage.fake.calls[-1].path
    assert data(shell, "%assay model") == {"model": None}


def test_models_can_be_asked_of_the_provider(stage: Stage, shell: Shell) -> None:
    names = {fact["name"] for fact in data(shell, "%assay models --ask")}  # type: ignore[union-attr]

    assert names >= {"gpt-6-luna", "gemini-3.8-flash", "claude-haiku-5-5"}


def test_calls_are_listed_without_their_content(stage: Stage, shell: Shell) -> None:
    stage.fake.answers(critique())
    shell.run(f"%%critique\n{PROMPT}")
    stage.fake.keys = {"another"}
    shell.run(f"%%critique\n{PROMPT}")

    calls = data(shell, "%assay calls")

    assert [call["status"] for call in calls] == ["provider_auth", "ok"]  # type: ignore[union-attr]
    assert calls[1]["input_tokens"] == 12  # type: ignore[index]
    assert "ticket" not in json.dumps(calls)


def test_stored_key_is_tested_for_free(stage: Stage, shell: Shell) -> None:
    tested = data(shell, "%assay keys test openai")

    assert tested == {
        "provider": "openai",
        "connection": "openai",
        "outcome": "accepted",
        "models": 2,
        "names": ["gpt-6-luna", "gpt-6.2-sol"],
        "detail": "",
    }
    call = only(stage.fake.calls)
    assert (call.method, call.key) == ("GET", stage.keys["openai"])
    assert len(stage.fake.strangers) == 1  # it was asked a second time, without the key


def test_revoked_key_is_named_when_it_is_tested(stage: Stage, shell: Shell) -> None:
    stage.fake.keys = {"another"}

    ran = shell.run("%assay keys test openai")

    assert isinstance(ran.error, ProviderAuthError)
    assert "keys set openai" in ran.shown


def test_removing_a_key_says_that_only_revoking_ends_it(stage: Stage, shell: Shell) -> None:
    shown = shell.run("%assay keys remove openai").out

    assert "only revoking it" in " ".join(shown.split())
    assert isinstance(shell.run("%assay keys remove openai").error, ProviderKeyMissing)


def test_rotated_master_key_opens_every_key(stage: Stage, shell: Shell) -> None:
    shell.run("%assay master rotate")

    assert [key["state"] for key in data(shell, "%assay keys list")] == ["ready"] * 3  # type: ignore[union-attr]
    states = {fact["state"] for fact in data(shell, "%assay master status")}
    assert states == {"active", "retired"}  # type: ignore[union-attr]


@pytest.fixture
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that runs without a person, as papermill's and nbconvert's do."""

    def ask(*_: object, **__: object) -> None:
        raise StdinNotImplementedError("no front end to ask")

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr("getpass.getpass", ask)


@pytest.mark.usefixtures("_nobody")
@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("workspace delete research", "Add --yes to delete it without being asked."),
        ("master purge", "Add --yes to purge them without being asked."),
        ("keys set openai -w research", "Use `assay-nb keys set openai -w research` in a terminal"),
        (
            "platform-key set openai",
            'In a terminal: `printf %s "$KEY" | assay-nb platform-key set openai`.',
        ),
    ],
)
def test_what_nobody_answers_says_what_works_there(
    line: str, hint: str, stage: Stage, shell: Shell
) -> None:
    shell.run("%assay workspace create research")

    error = shell.run(f"%assay {line}").error

    assert isinstance(error, WrongUsage)
    assert hint in str(error)
    assert "research" in str(data(shell, "%assay workspace list"))


LISTING = (
    "status", "workspace list", "workspace show", "member list", "keys list", "connect", "connections",
    "connections list", "model", "models", "budget", "calls", "doctor", "master status",
)  # fmt: skip


@pytest.mark.parametrize("command", LISTING)
def test_everything_that_lists_prints_json(command: str, stage: Stage, shell: Shell) -> None:
    ran = shell.run(f"%assay {command} --json")

    assert ran.error is None
    assert ran.result is None
    json.loads(ran.out)


@pytest.mark.parametrize("command", ["workspace", "keys", "member", "master"])
def test_command_that_needs_another_word_shows_its_page(command: str, shell: Shell) -> None:
    ran = shell.run(f"%assay {command}")

    assert ran.error is None
    assert ran.out.startswith(f"usage: %assay {command}")


def test_word_too_many_is_one_line(shell: Shell) -> None:
    ran = shell.run("%assay workspace list everything")

    assert isinstance(ran.error, WrongUsage)
    assert "'everything'" in ran.shown


def test_braces_and_dollars_on_its_line_stay_as_they_are(shell: Shell) -> None:
    shell.run("name = 'FILLED'")

    assert "FILLED" not in shell.run("%assay workspace use {name}").shown


@pytest.mark.slow
def test_practice_needs_no_key_and_leaves_the_stored_default_alone(
    stage: Stage, shell: Shell
) -> None:
    shell.run("%assay try")
    ran = shell.run(f"%%critique -o review\n{PROMPT}")
    session = stage.session()
    stored = session.portal.call(session.control.standing).workspace.name
    session.close()

    assert ran.error is None
    assert shell["review"].provenance.practice
    assert stored == "personal"
    assert stage.fake.calls == []


STANDING = {
    "alone": ("%assay budget", 1),
    "at the end": ("x = 1\n%assay budget", 1),
    "at the beginning": ("%assay budget\nx = 1", 1),
    "twice": ("%assay budget\n%assay budget", 2),
    "in a loop": ("for _ in range(3):\n    %assay budget", 3),
    "in a branch": ("if True:\n    %assay budget\nelse:\n    %assay calls\nx = 1", 1),
    "in a function": ("def f():\n    %assay budget\nf()\nx = 1", 1),
    "in a try": ("try:\n    %assay budget\nfinally:\n    x = 1", 1),
    "called by name": ("get_ipython().run_line_magic('assay', 'budget')\nx = 1", 1),
    "under another magic": ("%%capture kept\n%assay budget\nx = 1", 0),
    "kept in a variable": ("said = %assay budget", 0),
    "kept, with more below": ("said = %assay budget\nx = 1", 0),
    "kept within an expression": (
        "said = [get_ipython().run_line_magic('assay', 'budget')]\nx = 1",
        0,
    ),
}
"""Where a line magic can stand, and how often its outcome is seen."""


@pytest.mark.parametrize("where", STANDING)
def test_outcome_is_seen_once_wherever_the_line_stands(shell: Shell, where: str) -> None:
    cell, times = STANDING[where]

    ran = shell.run(cell)

    assert ran.error is None
    assert ran.out.count("There are no demo calls here") == times
    if "said" in cell:
        kept = shell["said"]
        assert isinstance(kept[0] if isinstance(kept, list) else kept, Outcome)
    if "kept" in cell:
        assert len(shell["kept"].outputs) == 1


@pytest.mark.parametrize("setting", ["all", "last", "last_expr", "last_expr_or_assign"])
def test_no_setting_of_the_shell_has_it_seen_twice(shell: Shell, setting: str) -> None:
    shell.ip.ast_node_interactivity = setting

    ran = shell.run("%assay budget\nx = 1\n%assay budget")

    assert ran.out.count("There are no demo calls here") == 2
