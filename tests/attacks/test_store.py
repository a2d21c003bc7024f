"""Attacks on the database's files, on its migrations and on the budget row."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from assay_nb.accounting.demo_budget import DemoBudget
from assay_nb.errors import DemoExhausted, StoreUnavailable
from assay_nb.store.database import Database
from assay_nb.store.tables import metadata
from tests.tools import require_tool


@pytest.fixture
def vault_file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "vault.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, vault_file: Path) -> Iterator[Database]:
    where = vault_file if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = Database.open(where)
    yield opened
    opened.close()


def _fill(path: Path, *, rows: int) -> None:
    with closing(Database.open(path)) as database, database.write() as connection:
        for number in range(rows):
            connection.execute(
                text("INSERT INTO preferences VALUES ('me', :n, :v)"),
                {"n": f"{number:05}", "v": "x" * 500},
            )


def _read_all(path: Path) -> list[str]:
    """Read through the store what a caller would get; an error of ours passes."""
    with closing(Database.open(path, busy_timeout=1)) as database, database.read() as connection:
        return list(connection.scalars(text("SELECT value FROM preferences")))


# --- 27: damaged files ------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1, 15, 100, 511, 4096, 4097, 8192, 40_000, 100_001])
def test_a027_database_cut_short_is_one_clean_error(vault_file: Path, kept: int):
    """Cut the file → `StoreUnavailable`, the same each time, and never a part of the rows."""
    _fill(vault_file, rows=400)
    assert vault_file.stat().st_size > 200_000
    os.truncate(vault_file, kept)

    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=r"is damaged|does not have the tables"):
            _read_all(vault_file)


@pytest.mark.parametrize("offset", [0, 16, 100])
def test_a027_noise_over_a_header_is_one_clean_error(vault_file: Path, offset: int):
    """Overwrite the start of the file → `StoreUnavailable`."""
    _fill(vault_file, rows=400)
    with vault_file.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * 64)

    with pytest.raises(StoreUnavailable):
        _read_all(vault_file)


@pytest.mark.parametrize(
    "damage", ["wal header", "wal frame", "wal cut", "shm zeroed", "shm noise"]
)
def test_a027_damaged_side_files_lose_whole_transactions_or_nothing(
    vault_file: Path, tmp_path: Path, damage: str
):
    """Corrupt -wal or -shm after a crash → a state that once was committed, never a mixture."""
    database = Database.open(vault_file)
    for number in range(5):
        with database.write() as connection:
            for part in ("a", "b"):
                connection.execute(
                    text("INSERT INTO preferences VALUES (:p, :n, :v)"),
                    {"p": part, "n": str(number), "v": f"{number}"},
                )
    crashed = tmp_path / "crashed"
    shutil.copytree(vault_file.parent, crashed)  # as a power cut would leave it
    crashed.chmod(0o700)
    database.close()
    wal, shm = crashed / "vault.db-wal", crashed / "vault.db-shm"
    assert wal.stat().st_size > 10_000
    if damage == "wal header":
        _overwrite(wal, 0, b"\xff" * 32)
    elif damage == "wal frame":
        _overwrite(wal, wal.stat().st_size // 2, b"\xff" * 64)
    elif damage == "wal cut":
        os.truncate(wal, wal.stat().st_size * 2 // 3)
    elif damage == "shm zeroed":
        shm.write_bytes(bytes(shm.stat().st_size))
    else:
        shm.write_bytes(b"\xa5" * shm.stat().st_size)

    found = _read_all(crashed / "vault.db")

    assert sorted(found) == sorted([str(n) for n in range(len(found) // 2)] * 2)
    if damage.startswith("shm"):
        assert len(found) == 10


def _overwrite(path: Path, offset: int, noise: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(noise)


# --- 26, 87: the budget row -------------------------------------------------------------------------


def test_a026_raised_limit_in_the_table_buys_nothing(database: Database):
    """Raise `granted` behind our back → the ceiling of the release holds all the same."""
    budget = DemoBudget(database, granted=7)
    budget.reserve("ada")
    with database.write() as connection:
        connection.execute(text("UPDATE budgets SET granted = 1000000"))

    for _ in range(6):
        budget.reserve("ada")

    assert budget.left("ada") == 0
    with pytest.raises(DemoExhausted):
        budget.reserve("ada")


def test_a087_first_calls_by_a_hundred_callers_make_one_budget_row(database: Database):
    """A hundred first calls at once → one row, seven admitted, ninety-three clean refusals."""
    budget = DemoBudget(database, granted=7)

    def call(number: int) -> bool:
        try:
            budget.reserve("ada", f"call-{number}")
        except DemoExhausted:
            return False
        return True

    with ThreadPoolExecutor(100) as pool:
        admitted = list(pool.map(call, range(100)))

    assert (admitted.count(True), admitted.count(False)) == (7, 93)
    with database.read() as connection:
        assert [tuple(row) for row in connection.execute(text("SELECT * FROM budgets"))] == [
            ("ada", 7, 7)
        ]
        assert connection.scalar(text("SELECT count(*) FROM reservations")) == 7


@pytest.mark.slow
def test_a087_first_calls_by_many_processes_make_one_budget_row(vault_file: Path):
    """The same from five processes with eight threads each."""
    Database.open(vault_file).close()
    program = """
import sys
from concurrent.futures import ThreadPoolExecutor
from assay_nb.errors import DemoExhausted
from assay_nb.store.database import Database
from assay_nb.accounting.demo_budget import DemoBudget

database = Database.open(sys.argv[1])
budget = DemoBudget(database, granted=7)

def call(_):
    try:
        budget.reserve("ada")
    except DemoExhausted:
        return 0
    return 1

with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(call, range(16))))
database.close()
"""
    processes = [_start(program, vault_file) for _ in range(5)]
    outcomes = [process.communicate(timeout=100) for process in processes]

    assert [error for _, error in outcomes if error] == []
    assert sum(int(admitted) for admitted, _ in outcomes) == 7
    with closing(sqlite3.connect(vault_file)) as connection:
        assert connection.execute("SELECT * FROM budgets").fetchall() == [("ada", 7, 7)]


def _start(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- 96: kill -9 during a migration -----------------------------------------------------------------

_KILLED = """
# Migrate again and again, and kill the process after its first statement, its second, and so on: before
# the statement runs, right after it, and before and after the commit.
import json, os, signal, sqlite3, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool
import alembic.command, alembic.config, alembic.context
from assay_nb.store.database import Database
from assay_nb.store.migrations import HEAD

home = Path(sys.argv[1])

def migrate(path, point):
    seen = 0

    def here(*_):
        nonlocal seen
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(Engine, moment, here)
    event.listen(Pool, "checkin", here)
    Database.open(path).close()

results = []
point = 0
while not results or results[-1][1] != 0:
    point += 1
    path = home / str(point) / "vault.db"
    child = os.fork()
    if child == 0:
        migrate(path, point)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    # Look as SQLite itself would after the crash, on a copy, and only then through our own door.
    with sqlite3.connect(path) as raw:
        tables = sorted(name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
    raw.close()
    results.append((point, status, len(tables)))
    Database.open(path).close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    raw.close()
print(json.dumps(results))
"""


@pytest.mark.slow
def test_a096_killed_migration_leaves_all_tables_or_none(tmp_path: Path):
    """SIGKILL at every statement of a migration → empty or whole, and the next start completes it."""
    process = _start(_KILLED, tmp_path)
    output, errors = process.communicate(timeout=110)

    assert process.returncode == 0, errors
    results = json.loads(output)
    killed = [tables for _, status, tables in results if status == signal.SIGKILL]
    assert len(killed) >= 2 * len(
        metadata.tables
    )  # before and after each CREATE TABLE, at the least
    assert set(killed) == {0, len(metadata.tables) + 1}  # plus alembic's own
    assert killed[0] == 0
    assert results[-1][1] == 0


# --- 98: disks that are full or read-only, locks, too many files ------------------------------------


def _count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT count(*) FROM preferences").fetchone()[0]


def _write_much(database: Database) -> None:
    with database.write() as connection:
        for number in range(2000):
            connection.execute(
                text("INSERT INTO preferences VALUES ('me', :n, :v)"),
                {"n": f"n{number}", "v": "y" * 1000},
            )


def test_a098_full_disk_leaves_the_old_state_and_says_so(vault_file: Path):
    """ENOSPC, by SQLite's own quota → `the disk is full`, nothing changed, usable afterwards."""
    _fill(vault_file, rows=3)
    database = Database.open(vault_file)
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 60")

    with pytest.raises(StoreUnavailable, match="the disk is full"):
        _write_much(database)

    assert _count(vault_file) == 3
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO preferences VALUES ('me', 'after', 'z')")
    database.close()
    assert _count(vault_file) == 4


@pytest.mark.slow
def test_a098_file_that_may_not_grow_leaves_the_old_state(vault_file: Path):
    """A refused write in the middle (EFBIG, by the process's limit) → one clear line, nothing changed."""
    _fill(vault_file, rows=3)
    program = """
    import resource, sys
    from sqlalchemy import text
    from assay_nb.errors import StoreUnavailable
    from assay_nb.store.database import Database
    database = Database.open(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        with database.write() as connection:
            for number in range(2000):
                connection.execute(text("INSERT INTO preferences VALUES ('me', :n, :v)"), {"n": f"n{number}", "v": "y" * 1000})
    except StoreUnavailable as error:
        print(error)
    """
    output, errors = _start(program, vault_file).communicate(timeout=60)

    assert errors == ""
    assert "disk reports an error" in output or "the disk is full" in output
    assert _count(vault_file) == 3


_MOUNTED = """
import os, subprocess, sys
from pathlib import Path
from sqlalchemy import text
from assay_nb.errors import StoreUnavailable
from assay_nb.store.database import Database

place, kind = Path(sys.argv[1]), sys.argv[2]
place.mkdir()
size = "size=600k," if kind == "full" else ""
subprocess.run(["mount", "-t", "tmpfs", "-o", size + "mode=0700", "tmpfs", str(place)], check=True)

def rows():
    database = Database.open(place / "vault.db")
    with database.read() as connection:
        found = connection.scalar(text("SELECT count(*) FROM preferences"))
    database.close()
    return found

def write(count, start=0):
    with database.write() as connection:
        for number in range(start, start + count):
            connection.execute(text("INSERT INTO preferences VALUES ('me', :n, :v)"), {"n": str(number), "v": "y" * 1000})

database = Database.open(place / "vault.db")
write(3)
if kind == "full":
    try:
        write(1000, 10)
    except StoreUnavailable as error:
        print(error)
    database.close()
    print(rows())
else:
    database.close()
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    try:
        database = Database.open(place / "vault.db")
        write(1, 10)
    except StoreUnavailable as error:
        print(error)
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    print(rows())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "said"),
    [("full", ("disk is full", "disk reports")), ("read-only", ("read-only", "cannot be"))],
)
def test_a098_real_file_system_that_is_full_or_read_only(
    tmp_path: Path, kind: str, said: tuple[str, ...]
):
    """ENOSPC and EROFS from a real file system → one clear line, and the old rows are there."""
    namespace = ["unshare", "--map-root-user", "--mount"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*namespace, "true"], check=False).returncode
    ):
        pytest.skip("this machine lets nobody mount")
    outcome = subprocess.run(
        [*namespace, sys.executable, "-c", _MOUNTED, str(tmp_path / "disk"), kind],
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stderr
    sentence, rows = outcome.stdout.splitlines()
    assert any(words in sentence for words in said)
    assert rows == "3"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root; see the mounted one")
def test_a098_read_only_directory_is_one_clear_line(vault_file: Path):
    """A directory without write permission → `read-only`, nothing changed."""
    _fill(vault_file, rows=3)
    vault_file.parent.chmod(0o500)
    try:
        with pytest.raises(StoreUnavailable):
            _fill(vault_file, rows=1)
    finally:
        vault_file.parent.chmod(0o700)

    assert _count(vault_file) == 3


def test_a098_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path):
    """A home below something that is no directory → our error, and no traceback of the system's."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable, match="cannot be used"):
        Database.open(tmp_path / "file" / "home" / "vault.db")


@pytest.mark.slow
def test_a098_lock_held_by_another_process_is_waited_for_and_then_said(vault_file: Path):
    """Another process writes for long → waited for; for too long → `is locked`, nothing changed."""
    _fill(vault_file, rows=3)
    program = """
    import sqlite3, sys
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    print("locked", flush=True)
    sys.stdin.readline()
    connection.execute("ROLLBACK")
    """
    holder = _start(program, vault_file)
    assert holder.stdout is not None
    holder.stdout.readline()
    database = Database.open(vault_file, busy_timeout=0.3)

    with pytest.raises(StoreUnavailable, match="is locked: another process is writing"):
        _write_much(database)
    with database.read() as connection:  # reading goes on meanwhile
        assert connection.scalar(text("SELECT count(*) FROM preferences")) == 3

    holder.communicate("let go\n", timeout=20)
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO preferences VALUES ('me', 'after', 'z')")
    database.close()


@pytest.mark.slow
def test_a098_too_many_open_files_is_one_clear_line(vault_file: Path):
    """EMFILE → our error, nothing changed, and it goes away with its cause."""
    _fill(vault_file, rows=3)
    program = """
    import os, resource, sys
    from assay_nb.errors import StoreUnavailable
    from assay_nb.store.database import Database
    Database.open(sys.argv[1]).close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    try:
        Database.open(sys.argv[1])
    except StoreUnavailable as error:
        print(error)
    for descriptor in taken:
        os.close(descriptor)
    Database.open(sys.argv[1]).close()
    """
    output, errors = _start(program, vault_file).communicate(timeout=60)

    assert errors == ""
    assert output.startswith(("The database", str(vault_file.parent)))
    assert _count(vault_file) == 3


_BROKEN_FSYNC = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
int fsync(int fd) { if (getenv("BREAK_FSYNC")) { errno = EIO; return -1; } return 0; }
int fdatasync(int fd) { return fsync(fd); }
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="fsync is broken the way that Linux allows")
def test_a098_disk_that_cannot_sync_leaves_the_old_state(vault_file: Path, tmp_path: Path):
    """EIO from fsync → `the disk reports an error`, and the change is not there."""
    require_tool("cc")
    (tmp_path / "broken.c").write_text(_BROKEN_FSYNC)
    library = tmp_path / "broken.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "broken.c"], check=True)
    _fill(vault_file, rows=3)
    program = """
    import os, sys
    from assay_nb.errors import StoreUnavailable
    from assay_nb.store.database import Database
    database = Database.open(sys.argv[1])
    os.putenv("BREAK_FSYNC", "1")
    try:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO preferences VALUES ('me', 'after', 'z')")
    except StoreUnavailable as error:
        print(error, flush=True)
    os._exit(0)
    """
    outcome = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), vault_file],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.stderr == ""
    assert "the disk reports an error" in outcome.stdout
    assert _count(vault_file) == 3
