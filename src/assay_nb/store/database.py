"""The database: one SQLite file for a person, SQLite or PostgreSQL behind a gateway.

The only place that makes SQLAlchemy engines. What the rest of the house gets is a connection inside a
transaction: `read` sees one consistent state and cannot write, `write` is all or nothing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.exc import NoSuchModuleError as NoSuchDialect
from sqlalchemy.pool import ConnectionPoolEntry

from assay_nb.errors import StoreUnavailable
from assay_nb.store import migrations
from assay_nb.store.failures import our_errors
from assay_nb.store.files import prepare_file
from assay_nb.store.forks import keep_open, watch_forks

__all__ = ["Connection", "Database"]

_WRITE = "assay_write"
_MAY_WRITE = "assay_may_write"
_CLOSINGS = "assay_closings"
_SERIAL_LOCK = 0x61737361795F6E62  # "assay_nb" as 64 bits: our advisory lock in a shared PostgreSQL
_TAKE_SERIAL_LOCK = text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=_SERIAL_LOCK)
_ONE_WORKSPACE = text("SELECT set_config('assay.workspace', :workspace, true)")
_POSTGRES_READ = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_OLDEST_SQLITE = (3, 37)
_PRAGMAS = (
    "synchronous = FULL",
    "secure_delete = ON",
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "temp_store = MEMORY",
)


class Database:
    """A database that is open, private and up to date.

    It may be used from any thread. Transactions do not nest: a function that needs one takes a
    connection instead of opening its own.

    Attributes:
        commits: How many writes of this process were kept.
    """

    def __init__(self, engine: Engine, name: str, *, busy_timeout: float) -> None:
        self._engine = engine
        self._name = name
        self._busy_timeout = busy_timeout
        self.commits = 0
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._reading = engine if self._is_sqlite else engine.execution_options(**_POSTGRES_READ)
        self._writing = engine.execution_options(**{_WRITE: True})
        self._set_locks()
        self._closings = _close_late_comers(engine)
        watch_forks(self)
        # Whoever forgets `close` still leaves no log file behind.
        weakref.finalize(self, _dispose, engine, os.getpid())

    @classmethod
    def open(
        cls, where: Path | str, *, create: bool = True, busy_timeout: float = 15.0
    ) -> Database:
        """Open a database, bringing its tables up to date; by default one that is missing is made.

        Args:
            where: The path of a SQLite file, or an SQLAlchemy URL (`sqlite:///…`, `postgresql://…`).
            create: Whether a SQLite file that is not there is made.
            busy_timeout: Seconds to wait for another process's transaction.

        Raises:
            StoreUnavailable: If it cannot be opened, is not private, or is newer than this release.
        """
        url = _parse_location(where)
        name = _name(url)
        if url.get_backend_name() == "sqlite":
            prepare_file(Path(url.database or ""), create=create)
            engine = _sqlite_engine(url, busy_timeout)
        else:
            engine = _postgres_engine(url, busy_timeout)
        database = cls(engine, name, busy_timeout=busy_timeout)
        try:
            database._bring_up_to_date()
        except BaseException:
            database.close()
            raise
        return database

    @property
    def name(self) -> str:
        """What to call it in a message: the file's path, or the server's name without its password."""
        return self._name

    @property
    def path(self) -> Path | None:
        """The SQLite file, or None for PostgreSQL."""
        return Path(self._engine.url.database or "") if self._is_sqlite else None

    @contextmanager
    def read(self, *, workspace: bytes | None = None) -> Generator[Connection]:
        """Give a connection that sees one state of the database throughout, and cannot change it.

        Args:
            workspace: The id of the one workspace that this is about. PostgreSQL then leaves out the
                rows of all others by itself, whatever a statement asks for.
        """
        with (
            self._alone_in_thread(),
            our_errors(self._name),
            self._reading.connect() as connection,
            connection.begin() as transaction,
        ):
            if workspace is not None and not self._is_sqlite:
                connection.execute(_ONE_WORKSPACE, {"workspace": workspace.hex()})
            yield connection
            transaction.rollback()

    @contextmanager
    def write(
        self, *, serial: bool = True, after: Callable[[Connection], None] | None = None
    ) -> Generator[Connection]:
        """Give a connection whose changes are kept when the block ends, and undone when it raises.

        Args:
            serial: Whether no other serial write runs meanwhile, as SQLite always has it: what was read is
                still true at the end. PostgreSQL is faster without, where one statement is right by itself.
            after: Called when they are kept, before anybody else uses the connection.
        """
        with (
            self._alone_in_thread(),
            self._take_turn(),
            our_errors(self._name),
            self._writing.connect() as connection,
        ):
            with connection.begin():
                if serial and not self._is_sqlite:
                    connection.execute(_TAKE_SERIAL_LOCK)
                yield connection
            self.commits += 1
            if after is not None:
                after(connection)

    def scrub(self) -> bool:
        """Overwrite what deleted and replaced rows left in the files; say whether that is complete.

        SQLite overwrites deleted content in the main file at once, yet the write-ahead log keeps older
        pages until it is truncated, which a reader in another process can hold up. PostgreSQL keeps
        old rows in its own log and in its backups, so there the answer is always False.
        """
        if not self._is_sqlite:
            return False
        deadline = time.monotonic() + min(self._busy_timeout, 2.0)
        with self._alone_in_thread(), self._take_turn(), our_errors(self._name):
            while not self._truncate_log():
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.02)
        return True

    def vacuum(self) -> None:
        """Rewrite the database without its free space. It needs as much room again, and some time."""
        with self._alone_in_thread(), self._take_turn(), our_errors(self._name):
            if self._is_sqlite:
                self._run_outside_transactions("VACUUM")
            else:
                with self._engine.execution_options(
                    isolation_level="AUTOCOMMIT"
                ).connect() as connection:
                    connection.exec_driver_sql("VACUUM")

    def is_sound(self) -> bool:
        """Read every page and say whether they fit together; `doctor` asks."""
        if not self._is_sqlite:
            return True  # the server watches over its own files
        with self.read() as connection:
            try:
                return connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() == "ok"
            except OperationalError:
                raise
            except DatabaseError:
                return False  # damaged so badly that it cannot even be looked through

    def close(self) -> None:
        """Close every connection: at once, or as soon as the thread that is using it gives it back."""
        self._closings.count += 1
        self._engine.dispose()

    def leave_to_parent(self) -> None:
        """Begin anew in a forked child, with connections of its own."""
        self._set_locks()
        keep_open(self._engine.pool)
        self._engine.dispose(close=False)

    def _set_locks(self) -> None:
        # SQLite lets processes wait for each other by sleeping ever longer; threads queue up here instead.
        self._turn = threading.Lock()
        self._thread = threading.local()

    def _bring_up_to_date(self) -> None:
        with self.read() as connection:
            if migrations.find_state(connection) == "current":
                return
        with self.write() as connection:
            # Another process may have been first; only what is seen inside this transaction counts.
            if migrations.find_state(connection) != "current":
                migrations.upgrade(connection)
        # The tables go to the main file now: a vault is not to stand on its log alone.
        self.scrub()

    def _truncate_log(self) -> bool:
        busy, _, _ = self._run_outside_transactions("PRAGMA wal_checkpoint(TRUNCATE)", wait=0)[0]
        return busy == 0

    def _run_outside_transactions(self, statement: str, wait: float | None = None) -> list[Any]:
        usual = int(self._busy_timeout * 1000)
        raw = self._engine.raw_connection()
        cursor = raw.cursor()
        try:
            cursor.execute("PRAGMA query_only = OFF")
            raw.info[_MAY_WRITE] = True
            cursor.execute(f"PRAGMA busy_timeout = {usual if wait is None else int(wait * 1000)}")
            cursor.execute(statement)
            return list(cursor.fetchall())
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual}")
            raw.close()

    @contextmanager
    def _take_turn(self) -> Generator[None]:
        if not self._is_sqlite:
            yield
            return
        with our_errors(self._name):
            if not self._turn.acquire(timeout=self._busy_timeout):
                raise sqlite3.OperationalError("database is locked")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _alone_in_thread(self) -> Generator[None]:
        if getattr(self._thread, "busy", False):
            raise RuntimeError("A transaction is open in this thread; pass its connection along.")
        self._thread.busy = True
        try:
            yield
        finally:
            self._thread.busy = False


@dataclass
class _Closings:
    """How often a database was closed. A later use opens it again."""

    count: int = 0


def _close_late_comers(engine: Engine) -> _Closings:
    """Have connections closed that were in use when their database was, and return what counts that.

    SQLAlchemy gives them back to a pool that nobody takes from any more, and leaves them open there.
    """
    closings = _Closings()

    @event.listens_for(engine, "connect")
    def begin(_: Any, record: ConnectionPoolEntry) -> None:
        record.info[_CLOSINGS] = closings.count

    @event.listens_for(engine, "checkin")
    def end(_: Any, record: ConnectionPoolEntry) -> None:
        if record.info.get(_CLOSINGS) != closings.count:
            record.invalidate()

    return closings


def _dispose(engine: Engine, process: int) -> None:
    # A forked child must not close its parent's connections.
    engine.dispose(close=os.getpid() == process)


def _parse_location(where: Path | str) -> URL:
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(Path(where).expanduser().absolute()))
    try:
        url = make_url(where)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchDialect):
        backend, url = "", URL.create("")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite", database=str(Path(url.database).expanduser().absolute()))
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    # The URL may hold a password, so it is not repeated.
    raise StoreUnavailable(
        "The database URL is not one that assay_nb can use.",
        hint="Use `sqlite:////absolute/path.db` or `postgresql://user@host/name`.",
    )


def _name(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"'{url.database or url.username or ''}' on {url.host or 'the local PostgreSQL'}"


def _sqlite_engine(url: URL, busy_timeout: float) -> Engine:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreUnavailable(
            f"This Python comes with SQLite {sqlite3.sqlite_version}, which has no strict tables.",
            hint="Use a Python with SQLite 3.37 or newer.",
        )
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=4,
        max_overflow=12,
        pool_timeout=busy_timeout,
        connect_args={"timeout": busy_timeout, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        # The driver would begin transactions when it sees fit, and never around CREATE TABLE. We begin them.
        connection.isolation_level = None
        try:
            _use_write_ahead_log(connection, time.monotonic() + busy_timeout)
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()  # nobody else knows of it yet
            raise

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = bool(connection.get_execution_options().get(_WRITE))
        # Not more often than needed: SQLite compiles its statements again after it.
        if connection.info.get(_MAY_WRITE) is not writes:
            connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
            connection.info[_MAY_WRITE] = writes
        # A transaction that starts by reading and writes later can fail in the middle; this one waits first.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch the file to a write-ahead log, unless it has one.

    SQLite does not wait for others in this one statement, and twenty processes may make the same
    database at once.
    """
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise sqlite3.OperationalError("unable to open a write-ahead log")
        return


def _postgres_engine(url: URL, busy_timeout: float) -> Engine:
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_size=5,
            max_overflow=15,
            pool_timeout=busy_timeout,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    except ModuleNotFoundError:
        raise StoreUnavailable(
            "PostgreSQL needs the package psycopg, which is not installed.",
            hint="Install it: `pip install 'assay-nb[hub]'`.",
        ) from None

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.execute(f"SET lock_timeout = {int(busy_timeout * 1000)}")
        connection.commit()

    return engine
