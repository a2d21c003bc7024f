"""A key does not stay in a shell's memory or history; one that was pasted is refused and not repeated."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb import KeyPasted
from tests.attacks.looking import reach
from tests.canaries import find_in_tree, make_canary
from tests.kernel.replies import PROMPT, critique, improvement, rewriting
from tests.kernel.stage import Stage, open_stage
from tests.magics.shells import Shell, open_shell

# --- the surroundings -------------------------------------------------------------------------------


@pytest.fixture
def stage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("ASSAY_HOME", str(home / "vault"))
    with open_stage(home / "vault", empty=True) as stage:
        yield stage


@pytest.fixture
def shell(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with open_shell(capsys) as shell:
        yield shell


def enter_keys(stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter the keys as a person does, at the hidden prompt."""
    for provider, key in stage.keys.items():
        monkeypatch.setattr(getpass, "getpass", lambda prompt, key=key: key)
        ran = shell.run(f"%assay keys set {provider} --endpoint {stage.fake.endpoint(provider)}")
        assert ran.error is None


SESSION = (
    "%assay",
    "%assay keys list",
    "%assay keys test openai",
    "%assay keys list --json",
    f"%%critique -o review\n{PROMPT}",
    "review",
    "review.to_dict()",
    f"%%improve -o better -m openai/some-model\n{PROMPT}",
    f"%%rewrite -o draft -m google/some-model\n{PROMPT}",
    "%%lint\nSummarise {{ticket}}.",
    "%assay calls",
    "%assay doctor",
    "%assay master rotate",
    "%assay keys remove openai",
)
FAILING = (
    f"%%critique --nope\n{PROMPT}",
    f"%%critique -w nowhere\n{PROMPT}",
    f"%%critique -m openai/some-model\n{PROMPT}",
    "%critique nothing",
    "%assay keys set mistral",
    "%assay nonsense",
)


def play(stage: Stage, shell: Shell) -> list[str]:
    """Type a whole session, with cells that fail, and return what was shown."""
    replies = {"critique": critique(), "improve": improvement(), "rewrite": rewriting()}
    shown: list[str] = []
    for cell in (*SESSION, *FAILING):
        stage.fake.answers(replies.get(cell.lstrip("%").split(" ")[0], "x"))
        shown.append(shell.run(cell).shown)
    stage.fake.answers(fault="echo_error")
    shown.append(shell.run(f"%%critique\n{PROMPT}").shown)
    return [*shown, shell.run("%history -g").shown, shell.run("%tb").shown]


def files_of(shell: Shell, home: Path) -> Path:
    """Return the folder of the shell's files, with all that it had in mind written to them."""
    shell.ip.history_manager.writeout_cache()
    assert list((home / ".ipython").rglob("history.sqlite"))
    return home / ".ipython"


# --- 36: history and names --------------------------------------------------------------------------


def test_a036_no_key_in_the_history_files_after_a_whole_session(
    home: Path, stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys entered, every magic used, some failing → no trace in history.sqlite or beside it."""
    enter_keys(stage, shell, monkeypatch)
    play(stage, shell)

    folder = files_of(shell, home)

    assert stage.traces_under(folder) == {}
    assert {call.key for call in stage.fake.calls} == set(stage.keys.values())


def test_a036_no_key_in_anything_the_shell_showed_or_keeps(
    stage: Stage, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In, Out, _, _i, _oh, _ih, user_ns and all that they lead to, `%history -g`, `%tb` → no trace."""
    enter_keys(stage, shell, monkeypatch)
    shown = play(stage, shell)

    names = dict(shell.ip.user_ns)
    texts = [*shown, repr(names), *reach(list(names.values()), depth=10)]

    assert {"In", "Out", "_", "_i", "_oh", "_ih", "_assay", "review"} <= set(names)
    assert stage.traces_in("\n".join(texts)) == {}


def test_a036_control_a_key_typed_into_a_cell_is_found_in_the_history(
    home: Path, stage: Stage, shell: Shell
) -> None:
    """Positive control: `x = '<key>'` → found in the file, in `%history -g`, in the names."""
    key = stage.keys["anthropic"]
    shell.run(f"x = {key!r}")

    folder = files_of(shell, home)

    assert any(name.endswith("history.sqlite") for name in find_in_tree(folder, key))
    assert "anthropic" in stage.traces_in(shell.run("%history -g").shown)
    assert "anthropic" in stage.traces_in("\n".join(reach([shell["In"], shell["x"]])))


# --- 37: pasted keys --------------------------------------------------------------------------------

PLACES = {
    "as an argument": "%assay keys set {provider} {key}",
    "as an option": "%assay keys set {provider} --key {key}",
    "as an option with =": "%assay keys set {provider} --key={key}",
    "as an endpoint": "%assay keys set {provider} --endpoint https://x.example/?key={key}",
    "as a sub-command": "%assay {key}",
    "as the name of a variable": "%assay keys set {provider} --from-env {key}",
    "as a workspace": "%assay workspace create {key}",
    "in quotes": "%assay keys set {provider} '{key}'",
    "in quotes that are never closed": "%assay keys set {provider} '{key}",
    "on a cell magic's line": "%%critique --key {key}\nhello",
    "as a model": "%%critique -m {key}\nhello",
    "as an output": "%%critique -o {key}\nhello",
    "as feedback": "%%improve --feedback 'use {key}'\nhello",
    "in a prompt": "%%critique\nCall it with {key}, then summarise.",
    "in a prompt for the linter": "%%lint\nCall it with {key}, then summarise.",
    "in a header within a prompt": "%%rewrite\ncurl -H 'Authorization: Bearer {key}' https://x",
    "as the name of a prompt": "%critique {key}",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
def test_a037_a_pasted_key_is_refused_and_not_repeated(
    provider: str, place: str, stage: Stage, shell: Shell
) -> None:
    """A key on a line or in a prompt → nothing sent or stored, not echoed, and told to revoke it."""
    cell = PLACES[place].format(provider=provider, key=stage.keys[provider])  # type: ignore[index]

    ran = shell.run(cell)

    assert isinstance(ran.error, KeyPasted)
    assert stage.traces_in(ran.shown) == {}
    assert "revoke" in ran.shown
    assert "history" in ran.shown
    assert stage.fake.calls == []
    assert not (stage.home / "vault.sqlite").exists()


def test_a037_a_variable_that_holds_a_prompt_with_a_key_is_refused(
    stage: Stage, shell: Shell
) -> None:
    """The key comes in by a variable → refused all the same."""
    shell.ip.user_ns["draft"] = f"Use {stage.keys['google']} to call it."

    ran = shell.run("%critique draft")

    assert isinstance(ran.error, KeyPasted)
    assert stage.traces_in(ran.shown) == {}
    assert stage.fake.calls == []


def test_a037_a_python_call_with_a_key_in_its_prompt_is_refused(stage: Stage, shell: Shell) -> None:
    """The same by the Python surface → refused before anything is sent."""
    shell.ip.user_ns["draft"] = f"Use {stage.keys['openai']} to call it."

    ran = shell.run("import assay_nb; assay_nb.critique(draft)")

    assert isinstance(ran.error, KeyPasted)
    assert stage.fake.calls == []


def test_a037_a_key_of_an_unknown_shape_is_not_repeated(stage: Stage, shell: Shell) -> None:
    """A long word where none belongs may be a key of a shape that nobody knows → not echoed."""
    word = make_canary("google")[4:]

    ran = shell.run(f"%assay keys set google {word}")

    assert ran.error is not None
    assert word not in ran.shown


def test_a037_control_an_error_that_repeats_the_line_is_found(stage: Stage, shell: Shell) -> None:
    """Positive control: an error that quotes what was typed → found in what was shown."""
    ran = shell.run(f"raise ValueError('no option {stage.keys['anthropic']}')")

    assert "raw" in stage.traces_in(ran.shown)["anthropic"]
