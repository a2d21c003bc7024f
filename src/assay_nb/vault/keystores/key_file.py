"""A master key in a file that only its owner may read, for machines without a keyring.

The file holds one `anbmk1.…` value a line, oldest first. It is replaced as a whole: whatever is cut off
in between, either the old file is there or the new one.
"""

from __future__ import annotations

import hmac
import os
import shlex
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from assay_nb.errors import VaultSealed
from assay_nb.plain_files import open_plain
from assay_nb.vault.failpoints import failpoint
from assay_nb.vault.hierarchy import MasterKey, parse_master_key
from assay_nb.vault.keystores.base import Protection

_LIMIT = 64 * 1024


class KeyFile:
    """A key store in one file, with the epoch noted in another beside it.

    Args:
        path: The file. It is made when the first master key is put into it.
        mark_path: Where the epoch is noted, if not beside the file.
        is_shared: Whether the file may hold other vaults' master keys.
        announce: Called just before the file is made, so that nobody has one without being told.
    """

    def __init__(
        self,
        path: Path,
        *,
        mark_path: Path | None = None,
        is_shared: bool = False,
        announce: Callable[[], None] | None = None,
    ) -> None:
        self._path = path
        self._marks = mark_path or path.with_name(f"{path.name}.epoch")
        self._is_shared = is_shared
        self._announce = announce

    @property
    def is_shared(self) -> bool:
        return self._is_shared

    @property
    def is_quick(self) -> bool:
        return True

    def describe(self) -> str:
        return f"the key file {self._path}"

    def protection(self) -> Protection:
        return Protection(
            strong=False,
            text="A copy of the database without this file stays closed. Anyone who can read both, you and "
            "every program you run among them, can open the keys.",
        )

    def is_apart(self, database: Path | None) -> bool:
        if database is None:
            return True
        # Links are followed on both sides: two names of one directory are not two places.
        here, there = self._path.resolve().parent, database.resolve().parent
        return not (here.is_relative_to(there) or there.is_relative_to(here))

    def find(self, vault_id: bytes, mk_id: bytes) -> MasterKey | None:
        return next((key for key in self._read() if key.mk_id == mk_id), None)

    def list_ids(self, vault_id: bytes) -> list[bytes]:
        return [key.mk_id for key in self._read()]

    def put(self, vault_id: bytes, master: MasterKey) -> None:
        if master.mk_id in self.list_ids(vault_id):
            return  # not even the lock is taken: the directory may be read-only
        with _locked(self._path):
            keys = [key for key in self._read() if key.mk_id != master.mk_id]
            if not keys and self._announce is not None:
                self._announce()
            self._write([*keys, master])
            if master.mk_id not in self.list_ids(vault_id):
                raise VaultSealed(f"What was written to {self.describe()} does not read back.")

    def delete(self, vault_id: bytes, mk_id: bytes) -> None:
        with _locked(self._path):
            self._write([key for key in self._read() if key.mk_id != mk_id])

    def find_mark(self, vault_id: bytes) -> int | None:
        return self._read_marks().get(vault_id.hex())

    def raise_mark(self, vault_id: bytes, epoch: int) -> None:
        with _locked(self._marks):
            marks = self._read_marks()
            if epoch > marks.get(vault_id.hex(), -1):
                marks[vault_id.hex()] = epoch
                lines = (f"{vault} {mark}\n" for vault, mark in marks.items())
                _replace(self._marks, "".join(lines).encode())

    def _read(self) -> list[MasterKey]:
        content = _read_private(self._path)
        if content is None:
            return []
        return [parse_master_key(line) for line in content.removesuffix(b"\n").split(b"\n")]

    def _write(self, keys: list[MasterKey]) -> None:
        lines = b"".join(bytes(key.write().reveal()) + b"\n" for key in keys)
        if lines:
            _replace(self._path, lines)
        else:
            self._path.unlink(missing_ok=True)

    def _read_marks(self) -> dict[str, int]:
        content = _read_private(self._marks)
        try:
            pairs = [line.split(" ") for line in (content or b"").decode("ascii").splitlines()]
            return {vault: int(mark) for vault, mark in pairs}
        except ValueError:
            raise VaultSealed(
                f"The file {self._marks}, which notes how far the vault had come, is damaged.",
                hint="Put it back. If it is lost, remove it: a rolled-back database then goes unnoticed.",
            ) from None


def _read_private(path: Path) -> bytes | None:
    """Return a file's content, or None where there is no file; refuse one that others may read."""
    with _explained(path):
        try:
            descriptor = open_plain(path, follow=False)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            _check_private(path, os.fstat(descriptor))
            return file.read(_LIMIT)


def _check_private(path: Path, found: os.stat_result) -> None:
    if os.name != "posix":
        return  # other systems keep access rights elsewhere
    if found.st_uid not in (os.geteuid(), 0):
        raise VaultSealed(
            f"The file {path} belongs to another user.", hint="It must be yours, or root's."
        )
    if found.st_mode & others_of(found):
        raise VaultSealed(
            f"Others may read the file {path}.",
            hint=f"Close it with `chmod 600 {shlex.quote(str(path))}`; if it was open for long, "
            "rotate the master key.",
        )


def others_of(found: os.stat_result) -> int:
    """Return the bits of a file's mode that speak of others than its owner and us.

    A service manager hands a secret over as root's file with an access list for our user alone. The
    list's mask shows as the group's bits, and the group is root's.
    """
    handed_over = found.st_uid == 0 != os.geteuid() and found.st_gid == 0
    return 0o037 if handed_over else 0o077


def _replace(path: Path, content: bytes) -> None:
    """Put a file in the place of another so that a crash leaves one of the two, whole and on disk."""
    with _explained(path):
        for left_over in path.parent.glob(f".{path.name}.*.new"):
            left_over.unlink(missing_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            failpoint("key file written")
            file.flush()
            os.fsync(descriptor)
        if not hmac.compare_digest(new.read_bytes(), content):
            raise VaultSealed(f"What was written to {new} does not read back.")
        failpoint("key file synced")
        new.replace(path)
        failpoint("key file in place")
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path) -> Generator[None]:
    """Let one process at a time read, change and replace a file."""
    with _explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise VaultSealed(
            f"The file {path} cannot be used: {error.strerror or 'the system refused'}.",
            hint="Nothing was changed. It must be a plain file in a directory that is yours.",
        ) from None


_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
