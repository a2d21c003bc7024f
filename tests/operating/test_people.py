"""`assay-nb operator person forget` and `keys`: what an operator does for people and workspaces that are others'."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_nb.cli import main
from assay_nb.store.database import Database
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from assay_nb.workspaces.membership import Workspaces
from tests.canaries import find_canary, make_canary
from tests.fakes.migrated import put_migrated

Operate = Callable[..., tuple[int, str, str]]


class Pipe(io.StringIO):
    """Standard input that is not a terminal."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.buffer = io.BytesIO(text.encode())  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A gateway's database, with a team of ada's, who alone owns it."""
    file = put_migrated(tmp_path / "var" / "vault.sqlite")
    database = Database.open(file)
    workspaces = Workspaces(database)
    workspaces.personal("ada")
    workspaces.create("lab", "ada")
    workspaces.add_member("ada", "lab", "bob", "member")
    database.close()
    return file


@pytest.fixture
def operate(
    tmp_path: Path, vault: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operate:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'home = "{vault.parent}"\nmaster_key_file = "{tmp_path / "master.key"}"\n[teams]\n'
        'history = { workspace = "history-lab", owners = ["ada"] }\n'
    )

    def run(line: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", Pipe(typed))
        capsys.readouterr()
        status = main(["operator", "--config", str(config), *line.split()])
        out, err = capsys.readouterr()
        return status, " ".join(out.split()), err

    return run


def test_forgetting_says_what_goes_what_stays_and_what_is_left_to_do(operate: Operate) -> None:
    status, said, _ = operate("person forget ada --yes")

    assert status == 0
    assert "their personal workspace with its keys, their membership in lab" in said
    assert "The calls log keeps 0 calls, under 'ada (until " in said
    assert "Revoke the keys" in said
    assert "Nobody owns lab any more" in said
    assert "gateway.toml names them as an owner of the teams of history" in said


def test_forgetting_somebody_who_is_a_member_alone_leaves_the_team_as_it_is(
    operate: Operate, vault: Path
) -> None:
    status, said, _ = operate("person forget bob --yes")

    database = Database.open(vault)
    members = Workspaces(database).members("ada", "lab")
    database.close()
    assert status == 0
    assert "Nobody owns" not in said
    assert "gateway.toml" not in said
    assert [one.user for one in members] == ["ada"]


@pytest.mark.parametrize(
    ("line", "hint"), [("person forget ada", "--yes"), ("person forget Ada --yes", "same case")]
)
def test_nothing_is_forgotten_by_mistake(line: str, hint: str, operate: Operate) -> None:
    status, _, told = operate(line)

    assert status != 0
    assert hint in told


def test_operator_enters_a_key_for_any_team_and_the_key_says_so(
    operate: Operate, vault: Path, tmp_path: Path
) -> None:
    key = make_canary("anthropic")
    stored = operate("keys set anthropic -w lab --unverified", key)
    listed = operate("keys list -w lab")

    database = Database.open(vault)
    store = KeyFile(tmp_path / "master.key", mark_path=vault.parent / "master.epoch")
    lab = Workspaces(database).get("ada", "lab")
    found = Vault.open(database, store).find_key(lab.id, "anthropic")
    database.close()
    assert stored[0] == 0
    assert found is not None
    assert (found.added_by, found.last4) == ("(operator)", key[-4:])
    assert "(operator)" in listed[1]
    assert not find_canary("".join(map(str, (*stored, *listed))), key)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("keys list", "Name one: `-w WORKSPACE`"),
        ("keys list -w nowhere", "There is no team workspace 'nowhere'"),
        ("keys list -w personal", "There is no team workspace 'personal'"),
    ],
)
def test_operator_has_no_workspace_of_their_own(line: str, told: str, operate: Operate) -> None:
    status, _, said = operate(line)

    assert status != 0
    assert told in said


def test_personal_workspace_goes_by_its_id(operate: Operate, vault: Path) -> None:
    database = Database.open(vault)
    mine = Workspaces(database).personal("ada")
    database.close()

    status, said, _ = operate(
        f"keys set openai -w {mine.id.hex()} --unverified", make_canary("openai")
    )

    assert status == 0
    assert "The OpenAI key is stored" in said
