from __future__ import annotations

import os
import shlex
import stat
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from assay_nb.errors import VaultSealed
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores.key_file import KeyFile, _check_private

VAULT = b"v" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


@pytest.fixture
def store(path: Path) -> KeyFile:
    return KeyFile(path)


def test_file_is_private_whatever_the_umask(store: KeyFile, path: Path) -> None:
    before = os.umask(0)
    try:
        store.put(VAULT, MasterKey.generate())
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_made_before_something_is_put(store: KeyFile, path: Path) -> None:
    assert store.list_ids(VAULT) == []
    assert not path.exists()


def test_making_the_file_is_announced_once_and_before(path: Path) -> None:
    existed: list[bool] = []
    store = KeyFile(path, announce=lambda: existed.append(path.exists()))

    store.put(VAULT, MasterKey.generate())
    store.put(VAULT, MasterKey.generate())

    assert existed == [False]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_file_that_others_may_read_is_refused(store: KeyFile, path: Path, mode: int) -> None:
    store.put(VAULT, MasterKey.generate())
    path.chmod(mode)

    with pytest.raises(VaultSealed, match="Others may read"):
        store.list_ids(VAULT)


def test_command_that_closes_a_file_can_be_copied(tmp_path: Path) -> None:
    """As on macOS, where the directory is `Application Support`."""
    path = tmp_path / "Application Support" / "master.key"
    path.parent.mkdir()
    store = KeyFile(path)
    store.put(VAULT, MasterKey.generate())
    path.chmod(0o644)

    with pytest.raises(VaultSealed) as refused:
        store.list_ids(VAULT)

    assert shlex.split(str(refused.value.hint).split("`")[1]) == ["chmod", "600", str(path)]


def test_read_only_file_of_the_owner_is_used(store: KeyFile, path: Path) -> None:
    master = MasterKey.generate()
    store.put(VAULT, master)
    path.chmod(0o400)

    assert store.list_ids(VAULT) == [master.mk_id]


def test_symbolic_link_is_refused(store: KeyFile, path: Path, tmp_path: Path) -> None:
    KeyFile(tmp_path / "elsewhere").put(VAULT, MasterKey.generate())
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(VaultSealed):
        store.list_ids(VAULT)


def test_directory_in_its_place_is_refused(store: KeyFile, path: Path) -> None:
    path.mkdir()

    with pytest.raises(VaultSealed):
        store.list_ids(VAULT)


@pytest.mark.parametrize("content", [b"", b"\n", b"anbmk1.short\n", b"# a comment\n"])
def test_file_without_a_whole_key_is_refused_and_not_taken_for_empty(
    store: KeyFile, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(VaultSealed):
        store.list_ids(VAULT)
    with pytest.raises(VaultSealed):
        store.put(VAULT, MasterKey.generate())


def test_file_written_by_hand_without_a_line_end_is_read(store: KeyFile, path: Path) -> None:
    master = MasterKey.generate()
    path.write_bytes(bytes(master.write().reveal()))
    path.chmod(0o600)

    assert store.list_ids(VAULT) == [master.mk_id]


def test_what_a_crash_left_over_goes_with_the_next_change(store: KeyFile, path: Path) -> None:
    left_over = path.with_name(f".{path.name}.4711.new")
    left_over.write_bytes(b"anbmk1.half")

    store.put(VAULT, MasterKey.generate())

    assert not left_over.exists()


def test_two_that_put_at_once_lose_nothing(path: Path) -> None:
    masters = [MasterKey.generate() for _ in range(8)]
    threads = [
        threading.Thread(target=KeyFile(path).put, args=(VAULT, master)) for master in masters
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {m.mk_id for m in masters} == set(KeyFile(path).list_ids(VAULT))


def test_putting_what_is_there_writes_nothing(store: KeyFile, path: Path) -> None:
    master = MasterKey.generate()
    path.write_bytes(bytes(master.write().reveal()))
    path.chmod(0o400)

    store.put(VAULT, master)

    assert list(path.parent.iterdir()) == [path]


def test_read_only_directory_is_said_in_one_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/self/master.key")  # root may write anywhere but here
    else:
        (tmp_path / "shut").mkdir(mode=0o500)
        target = tmp_path / "shut" / "master.key"

    with pytest.raises(VaultSealed, match="cannot be used"):
        KeyFile(target).put(VAULT, MasterKey.generate())


def test_damaged_mark_is_refused_and_not_taken_for_none(store: KeyFile, path: Path) -> None:
    store.raise_mark(VAULT, 3)
    path.with_name("master.key.epoch").write_text("nonsense\n")

    with pytest.raises(VaultSealed, match="damaged"):
        store.find_mark(VAULT)


@pytest.mark.skipif(os.name != "posix", reason="owners are POSIX's")
@pytest.mark.parametrize(
    ("owner", "group", "mode", "refused"),
    [
        (1000, 1000, 0o600, None),
        (1000, 1000, 0o400, None),
        (1000, 1000, 0o640, "Others may read"),
        (1000, 1000, 0o604, "Others may read"),
        (1001, 1000, 0o600, "belongs to another user"),
        (1001, 0, 0o400, "belongs to another user"),
        (0, 0, 0o440, None),  # as a service manager hands it over, with an access list
        (0, 0, 0o444, "Others may read"),
        (0, 1000, 0o440, "Others may read"),
    ],
)
def test_file_is_taken_by_its_owner_and_mode(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: int,
    group: int,
    mode: int,
    refused: str | None,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = SimpleNamespace(st_uid=owner, st_gid=group, st_mode=stat.S_IFREG | mode)

    with pytest.raises(VaultSealed, match=refused) if refused else nullcontext():
        _check_private(path, found)  # type: ignore[arg-type]
