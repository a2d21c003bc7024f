"""Attacks by somebody who can write to the database: change it below, then open keys above."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from assay_nb.errors import AssayError, ProviderKeyMissing, VaultIntegrityError, VaultSealed
from assay_nb.vault.keystores.key_file import KeyFile
from tests.canaries import find_canary
from tests.vault.builders import ANTHROPIC, GOOGLE, OPENAI, RESEARCH, SUPPORT, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two workspaces with two keys each, as another process meets them."""
    house = House.migrated(tmp_path / "home")
    for workspace in (RESEARCH, SUPPORT):
        for destination in (ANTHROPIC, OPENAI):
            house.save(workspace, destination)
    house.open()
    return house


def assert_closed(house: House, workspace: bytes = RESEARCH, provider: str = "anthropic") -> None:
    """Check that a key opens neither in a new process nor in the one that runs."""
    for vault in (house.vault, house.open()):
        with pytest.raises((VaultIntegrityError, VaultSealed)):
            vault.open_key(workspace, provider)  # type: ignore[arg-type]
        states = {key.destination.provider: key.state for key in vault.list_keys(workspace)}
        assert states.get(provider, "unreadable") == "unreadable"


def swap(house: House, column: str, one: bytes, other: bytes) -> None:
    first, second = (
        house.sql(f"SELECT {column} FROM provider_keys WHERE row_id = ?", row)[0][0]
        for row in (one, other)
    )
    house.sql(f"UPDATE provider_keys SET {column} = ? WHERE row_id = ?", second, one)
    house.sql(f"UPDATE provider_keys SET {column} = ? WHERE row_id = ?", first, other)


def test_a017_swapped_envelopes_open_nowhere_and_are_audited(house: House) -> None:
    """Swap two sealed keys of one workspace → both stay closed, and the audit says so."""
    swap(house, "envelope", house.row()["row_id"], house.row(provider="openai")["row_id"])

    assert_closed(house)
    assert_closed(house, provider="openai")
    assert "manifest_mismatch" in house.events()


@pytest.mark.parametrize("provider", ["anthropic", "google"])
def test_a018_row_copied_to_another_workspace_does_not_open(house: House, provider: str) -> None:
    """Copy a row into one's own workspace, in the place of its key or a new one → stays closed."""
    columns = (
        "mode, endpoint, origin, placement, dek_id, row_version, last4, envelope, fingerprint, "
        "verified, added_by, added_at, kind, bound_as"
    )
    house.sql(
        "DELETE FROM provider_keys WHERE workspace_id = ? AND provider = ?", SUPPORT, provider
    )
    house.sql(
        f"INSERT INTO provider_keys (row_id, workspace_id, provider, connection, {columns}) "
        f"SELECT x'00', ?, ?, ?, {columns} FROM provider_keys WHERE row_id = ?",
        SUPPORT,
        provider,
        provider,
        house.row()["row_id"],
    )

    assert_closed(house, SUPPORT, provider)
    assert house.read(RESEARCH) == house.keys[RESEARCH, "anthropic"]


def test_a018_row_moved_without_its_manifest_does_not_open_either(house: House) -> None:
    """Move a row, and sign it with a manifest made for it → the seal itself names the workspace."""
    from assay_nb.vault.envelope import CannotOpen
    from assay_nb.vault.sealed_keys import open_row

    books = house.vault._transactions
    rows, agreed = books.load(RESEARCH)
    assert agreed
    assert rows.vault is not None
    with pytest.raises(CannotOpen):
        open_row(books.masters, rows.vault.vault_id, SUPPORT, rows, rows.keys[0])


@pytest.fixture
def evil() -> Iterator[tuple[int, list[object]]]:
    """A listener that counts who comes."""
    visitors: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    connection, address = server.accept()
                    connection.close()
                    visitors.append(address)

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], visitors
        stop.set()
        thread.join()


@pytest.mark.parametrize("column", ["origin", "endpoint"])
def test_a019_edited_destination_opens_nothing_and_nobody_is_called(
    house: House, evil: tuple[int, list[object]], column: str
) -> None:
    """Point a key at one's own host, or another path → it does not open, and no connection is made."""
    port, visitors = evil
    house.sql(f"UPDATE provider_keys SET {column} = ?", f"http://127.0.0.1:{port}")

    assert_closed(house)
    assert visitors == []

    socket.create_connection(("127.0.0.1", port)).close()
    for _ in range(100):
        if visitors:
            break
        threading.Event().wait(0.01)
    assert len(visitors) == 1, "the listener must be able to notice"


@pytest.mark.parametrize("change", ["provider = 'google'", "mode = 'demo'", "verified = 'no'"])
def test_a020_key_that_says_it_is_another_closes_its_workspace(house: House, change: str) -> None:
    """Turn a key into another provider's, or into the operator's → nothing of the workspace opens."""
    house.sql(f"UPDATE provider_keys SET {change} WHERE row_id = ?", house.row()["row_id"])

    for provider in ("anthropic", "google", "openai"):
        with pytest.raises(VaultIntegrityError):
            house.open().open_key(RESEARCH, provider)  # type: ignore[arg-type]


def test_a020_edited_placement_closes_the_key(house: House) -> None:
    """Have the key sent in another header → it does not open; its neighbour does."""
    house.sql(
        "UPDATE provider_keys SET placement = 'bearer' WHERE row_id = ?", house.row()["row_id"]
    )

    assert_closed(house)
    assert house.read(provider="openai") == house.keys[RESEARCH, "openai"]


@pytest.mark.parametrize("placement", ["bearer", "x-goog-api-key", "None", "none ", ""])
def test_a020_row_without_a_key_that_is_edited_to_have_one_closes(
    house: House, placement: str
) -> None:
    """Have a key written where none belongs → the row does not open; before the edit it did."""
    house.keyless(RESEARCH)
    assert house.read(provider="openai") == ""
    house.sql(
        "UPDATE provider_keys SET placement = ? WHERE row_id = ?",
        placement,
        house.row(provider="openai")["row_id"],
    )

    assert_closed(house, provider="openai")


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a020_key_that_is_edited_to_be_none_closes(house: House, provider: str) -> None:
    """Have requests sent without their key, or a person told that there is none to revoke → closed."""
    row = house.row(provider=provider)["row_id"]
    house.sql("UPDATE provider_keys SET placement = 'none' WHERE row_id = ?", row)

    assert_closed(house, provider=provider)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("endpoint", "https://api.openai.com/v1"),
        ("origin", "https://api.openai.com:443"),
        ("endpoint", "http://127.0.0.1:11435/v1"),
        ("workspace_id", SUPPORT),
        ("last4", "abcd"),
    ],
)
def test_a020_row_without_a_key_is_bound_to_all_that_it_says(
    house: House, column: str, value: str | bytes
) -> None:
    """Point a row without a key at another server, or give it to another workspace → it does not open."""
    house.vault.remove_key(SUPPORT, "openai", actor="ada")
    house.keyless(RESEARCH)
    row = house.row(provider="openai")["row_id"]
    house.sql(f"UPDATE provider_keys SET {column} = ? WHERE row_id = ?", value, row)

    assert_closed(house, SUPPORT if column == "workspace_id" else RESEARCH, "openai")


def test_a020_placement_fails_by_its_seal_alone(house: House) -> None:
    """Edit a placement either way and get past the manifest → the seal itself names the placement."""
    from assay_nb.vault.envelope import CannotOpen
    from assay_nb.vault.sealed_keys import open_row

    house.keyless(SUPPORT)
    masters = house.vault._transactions.masters
    for workspace, edited in ((RESEARCH, "none"), (SUPPORT, "bearer")):
        rows, agreed = house.vault._transactions.load(workspace)
        row = next(key for key in rows.keys if key.provider == "openai")
        assert agreed
        assert rows.vault is not None
        open_row(masters, rows.vault.vault_id, workspace, rows, row).wipe()
        with pytest.raises(CannotOpen):
            open_row(masters, rows.vault.vault_id, workspace, rows, replace(row, placement=edited))


def test_a021_older_envelope_of_the_same_row_does_not_open(house: House) -> None:
    """Put back the envelope of a key that was replaced → closed."""
    old = house.row()["envelope"]
    house.save(RESEARCH, ANTHROPIC)
    house.sql("UPDATE provider_keys SET envelope = ? WHERE row_id = ?", old, house.row()["row_id"])

    assert_closed(house)


def test_a021_older_envelope_fails_by_its_seal_alone(house: House) -> None:
    """Put back an older envelope and get past the manifest → the version in the seal disagrees."""
    from assay_nb.vault.envelope import CannotOpen
    from assay_nb.vault.sealed_keys import open_row

    old = house.vault._transactions.load(RESEARCH)[0]
    house.save(RESEARCH, ANTHROPIC)
    new = house.vault._transactions.load(RESEARCH)[0]
    position = next(i for i, key in enumerate(new.keys) if key.provider == "anthropic")
    mixed = replace(new.keys[position], envelope=old.keys[position].envelope)

    assert new.vault is not None
    with pytest.raises(CannotOpen):
        open_row(house.vault._transactions.masters, new.vault.vault_id, RESEARCH, new, mixed)


def test_a022_older_row_with_its_version_seals_that_workspace(house: House) -> None:
    """Put back a whole row, version and all → its workspace is closed, the other is not."""
    columns = ("row_version", "envelope", "fingerprint", "last4", "added_at", "verified")
    old = {name: house.row()[name] for name in columns}
    house.save(RESEARCH, ANTHROPIC)
    for name, value in old.items():
        house.sql(
            f"UPDATE provider_keys SET {name} = ? WHERE row_id = ?", value, house.row()["row_id"]
        )

    assert_closed(house)
    assert_closed(house, provider="openai")
    assert house.read(SUPPORT) == house.keys[SUPPORT, "anthropic"]


def test_a022_older_row_with_its_manifest_is_noticed_too(house: House) -> None:
    """Put back the row and the workspace's manifest → the vault's own signature disagrees."""

    def take() -> dict[str, list[tuple[object, ...]]]:
        return {
            table: house.sql(f"SELECT * FROM {table} WHERE workspace_id = ?", RESEARCH)
            for table in ("provider_keys", "manifests")
        }

    old = take()
    house.save(RESEARCH, ANTHROPIC)
    house.read()
    for table, rows in old.items():
        house.sql(f"DELETE FROM {table} WHERE workspace_id = ?", RESEARCH)
        for row in rows:
            house.sql(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)

    with pytest.raises(VaultIntegrityError):
        house.vault.open_key(RESEARCH, "anthropic")
    with pytest.raises(VaultSealed, match="changed from outside"):
        house.open().open_key(RESEARCH, "anthropic")


@pytest.mark.parametrize("look", ["open_key", "find_key"])
def test_a023_row_deleted_behind_our_back_is_reported_at_its_next_use(
    house: House, look: str
) -> None:
    """Delete a row, so that a demo key or nothing is used instead → reported, not "no key"."""
    house.sql("DELETE FROM provider_keys WHERE row_id = ?", house.row()["row_id"])

    for vault in (house.vault, house.open()):
        with pytest.raises(VaultIntegrityError):
            getattr(vault, look)(RESEARCH, "anthropic")


def test_a023_workspace_deleted_with_its_manifest_is_reported_at_its_next_use(house: House) -> None:
    """Delete a workspace's rows and its manifest → reported by a process that never saw it before."""
    for table in ("provider_keys", "manifests", "data_keys"):
        house.sql(f"DELETE FROM {table} WHERE workspace_id = ?", RESEARCH)

    for vault in (house.vault, house.open()):
        with pytest.raises(VaultSealed, match="changed from outside"):
            vault.open_key(RESEARCH, "anthropic")


def test_a023_key_entered_again_opens_and_makes_good_no_other(house: House) -> None:
    """Hope that the next save signs what was done → it signs its own key, and doubts the others."""
    house.sql("UPDATE provider_keys SET added_by = 'eve' WHERE provider = 'openai'")

    house.save(RESEARCH, ANTHROPIC)

    assert house.events()[-3:] == ["manifest_mismatch", "key_doubted", "key_replaced"]
    assert house.read() == house.keys[RESEARCH, "anthropic"]
    assert_closed(house, provider="openai")
    house.save(RESEARCH, OPENAI)
    assert house.read(provider="openai") == house.keys[RESEARCH, "openai"]


def test_a023_key_that_is_removed_makes_good_no_other(house: House) -> None:
    """Hope that the next removal signs what was done → the key beside it is doubted."""
    house.sql("UPDATE provider_keys SET added_by = 'eve' WHERE provider = 'openai'")

    house.vault.remove_key(RESEARCH, "anthropic", actor="ada")

    assert house.events()[-3:] == ["manifest_mismatch", "key_doubted", "key_removed"]
    assert_closed(house, provider="openai")


def test_a024_yesterdays_database_is_refused_until_accepted(house: House, tmp_path: Path) -> None:
    """Put back a backup, so that a removed key works again → refused, until somebody stands by it."""
    backup = tmp_path / "backup"
    with sqlite3.connect(house.file) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    source.close(), target.close()
    house.open()
    house.vault.remove_key(RESEARCH, "anthropic", actor="ada")
    house.database.close()
    for suffix in ("-wal", "-shm"):
        house.file.with_name(house.file.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(backup, house.file)

    vault = house.open()
    with pytest.raises(VaultSealed, match="earlier state") as caught:
        vault.open_key(RESEARCH, "anthropic")
    assert "accept-restore" in (caught.value.hint or "")
    with pytest.raises(VaultSealed):
        house.save(RESEARCH, GOOGLE)
    assert vault.state().name == "sealed"

    vault.accept_restore(actor="ada")

    assert house.read() == house.keys[RESEARCH, "anthropic"]
    assert house.events()[-1] == "restore_accepted"
    house.save(RESEARCH, GOOGLE)
    assert house.open().state().name == "open"


def test_a024_epoch_written_up_does_not_help(house: House) -> None:
    """Roll back and raise the epoch by hand → the vault's signature covers the epoch."""
    house.sql("UPDATE vault SET epoch = epoch + 1")

    with pytest.raises(VaultSealed, match="changed from outside"):
        house.open().open_key(RESEARCH, "anthropic")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE data_keys SET wrapped = o.wrapped FROM (SELECT * FROM data_keys) o WHERE o.dek_id != data_keys.dek_id",
        "UPDATE data_keys SET generation = generation + 5",
        "UPDATE data_keys SET wrapped = zeroblob(length(wrapped))",
    ],
)
def test_a025_swapped_or_edited_data_keys_open_nothing(house: House, change: str) -> None:
    """Swap the wrapped data keys of two workspaces → neither opens."""
    house.sql(change)

    assert_closed(house, RESEARCH)
    assert_closed(house, SUPPORT)


def test_a025_edited_master_key_label_opens_nothing(house: House) -> None:
    """Have a data key opened under another master key → sealed or refused, never opened."""
    house.vault.rotate_master()
    old = house.sql("SELECT mk_id FROM master_keys WHERE state = 'retired'")[0][0]
    house.sql("UPDATE data_keys SET mk_id = ?", old)

    assert_closed(house)


def test_a025_retired_master_key_made_active_is_noticed(house: House) -> None:
    """Make the retired master key the active one → the vault's signature disagrees."""
    house.vault.rotate_master()
    house.sql(
        "UPDATE master_keys SET state = CASE state WHEN 'active' THEN 'retired' ELSE 'active' END"
    )

    with pytest.raises(VaultSealed):
        house.open().open_key(RESEARCH, "anthropic")


def test_a025_retirement_that_is_dated_back_is_noticed(house: House) -> None:
    """Date a master key's retirement back, so that a purge takes it from young backups → nothing is purged."""
    house.vault.rotate_master()
    house.sql("UPDATE master_keys SET retired_at = 1 WHERE state = 'retired'")

    with pytest.raises(VaultSealed, match="changed from outside"):
        house.open().purge_master(timedelta(days=30))
    assert len(KeyFile(house.key_file).list_ids(b"")) == 2


def test_a026_raised_demo_limit_closes_the_platform_key(house: House) -> None:
    """Grant oneself more demo calls in the table → the platform key's manifest disagrees."""
    house.save(b"\0" * 16, ANTHROPIC, mode="demo")
    house.sql("INSERT INTO budgets VALUES ('eve', 7, 7)")
    house.read(b"\0" * 16, mode="demo")

    house.sql("UPDATE budgets SET granted = 1000 WHERE user = 'eve'")

    with pytest.raises(VaultIntegrityError):
        house.vault.open_key(b"\0" * 16, "anthropic", mode="demo")
    assert house.read() == house.keys[RESEARCH, "anthropic"]


def _cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _garble(path: Path) -> None:
    path.write_bytes(os.urandom(4096))


def _try_to_read(house: House) -> str:
    try:
        house.open()
        return house.read()
    except AssayError as error:
        return str(error)


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("", _cut),
        ("", _garble),
        ("", lambda path: path.write_bytes(b"")),
        ("-wal", _garble),
        ("-shm", lambda path: path.write_bytes(bytes(32768))),
    ],
)
def test_a027_damaged_files_give_a_clean_error_or_the_keys(
    house: House, suffix: str, damage: Callable[[Path], None]
) -> None:
    """Cut or garble the database's files → our error in one line or the whole key, again and again."""
    house.database.close()
    path = house.file.with_name(house.file.name + suffix)
    if not path.exists():
        path.touch(0o600)
    damage(path)

    for _ in range(3):
        outcome = _try_to_read(house)
        if outcome != house.keys[RESEARCH, "anthropic"]:
            assert "\n" not in outcome
            assert find_canary(outcome, house.keys[RESEARCH, "anthropic"]) == []


@pytest.mark.parametrize(
    "change", ["last4 = 'good'", "verified = 'yes'", "added_by = 'ada'", "added_at = 1"]
)
def test_a028_what_is_shown_of_a_key_cannot_be_edited(tmp_path: Path, change: str) -> None:
    """Edit the last four characters, the state or who added it → shown as unreadable, and closed."""
    house = House.migrated(tmp_path / "home")
    house.save(RESEARCH, ANTHROPIC, verified=False, added_by="eve")
    house.sql(f"UPDATE provider_keys SET {change}")

    assert_closed(house)


def test_a049_deleted_envelope_is_gone_from_the_files(house: House) -> None:
    """Read a removed key's sealed bytes from database or log → overwritten."""
    envelope = house.row()["envelope"]
    assert any(envelope in path.read_bytes() for path in house.home.iterdir())

    removal = house.vault.remove_key(RESEARCH, "anthropic", actor="ada")

    assert removal.scrubbed
    assert not any(envelope in path.read_bytes() for path in house.home.iterdir())


def test_a049_replaced_envelope_is_gone_from_the_files(house: House) -> None:
    """Read a replaced key's sealed bytes → overwritten."""
    envelope = house.row()["envelope"]

    house.save(RESEARCH, ANTHROPIC)

    assert not any(envelope in path.read_bytes() for path in house.home.iterdir())


@pytest.mark.slow
def test_a049_removal_says_when_the_log_could_not_be_scrubbed(house: House) -> None:
    """Hold the log open in another process → the key is removed, and the answer says what is left."""
    reader = sqlite3.connect(house.file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM provider_keys").fetchall()

    removal = house.vault.remove_key(RESEARCH, "anthropic", actor="ada")

    reader.close()
    assert not removal.scrubbed
    with pytest.raises(ProviderKeyMissing):
        house.vault.open_key(RESEARCH, "anthropic")


def test_a070_another_endpoint_needs_the_key_again(house: House) -> None:
    """Redirect a stored key → there is no way but saving it anew, which destroys the old one."""
    old = house.row()["envelope"]
    elsewhere = replace(
        ANTHROPIC, endpoint="https://proxy.example", origin="https://proxy.example:443"
    )

    house.save(RESEARCH, elsewhere)

    with house.vault.open_key(RESEARCH, "anthropic") as opened:
        assert opened.destination == elsewhere
    assert not any(old in path.read_bytes() for path in house.home.iterdir())


def test_edited_audit_is_noticed(house: House) -> None:
    """Edit, delete or cut off lines of the audit → doctor names the line, or the vault is sealed."""
    house.sql("UPDATE audit SET actor = 'eve' WHERE sequence = 2")
    assert any("line 2" in warning for warning in house.open().examine())

    house.sql("DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit)")
    with pytest.raises(VaultSealed):
        house.open().open_key(RESEARCH, "anthropic")
