from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.pool import Pool

from assay_nb.errors import StoreUnavailable
from assay_nb.store.database import Connection, Database


def _put(connection: Connection, value: str, name: str = "a") -> None:
    statement = text('INSERT INTO preferences ("user", name, value) VALUES (:user, :name, :value)')
    connection.execute(statement, {"user": "me", "name": name, "value": value})


def _values(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT value FROM preferences ORDER BY value")))


def test_what_was_written_is_there_after_opening_again(vault_file: Path):
    with closing(Database.open(vault_file)) as database, database.write() as connection:
        _put(connection, "kept")

    with closing(Database.open(vault_file)) as again, again.read() as connection:
        assert _values(connection) == ["kept"]


def test_block_that_raises_leaves_nothing_behind(any_database: Database):
    def write_and_fail() -> None:
        with any_database.write() as connection:
            _put(connection, "lost")
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()

    with any_database.read() as connection:
        assert _values(connection) == []


def test_reader_cannot_write(any_database: Database):
    with pytest.raises(StoreUnavailable, match="read-only"), any_database.read() as connection:
        _put(connection, "sneaked in")

    with any_database.read() as connection:
        assert _values(connection) == []


def test_reader_sees_one_state_while_another_thread_writes(any_database: Database):
    def write() -> None:
        with any_database.write() as connection:
            _put(connection, "new")

    with any_database.read() as connection:
        before = _values(connection)
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        after = _values(connection)

    assert before == after == []
    with any_database.read() as connection:
        assert _values(connection) == ["new"]


def test_serial_writers_do_not_lose_each_others_changes(any_database: Database):
    with any_database.write() as connection:
        _put(connection, "0")

    def increase(_: int) -> None:
        with any_database.write() as connection:
            (value,) = _values(connection)
            connection.execute(
                text("UPDATE preferences SET value = :v"), {"v": str(int(value) + 1)}
            )

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(increase, range(60)))

    with any_database.read() as connection:
        assert _values(connection) == ["60"]


@pytest.mark.parametrize("inner", ["read", "write"])
@pytest.mark.parametrize("outer", ["read", "write"])
def test_transactions_do_not_nest(database: Database, outer: str, inner: str):
    with pytest.raises(RuntimeError, match="pass its connection along"):  # noqa: SIM117 # two blocks are the claim
        with getattr(database, outer)(), getattr(database, inner)():
            pass

    with database.write() as connection:
        _put(connection, "the thread is usable again")


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("secure_delete", 1),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("temp_store", 2),
    ],
)
def test_every_connection_has_the_setting(database: Database, pragma: str, value: object):
    found: Counter[object] = Counter()
    barrier = threading.Barrier(4)

    def look(_: int) -> None:
        with database.read() as connection:
            barrier.wait(10)
            found[connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()] += 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, range(4)))

    assert found == {value: 4}


def test_text_in_a_number_column_is_refused(database: Database):
    with (
        pytest.raises(StoreUnavailable, match="breaks its own rules"),
        database.write() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO budgets VALUES ('me', 'seven', 0)")


def test_row_that_points_to_nothing_is_refused(any_database: Database):
    with (
        pytest.raises(StoreUnavailable, match="breaks its own rules"),
        any_database.write() as connection,
    ):
        connection.execute(
            text(
                "INSERT INTO reservations (reservation_id, \"user\", state, made_at) VALUES (:i, 'x', 'spent', 1)"
            ),
            {"i": b"1"},
        )


def test_deleted_bytes_are_gone_from_every_file_after_scrubbing(
    database: Database, vault_file: Path
):
    secret = "q7-the-old-envelope-q7" * 20
    with database.write() as connection:
        _put(connection, secret)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM preferences")

    def left_in() -> set[str]:
        return {
            p.name
            for p in vault_file.parent.iterdir()
            if b"q7-the-old-envelope-q7" in p.read_bytes()
        }

    assert left_in(), "the log keeps old pages until it is truncated"
    assert database.scrub() is True
    assert left_in() == set()


@pytest.mark.slow
def test_scrubbing_says_so_when_a_reader_holds_it_up(vault_file: Path):
    database = Database.open(vault_file, busy_timeout=60)
    other = sqlite3.connect(vault_file, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM preferences").fetchall()
    with database.write() as connection:
        _put(connection, "x")

    before = time.monotonic()
    assert database.scrub() is False
    assert time.monotonic() - before < 30, "it waited for as long as a writer would"

    other.execute("ROLLBACK")
    assert database.scrub() is True
    other.close()
    database.close()


def test_vacuum_leaves_the_rows_and_the_connections_usable(any_database: Database):
    with any_database.write() as connection:
        _put(connection, "kept")

    any_database.vacuum()

    with any_database.write() as connection:
        assert _values(connection) == ["kept"]


def test_postgres_never_claims_to_be_scrubbed(postgres_url: str):
    with closing(Database.open(postgres_url)) as database:
        assert database.scrub() is False


@pytest.mark.parametrize(
    "where",
    ["mysql://me:hunter2-hunter2@host/x", "sqlite://", "sqlite:///:memory:", "nonsense://x", "://"],
)
def test_url_of_another_kind_is_refused_without_being_repeated(where: str):
    with pytest.raises(StoreUnavailable) as refused:
        Database.open(where)

    assert "hunter2" not in str(refused.value)
    assert "postgresql://user@host/name" in str(refused.value)


def test_unreachable_server_is_one_line_without_the_password():
    with pytest.raises(StoreUnavailable) as refused:
        Database.open("postgresql://me:hunter2-hunter2@127.0.0.1:9/assay")

    assert str(refused.value).startswith("The database 'assay' on 127.0.0.1 cannot be opened.")
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("form", ["path", "text", "url"])
def test_path_text_and_url_open_the_same_file(vault_file: Path, form: str):
    where = {"path": vault_file, "text": str(vault_file), "url": f"sqlite:///{vault_file}"}[form]

    with closing(Database.open(where)) as database:
        assert database.path == vault_file
        assert database.name == str(vault_file)


def test_neither_sql_nor_values_are_in_a_message(database: Database):
    with pytest.raises(StoreUnavailable) as refused, database.write() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:v)"), {"v": "a-value-of-ours"})

    assert "a-value-of-ours" not in str(refused.value)
    assert "INSERT" not in str(refused.value)
    assert "nowhere" not in str(refused.value)


def test_opening_an_up_to_date_database_leaves_alembic_unloaded(vault_file: Path):
    Database.open(vault_file).close()
    program = (
        "import sys; from assay_nb.store.database import Database; Database.open(sys.argv[1]).close();"
        "sys.exit('alembic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program, vault_file]).returncode == 0


def test_connection_that_was_in_use_when_the_database_was_closed_is_closed_after_it(
    any_database: Database, request: pytest.FixtureRequest
):
    closed: list[object] = []

    def note(connection: object, _: object) -> None:
        closed.append(connection)

    event.listen(Pool, "close", note)
    request.addfinalizer(lambda: event.remove(Pool, "close", note))
    with any_database.read() as connection:
        inner = connection.connection.dbapi_connection
        any_database.close()
        assert inner not in closed

    assert inner in closed


def test_closed_database_opens_again_and_keeps_its_connection(any_database: Database):
    any_database.close()

    with any_database.read() as connection:
        first = connection.connection.dbapi_connection
    with any_database.read() as connection:
        second = connection.connection.dbapi_connection

    assert first is second


@pytest.mark.slow
def test_database_that_nobody_closed_leaves_no_log_behind(vault_file: Path):
    program = "import sys; from assay_nb.store.database import Database; database = Database.open(sys.argv[1])"

    subprocess.run([sys.executable, "-W", "error", "-c", program, vault_file], check=True)

    assert [path.name for path in vault_file.parent.iterdir()] == ["vault.db"]


def test_sound_database_is_told_from_a_damaged_one(database: Database, vault_file: Path):
    assert database.is_sound()
    with database.write() as connection:
        for number in range(1_000):  # so that the middle of the file is a page of theirs
            _put(connection, "x" * 300, f"{number}")
    database.close()
    middle = vault_file.stat().st_size // 2 // 4096 * 4096
    with vault_file.open("r+b") as file:
        file.seek(middle)
        file.write(b"\xa5" * 4096)

    with closing(Database.open(vault_file)) as damaged:
        assert damaged.is_sound() is False


def test_old_sqlite_is_said_before_anything_fails(
    vault_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(StoreUnavailable, match="has no strict tables"):
        Database.open(vault_file)


def test_threads_that_open_an_empty_postgres_at_once_all_get_it(postgres_url: str):
    def open_and_close(_: int) -> None:
        Database.open(postgres_url).close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_and_close, range(8)))

    with closing(Database.open(postgres_url)) as database, database.read() as connection:
        assert _values(connection) == []


def test_connection_that_the_server_cut_is_replaced(postgres_url: str):
    with closing(Database.open(postgres_url)) as database:
        with database.write() as connection:
            _put(connection, "kept")
            (mine,) = connection.scalars(text("SELECT pg_backend_pid()"))
        with closing(Database.open(postgres_url)) as other, other.write() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})

        with database.read() as connection:
            assert _values(connection) == ["kept"]


@pytest.mark.slow
def test_twenty_processes_make_one_database(vault_file: Path):
    program = """
import sys
from assay_nb.store.database import Database
from assay_nb.workspaces.membership import Workspaces
sys.stdin.readline()
database = Database.open(sys.argv[1])
print(Workspaces(database).personal("me").id.hex())
database.close()
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, vault_file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(20)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes = [process.communicate(timeout=100) for process in processes]

    assert [error for _, error in outcomes if error] == []
    assert len({identity for identity, _ in outcomes}) == 1
    with closing(sqlite3.connect(vault_file)) as connection:
        assert connection.execute("SELECT count(*) FROM workspaces").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM members").fetchone() == (1,)
