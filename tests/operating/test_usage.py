"""`assay-nb operator usage` and `calls export`: what all workspaces use, for people and for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay_nb.accounting.call_log import CallLog, make_record
from assay_nb.cli import main
from assay_nb.store.database import Database
from assay_nb.workspaces.membership import Workspaces
from tests.fakes.migrated import put_migrated

Operate = Callable[..., tuple[int, str]]


@pytest.fixture
def operate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operate:
    vault = put_migrated(tmp_path / "var" / "vault.sqlite")
    database = Database.open(vault)
    team = Workspaces(database).create("lab", "ada")
    line = make_record(
        workspace_id=team.id,
        user="=cmd|x",
        instrument="pass-through",
        provider="openai",
        model="m",
        funding="workspace",
        status="ok",
        input_tokens=10,
        counted_micros=250_000,
    )
    CallLog(database).record_all([line])
    database.close()
    config = tmp_path / "gateway.toml"
    config.write_text(f'home = "{vault.parent}"\n')

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        capsys.readouterr()
        status = main(["operator", "--config", str(config), *words])
        return status, capsys.readouterr().out

    return run


def test_table_has_each_workspace_and_month(operate: Operate) -> None:
    status, shown = operate("usage", "list")
    _, found = operate("usage", "list", "--by", "workspace", "--json")

    assert status == 0
    assert "lab" in shown
    assert "$0.25" in shown
    assert "the cost is not known" in " ".join(shown.split())
    (line,) = json.loads(found)
    assert (line["workspace"], line["calls"], line["cost"], line["counted"]) == (
        "lab",
        1,
        0.0,
        0.25,
    )


def test_calls_go_into_a_file_that_a_spreadsheet_does_not_run(
    operate: Operate, tmp_path: Path
) -> None:
    file = tmp_path / "calls.csv"

    status, _ = operate("calls", "export", "--csv", str(file))

    (row,) = csv.DictReader(file.read_text().splitlines())
    assert status == 0
    assert row["user"] == "'=cmd|x"
    assert (row["workspace"], row["model"], row["input_tokens"], row["cost"]) == (
        "lab",
        "m",
        "10",
        "",
    )
    assert operate("calls", "export", "--csv", str(file))[0] != 0, "what is there is not replaced"


def test_usage_goes_to_standard_output(operate: Operate) -> None:
    _, written = operate("usage", "export", "--by", "workspace,user", "--csv", "-")

    rows = list(csv.DictReader(written.strip().splitlines()))
    assert [(row["workspace"], row["calls"], row["counted"]) for row in rows] == [
        ("lab", "1", "0.25")
    ]
