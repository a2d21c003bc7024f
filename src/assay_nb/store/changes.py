"""Noticing that a database was changed, without reading it."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from assay_nb.errors import StoreUnavailable
from assay_nb.store.database import Connection, Database
from assay_nb.store.failures import our_errors
from assay_nb.store.forks import keep_open, watch_forks

_VERSION = "PRAGMA data_version"
_LATELY = 0.002
_FIRST = 2**40

K = TypeVar("K")
V = TypeVar("V")


class Changes:
    """Tells whether anything was committed to a database since one last looked.

    SQLite numbers what others have committed, in this process or another, and the connection here
    commits nothing itself. Looking costs a few microseconds, reading rows fifty times that. PostgreSQL
    has no such number, so there nothing is ever known to be unchanged.
    """

    def __init__(self, database: Database) -> None:
        self._name = database.name
        self._file = None if database.path is None else str(database.path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self._connections = 0
        self._last: int | None = None
        self._same: tuple[int, int] | None = None
        self._looked = 0.0
        self._committed = 0
        self._database = database
        watch_forks(self)

    @property
    def are_known(self) -> bool:
        """Whether changes can be noticed at all."""
        return self._file is not None

    def look(self) -> int | None:
        """Return a number that is another one after every change; None where that is not known.

        What is read after looking is as new as the number says, or newer.
        """
        if self._file is None:
            return None
        with self._lock:
            committed = self._database.commits
            try:
                connection = self._connection or self._connect()
                version: int = connection.execute(_VERSION).fetchone()[0]
                # Each connection counts for itself, so what another one said is no sign of no change.
                number = self._connections * _FIRST + version
                same = self._same
                self._last = same[1] if same is not None and same[0] == number else number
            except sqlite3.Error:
                with our_errors(self._name):
                    raise
            self._looked, self._committed = time.monotonic(), committed
            return self._last

    def look_lately(self) -> int | None:
        """Return what `look` does, or did within the last few milliseconds if this process has written nothing since.

        A commit of another process is seen so much later, one of this process at once.
        """
        is_late = time.monotonic() - self._looked >= _LATELY
        if self._last is not None and not is_late and self._committed == self._database.commits:
            return self._last
        return self.look()

    def write_unnoticed(self, insert: Callable[[Connection], None]) -> None:
        """Write what nobody remembers, such as the log of calls, so that `look` sees no change by it.

        Every call ends with a line in the log, and what the next one needs would be read and decided again.
        A change of anybody else's at the same time is seen all the same: the writing connection counts all
        commits but its own, and is asked once no commit can be before what `look` has seen.

        Args:
            insert: Writes, given a connection in a transaction.
        """
        before: tuple[int, int] | None = None

        def settle(connection: Connection) -> None:
            number = self._look_if_possible()
            if before is None or number is None:
                return
            with suppress(sqlite3.Error), self._lock:
                if _count_others(connection) == before[0]:
                    self._same = (number, before[1])

        with self._database.write(serial=False, after=settle) as connection:
            # Nobody else commits from here on: SQLite lets one write at a time.
            number = self._look_if_possible()
            if number is not None:
                before = (_count_others(connection), number)
            insert(connection)

    def _look_if_possible(self) -> int | None:
        """Return what `look` does, and None where it fails: what is written is written all the same."""
        with suppress(StoreUnavailable):
            return self.look()
        return None

    def close(self) -> None:
        """Close the connection. Call it before the database is closed, which removes its log file."""
        with self._lock:
            if self._end is not None:
                self._end()
            self._connection = self._end = self._last = self._same = None

    def leave_to_parent(self) -> None:
        """Begin anew in a forked child, with a connection of its own."""
        self._lock = threading.Lock()
        keep_open(self._connection)
        if self._end is not None:
            self._end.detach()
        self._connection = self._end = self._last = self._same = None

    def _connect(self) -> sqlite3.Connection:
        assert self._file is not None
        connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        # A thread may look once more after the close, and nobody closes again.
        self._end = weakref.finalize(self, connection.close)
        self._connections += 1
        return connection


def _count_others(connection: Connection) -> int:
    """Return SQLite's number for what others than this connection have committed."""
    driver: Any = connection.connection.driver_connection
    return driver.execute(_VERSION).fetchone()[0]


class Remembered(Generic[K, V]):
    """What was read, for as long as the database stays as it was then.

    Args:
        changes: Tells whether it did.
        most: How many answers are kept.
    """

    def __init__(self, changes: Changes, most: int = 10_000) -> None:
        self._changes = changes
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, tuple[int, V]] = OrderedDict()

    def find(self, key: K, number: int | None) -> V | None:
        """Return what is remembered of this number of `Changes.look`, or None."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and kept[0] == number else None

    def keep(self, key: K, number: int | None, value: V) -> None:
        """Remember what was read after `Changes.look` had returned the number."""
        if number is None:
            return
        with self._lock:
            self._kept[key] = (number, value)
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def get(self, key: K, read: Callable[[], V], *, lately: bool = False) -> V:
        """Return what is remembered, or else what `read` returns now.

        Args:
            key: What is asked.
            read: Returns the answer.
            lately: Whether what was true some milliseconds ago is good enough: see `Changes.look_lately`.
        """
        number = self._changes.look_lately() if lately else self._changes.look()
        found = self.find(key, number)
        if found is None:
            if lately:
                number = self._changes.look()
            found = read()
            self.keep(key, number, found)
        return found
