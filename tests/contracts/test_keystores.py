"""What every key store must do, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores import os_keyring
from assay_nb.vault.keystores.base import KeyStore
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.keystores.os_keyring import OsKeyring
from tests.fakes.keyrings import MemoryKeyring, name_of

VAULT, OTHER = b"v" * 16, b"w" * 16
Reopen = Callable[[], KeyStore]


@pytest.fixture(params=["key file", "OS keyring"])
def reopen(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Reopen:
    """Give the store as another process would open it."""
    if request.param == "key file":
        return lambda: KeyFile(tmp_path / "master.key")
    monkeypatch.setitem(os_keyring.ALLOWED, name_of(MemoryKeyring), "test")
    entries: dict[tuple[str, str], str] = {}
    return lambda: OsKeyring(MemoryKeyring.over(entries))


def test_new_store_is_empty(reopen: Reopen) -> None:
    assert reopen().list_ids(VAULT) == []
    assert reopen().find(VAULT, b"m" * 16) is None
    assert reopen().find_mark(VAULT) is None


def test_what_was_put_is_found_by_its_id(reopen: Reopen) -> None:
    master = MasterKey.generate()

    reopen().put(VAULT, master)

    found = reopen().find(VAULT, master.mk_id)
    assert found is not None
    assert found.check_value == master.check_value


def test_ids_are_listed_oldest_first(reopen: Reopen) -> None:
    masters = [MasterKey.generate() for _ in range(3)]
    for master in masters:
        reopen().put(VAULT, master)

    assert reopen().list_ids(VAULT) == [master.mk_id for master in masters]


def test_putting_twice_keeps_one(reopen: Reopen) -> None:
    master = MasterKey.generate()
    reopen().put(VAULT, master)
    reopen().put(VAULT, master)

    assert reopen().list_ids(VAULT) == [master.mk_id]


def test_deleted_is_gone_and_the_others_stay(reopen: Reopen) -> None:
    gone, kept = MasterKey.generate(), MasterKey.generate()
    reopen().put(VAULT, gone)
    reopen().put(VAULT, kept)

    reopen().delete(VAULT, gone.mk_id)
    reopen().delete(VAULT, gone.mk_id)

    assert reopen().find(VAULT, gone.mk_id) is None
    assert reopen().list_ids(VAULT) == [kept.mk_id]


def test_last_one_can_be_deleted(reopen: Reopen) -> None:
    master = MasterKey.generate()
    reopen().put(VAULT, master)

    reopen().delete(VAULT, master.mk_id)

    assert reopen().list_ids(VAULT) == []


def test_mark_goes_up_and_never_down(reopen: Reopen) -> None:
    for epoch in (3, 7, 5):
        reopen().raise_mark(VAULT, epoch)

    assert reopen().find_mark(VAULT) == 7


def test_marks_of_two_vaults_are_apart(reopen: Reopen) -> None:
    reopen().raise_mark(VAULT, 9)
    reopen().raise_mark(OTHER, 0)

    assert reopen().find_mark(OTHER) == 0
    assert reopen().find_mark(VAULT) == 9


def test_store_says_what_it_is_and_shows_no_key(reopen: Reopen) -> None:
    store, master = reopen(), MasterKey.generate()
    store.put(VAULT, master)
    value = bytes(master.write().reveal()).decode()

    shown = f"{store.describe()} {store!r} {store.protection()} {vars(store)}"

    assert store.describe().startswith("the ")
    assert value not in shown
