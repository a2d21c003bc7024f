"""The vault on PostgreSQL. The statements are the same; what a driver makes of bytes and order is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from assay_nb.errors import VaultIntegrityError, VaultSealed, WrongUsage
from assay_nb.store import tables
from assay_nb.store.database import Database
from assay_nb.store.tables import provider_keys
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from tests.canaries import make_canary
from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, SUPPORT, secret

VECTORS = Path(__file__).parents[1] / "vectors" / "envelope.json"


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = Database.open(postgres_url)
    yield database
    database.close()


@pytest.fixture
def vault(database: Database, tmp_path: Path) -> Vault:
    return Vault.open(database, KeyFile(tmp_path / "master.key"))


def save(vault: Vault, workspace: bytes = RESEARCH, destination=ANTHROPIC) -> str:
    key = make_canary(destination.provider)
    vault.save_key(workspace, destination, secret(key), added_by="ada", verified=True)
    return key


def read(vault: Vault, workspace: bytes = RESEARCH, provider="anthropic") -> str:
    with vault.open_key(workspace, provider) as opened:
        return bytes(opened.secret.reveal()).decode()


def test_keys_outlive_every_change(vault: Vault, database: Database, tmp_path: Path) -> None:
    save(vault)
    keys = {
        (workspace, there.provider): save(vault, workspace, there)
        for workspace in (RESEARCH, SUPPORT)
        for there in (ANTHROPIC, OPENAI)
    }

    vault.rotate_master()
    vault.rekey_workspace(RESEARCH)
    assert len(vault.purge_master(timedelta(0))) == 1
    vault.accept_restore()
    removal = vault.remove_key(SUPPORT, "openai", actor="ada")
    del keys[SUPPORT, "openai"]

    assert not removal.scrubbed
    other = Vault.open(database, KeyFile(tmp_path / "master.key"))
    assert {place: read(other, *place) for place in keys} == keys
    assert other.examine() == []
    assert [key.state for key in other.list_keys(RESEARCH)] == ["ready", "ready"]


def test_edited_row_does_not_open(vault: Vault, database: Database) -> None:
    save(vault)
    with database.write() as connection:
        connection.execute(provider_keys.update().values(origin="https://evil.example:443"))

    with pytest.raises(VaultIntegrityError):
        vault.open_key(RESEARCH, "anthropic")


def test_two_rotations_at_once_leave_one_active_master_key(vault: Vault) -> None:
    key = save(vault)
    start = threading.Barrier(3)
    outcomes: list[str] = []

    def rotate() -> None:
        start.wait()
        try:
            vault.rotate_master()
            outcomes.append("won")
        except WrongUsage:
            outcomes.append("too late")

    threads = [threading.Thread(target=rotate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert "won" in outcomes
    assert [s.state for s in vault.master_status()].count("active") == 1
    assert read(vault) == key


def test_frozen_vectors_come_back_unchanged(vault: Vault, database: Database) -> None:
    save(vault)
    for vector in json.loads(VECTORS.read_text())["positive"]:
        envelope = bytes.fromhex(vector["envelope"])
        with database.write() as connection:
            connection.execute(provider_keys.update().values(envelope=envelope))
        assert vault._transactions.load_unchecked(RESEARCH).keys[0].envelope == envelope


@pytest.mark.parametrize("kind", ["workspace", "vault"])
def test_a108_replica_that_missed_the_change_opens_no_older_row(
    vault: Vault, database: Database, tmp_path: Path, kind: str
) -> None:
    """Put a workspace's rows, or all, back under another gateway that had not read the newer ones."""
    for workspace in (RESEARCH, SUPPORT):
        save(vault, workspace)
    replica = Vault.open(database, KeyFile(tmp_path / "master.key"))
    assert read(replica, SUPPORT)
    whole = [tables.provider_keys, tables.data_keys, tables.manifests]
    parts = [*whole, tables.vault] if kind == "vault" else whole
    with database.read() as connection:
        old = {t: [dict(row) for row in connection.execute(t.select()).mappings()] for t in parts}
    save(vault, RESEARCH)

    with database.write() as connection:
        for table in parts:
            connection.execute(table.delete())
        for table in reversed(parts):
            connection.execute(table.insert(), old[table])

    for one in (replica, Vault.open(database, KeyFile(tmp_path / "master.key"))):
        with pytest.raises((VaultIntegrityError, VaultSealed)):
            one.open_key(RESEARCH, "anthropic")
        assert "ready" not in {key.state for key in one.list_keys(RESEARCH)}
