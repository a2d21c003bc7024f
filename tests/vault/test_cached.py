"""What a warm vault remembers holds exactly as long as the database stays as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.errors import ProviderKeyMissing, VaultIntegrityError, VaultSealed
from assay_nb.store.changes import Changes, Remembered
from assay_nb.store.database import Database
from assay_nb.vault.cached import CachedVault
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.secret import SecretBytes
from assay_nb.vault.transactions import Transactions
from assay_nb.vault.vault import Vault
from tests.canaries import make_canary
from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, SUPPORT, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House.migrated(tmp_path / "home")
    house.save(RESEARCH, ANTHROPIC)
    house.save(SUPPORT, ANTHROPIC)
    return house


@pytest.fixture
def warm(house: House) -> Iterator[Vault]:
    """A warm vault on the same files, which has opened the key once."""
    database = Database.open(house.file)
    changes = Changes(database)
    vault = CachedVault(database, KeyFile(house.key_file), changes)
    read(vault)
    yield vault
    changes.close()
    database.close()


def read(vault: Vault, workspace: bytes = RESEARCH) -> str:
    with vault.open_key(workspace, "anthropic") as opened:
        return bytes(opened.secret.reveal()).decode()


def test_key_is_opened_again_without_reading_a_row(
    house: House, warm: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bytes] = []
    load = Transactions.load_unchecked

    def counted(self: Transactions, workspace_id: bytes) -> object:
        reads.append(workspace_id)
        return load(self, workspace_id)

    monkeypatch.setattr(Transactions, "load_unchecked", counted)

    assert [read(warm), read(warm)] == [house.keys[RESEARCH, "anthropic"]] * 2
    assert reads == []


def test_each_opening_is_a_buffer_of_its_own(warm: Vault) -> None:
    with warm.open_key(RESEARCH, "anthropic") as one, warm.open_key(RESEARCH, "anthropic") as other:
        one.secret.wipe()
        assert bytes(other.secret.reveal()).strip(b"\0")


def test_key_that_another_process_replaced_is_the_one_that_is_opened(
    house: House, warm: Vault
) -> None:
    new = make_canary("anthropic")
    with SecretBytes(new.encode()) as secret:
        house.open().save_key(RESEARCH, OPENAI, secret, added_by="bob", verified=False)
        house.vault.save_key(RESEARCH, ANTHROPIC, secret, added_by="bob", verified=False)

    assert read(warm) == new


def test_key_that_another_process_removed_is_gone(house: House, warm: Vault) -> None:
    house.open().remove_key(RESEARCH, "anthropic", actor="bob")

    with pytest.raises(ProviderKeyMissing):
        read(warm)
    assert warm.find_key(RESEARCH, "anthropic") is None


def test_key_that_this_vault_replaced_is_the_one_that_is_opened(warm: Vault) -> None:
    new = make_canary("anthropic")
    with SecretBytes(new.encode()) as secret:
        warm.save_key(RESEARCH, ANTHROPIC, secret, added_by="bob", verified=False)

    assert read(warm) == new


def test_new_master_key_and_new_data_key_open_as_before(house: House, warm: Vault) -> None:
    house.open().rotate_master(actor="bob")
    rotated = read(warm)
    house.vault.rekey_workspace(RESEARCH, actor="bob")

    assert [rotated, read(warm)] == [house.keys[RESEARCH, "anthropic"]] * 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE provider_keys SET origin = 'https://evil.example:443'",
        "UPDATE provider_keys SET endpoint = 'https://evil.example'",
        "UPDATE provider_keys SET last4 = 'evil'",
        "UPDATE provider_keys SET row_version = row_version + 1",
        "UPDATE provider_keys SET envelope = zeroblob(length(envelope))",
        "UPDATE data_keys SET wrapped = zeroblob(length(wrapped))",
        (
            "UPDATE provider_keys SET envelope = (SELECT k.envelope FROM provider_keys k "
            "WHERE k.row_id != provider_keys.row_id)"
        ),
        "DELETE FROM provider_keys",
    ],
)
def test_row_that_is_tampered_with_is_not_opened_from_memory(
    change: str, house: House, warm: Vault
) -> None:
    connection = sqlite3.connect(house.file)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(change)
    connection.commit()
    connection.close()

    with pytest.raises((VaultIntegrityError, VaultSealed)):
        read(warm)


def test_nothing_is_known_to_be_unchanged_where_changes_are_not_counted(house: House) -> None:
    class Elsewhere:
        path, name = None, "a server"

    changes = Changes(Elsewhere())  # type: ignore[arg-type]
    kept: Remembered[str, int] = Remembered(changes)
    answers = iter([1, 2])

    assert not changes.are_known
    assert [kept.get("x", lambda: next(answers)) for _ in range(2)] == [1, 2]


def test_only_as_many_answers_are_kept_as_there_is_room_for(house: House) -> None:
    changes = Changes(house.database)
    kept: Remembered[int, int] = Remembered(changes, most=2)

    for key in range(3):
        kept.get(key, lambda key=key: key)
    number = changes.look()
    changes.close()

    assert [kept.find(key, number) for key in range(3)] == [None, 1, 2]
