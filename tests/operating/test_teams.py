"""`assay-nb operator team` and `workspace`: what an operator types, and what they read."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay_nb.cli import main
from assay_nb.store.database import Database
from assay_nb.workspaces.membership import Workspaces
from tests.fakes.migrated import put_migrated

Operate = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return put_migrated(tmp_path / "var" / "vault.sqlite")


@pytest.fixture
def operate(
    tmp_path: Path, vault: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operate:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'home = "{vault.parent}"\n[teams]\n'
        'history = {{ workspace = "history-lab", owners = ["prof"] }}\n'.replace("{{", "{").replace(
            "}}", "}"
        )
    )

    def run(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        capsys.readouterr()
        status = main(["operator", "--config", str(config), *line.split()])
        out, err = capsys.readouterr()
        return status, " ".join(out.split()), err

    return run


def come(vault: Path, user: str, *groups: str) -> dict[str, str]:
    """Return the roles of a person who comes to a running gateway with these groups of the hub."""
    database = Database.open(vault)
    try:
        found = Workspaces(database).sync_groups(
            user, groups, {"history": "history-lab"}, owners={"history": ("prof",)}
        )
        return {one.name: one.role for one in found}
    finally:
        database.close()


def data_of(done: tuple[int, str, str]) -> Any:
    assert done[0] == 0, done
    return json.loads(done[1])


def test_operator_without_a_gateway_is_told_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["operator", "team", "list"]) == 2
    assert "Add the gateway's configuration" in capsys.readouterr().err


def test_group_without_a_hub_admin_gets_an_owner(vault: Path, operate: Operate) -> None:
    """A team that nobody owned could never store a key."""
    assert come(vault, "carol", "history") == {"history-lab": "member"}

    status, out, _ = operate("workspace list")
    assert status == 0
    assert "workspace owner WORKSPACE USER" in out

    status, out, _ = operate("workspace owner history-lab carol")
    assert (status, "'carol' owns 'history-lab' now." in out) == (0, True)
    assert come(vault, "carol", "history") == {"history-lab": "owner"}


def test_owner_who_is_not_in_the_group_is_said_to_wait(vault: Path, operate: Operate) -> None:
    come(vault, "carol", "history")

    status, out, _ = operate("workspace owner history-lab dean")
    listed = data_of(operate("workspace list --json"))

    assert status == 0
    assert "as soon as they are in the hub group 'history'" in out
    assert [(one["owners"], one["awaited"]) for one in listed] == [([], ["prof", "dean"])]
    assert come(vault, "dean", "history") == {"history-lab": "owner"}


def test_owner_is_taken_back(vault: Path, operate: Operate) -> None:
    come(vault, "prof", "history")
    come(vault, "carol", "history")
    operate("workspace owner history-lab carol")

    status, out, _ = operate("workspace owner history-lab carol --remove")

    assert (status, "does not own 'history-lab' any more" in out) == (0, True)
    assert come(vault, "carol", "history") == {"history-lab": "member"}


def test_team_is_added_and_removed(vault: Path, operate: Operate) -> None:
    status, out, _ = operate("team add art painting --owner ann --owner bob")
    assert (status, "without a restart" in out, "everybody=False" in out) == (0, True, True)
    assert come(vault, "ann", "art") == {"painting": "owner"}
    assert {one["group"]: one["source"] for one in data_of(operate("team list --json"))} == {
        "art": "command",
        "history": "file",
    }

    ended = data_of(operate("team remove art --json"))
    assert ended == {"workspace": "painting", "gone": 1, "remaining": 0}
    assert come(vault, "ann", "art") == {}


def test_added_team_without_an_owner_says_how_to_name_one(operate: Operate) -> None:
    _, out, _ = operate("team add art painting")

    assert "assay-nb-operator workspace owner painting USER" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("team remove history", "Take it out of [teams] there"),
        ("team add history other", "'history' is bound to 'history-lab' already"),
        ("workspace owner histry-lab carol", "Did you mean 'history-lab'?"),
        ("workspace owner history-lab prof --remove", "configuration file names 'prof'"),
        ("workspace own history-lab prof", "Did you mean owner?"),
    ],
)
def test_what_cannot_be_is_refused_with_the_next_step(
    operate: Operate, line: str, said: str
) -> None:
    status, _, err = operate(line)

    assert status != 0
    assert said in err


def test_doctor_of_an_operator_makes_no_workspace(vault: Path, operate: Operate) -> None:
    assert operate("doctor")[0] == 0

    database = Database.open(vault)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM workspaces").scalar() == 0
    database.close()
