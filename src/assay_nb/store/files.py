"""The database's files: private from the moment they exist, and on a disk that SQLite can trust.

SQLite creates `-wal` and `-shm` with the mode of the main file, so a main file of mode 0600 makes all
three private whatever the umask says. That is why the main file is made here, before SQLite opens it.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

from assay_nb.errors import StoreUnavailable

_NETWORK_TYPES = frozenset(
    {"afs", "ceph", "cifs", "coda", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2"}
    | {"smb2", "smb3", "smbfs"}
    | {
        f"fuse.{kind}"
        for kind in ("ceph", "gcsfuse", "glusterfs", "rclone", "s3fs", "smbnetfs", "sshfs")
    }
)
_SMALLEST = 512
"""SQLite takes a file shorter than its smallest page for an empty one, and would begin anew in it."""

_MOUNTINFO = Path("/proc/self/mountinfo")


def prepare_file(path: Path, *, create: bool = True) -> bool:
    """Make the database file and its directory private, or refuse files that are not.

    What is missing is created: directory 0700, file 0600. What is there already is only looked at. A
    file that others could read may have been read, and quietly closing it would hide that.

    Returns:
        Whether the file was created now.

    Raises:
        StoreUnavailable: If the place is not private, not ours, or not on a local disk.
    """
    try:
        created = _prepare(path, create=create)
    except OSError as error:
        raise StoreUnavailable(
            f"{error.filename or path} cannot be used: {error.strerror}.",
            hint="Set ASSAY_HOME to a directory that you may write to.",
        ) from None
    return created


def find_network_mount(path: Path, mountinfo: str) -> tuple[str, str] | None:
    """Return the mount point and type of the network file system that holds `path`, or None.

    Args:
        path: An absolute path without symbolic links.
        mountinfo: The text of `/proc/self/mountinfo` (see `man 5 proc`). Of two mounts on one
            point the later one is on top.
    """
    best: tuple[str, str, str] | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if len(left) < 5 or not right[0]:
            continue
        point = _unescape(left[4])
        if path.is_relative_to(point) and (best is None or len(point) >= len(best[0])):
            best = point, right[0], right[-1]
    if best and _is_network(best[1], best[2]):
        return best[0], best[1]
    return None


def _is_network(kind: str, options: str) -> bool:
    # 9p is also what sandboxes use for a local root; under WSL it is a Windows drive, which cannot lock.
    return kind in _NETWORK_TYPES or (kind == "9p" and "aname=drvfs" in options)


def _unescape(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _check_local(directory: Path) -> None:
    try:
        mountinfo = _MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return  # not Linux: there is no portable way to ask
    if found := find_network_mount(directory.resolve(), mountinfo):
        raise StoreUnavailable(
            f"{directory} is on a network file system ({found[1]} at {found[0]}), where SQLite can lose data.",
            hint="Set ASSAY_HOME to a directory on a local disk; a team uses the gateway with PostgreSQL.",
        )


def _prepare(path: Path, *, create: bool) -> bool:
    if create:
        _make_directory(path.parent)
    elif not path.exists():
        raise StoreUnavailable(f"There is no database at {path}.")
    _check_local(path.parent)
    _check_private(path.parent, path.parent.stat(), 0o700)
    created = _make_file(path) if create else False
    for suffix in ("", "-wal", "-shm", "-journal"):
        _check_file(path.with_name(path.name + suffix))
    if 0 < path.stat().st_size < _SMALLEST:
        raise StoreUnavailable(
            f"The database {path} is damaged: nearly all of it is missing.",
            hint="Put back a backup, or move the file away and enter the keys again.",
        )
    return created


def _make_directory(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    path.chmod(0o700)  # the umask may have taken more than it should


def _make_file(path: Path) -> bool:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return False
    # Closing any descriptor of a file drops this process's locks on it. Nobody can hold one yet.
    os.close(descriptor)
    path.chmod(0o600)
    return True


def _check_file(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return  # SQLite makes and removes its side files as it likes
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(
            f"{path} is not a plain file, so it is not opened.",
            hint="A link here could lead the keys elsewhere: remove it, or set ASSAY_HOME to the real directory.",
        )
    _check_private(path, found, 0o600)


def _check_private(path: Path, found: os.stat_result, mode: int) -> None:
    if not hasattr(os, "geteuid"):
        return  # Windows: access lists, inherited from the user's profile
    if found.st_uid != os.geteuid():
        raise StoreUnavailable(
            f"{path} belongs to another user, so it is not opened.",
            hint="Set ASSAY_HOME to a directory of your own.",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreUnavailable(
            f"{path} is open to other users of this machine (mode {stat.S_IMODE(found.st_mode):04o}).",
            hint=f"Close it first: `chmod {mode:o} {shlex.quote(str(path))}`.",
        )
