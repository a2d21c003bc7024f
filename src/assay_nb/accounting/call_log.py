"""The call log: who, when, which instrument and model, how many tokens. Never content.

A commit takes as long as dozens of inserts do, and a write as long as dozens of calls, so lines are written
together. A call that may cost something has a line from its beginning; its end takes the place of that line. If
the process is killed, the line says that the call was cut off, and what it may have cost. Only what began within
the last second is lost with the process.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias, cast

from anyio.to_thread import run_sync

from assay_nb.accounting.line_batch import Line, LineBatch
from assay_nb.errors import StoreUnavailable
from assay_nb.store import call_rows as rows
from assay_nb.store.call_rows import CallRecord, Funding
from assay_nb.store.changes import Changes
from assay_nb.store.database import Connection, Database

OnFailure: TypeAlias = Literal["warn", "refuse"]

Tell: TypeAlias = Callable[[int, StoreUnavailable], None]
"""Receives how many lines could not be written, or with `refuse` how many wait, and why."""

EVERY = 1.0
MOST = 20_000
_BEAT = 20.0
"""Seconds from one sign of life to the next of a process whose calls run, far below `call_rows.STALE`."""

_PROCESS = os.urandom(5)
_numbers = itertools.count()


def _tell_nobody(count: int, error: StoreUnavailable) -> None:
    """Leave it at that."""


class CallLog:
    """The calls that were made, for the members of their workspace to see.

    There are two ways in. `record` writes now and may be used from any thread; calls that end while one is
    being written are written together by the next. `add` writes soon and belongs to the running event loop:
    a call that ends alone is written at once, those that end within the second after it with each other.

    Args:
        database: Where the log is kept.
        on_failure: What happens to a line that cannot be written: it is lost with a warning, or it waits, and
            `check` and `check_room` refuse further calls meanwhile.
        tell: Receives what could not be written.
        every: Seconds from one write of added lines to the next.
        most: Added lines that may wait. A database that takes none lets no further call begin.
        changes: What notices changes of the database, for which a line of the log is not one.
    """

    def __init__(
        self,
        database: Database,
        *,
        on_failure: OnFailure = "warn",
        tell: Tell = _tell_nobody,
        every: float = EVERY,
        most: int = MOST,
        changes: Changes | None = None,
    ) -> None:
        self._database = database
        self._changes = changes
        self._refuses = on_failure == "refuse"
        self._tell = tell
        self._every = every
        self._most = most
        self._waiting: dict[bytes, CallRecord] = {}
        self._failed: dict[bytes, StoreUnavailable] = {}
        self._writing = threading.Lock()
        self._unwritten: list[CallRecord] = []
        self._keeping = threading.Lock()
        self._added: LineBatch | None = None
        self._seen = -_BEAT
        self._begun: set[bytes] = set()  # whose beginning may stand in the database

    # --- now, from any thread

    def record(self, record: CallRecord) -> None:
        """Write a call that has ended, made with `make_record`; one that was begun has the same id.

        Raises:
            StoreUnavailable: If the database cannot be written, and the line is not kept for later.
        """
        try:
            self._record_now(record)
        except StoreUnavailable as error:
            if not self._refuses:
                raise
            with self._keeping:
                self._unwritten.append(record)
                self._tell(len(self._unwritten), error)

    def check(self) -> None:
        """Write the recorded lines that could not be written before, if there are any.

        Raises:
            StoreUnavailable: If they still cannot be.
        """
        if not self._unwritten:
            return
        with self._keeping:
            try:
                self.record_all(self._unwritten)
            except StoreUnavailable as error:
                self._tell(len(self._unwritten), error)
                raise _no_further_call() from None
            self._unwritten.clear()

    def record_all(self, records: Sequence[CallRecord]) -> None:
        """Write calls that have begun or ended, made with `make_record`, in one transaction."""
        alive = self._is_sign_due(records)
        # Before it is written: also a commit whose answer was lost may have been made.
        self._begun |= {one.call_id for one in records if one.status == rows.RUNNING}

        def write(connection: Connection) -> None:
            rows.write_calls(connection, records, self._begun)
            if alive:
                rows.note_writer(connection, _PROCESS, int(time.time()))

        if self._changes is not None:
            self._changes.write_unnoticed(write)
        else:
            with self._database.write(serial=False) as connection:
                write(connection)
        if alive:
            self._seen = time.monotonic()
        self._begun -= {one.call_id for one in records if one.status != rows.RUNNING}

    def recent(self, workspace_id: bytes, limit: int = 20) -> tuple[CallRecord, ...]:
        """Return a workspace's latest calls, newest first."""
        with self._database.read(workspace=workspace_id) as connection:
            return rows.list_calls(connection, workspace_id, max(0, limit), now=int(time.time()))

    def settle_cut_off(self) -> int:
        """Write that the calls of processes that were killed were cut off, and return how many there were."""
        now = int(time.time())
        with self._database.read() as connection:
            if not rows.find_cut_off(connection, now=now):
                return 0
        with self._database.write(serial=False) as connection:
            return rows.cut_off_calls(connection, now=now)

    def export(self, begin: int, end: int) -> Iterator[CallRecord]:
        """Yield the calls of all workspaces that began from one time up to another, the oldest first.

        Args:
            begin: Seconds since 1970.
            end: The same; a call that began then is not among them.
        """
        with self._database.read() as connection:
            yield from rows.list_all_calls(connection, begin, end)

    def delete_before(self, time: int) -> int:
        """Delete the lines of calls that began before a time, in seconds, and return how many. Sums stay."""
        with self._database.write(serial=False) as connection:
            return rows.delete_calls_before(connection, time)

    def _is_sign_due(self, records: Sequence[CallRecord]) -> bool:
        """Say whether a sign of life has to be written along: calls run, and the last one is old."""
        if time.monotonic() - self._seen < _BEAT:
            return False
        running = self._added is not None and bool(self._added.running)
        return running or any(one.status == rows.RUNNING for one in records)

    def _record_now(self, record: CallRecord) -> None:
        if self._added is not None:
            self._added.running.discard(record.call_id)
        self._waiting[record.call_id] = record
        with self._writing:
            if record.call_id in self._waiting:  # the thread before may have written it too
                self._write_waiting()
            failed = self._failed.pop(record.call_id, None)
        if failed is not None:
            raise StoreUnavailable(failed.message, hint=failed.hint)

    def _write_waiting(self) -> None:
        together = list(self._waiting.values())
        try:
            self.record_all(together)
        except StoreUnavailable as error:
            self._failed.update({record.call_id: error for record in together})
        finally:
            for record in together:
                del self._waiting[record.call_id]

    # --- soon, from an event loop

    def begin(self, call_id: bytes, make: Callable[[], CallRecord]) -> None:
        """Note a call that begins, with what makes its line, to be written soon unless it ends before."""
        self._batch().begin(call_id, make)

    def add(self, record: CallRecord) -> None:
        """Note a call that has ended, to be written soon; one that was begun has the same id."""
        self._batch().add(record.call_id, record)

    def add_later(self, call_id: bytes, make: Callable[[], CallRecord]) -> None:
        """Note a call that has ended, whose line is made when it is written, in another thread."""
        self._batch().add(call_id, make)

    def forget(self, call_id: bytes) -> bool:
        """Forget a call that was begun and never sent; False if its line is written, and needs an end."""
        return self._batch().forget(call_id)

    async def flush(self) -> None:
        """Write what was added, and return when it is written."""
        await self._batch().flush()

    async def close(self) -> None:
        """Write what was added, for the last time on this event loop."""
        batch = self._batch()
        await batch.close()
        if not batch.waiting:
            self._added = None

    def check_room(self) -> None:
        """Refuse a call whose line could not be kept.

        Raises:
            StoreUnavailable: If added lines could not be written the last time, or too many wait.
        """
        batch = self._batch()
        if batch.is_failing or len(batch.waiting) >= self._most:
            raise _no_further_call()

    def _batch(self) -> LineBatch:
        loop = asyncio.get_running_loop()
        if self._added is None or self._added.loop is not loop:
            self._added = LineBatch(loop, self._write_batch, self._every)
        return self._added

    async def _write_batch(self, batch: LineBatch, lines: dict[bytes, Line]) -> None:
        if not lines and not self._is_sign_due(()):
            return
        try:
            await run_sync(self._make_and_record, lines)
            batch.is_failing = False
        except StoreUnavailable as error:
            lost = len(lines)
            if self._refuses:
                # Locked or full: they wait for the next time, in their order.
                batch.is_failing = True
                batch.put_back(lines)
                lost = len(batch.waiting)
            self._tell(lost, error)

    def _make_and_record(self, lines: dict[bytes, Line]) -> None:
        for call_id, line in lines.items():
            if not isinstance(line, CallRecord):
                lines[call_id] = line()  # once, also where it has to be written again
        self.record_all(cast("list[CallRecord]", list(lines.values())))


def make_id() -> bytes:
    """Return the id of a call that begins now.

    The time stands first, so that the newest calls are found by their key, in their order.
    """
    number = next(_numbers) % 2**24
    return time.time_ns().to_bytes(8, "big") + _PROCESS + number.to_bytes(3, "big")


def make_record(
    *,
    workspace_id: bytes,
    user: str,
    instrument: str,
    provider: str,
    model: str,
    funding: Funding,
    status: str,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost_micros: int | None = None,
    milliseconds: int | None = None,
    cached_tokens: int | None = None,
    counted_micros: int | None = None,
    call_id: bytes | None = None,
) -> CallRecord:
    """Return the record of a call: of the one with the id, or of one that begins and ends now."""
    call_id = call_id or make_id()
    return CallRecord(
        call_id=call_id,
        workspace_id=workspace_id,
        user=user,
        at=int.from_bytes(call_id[:8], "big") // 1_000_000_000,
        instrument=instrument,
        provider=provider,
        model=model,
        funding=funding,
        status=status,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_micros=cost_micros,
        milliseconds=milliseconds,
        cached_tokens=cached_tokens,
        counted_micros=counted_micros,
    )


def _no_further_call() -> StoreUnavailable:
    return StoreUnavailable(
        "The calls log cannot be written, so no further call begins.",
        hint="Ask the gateway's operator to check it: the disk may be full.",
    )
