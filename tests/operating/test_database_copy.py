"""From SQLite to PostgreSQL by one command: all rows of one moment, and the vault opens as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from assay_nb.accounting.demo_budget import DemoBudget
from assay_nb.cli import main
from assay_nb.errors import StoreUnavailable, VaultSealed
from assay_nb.gateway.database_lock import hold_database, share_database
from assay_nb.gateway.settings import Settings
from assay_nb.store.copying import copy_database
from assay_nb.store.database import Database
from assay_nb.store.tables import calls, metadata, workspaces
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from assay_nb.workspaces.membership import Workspaces
from tests.canaries import make_canary
from tests.fakes.migrated import put_migrated
from tests.vault.builders import ANTHROPIC, secret


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return put_migrated(tmp_path / "var" / "vault.sqlite").parent


@pytest.fixture
def config(home: Path) -> Path:
    path = home.with_name("gateway.toml")
    path.write_text(f'home = "{home}"\n')
    return path


def keystore(home: Path) -> KeyFile:
    return KeyFile(home / "master.key", is_shared=True)


@pytest.fixture
def key(home: Path) -> str:
    """The key of the workspace `lab`, in a vault with some of everything."""
    key = make_canary("anthropic")
    database = Database.open(home / "vault.sqlite")
    people = Workspaces(database)
    lab = people.create("lab", "olga")
    people.add_member("olga", "lab", "zoë")
    vault = Vault.open(database, keystore(home))
    vault.save_key(lab.id, ANTHROPIC, secret(key), added_by="olga", verified=True)
    vault.save_key(bytes(16), ANTHROPIC, secret(key), added_by="op", verified=False, mode="demo")
    vault.rotate_master(actor="op")
    DemoBudget(database).left("olga")
    with database.write() as connection:
        connection.execute(calls.insert(), [_call(lab.id, number) for number in range(1_203)])
    database.close()
    return key


def _call(workspace: bytes, number: int) -> dict[str, object]:
    return {
        "call_id": number.to_bytes(16, "big"), "workspace_id": workspace, "user": "zoë", "at": number,
        "instrument": "critique", "provider": "anthropic", "model": "m", "funding": "workspace",
        "status": "done", "cost_micros": 2**40 if number else None,
    }  # fmt: skip


@pytest.fixture
def target(postgres_url: str) -> Iterator[Database]:
    database = Database.open(postgres_url)
    yield database
    database.close()


def copy(config: Path, url: str) -> int:
    return main(["operator", "--config", str(config), "database", "copy", "--to", url, "--json"])


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


@pytest.mark.slow
def test_copy_is_the_same_and_its_keys_open(
    home: Path, config: Path, key: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = copy(config, postgres_url)

    out, err = capsys.readouterr()
    assert status == 0, err
    assert json.loads(out)["keys"] == 2
    source, target = Database.open(home / "vault.sqlite"), Database.open(postgres_url)
    assert rows_of(source) == rows_of(target)
    vault = Vault.open(target, keystore(home))
    lab = Workspaces(target).get("zoë", "lab")
    with vault.open_key(lab.id, "anthropic") as opened:
        assert bytes(opened.secret.reveal()).decode() == key
    assert vault.examine() == []
    vault.save_key(lab.id, ANTHROPIC, secret(key), added_by="olga", verified=True)
    target.close()

    with pytest.raises(
        VaultSealed, match="older"
    ):  # the epoch goes on: the file that was left is behind
        Vault.open(source, keystore(home)).open_key(lab.id, "anthropic")
    source.close()


@pytest.mark.slow
@pytest.mark.parametrize("table", ["workspaces", "audit"])
def test_target_that_is_not_empty_is_left_alone(
    config: Path, key: str, target: Database, postgres_url: str, table: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if table == "workspaces":
        Workspaces(target).create("theirs", "mallory")
    else:
        with target.write() as connection:
            connection.execute(
                text("INSERT INTO audit VALUES (1, 1, 'a', 'e', NULL, NULL, NULL, '\\x00')")
            )
    before = rows_of(target)

    assert copy(config, postgres_url) == 2
    assert "is not empty" in capsys.readouterr().err
    assert rows_of(target) == before


@pytest.mark.slow
def test_copy_that_fails_in_the_middle_leaves_nothing(
    home: Path, key: str, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Database.open(home / "vault.sqlite")
    with source.write() as connection:
        connection.execute(workspaces.update().values(name="a\0b"))  # text that PostgreSQL refuses

    with pytest.raises(StoreUnavailable):
        copy_database(source, target)
    source.close()

    assert not any(rows_of(target).values())


@pytest.mark.slow
def test_nobody_writes_while_it_is_copied(
    home: Path, key: str, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Database.open(home / "vault.sqlite")
    other = Database.open(home / "vault.sqlite", busy_timeout=0.05)
    refused: list[str] = []
    real = copy_database.__globals__["_copy_table"]

    def copy_table(*args: object) -> int:
        with pytest.raises(StoreUnavailable) as error, other.write() as connection:
            connection.execute(workspaces.delete())
        refused.append(str(error.value))
        return real(*args)

    monkeypatch.setitem(copy_database.__globals__, "_copy_table", copy_table)
    copied = copy_database(source, target)

    assert len(refused) == len(metadata.tables)
    with source.read() as connection:
        assert copied.rows["calls"] == connection.scalar(select(func.count()).select_from(calls))
    source.close()
    other.close()


def test_running_gateway_is_not_copied_under_it(
    home: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with share_database(Settings(home=home)), share_database(Settings(home=home)):
        assert copy(config, "postgresql://nobody@127.0.0.1:1/none") == 2

    assert "A gateway is running" in capsys.readouterr().err


def test_gateway_does_not_start_while_it_is_copied(home: Path) -> None:
    with (
        hold_database(home / "vault.sqlite"),
        pytest.raises(StoreUnavailable, match="is being copied"),
        share_database(Settings(home=home)),
    ):
        pass
    with share_database(Settings(home=home / "new")):
        assert (home / "new").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("toml", "to", "said"),
    [
        ('database_url = "postgresql://u@h/d"', "postgresql://u@h/e", "on PostgreSQL already"),
        ("", "sqlite:////tmp/other.sqlite", "not the URL of a PostgreSQL database"),
    ],
)
def test_copy_goes_from_sqlite_to_postgresql_alone(
    home: Path, config: Path, toml: str, to: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(f'home = "{home}"\n{toml}\n')

    assert copy(config, to) == 2
    assert said in capsys.readouterr().err


def test_sealed_vault_is_not_copied(
    home: Path, config: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "master.key").rename(home / "elsewhere")

    assert copy(config, "postgresql://nobody@127.0.0.1:1/none") == 1
    assert "could not be checked, so none is made" in capsys.readouterr().err
