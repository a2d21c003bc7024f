"""Attacks by somebody who puts old rows back: all genuine, all signed once, and no longer the newest."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_nb.errors import ProviderKeyMissing, VaultIntegrityError, VaultSealed
from assay_nb.store.changes import Changes
from assay_nb.store.database import Database
from assay_nb.vault.cached import CachedVault
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.sealed_keys import open_row
from assay_nb.vault.vault import Vault
from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, SUPPORT, House

_OF_A_WORKSPACE = ("provider_keys", "data_keys", "manifests")
_OF_THE_VAULT = ("vault", "master_keys", "audit")
Rows = dict[str, list[dict[str, Any]]]
Opener = Callable[[House], "contextmanager[Vault]"]


@contextmanager
def plain(house: House) -> Iterator[Vault]:
    """A vault as a replica has it: nothing is remembered but what was checked."""
    database = Database.open(house.file)
    yield Vault(database, KeyFile(house.key_file))
    database.close()


@contextmanager
def cached(house: House) -> Iterator[Vault]:
    """A vault as a gateway or a kernel has it: rows are remembered until the database changes."""
    database = Database.open(house.file)
    changes = Changes(database)
    yield CachedVault(database, KeyFile(house.key_file), changes)
    changes.close()
    database.close()


@pytest.fixture(params=[plain, cached])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[House, Vault]]:
    """Two workspaces, and a process that has made its one whole check and read the other workspace."""
    house = House.migrated(tmp_path / "home")
    for workspace in (RESEARCH, SUPPORT):
        house.save(workspace, ANTHROPIC)
    with request.param(house) as vault:
        assert read(vault, SUPPORT) == house.keys[SUPPORT, "anthropic"]
        yield house, vault


def read(vault: Vault, workspace: bytes = RESEARCH, connection: str = "anthropic") -> str:
    with vault.open_key(workspace, connection) as opened:
        return bytes(opened.secret.reveal()).decode()


def take(house: House) -> Rows:
    connection = sqlite3.connect(house.file)
    connection.row_factory = sqlite3.Row
    try:
        return {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
            for table in (*_OF_A_WORKSPACE, *_OF_THE_VAULT)
        }
    finally:
        connection.close()


def put_back(house: House, old: Rows, parts: Iterable[tuple[str, bytes | None]]) -> None:
    """Replace rows by older ones: of a table, and of one workspace in it where one is named."""
    connection = sqlite3.connect(house.file)
    for table, workspace in parts:
        where = "" if workspace is None else " WHERE workspace_id = :workspace"
        connection.execute(f"DELETE FROM {table}{where}", {"workspace": workspace})
        for row in old[table]:
            if workspace is None or row["workspace_id"] == workspace:
                names = ", ".join(f":{name}" for name in row)
                connection.execute(f"INSERT INTO {table} VALUES ({names})", row)
    connection.commit()
    connection.close()


def assert_closed(vault: Vault, workspace: bytes = RESEARCH) -> None:
    for _ in range(2):  # a second look must not take what the first has read for good
        with pytest.raises((VaultIntegrityError, VaultSealed)):
            vault.open_key(workspace, "anthropic")
        assert "ready" not in {key.state for key in vault.list_keys(workspace)}


WORKSPACE = [(table, RESEARCH) for table in _OF_A_WORKSPACE]
EVERYTHING = [(table, None) for table in (*_OF_A_WORKSPACE, *_OF_THE_VAULT)]


def _replace(house: House) -> None:
    house.save(RESEARCH, ANTHROPIC)


def _remove(house: House) -> None:
    house.vault.remove_key(RESEARCH, "anthropic", actor="ada")


def _rekey(house: House) -> None:
    house.vault.rekey_workspace(RESEARCH)


def _remove_all(house: House) -> None:
    house.vault.remove_workspace(RESEARCH, actor="ada")


@pytest.mark.parametrize("act", [_replace, _remove, _rekey, _remove_all])
@pytest.mark.parametrize("parts", [WORKSPACE, EVERYTHING], ids=["workspace", "everything"])
def test_a108_rows_put_back_under_a_running_process_open_nowhere(
    running: tuple[House, Vault],
    act: Callable[[House], None],
    parts: list[tuple[str, bytes | None]],
) -> None:
    """Put a workspace's old rows back under a process that never read the newer ones → not opened."""
    house, vault = running
    old = take(house)
    act(house)
    put_back(house, old, parts)

    assert_closed(vault)
    assert_closed(house.open())
    assert _opens_by_itself(house), "the old rows must be whole and genuine"


def _opens_by_itself(house: House) -> bool:
    """Open what is stored without looking at what the rows are together."""
    transactions = house.open()._transactions
    rows = transactions.load_unchecked(RESEARCH)
    assert rows.vault is not None
    open_row(transactions.masters, rows.vault.vault_id, RESEARCH, rows, rows.keys[0]).wipe()
    return True


def test_a108_rows_of_a_new_workspace_taken_out_are_missed(running: tuple[House, Vault]) -> None:
    """Take out the only rows of a workspace that a running process has read nothing of → noticed."""
    house, vault = running
    before = take(house)
    other = b"another-" * 2
    house.save(other, ANTHROPIC)
    assert read(vault, SUPPORT)  # the process checks again here, and sees the new workspace
    put_back(house, before, [(table, other) for table in _OF_A_WORKSPACE])

    with pytest.raises((VaultIntegrityError, VaultSealed)):
        vault.open_key(other, "anthropic")


def test_a108_change_of_somebody_else_is_believed(running: tuple[House, Vault]) -> None:
    """The control: what another process really replaced, removed or sealed again is simply read."""
    house, vault = running
    house.save(RESEARCH, ANTHROPIC)
    assert read(vault) == house.keys[RESEARCH, "anthropic"]
    house.vault.rotate_master()
    house.vault.rekey_workspace(RESEARCH)
    assert read(vault) == house.keys[RESEARCH, "anthropic"]
    house.vault.remove_key(RESEARCH, "anthropic", actor="ada")
    with pytest.raises(ProviderKeyMissing):
        vault.open_key(RESEARCH, "anthropic")
    assert {key.state for key in vault.list_keys(SUPPORT)} == {"ready"}


def test_a108_restore_that_was_accepted_is_believed_by_a_running_process(
    running: tuple[House, Vault],
) -> None:
    """Put a whole backup back and say so → also the process that runs takes it from then on."""
    house, vault = running
    old, first = take(house), house.keys[RESEARCH, "anthropic"]
    house.save(RESEARCH, ANTHROPIC)
    put_back(house, old, EVERYTHING)
    with pytest.raises(VaultSealed):
        vault.open_key(RESEARCH, "anthropic")

    house.open().accept_restore(actor="ada")

    assert read(vault) == first


def test_a108_process_that_missed_the_change_signs_no_older_state(
    running: tuple[House, Vault],
) -> None:
    """Put everything back, and wait for the running process's next change → it refuses to sign."""
    house, vault = running
    old = take(house)
    house.save(RESEARCH, ANTHROPIC)
    put_back(house, old, EVERYTHING)

    with pytest.raises(VaultSealed, match="earlier state"):
        vault.remove_key(SUPPORT, "anthropic", actor="ada")
    with pytest.raises(VaultSealed, match="earlier state"):
        house.open().open_key(RESEARCH, "anthropic")


def test_a108_change_on_top_of_an_older_state_elsewhere_is_noticed(
    running: tuple[House, Vault], tmp_path: Path
) -> None:
    """Have a process without the noted epoch sign an older state again and again → still noticed here."""
    house, vault = running
    old = take(house)
    house.save(RESEARCH, ANTHROPIC)
    assert read(vault) == house.keys[RESEARCH, "anthropic"]
    put_back(house, old, EVERYTHING)
    house.key_file.with_name("master.key.epoch").unlink()
    forger = house.open()
    for _ in range(2):
        forger.remove_key(SUPPORT, "anthropic", actor="eve")
        house.save(SUPPORT, ANTHROPIC)

    assert_closed(vault)


def test_a108_other_history_of_the_same_length_is_noticed(running: tuple[House, Vault]) -> None:
    """Have another change signed in the place of one that a running process has read → not believed there."""
    house, vault = running
    old = take(house)
    house.save(RESEARCH, ANTHROPIC)
    assert read(vault) == house.keys[RESEARCH, "anthropic"]
    put_back(house, old, EVERYTHING)
    house.key_file.with_name("master.key.epoch").unlink()
    house.open()
    house.save(RESEARCH, ANTHROPIC, added_by="eve")

    assert_closed(vault)


_ACTS = st.sampled_from(["replace", "remove", "rekey", "rotate", "neighbour"])
_PARTS = st.lists(
    st.sampled_from(
        [
            *((table, None) for table in (*_OF_A_WORKSPACE, *_OF_THE_VAULT)),
            *((table, w) for table in _OF_A_WORKSPACE for w in (RESEARCH, SUPPORT)),
        ]
    ),
    unique=True,
)


def _act(house: House, act: str) -> None:
    with suppress(ProviderKeyMissing):
        match act:
            case "replace":
                house.save(RESEARCH, ANTHROPIC)
            case "remove":
                house.keys.pop((RESEARCH, "anthropic"), None)
                house.vault.remove_key(RESEARCH, "anthropic", actor="ada")
            case "rekey":
                house.vault.rekey_workspace(RESEARCH)
            case "rotate":
                house.vault.rotate_master()
            case _:
                house.save(SUPPORT, OPENAI)


def _check(house: House, vault: Vault) -> None:
    """What opens is the key that was saved last; nothing else is called ready."""
    newest = house.keys.get((RESEARCH, "anthropic"))
    try:
        opened = read(vault)
    except (VaultIntegrityError, VaultSealed, ProviderKeyMissing):
        opened = None
    assert opened in (None, newest)
    states = {key.destination.connection: key.state for key in vault.list_keys(RESEARCH)}
    assert opened is not None or states.get("anthropic") != "ready"


@pytest.mark.slow
@settings(max_examples=60)
@given(
    acts=st.lists(_ACTS, min_size=1, max_size=4),
    parts=_PARTS,
    data=st.data(),
)
def test_a108_no_subset_of_old_rows_brings_an_old_key_back(
    acts: list[str], parts: list[tuple[str, bytes | None]], data: st.DataObject
) -> None:
    """Put any old rows back at any time, under processes that saw all, some or nothing → never an old key."""
    with TemporaryDirectory() as directory:
        house = House.migrated(Path(directory) / "home")
        house.save(RESEARCH, ANTHROPIC)
        house.save(SUPPORT, ANTHROPIC)
        with (
            plain(house) as one,
            cached(house) as two,
            plain(house) as three,
            cached(house) as four,
        ):
            for vault in (one, two, three, four):
                read(vault, data.draw(st.sampled_from([RESEARCH, SUPPORT])))
            states = [take(house)]
            for act in acts:
                _act(house, act)
                states.append(take(house))
                for vault in (three, four):
                    if data.draw(st.booleans()):
                        _check(house, vault)
            put_back(house, data.draw(st.sampled_from(states)), parts)
            with plain(house) as cold, cached(house) as other:
                for vault in (one, two, three, four, cold, other, house.vault):
                    _check(house, vault)
