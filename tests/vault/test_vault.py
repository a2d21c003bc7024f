from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from assay_nb.errors import KeyStep, ProviderKeyMissing, VaultSealed, WrongUsage
from assay_nb.store import vault_rows
from assay_nb.store.database import Database
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from tests.canaries import make_canary
from tests.vault.builders import (
    ANTHROPIC,
    GOOGLE,
    LOCAL,
    OPENAI,
    RESEARCH,
    SUPPORT,
    House,
    secret,
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.migrated(tmp_path / "home")


def test_saved_key_opens_with_its_destination(house: House) -> None:
    house.save(RESEARCH, OPENAI)

    with house.vault.open_key(RESEARCH, "openai") as opened:
        assert bytes(opened.secret.reveal()).decode() == house.keys[RESEARCH, "openai"]
        assert opened.destination == OPENAI


def test_leaving_the_block_overwrites_the_opened_key(house: House) -> None:
    house.save()

    with house.vault.open_key(RESEARCH, "anthropic") as opened:
        revealed = opened.secret.reveal()

    assert not any(revealed)


def test_key_opens_in_another_process(house: House) -> None:
    house.save()
    house.open()

    assert house.read() == house.keys[RESEARCH, "anthropic"]


def test_two_workspaces_have_keys_of_their_own(house: House) -> None:
    house.save(RESEARCH)
    house.save(SUPPORT)

    assert house.read(RESEARCH) != house.read(SUPPORT)


def test_saving_again_replaces_the_key_and_raises_its_version(house: House) -> None:
    first = house.save()
    second = house.save()

    assert house.read() == house.keys[RESEARCH, "anthropic"]
    assert (second.row_id, second.row_version) == (first.row_id, first.row_version + 1)
    assert len(house.vault.list_keys(RESEARCH)) == 1


def test_key_removed_and_added_again_is_another_row(house: House) -> None:
    first = house.save()
    house.vault.remove_key(RESEARCH, "anthropic", actor="ada")

    assert house.save().row_id != first.row_id


def test_workspace_key_and_platform_key_do_not_stand_for_each_other(house: House) -> None:
    house.save(RESEARCH, mode="demo")

    assert house.read(mode="demo")
    with pytest.raises(ProviderKeyMissing):
        house.vault.open_key(RESEARCH, "anthropic")


def test_nothing_is_created_before_the_first_key_is_saved(house: House) -> None:
    assert house.vault.state().name == "empty"
    assert house.vault.list_keys(RESEARCH) == house.vault.find_keys(RESEARCH) == []
    assert house.vault.find_key(RESEARCH, "anthropic") is None
    assert house.vault.master_status() == house.vault.examine() == []
    with pytest.raises(ProviderKeyMissing):
        house.vault.open_key(RESEARCH, "anthropic")
    with pytest.raises(ProviderKeyMissing):
        house.vault.remove_key(RESEARCH, "anthropic", actor="ada")
    with pytest.raises(WrongUsage):
        house.vault.rotate_master()

    assert not house.key_file.exists()
    assert house.sql("SELECT count(*) FROM vault") == [(0,)]


def test_key_file_put_there_before_is_taken_over(house: House) -> None:
    from assay_nb.vault.hierarchy import MasterKey

    master = MasterKey.generate()
    KeyFile(house.key_file).put(b"", master)

    house.save()

    assert [status.mk_id for status in house.vault.master_status()] == [master.mk_id]


def test_missing_key_names_the_workspace_and_what_is_to_be_done(house: House) -> None:
    house.sql(
        "INSERT INTO workspaces VALUES (?, 'research', 'team', NULL, NULL, NULL, 0, NULL)", RESEARCH
    )

    with pytest.raises(ProviderKeyMissing) as caught:
        house.vault.open_key(RESEARCH, "anthropic")

    assert caught.value.message == "Workspace 'research' has no Anthropic key."
    assert caught.value.key_step == KeyStep("add", "anthropic")
    assert "`" not in (caught.value.hint or ""), "who reads it is not known here"


def test_unreadable_key_names_the_workspace_and_nothing_else(house: House) -> None:
    from assay_nb.errors import VaultIntegrityError

    house.sql(
        "INSERT INTO workspaces VALUES (?, 'research', 'team', NULL, NULL, NULL, 0, NULL)", RESEARCH
    )
    house.save()
    house.sql("UPDATE provider_keys SET last4 = 'good'")

    with pytest.raises(VaultIntegrityError) as caught:
        house.vault.open_key(RESEARCH, "anthropic")

    assert caught.value.message == "The Anthropic key of 'research' cannot be opened."


def test_listing_shows_what_may_be_known(house: House) -> None:
    house.save(RESEARCH, ANTHROPIC, added_by="ada", verified=False)

    (listed,) = house.vault.list_keys(RESEARCH)

    assert listed.state == "ready"
    assert (listed.added_by, listed.verified, listed.mode) == ("ada", False, "byok")
    assert listed.last4 == house.keys[RESEARCH, "anthropic"][-4:]
    assert listed.destination == ANTHROPIC


@pytest.mark.parametrize(("length", "shown"), [(1, 0), (23, 0), (24, 4), (512, 4), (8192, 4)])
def test_last_four_characters_of_a_short_key_are_not_shown(
    house: House, length: int, shown: int
) -> None:
    stored = house.vault.save_key(
        RESEARCH, ANTHROPIC, secret("k" * length), added_by="ada", verified=True
    )

    assert len(stored.last4) == shown


@pytest.mark.parametrize("key", ["", " \n", "k" * 8193, "k" * 20 + " " + "k", "k" * 30 + "\u00e9"])
def test_what_is_no_key_is_not_stored(house: House, key: str) -> None:
    with pytest.raises(WrongUsage):
        house.vault.save_key(RESEARCH, ANTHROPIC, secret(key), added_by="ada", verified=True)

    assert house.vault.state().name == "empty"


def test_row_without_a_key_is_sealed_opened_and_listed_like_any(house: House) -> None:
    house.keyless()

    with house.open().open_key(RESEARCH, "openai") as opened:
        assert len(opened.secret) == 0
        assert opened.destination == LOCAL
    (listed,) = house.vault.list_keys(RESEARCH)
    assert (listed.state, listed.last4, listed.destination) == ("ready", "", LOCAL)


def test_row_without_a_key_survives_new_master_and_data_keys(house: House) -> None:
    house.keyless()
    house.save(RESEARCH, ANTHROPIC)

    house.vault.rotate_master()
    rekeyed = house.vault.rekey_workspace(RESEARCH)
    house.vault.accept_restore()

    assert rekeyed == 2
    assert house.open().examine() == []
    assert house.read(provider="openai") == ""
    assert house.read() == house.keys[RESEARCH, "anthropic"]


def test_key_and_none_replace_each_other(house: House) -> None:
    house.keyless()
    house.save(RESEARCH, OPENAI)
    read, stored = house.read(provider="openai"), house.keys[RESEARCH, "openai"]
    house.keyless()

    assert read == stored
    assert house.read(provider="openai") == ""
    assert len(house.vault.list_keys(RESEARCH)) == 1


def test_placement_without_a_key_takes_no_key(house: House) -> None:
    with pytest.raises(WrongUsage):
        house.save(RESEARCH, LOCAL)

    assert house.vault.state().name == "empty"


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://API.anthropic.com:443"},
        {"origin": "https://api.anthropic.com"},
        {"origin": "https://user@api.anthropic.com:443"},
        {"origin": "ftp://api.anthropic.com:21"},
        {"origin": ""},
        {"placement": "?key="},
        {"placement": ""},
        {"endpoint": "https://api.anthropic.com\n"},
    ],
)
def test_destination_that_is_not_canonical_is_refused(house: House, change: dict[str, str]) -> None:
    with pytest.raises(WrongUsage):
        house.save(RESEARCH, replace(ANTHROPIC, **change))  # type: ignore[arg-type]


def test_verified_is_noted_for_the_version_that_was_tested(house: House) -> None:
    tested = house.save(verified=False)
    house.save(verified=False)

    house.vault.mark_verified(RESEARCH, "anthropic", row_version=tested.row_version)
    before = house.vault.list_keys(RESEARCH)[0].verified
    house.vault.mark_verified(RESEARCH, "anthropic")

    assert not before
    assert house.open().list_keys(RESEARCH)[0].verified
    assert house.read() == house.keys[RESEARCH, "anthropic"]


def test_removed_key_is_gone_and_the_other_stays(house: House) -> None:
    house.save(RESEARCH, ANTHROPIC)
    house.save(RESEARCH, OPENAI)

    removal = house.vault.remove_key(RESEARCH, "anthropic", actor="ada")

    assert removal.scrubbed
    assert house.vault.find_key(RESEARCH, "anthropic") is None
    assert house.read(provider="openai") == house.keys[RESEARCH, "openai"]
    with pytest.raises(ProviderKeyMissing):
        house.vault.remove_key(RESEARCH, "anthropic", actor="ada")


def test_removed_workspace_takes_its_data_keys_along(house: House) -> None:
    house.save(RESEARCH)
    house.save(SUPPORT)

    house.vault.remove_workspace(RESEARCH, actor="ada")
    house.vault.remove_workspace(b"never-had-a-key!", actor="ada")

    assert house.sql("SELECT workspace_id FROM data_keys") == [(SUPPORT,)]
    assert house.vault.find_keys(RESEARCH) == []
    assert house.open().state().name == "open"
    house.save(RESEARCH)
    assert house.read() == house.keys[RESEARCH, "anthropic"]


def test_rekeyed_workspace_opens_under_a_new_data_key(house: House) -> None:
    house.save(RESEARCH, ANTHROPIC)
    house.save(RESEARCH, OPENAI)
    (old,) = house.sql("SELECT dek_id FROM data_keys")

    assert house.vault.rekey_workspace(RESEARCH) == 2

    ((new,),) = house.sql("SELECT dek_id FROM data_keys")
    assert (new,) != old
    house.open()
    assert house.read(provider="openai") == house.keys[RESEARCH, "openai"]


def test_workspace_with_a_key_that_does_not_open_is_not_rekeyed(house: House) -> None:
    house.save(RESEARCH, ANTHROPIC)
    house.save(RESEARCH, OPENAI)
    house.sql("UPDATE provider_keys SET origin = 'https://evil:1' WHERE provider = 'openai'")

    with pytest.raises(VaultSealed, match="did not get a new data key"):
        house.vault.rekey_workspace(RESEARCH)

    assert house.read() == house.keys[RESEARCH, "anthropic"]


def test_fingerprint_survives_a_new_master_key_and_tells_equal_keys(house: House) -> None:
    key = make_canary("anthropic")
    prints: list[bytes] = []
    for _ in range(2):
        house.vault.save_key(RESEARCH, ANTHROPIC, secret(key), added_by="ada", verified=True)
        prints.append(house.row()["fingerprint"])
        house.vault.rotate_master()

    assert prints[0] == prints[1]


def test_other_process_opens_after_a_rotation_without_being_told(house: House) -> None:
    house.save()
    other = House(house.home, house.keys)
    other.read()

    house.vault.rotate_master()

    assert other.read() == house.keys[RESEARCH, "anthropic"]
    other.save(RESEARCH, GOOGLE)
    assert house.read(provider="google") == house.keys[RESEARCH, "google"]


def test_change_by_another_process_is_not_taken_for_a_roll_back(house: House) -> None:
    house.save()

    class Slow(KeyFile):
        def find_mark(self, vault_id: bytes) -> int | None:
            house.save()  # another process, between our look at the database and at the mark
            return super().find_mark(vault_id)

    vault = Vault.open(Database.open(house.file), Slow(house.key_file))

    assert vault.state().name == "open"


def test_database_emptied_under_a_running_process_is_noticed(house: House) -> None:
    house.save()
    house.sql("PRAGMA foreign_keys = OFF")
    for table in ("provider_keys", "manifests", "data_keys", "master_keys", "vault"):
        house.sql(f"DELETE FROM {table}")

    with pytest.raises(VaultSealed, match="changed from outside"):
        house.vault.open_key(RESEARCH, "anthropic")


def test_every_change_is_audited_with_its_actor(house: House) -> None:
    house.save(RESEARCH, ANTHROPIC, added_by="ada", verified=False)
    house.vault.mark_verified(RESEARCH, "anthropic", actor="bob")
    house.save(RESEARCH, ANTHROPIC, added_by="bob")
    house.vault.rotate_master(actor="ada")
    house.vault.rekey_workspace(RESEARCH, actor="ada")
    house.vault.remove_key(RESEARCH, "anthropic", actor="eve")

    lines = house.sql("SELECT sequence, actor, event, subject FROM audit ORDER BY sequence")

    assert [line[:3] for line in lines] == [
        (1, "ada", "vault_made"),
        (2, "ada", "key_saved"),
        (3, "bob", "key_verified"),
        (4, "bob", "key_replaced"),
        (5, "ada", "master_rotated"),
        (6, "ada", "workspace_rekeyed"),
        (7, "eve", "key_removed"),
    ]
    assert house.vault.examine() == []


def test_failing_again_and_again_does_not_fill_the_audit(house: House) -> None:
    from assay_nb.errors import VaultIntegrityError

    house.save()
    house.sql("UPDATE provider_keys SET last4 = 'good'")
    for _ in range(20):
        with pytest.raises(VaultIntegrityError):
            house.vault.open_key(RESEARCH, "anthropic")

    assert house.events().count("key_unreadable") == 1


def test_vault_may_be_used_from_many_threads(house: House) -> None:
    house.save()
    read: list[str] = []
    threads = [
        threading.Thread(target=lambda: read.extend(house.read() for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read == [house.keys[RESEARCH, "anthropic"]] * 160


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # the test is about fork
def test_forked_child_holds_no_master_key(house: House) -> None:
    house.save()
    (held,) = house.vault._transactions.masters._held.values()
    child = os.fork()
    if child == 0:
        os._exit(0 if held.is_wiped else 1)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert house.read() == house.keys[RESEARCH, "anthropic"]


def test_vault_is_full_after_more_changes_than_its_keys_allow(house: House) -> None:
    house.save()
    with house.vault._transactions.change("ada") as change:
        vault_rows.set_epoch(change.connection, 2**31)
        change.books = replace(change.books, vault=replace(change.books.vault, epoch=2**31 - 2))

    with pytest.raises(VaultSealed, match="more often"):
        house.save()


@pytest.mark.parametrize("kind", ["sk-ant-admin01-", "sk-ant-oat01-", "sk-ant-ort01-", "sk-admin-"])
def test_key_that_manages_an_account_is_not_stored(house: House, kind: str) -> None:
    typed = secret(f" {kind}{'a1' * 30}\n")

    with pytest.raises(WrongUsage, match="manages an account"):
        house.vault.save_key(RESEARCH, ANTHROPIC, typed, added_by="ada", verified=False)


def test_a_change_between_reading_and_checking_is_not_a_restored_backup(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.save()
    transactions = house.vault._transactions
    load, saved = transactions.load_books, iter([True])

    def load_then_change() -> object:
        """Read, and let another thread commit before what was read is checked."""
        rows = load()
        if next(saved, False):
            monkeypatch.undo()
            house.save(destination=OPENAI)
        return rows

    monkeypatch.setattr(transactions, "load_books", load_then_change)
    transactions.check()

    listed = {key.destination.provider for key in house.vault.list_keys(RESEARCH)}
    assert listed == {"anthropic", "openai"}
