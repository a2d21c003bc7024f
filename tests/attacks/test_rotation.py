"""Attacks on changes while they happen: kill them at every point, run them at once, put back backups."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assay_nb.errors import StoreUnavailable, VaultIntegrityError, VaultSealed, WrongUsage
from assay_nb.vault import failpoints
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores import os_keyring
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.keystores.os_keyring import OsKeyring
from assay_nb.vault.vault import Vault
from tests.fakes.keyrings import MemoryKeyring, name_of
from tests.tools import require_tool
from tests.vault.builders import ANTHROPIC, OPENAI, RESEARCH, SUPPORT, House

ROOT = Path(__file__).parents[2]
NOW, DAY = timedelta(0), timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "home")
    for workspace in (RESEARCH, SUPPORT):
        for destination in (ANTHROPIC, OPENAI):
            house.save(workspace, destination)
    return house


def assert_all_open(house: House) -> None:
    for (workspace, provider), key in house.keys.items():
        assert house.read(workspace, provider) == key


# --- kill -9 ----------------------------------------------------------------------------------------


def killed_at_every_point(change: str, directory: Path) -> list[dict[str, Any]]:
    return run_apart("tests.vault.killing", change, directory)


def run_apart(program: str, change: str, directory: Path) -> list[dict[str, Any]]:
    """Run a program of the tests' that forks."""
    done = subprocess.run(
        [sys.executable, "-m", program, change, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_nothing_is_lost(
    results: list[dict[str, Any]], *, points: int, may_be: Callable[[dict[str, str]], bool]
) -> None:
    """Check that every kill left a vault that opens, and that doing it again succeeded."""
    whole, kills = results[0]["after"], results[1:]
    assert len(kills) == points, [kill["point"] for kill in kills]
    for kill in kills:
        assert kill["killed"], kill
        assert kill["after"]["state"] in {"open", "empty"}, kill
        assert kill["after"]["masters"].count("active") == (kill["after"]["state"] == "open"), kill
        assert may_be(kill["after"]["opened"]), kill
        assert kill["again"] == 0, kill
        assert kill["finally"]["opened"] == whole["opened"], kill
        assert kill["finally"]["masters"].count("active") == 1, kill


@pytest.mark.slow
def test_a095_killed_rotation_loses_no_key(tmp_path: Path) -> None:
    """Kill a rotation of the master key at each of its 15 points → all keys open, a re-run succeeds."""
    results = killed_at_every_point("rotate", tmp_path)

    assert_nothing_is_lost(
        results, points=15, may_be=lambda opened: list(opened.values()) == ["the-old-key"] * 6
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "points", "at_stake", "allowed"),
    [
        ("first save", 18, "research anthropic", {None, "the-old-key"}),
        ("save", 7, "research google", {None, "the-old-key"}),
        ("save in a new workspace", 8, "newcomer anthropic", {None, "the-old-key"}),
        ("replace", 8, "research anthropic", {"the-old-key", "the-new-key"}),
        ("remove", 8, "research anthropic", {"the-old-key", None}),
        ("remove workspace", 8, "research anthropic", {"the-old-key", None}),
        ("rekey", 11, "research anthropic", {"the-old-key"}),
        ("purge", 11, "research anthropic", {"the-old-key"}),
        ("accept restore", 9, "research anthropic", {"the-old-key"}),
    ],
)
def test_a096_killed_change_is_whole_or_not_made(
    tmp_path: Path, change: str, points: int, at_stake: str, allowed: set[str | None]
) -> None:
    """Kill any other change at each of its points → made or not made, nothing else harmed, re-run good."""
    results = killed_at_every_point(change, tmp_path)

    def may_be(opened: dict[str, str]) -> bool:
        others = {
            name: key for name, key in opened.items() if name.split()[0] != at_stake.split()[0]
        }
        return opened.get(at_stake) in allowed and set(others.values()) <= {"the-old-key"}

    assert_nothing_is_lost(results, points=points, may_be=may_be)


# --- power cuts -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="syncs are recorded the way that Linux allows")
@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("first save", None, "the-old-key"),
        ("replace", "the-old-key", "the-new-key"),
        ("rotate", "the-old-key", "the-old-key"),
    ],
)
def test_a102_power_cut_leaves_the_change_made_or_not_made(
    tmp_path: Path, change: str, before: str | None, after: str
) -> None:
    """Drop or tear what was not synced, at every sync of a change → as after a kill; made once it returned."""
    require_tool("cc")
    results = run_apart("tests.vault.power", change, tmp_path)

    whole, cuts = results[0]["after"], results[1:]
    assert whole["opened"]["research anthropic"] == after
    assert len(cuts) >= 40, "the recorder saw the syncs"
    for cut in cuts:
        opened = cut["after"]["opened"]
        at_stake = opened.pop("research anthropic", None)
        assert cut["after"]["state"] in {"open", "empty"}, cut
        assert at_stake in ({after} if cut["last"] else {before, after}), cut
        assert set(opened.values()) <= {"the-old-key"}, cut
        assert len(opened) == (0 if change == "first save" else 5), cut
        assert cut["again"] == 0, cut
        assert cut["finally"]["opened"] == whole["opened"], cut
        assert cut["finally"]["masters"].count("active") == 1, cut


# --- at once ----------------------------------------------------------------------------------------


def test_a097_two_rotations_at_once_leave_one_active_master_key(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start two rotations together → one wins, the other says so, and all keys open."""
    both_have_a_key = threading.Barrier(2, timeout=20)

    def reached(name: str) -> None:
        if name == "new master key kept":
            both_have_a_key.wait()

    monkeypatch.setattr(failpoints, "reached", reached)
    outcomes: list[str] = []

    def rotate() -> None:
        try:
            house.vault.rotate_master()
            outcomes.append("won")
        except WrongUsage:
            outcomes.append("too late")

    threads = [threading.Thread(target=rotate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["too late", "won"]
    assert sorted(s.state for s in house.vault.master_status()) == ["active", "retired"]
    house.open()
    assert_all_open(house)


OPENER = """
import sys
from pathlib import Path
from tests.tools import require_tool
from tests.vault.builders import RESEARCH, House
house = House(Path(sys.argv[1]))
print("ready", flush=True)
opened = 0
while not Path(sys.argv[2]).exists():
    house.read(RESEARCH, "anthropic")
    opened += 1
print(opened)
"""


@pytest.mark.slow
def test_a097_rotation_fails_no_caller(house: House, tmp_path: Path) -> None:
    """Rotate and re-key while threads and another process open keys → not one call fails."""
    stop, sign = threading.Event(), tmp_path / "stop"
    failures: list[BaseException] = []
    opened = [0] * 6

    def open_keys(number: int) -> None:
        try:
            while not stop.is_set():
                assert house.read(RESEARCH, "openai") == house.keys[RESEARCH, "openai"]
                opened[number] += 1
        except BaseException as failure:
            failures.append(failure)

    other = subprocess.Popen(
        [sys.executable, "-c", OPENER, str(house.home), str(sign)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    threads = [threading.Thread(target=open_keys, args=(number,)) for number in range(len(opened))]
    for thread in threads:
        thread.start()
    for _ in range(5):
        house.vault.rotate_master()
        house.vault.rekey_workspace(RESEARCH)
    stop.set()
    sign.touch()
    for thread in threads:
        thread.join()
    output, errors = other.communicate(timeout=30)

    assert failures == []
    assert all(opened)
    assert other.returncode == 0, errors
    assert int(output) > 0


def test_a097_first_key_saved_by_two_at_once_makes_one_vault(tmp_path: Path) -> None:
    """Save the first key from two processes together → one vault, one master key, both keys open."""
    house = House(tmp_path / "home")
    other = House(house.home)
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def save(house: House, workspace: bytes) -> None:
        start.wait()
        try:
            house.save(workspace)
        except BaseException as failure:
            failures.append(failure)

    threads = [
        threading.Thread(target=save, args=pair) for pair in ((house, RESEARCH), (other, SUPPORT))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert house.sql("SELECT count(*) FROM vault") == [(1,)]
    assert [s.state for s in house.open().master_status()] == ["active"]
    assert house.read(RESEARCH) == house.keys[RESEARCH, "anthropic"]
    assert house.read(SUPPORT) == other.keys[SUPPORT, "anthropic"]


def test_a097_first_master_key_that_another_process_took_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be overtaken between keeping the first master key and making the vault → both keys open."""
    house = House(tmp_path / "home")
    other = House(house.home)

    def reached(name: str) -> None:
        if name == "first master key kept":
            monkeypatch.undo()
            other.save(SUPPORT)

    monkeypatch.setattr(failpoints, "reached", reached)
    house.save(RESEARCH)

    house.open()
    assert house.read(RESEARCH) == house.keys[RESEARCH, "anthropic"]
    assert house.read(SUPPORT) == other.keys[SUPPORT, "anthropic"]


# --- key stores and backups -------------------------------------------------------------------------


def test_a099_key_store_that_does_not_read_back_stops_the_rotation(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lose the new master key on its way into the keyring → the database has not heard of it."""
    entries: dict[tuple[str, str], str] = {}
    monkeypatch.setitem(os_keyring.ALLOWED, name_of(MemoryKeyring), "test")
    backend = MemoryKeyring.over(entries)
    vault = Vault.open(house.database, OsKeyring(backend))
    vault_id = house.sql("SELECT vault_id FROM vault")[0][0]
    OsKeyring(backend).put(vault_id, KeyFile(house.key_file)._read()[0])
    before = house.sql("SELECT * FROM data_keys"), house.sql("SELECT * FROM master_keys")
    monkeypatch.setattr(type(backend), "set_password", lambda *_: None)

    with pytest.raises(VaultSealed, match="does not read back"):
        vault.rotate_master()

    assert (house.sql("SELECT * FROM data_keys"), house.sql("SELECT * FROM master_keys")) == before
    assert_all_open(house)


def test_a099_entry_lost_before_the_commit_stops_the_rotation(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delete the new master key between its read-back and the commit → nothing is changed."""

    def reached(name: str) -> None:
        if name == "new master key kept":
            store = KeyFile(house.key_file)
            store.delete(b"", store.list_ids(b"")[-1])

    monkeypatch.setattr(failpoints, "reached", reached)

    with pytest.raises(VaultSealed):
        house.vault.rotate_master()

    monkeypatch.undo()
    house.open()
    assert_all_open(house)


def test_a100_master_key_in_use_is_not_purged(house: House) -> None:
    """Purge with no patience → the active master key and one that a data key is under stay."""
    house.sql("UPDATE data_keys SET wrapped = zeroblob(100) WHERE workspace_id = ?", SUPPORT)
    rotation = house.vault.rotate_master()
    assert rotation.left == 1

    assert house.vault.purge_master(NOW) == []

    assert {s.mk_id for s in house.vault.master_status()} == {rotation.old, rotation.new}


def test_a100_master_key_that_still_signs_a_workspace_is_not_purged(house: House) -> None:
    """Purge a master key under which a workspace's manifest still is → kept, and named as retired."""
    house.sql("UPDATE provider_keys SET added_by = 'eve' WHERE workspace_id = ?", RESEARCH)
    rotation = house.open().rotate_master()
    signed = {mk_id for (mk_id,) in house.sql("SELECT mk_id FROM manifests")}
    assert signed == {rotation.old, rotation.new}, "what is in doubt must not be signed again"

    assert house.vault.purge_master(NOW) == []

    assert [s.state for s in house.vault.master_status() if s.mk_id == rotation.old] == ["retired"]
    with pytest.raises(VaultIntegrityError):  # and not that the vault is sealed
        house.open().open_key(RESEARCH, "anthropic")
    house.vault.remove_workspace(RESEARCH, actor="ada")  # signs what is left of it
    assert [s.mk_id for s in house.vault.purge_master(NOW)] == [rotation.old]


def test_a100_master_key_that_younger_backups_need_is_not_purged(house: House) -> None:
    """Purge a key retired just now under a policy of a day → it stays; without one, it goes."""
    rotation = house.vault.rotate_master()

    assert house.vault.purge_master(DAY) == []
    assert [s.mk_id for s in house.vault.purge_master(NOW)] == [rotation.old]
    assert [s.mk_id for s in house.vault.master_status()] == [rotation.new]
    assert_all_open(house)


def test_a100_left_over_master_key_is_purged(house: House) -> None:
    """Leave a new master key behind by a cut-off rotation → shown as an orphan, and purged."""
    orphan = MasterKey.generate()
    KeyFile(house.key_file).put(b"", orphan)

    assert [s.mk_id for s in house.vault.purge_master(DAY)] == [orphan.mk_id]
    assert_all_open(house)


@pytest.fixture
def backup(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database backup taken in the middle of a rotation."""
    path = tmp_path / "backup"

    def reached(name: str) -> None:
        if name == "data key rewrapped" and not path.exists():
            source, target = sqlite3.connect(house.file), sqlite3.connect(path)
            source.backup(target)
            source.close()
            target.close()

    monkeypatch.setattr(failpoints, "reached", reached)
    house.vault.rotate_master()
    monkeypatch.undo()
    path.chmod(0o600)
    return path


def test_a101_backup_from_mid_rotation_opens_with_its_master_key(
    house: House, backup: Path, tmp_path: Path
) -> None:
    """Restore it on a clean machine with the key file → all keys open."""
    clean = House(tmp_path / "clean", dict(house.keys))
    clean.database.close()
    shutil.copyfile(backup, clean.file)
    shutil.copyfile(house.key_file, clean.key_file)
    clean.key_file.chmod(0o600)

    clean.open()

    assert_all_open(clean)


def test_a101_backup_without_its_master_key_is_sealed_with_instructions(
    house: House, backup: Path, tmp_path: Path
) -> None:
    """Restore it without the key file → sealed, what is missing is said, and no new one is made."""
    clean = House(tmp_path / "clean")
    clean.database.close()
    shutil.copyfile(backup, clean.file)

    state = clean.open().state()

    assert state.name == "sealed"
    assert str(clean.key_file) in state.reason
    assert "ASSAY_MASTER_KEY_FILE" in state.hint
    assert not clean.key_file.exists()


def test_a098_failing_commit_leaves_the_old_state(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail to write at the very end of a rotation → the old master key is active, and all keys open."""

    def reached(name: str) -> None:
        if name == "change signed":
            raise StoreUnavailable("The disk is full.")

    monkeypatch.setattr(failpoints, "reached", reached)
    with pytest.raises(StoreUnavailable):
        house.vault.rotate_master()
    monkeypatch.undo()

    assert_all_open(house)
    house.open()
    assert_all_open(house)
    assert sorted(s.state for s in house.vault.master_status()) == ["active", "orphan"]
