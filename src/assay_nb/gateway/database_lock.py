"""A lock beside a gateway's SQLite file: gateways share it, and who moves the database has it alone.

PostgreSQL needs none: whoever copies it has the server's own tools.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from assay_nb.errors import StoreUnavailable, WrongUsage
from assay_nb.gateway.settings import Settings


def sqlite_file(settings: Settings) -> Path | None:
    """Return the SQLite file of a gateway; None where it has PostgreSQL."""
    if settings.database_url is None:
        return settings.home / "vault.sqlite"
    if settings.database_url.startswith("sqlite:///"):
        return Path(settings.database_url.removeprefix("sqlite:///"))
    return None


@contextmanager
def share_database(settings: Settings) -> Generator[None]:
    """Hold the lock together with other gateways for as long as the block runs.

    Raises:
        StoreUnavailable: If somebody moves the database now.
    """
    path = sqlite_file(settings)
    if path is None:
        yield
        return
    with _locked(path, alone=False) as got:
        if not got:
            raise StoreUnavailable(
                f"{path} is being copied to another database.",
                hint="Wait until `assay-nb-operator database copy` has ended, and start again.",
            )
        yield


@contextmanager
def hold_database(path: Path) -> Generator[None]:
    """Hold the lock alone for as long as the block runs, so that no gateway starts meanwhile.

    Raises:
        WrongUsage: If a gateway is running.
    """
    with _locked(path, alone=True) as got:
        if not got:
            raise WrongUsage(
                f"A gateway is running on {path}.",
                hint="Stop it first: `systemctl stop assay-nb-gateway`.",
            )
        yield


@contextmanager
def _locked(path: Path, *, alone: bool) -> Generator[bool]:
    import fcntl  # not on Windows, where no gateway runs

    lock = path.with_name(f"{path.name}.lock")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, flags, 0o600)
    except OSError as error:
        raise StoreUnavailable(
            f"{lock} cannot be used: {error.strerror}.", hint="Let the gateway's user write there."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
