"""The calls log, where it cannot be written at once: what waits, and who may not call until it is.

A write to the database takes as long as dozens of calls do. A call that is passed through and ends alone is
written at once; those that end within the second after it are written with each other. What cannot be
written, since the disk is full, waits, and no further call begins meanwhile. What is not written yet when
the process is killed is lost to the log.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from anyio.to_thread import run_sync

from assay_nb.errors import StoreUnavailable
from assay_nb.store.call_rows import CallRecord
from assay_nb.store.database import Database
from assay_nb.workspaces.calls import CallLog

EVERY = 1.0
MOST = 20_000

Write = Callable[[Sequence[CallRecord]], None]
Tell = Callable[[int], None]
"""Is told how many records wait, whenever some could not be written."""


class SureCallLog(CallLog):
    """A calls log that keeps what it cannot write, and lets no further call begin until it can."""

    def __init__(self, database: Database, tell: Tell) -> None:
        super().__init__(database)
        self._tell = tell
        self._unwritten: list[CallRecord] = []
        self._keeping = threading.Lock()

    def record(self, record: CallRecord) -> None:
        """Note a call that has ended, now or as soon as it can be written."""
        try:
            super().record(record)
        except StoreUnavailable:
            with self._keeping:
                self._unwritten.append(record)
                self._tell(len(self._unwritten))

    def check(self) -> None:
        """Write what could not be written before, if there is any.

        Raises:
            StoreUnavailable: If it still cannot be.
        """
        if not self._unwritten:
            return
        with self._keeping:
            try:
                self.record_all(self._unwritten)
            except StoreUnavailable:
                self._tell(len(self._unwritten))
                raise _unwritten() from None
            self._unwritten.clear()


class Journal:
    """Takes records of calls, and writes them soon.

    Args:
        write: Writes records, synchronously.
        tell: Is told when they cannot be written.
        every: Seconds from one write to the next.
        most: Records that may wait. A database that takes none lets no further call begin.
    """

    def __init__(self, write: Write, tell: Tell, *, every: float = EVERY, most: int = MOST) -> None:
        self._write = write
        self._tell = tell
        self._is_failing = False
        self._every = every
        self._most = most
        self._waiting: list[CallRecord] = []
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def check_room(self) -> None:
        """Refuse a call whose record could not be kept.

        Raises:
            StoreUnavailable: If the log could not be written the last time, or too much waits for it.
        """
        if self._is_failing or len(self._waiting) >= self._most:
            raise _unwritten()

    def add(self, record: CallRecord) -> None:
        """Note a call that has ended."""
        self._waiting.append(record)
        if self._writing is None:
            self._writing = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what waits."""
        self._closing.set()
        if self._writing is not None:
            # Not cancelled: a thread that writes goes on, and nobody would know for how long.
            await asyncio.wait({self._writing})
        await self._flush()

    async def _run(self) -> None:
        while self._waiting and not self._closing.is_set():
            await self._flush()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._every)
        self._writing = None

    async def _flush(self) -> None:
        records, self._waiting = self._waiting, []
        if not records:
            return
        try:
            await run_sync(self._write, records)
            self._is_failing = False
        except StoreUnavailable:
            # Locked or full: they wait for the next time, in their order.
            self._is_failing = True
            self._waiting = records + self._waiting
            self._tell(len(self._waiting))


def _unwritten() -> StoreUnavailable:
    return StoreUnavailable(
        "The calls log cannot be written, so no further call begins.",
        hint="The gateway's operator finds out why: a full disk, perhaps.",
    )
