from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from assay_nb.errors import StoreUnavailable
from assay_nb.store.database import Database
from assay_nb.store.files import find_network_mount, prepare_file

LOCAL = "25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
def test_every_file_of_a_database_in_use_is_its_owners_alone(vault_file: Path):
    database = Database.open(vault_file)
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO preferences VALUES ('me', 'a', 'b')")

    modes = {path.name: _mode(path) for path in vault_file.parent.iterdir()}

    assert modes == {"vault.db": 0o600, "vault.db-wal": 0o600, "vault.db-shm": 0o600}
    assert _mode(vault_file.parent) == 0o700
    database.close()


def test_umask_that_takes_everything_still_leaves_the_owner_in(vault_file: Path):
    before = os.umask(0o777)
    try:
        prepare_file(vault_file)
    finally:
        os.umask(before)

    assert _mode(vault_file.parent) == 0o700
    assert _mode(vault_file) == 0o600


def test_file_that_others_can_read_is_refused_and_left_as_it_is(vault_file: Path):
    prepare_file(vault_file)
    vault_file.chmod(0o644)

    with pytest.raises(StoreUnavailable) as refused:
        Database.open(vault_file)

    assert f"`chmod 600 {vault_file}`" in str(refused.value)
    assert _mode(vault_file) == 0o644


@pytest.mark.parametrize("side", ["-wal", "-shm", "-journal"])
def test_side_file_that_others_can_read_is_refused(vault_file: Path, side: str):
    prepare_file(vault_file)
    beside = vault_file.with_name(vault_file.name + side)
    beside.touch(mode=0o600)
    beside.chmod(0o640)

    with pytest.raises(StoreUnavailable, match=f"vault.db{side} is open to other users"):
        prepare_file(vault_file)


@pytest.mark.parametrize("name", ["home", "Application Support", "ada's", "$HOME"])
def test_directory_that_others_can_enter_is_refused(tmp_path: Path, name: str):
    home = tmp_path / name
    home.mkdir()
    home.chmod(0o755)

    with pytest.raises(StoreUnavailable) as refused:
        prepare_file(home / "vault.db")

    command = str(refused.value).split("`")[1]
    assert shlex.split(command) == ["chmod", "700", str(home)]
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", ["vault.db", "vault.db-wal", "vault.db-shm"])
def test_link_in_the_place_of_a_file_is_refused(vault_file: Path, tmp_path: Path, name: str):
    prepare_file(vault_file)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o600)
    vault_file.with_name(name).unlink(missing_ok=True)
    vault_file.with_name(name).symlink_to(elsewhere)

    with pytest.raises(StoreUnavailable, match="not a plain file"):
        Database.open(vault_file)

    assert elsewhere.read_bytes() == b""


def test_link_that_leads_nowhere_is_not_filled(vault_file: Path, tmp_path: Path):
    vault_file.parent.mkdir(mode=0o700)
    vault_file.symlink_to(tmp_path / "nowhere")

    with pytest.raises(StoreUnavailable, match="not a plain file"):
        prepare_file(vault_file)

    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_refused(vault_file: Path):
    prepare_file(vault_file)
    os.chown(vault_file, 12345, -1)

    with pytest.raises(StoreUnavailable, match="belongs to another user"):
        prepare_file(vault_file)


def test_missing_file_is_not_made_when_that_is_not_asked(vault_file: Path):
    with pytest.raises(StoreUnavailable, match="There is no database at"):
        Database.open(vault_file, create=False)

    assert not vault_file.parent.exists()


def test_directory_in_the_place_of_a_parent_file_gives_one_clear_line(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailable, match="cannot be used"):
        prepare_file(tmp_path / "file" / "home" / "vault.db")


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "ceph", "lustre", "fuse.glusterfs"]
)
def test_network_file_system_is_found(kind: str):
    mountinfo = f"{LOCAL}\n31 25 0:40 / /home rw shared:2 - {kind} server:/export rw,vers=4.2"

    assert find_network_mount(Path("/home/ada/.local"), mountinfo) == ("/home", kind)
    assert find_network_mount(Path("/homes/ada"), mountinfo) is None


def test_local_disk_below_a_network_home_is_local():
    mountinfo = "\n".join(
        [
            LOCAL,
            "31 25 0:40 / /home rw - nfs4 server:/export rw",
            "32 31 8:2 / /home/ada/disk rw - xfs /dev/sdb1 rw",
        ]
    )

    assert find_network_mount(Path("/home/ada/disk/vault"), mountinfo) is None


def test_later_mount_on_the_same_point_is_the_one_that_counts():
    over = "40 25 0:50 / /home rw - tmpfs tmpfs rw"
    under = "31 25 0:40 / /home rw - nfs4 server:/export rw"

    assert find_network_mount(Path("/home/x"), f"{under}\n{over}") is None
    assert find_network_mount(Path("/home/x"), f"{over}\n{under}") == ("/home", "nfs4")


def test_mount_point_with_a_space_is_read():
    mountinfo = rf"{LOCAL}" + "\n31 25 0:40 / /mnt/team\\040disk rw - cifs //server/x rw"

    assert find_network_mount(Path("/mnt/team disk/vault"), mountinfo) == ("/mnt/team disk", "cifs")


def test_windows_drive_under_wsl_counts_as_network_and_a_sandbox_root_does_not():
    wsl = r"60 25 0:60 / /mnt/c rw - 9p C:\134 rw,aname=drvfs;path=C:\;uid=1000"
    sandbox = "1 0 0:1 / / rw - 9p none rw,trans=fd"

    assert find_network_mount(Path("/mnt/c/Users"), f"{LOCAL}\n{wsl}") == ("/mnt/c", "9p")
    assert find_network_mount(Path("/root"), sandbox) is None


def test_lines_that_are_no_mounts_are_skipped():
    assert find_network_mount(Path("/x"), "garbage\n\n - \n1 2 3 - nfs") is None


def test_database_on_a_network_home_is_refused(vault_file: Path, monkeypatch: pytest.MonkeyPatch):
    mountinfo = vault_file.parent.parent / "mountinfo"
    mountinfo.write_text(
        f"{LOCAL}\n31 25 0:40 / {vault_file.parent.parent} rw - nfs4 server:/x rw\n"
    )
    monkeypatch.setattr("assay_nb.store.files._MOUNTINFO", mountinfo)

    with pytest.raises(StoreUnavailable, match="network file system") as refused:
        Database.open(vault_file)

    assert "ASSAY_HOME" in str(refused.value)
    assert not vault_file.exists()
