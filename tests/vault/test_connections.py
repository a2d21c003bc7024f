"""Named connections in the vault: what their keys are bound to, and how the keys of before become theirs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assay_nb.errors import (
    ProviderKeyMissing,
    StoreUnavailable,
    VaultIntegrityError,
    WrongUsage,
)
from assay_nb.messages import Destination
from assay_nb.store import migrations
from assay_nb.store.database import Database
from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, SUPPORT, House, secret

VECTOR = Path(__file__).parents[1] / "vectors" / "vault_0004.sql"
BEFORE = {
    "anthropic": "not-a-key-of-anthropic-0001",
    "openai": "not-a-key-of-openai-000001",
    "google": "not-a-key-of-google-000001",
}
PLATFORM = bytes(16)
AZURE = Destination(
    "openai",
    "https://r.example/openai/v1/",
    "https://r.example:443",
    "api-key",
    "azure",
    "openai-responses",
)
WORK = replace(AZURE, connection="work")
"""Another connection to the very same place."""


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.migrated(tmp_path / "home")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The place of a vault as the release before wrote it: three keys, a server without one, a platform key."""
    home = tmp_path / "old"
    home.mkdir(mode=0o700)
    text = VECTOR.read_text()
    said = dict(re.findall(r"^-- ([a-z, ]+): (.+)$", text, re.MULTILINE))
    master = bytes.fromhex(said["master key, in hexadecimal"]).decode()
    for name, content in (("master.key", master), ("master.key.epoch", said["epoch"])):
        (home / name).touch(mode=0o600)
        (home / name).write_text(content)
    (home / "vault.sqlite").touch(mode=0o600)
    connection = sqlite3.connect(home / "vault.sqlite")
    connection.executescript(text)
    connection.close()
    return home


def test_three_keys_become_three_connections_and_none_is_entered_again(old: Path) -> None:
    house = House(old)

    assert {name: house.read(provider=name) for name in BEFORE} == BEFORE
    stored = {key.destination.connection: key for key in house.vault.list_keys(RESEARCH)}
    assert {name: key.destination.kind for name, key in stored.items()} == {
        "anthropic": "anthropic",
        "openai": "openai-responses",
        "google": "gemini",
    }
    assert {name: key.verified for name, key in stored.items()} == {
        "anthropic": True,
        "openai": True,
        "google": False,
    }
    assert house.read(SUPPORT, "openai") == ""
    assert house.vault.find_keys(SUPPORT)[0].destination.kind == "openai-chat"
    assert house.read(PLATFORM, mode="demo") == "not-a-key-of-the-platform-1"
    assert house.vault.examine() == []


def test_no_envelope_changes_when_the_tables_do(old: Path) -> None:
    with sqlite3.connect(old / "vault.sqlite") as raw:
        before = raw.execute("SELECT row_id, envelope, fingerprint FROM provider_keys").fetchall()
    raw.close()

    house = House(old)

    after = house.sql("SELECT row_id, envelope, fingerprint FROM provider_keys")
    assert sorted(after) == sorted(before) != []
    assert house.sql("SELECT DISTINCT bound_as FROM provider_keys") == [(1,)]


def test_a_key_of_before_that_is_entered_again_is_bound_to_its_name(old: Path) -> None:
    house = House(old)

    key = house.save()

    assert house.read() == house.keys[RESEARCH, "anthropic"]
    assert key.row_version == 2
    assert house.row()["bound_as"] == 2
    assert house.read(provider="openai") == BEFORE["openai"]


def test_a_workspace_of_before_can_be_rekeyed(old: Path) -> None:
    house = House(old)

    assert house.vault.rekey_workspace(RESEARCH) == 3

    assert {name: house.read(provider=name) for name in BEFORE} == BEFORE
    assert house.row()["bound_as"] == 2


def test_the_release_before_leaves_the_new_tables_alone(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    House(old).database.close()
    monkeypatch.setattr(migrations, "HEAD", "0004")

    with pytest.raises(StoreUnavailable, match="made by a newer assay_nb"):
        Database.open(old / "vault.sqlite")


@pytest.mark.parametrize(
    "edit",
    [
        "connection = 'local' WHERE connection = 'openai'",
        "kind = 'openai-chat' WHERE connection = 'openai'",
        "bound_as = 2 WHERE connection = 'openai'",
        "placement = 'api-key' WHERE connection = 'openai'",
        "origin = 'https://evil.example:443' WHERE connection = 'openai'",
    ],
)
def test_an_edited_row_of_before_does_not_open(old: Path, edit: str) -> None:
    house = House(old)
    house.read(provider="openai")  # it did
    house.sql(f"UPDATE provider_keys SET {edit}")
    house.open()

    name = "local" if edit.startswith("connection") else "openai"
    with pytest.raises(VaultIntegrityError):
        house.read(provider=name)
    assert house.read() == BEFORE["anthropic"]


def test_any_number_of_connections_lead_anywhere(house: House) -> None:
    for there, key in ((AZURE, "first-key-0123456789"), (WORK, "other-key-0123456789")):
        house.vault.save_key(RESEARCH, there, secret(key), added_by="ada", verified=True)
    house.save()

    assert house.read(provider="azure") == "first-key-0123456789"
    assert house.read(provider="work") == "other-key-0123456789"
    assert house.read() == house.keys[RESEARCH, "anthropic"]
    assert house.vault.open_key(RESEARCH, "azure").destination == AZURE
    with pytest.raises(ProviderKeyMissing, match="no connection 'local'"):
        house.read(provider="local")
    with pytest.raises(ProviderKeyMissing):
        house.read(SUPPORT, "azure")


def _swap(column: str) -> Callable[[House], None]:
    def swap(house: House) -> None:
        values = dict(house.sql(f"SELECT connection, {column} FROM provider_keys"))
        if column == "connection":
            house.sql("UPDATE provider_keys SET connection = 'x' WHERE connection = 'azure'")
            house.sql("UPDATE provider_keys SET connection = 'azure' WHERE connection = 'work'")
            house.sql("UPDATE provider_keys SET connection = 'work' WHERE connection = 'x'")
            return
        for name, other in (("azure", "work"), ("work", "azure")):
            house.sql(
                f"UPDATE provider_keys SET {column} = ? WHERE connection = ?", values[other], name
            )

    return swap


def _edit(what: str) -> Callable[[House], None]:
    return lambda house: (
        house.sql(f"UPDATE provider_keys SET {what} WHERE connection = 'azure'") and None
    )


@pytest.mark.parametrize(
    "tamper",
    [
        _swap("connection"),
        _swap("envelope"),
        _edit("kind = 'openai-chat'"),
        _edit("kind = 'anthropic', provider = 'anthropic'"),
        _edit("placement = 'bearer'"),
        _edit("placement = 'none'"),
        _edit("endpoint = 'https://r.example/other/v1/'"),
        _edit("bound_as = 1"),
        _edit("bound_as = 3"),
        _edit("bound_as = 0"),
        _edit("bound_as = 65536"),
        _edit("bound_as = -1"),
    ],
    ids=range(12),
)
def test_a_named_row_that_was_edited_does_not_open(
    house: House, tamper: Callable[[House], None]
) -> None:
    for there, key in ((AZURE, "first-key-0123456789"), (WORK, "other-key-0123456789")):
        house.vault.save_key(RESEARCH, there, secret(key), added_by="ada", verified=True)
    house.read(provider="azure")  # it did
    tamper(house)
    house.open()

    with pytest.raises(VaultIntegrityError, match="cannot be opened"):
        house.read(provider="azure")
    assert "unreadable" in {key.state for key in house.vault.list_keys(RESEARCH)}


def test_an_older_row_of_a_connection_that_is_put_back_does_not_open(house: House) -> None:
    house.vault.save_key(
        RESEARCH, AZURE, secret("first-key-0123456789"), added_by="ada", verified=True
    )
    (older,) = house.sql("SELECT * FROM provider_keys")
    house.vault.save_key(
        RESEARCH, AZURE, secret("newer-key-0123456789"), added_by="ada", verified=True
    )
    house.sql("DELETE FROM provider_keys")
    house.sql(f"INSERT INTO provider_keys VALUES ({', '.join('?' * len(older))})", *older)
    house.open()

    with pytest.raises(VaultIntegrityError):
        house.read(provider="azure")


def test_renaming_takes_the_key_along(house: House) -> None:
    house.vault.save_key(
        RESEARCH, AZURE, secret("first-key-0123456789"), added_by="ada", verified=True
    )
    before = house.sql("SELECT envelope FROM provider_keys")

    house.vault.rename_key(RESEARCH, "azure", "work", actor="ben")

    house.open()
    assert house.read(provider="work") == "first-key-0123456789"
    with pytest.raises(ProviderKeyMissing):
        house.read(provider="azure")
    (key,) = house.vault.list_keys(RESEARCH)
    assert (key.destination, key.verified, key.added_by) == (WORK, True, "ada")
    assert house.sql("SELECT envelope FROM provider_keys") != before
    assert house.events()[-1] == "key_renamed"
    assert house.sql("SELECT subject, actor FROM audit ORDER BY sequence DESC LIMIT 1") == [
        ("azure -> work", "ben")
    ]


@pytest.mark.parametrize("name", ["", "Work", "a/b", "x" * 33, "-a", "a b", "a\n", "é", "../x"])
def test_what_is_not_a_name_is_not_given(house: House, name: str) -> None:
    house.vault.save_key(
        RESEARCH, AZURE, secret("first-key-0123456789"), added_by="ada", verified=True
    )

    with pytest.raises(WrongUsage):
        house.vault.rename_key(RESEARCH, "azure", name, actor="ada")
    with pytest.raises(WrongUsage):
        house.vault.save_key(
            RESEARCH,
            replace(AZURE, connection=name or " "),
            secret("first-key-0123456789"),
            added_by="ada",
            verified=True,
        )

    assert house.read(provider="azure") == "first-key-0123456789"


def test_a_name_that_is_taken_is_not_given_twice(house: House) -> None:
    for there in (AZURE, WORK):
        house.vault.save_key(
            RESEARCH, there, secret("first-key-0123456789"), added_by="ada", verified=True
        )

    with pytest.raises(WrongUsage, match="already"):
        house.vault.rename_key(RESEARCH, "azure", "work", actor="ada")

    assert len(house.vault.list_keys(RESEARCH)) == 2


def test_removing_one_connection_leaves_the_others(house: House) -> None:
    for there in (AZURE, WORK, OPENAI, ANTHROPIC):
        house.vault.save_key(
            RESEARCH, there, secret("some-key-that-is-long-enough"), added_by="ada", verified=True
        )

    house.vault.remove_key(RESEARCH, "azure", actor="ada")

    left = {key.destination.connection for key in house.vault.list_keys(RESEARCH)}
    assert left == {"work", "openai", "anthropic"}
    assert {key.state for key in house.vault.list_keys(RESEARCH)} == {"ready"}
