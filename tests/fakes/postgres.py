"""A real PostgreSQL for the tests: its own directory, its own user, a Unix socket and no port.

`tests/conftest.py` alone imports the fixtures, since pytest makes one of each for each importer:
`postgres_server` runs for a session, `postgres_url` is an empty place in it.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tools import require_tool
from tests.watching import watch

__all__ = ["postgres_server", "postgres_url", "running_postgres"]

_numbers = itertools.count(1)


@contextmanager
def running_postgres(programs: Path) -> Iterator[Path]:
    """Run a server, and give the directory of its socket."""
    prefix, owner = _unprivileged()
    # Not under pytest's directory: the path of a socket has room for about a hundred bytes.
    directory = Path(tempfile.mkdtemp(prefix="pg"))
    directory.chmod(0o711)  # its clients have users of their own
    if owner:
        os.chown(directory, owner.pw_uid, owner.pw_gid)

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(programs / program), "-D", str(directory / "data"), *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    try:
        run("initdb", "-A", "trust", "-U", "test", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-F -k {directory} -c listen_addresses='' -c max_connections=200"
        run("pg_ctl", "-w", "-l", str(directory / "log"), "-o", options, "start")
        try:
            watch(int((directory / "data" / "postmaster.pid").read_text().split()[0]))
            yield directory
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    with running_postgres(Path(require_tool("initdb")).resolve().parent) as directory:
        yield directory


@pytest.fixture
def postgres_url(postgres_server: Path) -> str:
    """Return the URL of an empty database: a schema of its own, since a real one is a thousand files."""
    import psycopg

    name = f"assay_{next(_numbers)}"
    with psycopg.connect(
        f"host={postgres_server} user=test dbname=postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return (
        f"postgresql+psycopg://test@/postgres?host={postgres_server}&options=-csearch_path%3D{name}"
    )


def _unprivileged() -> tuple[list[str], pwd.struct_passwd | None]:
    """Return how to run as somebody else, which the server insists on when we are root."""
    if os.geteuid() != 0:
        return [], None
    owner = next(entry for entry in pwd.getpwall() if entry.pw_name in {"postgres", "nobody"})
    return ["runuser", "-u", owner.pw_name, "--"], owner
