"""The calls log of a gateway, where no call is made that it could not keep.

What cannot be written, since the disk is full, waits, and no further call begins meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from assay_nb.accounting.call_log import CallLog
from assay_nb.engine.local.journal import EVERY, Journal, Write
from assay_nb.errors import StoreUnavailable
from assay_nb.store.call_rows import CallRecord
from assay_nb.store.database import Database

MOST = 20_000

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


class SureJournal(Journal):
    """A journal that keeps what it cannot write, and says whether there is room for more.

    Args:
        write: Writes records, synchronously.
        tell: Is told when they cannot be written.
        every: Seconds from one write to the next.
        most: Records that may wait. A database that takes none lets no further call begin.
    """

    def __init__(self, write: Write, tell: Tell, *, every: float = EVERY, most: int = MOST) -> None:
        super().__init__(write, every=every)
        self._tell = tell
        self._most = most
        self._is_failing = False

    def check_room(self) -> None:
        """Refuse a call whose record could not be kept.

        Raises:
            StoreUnavailable: If the log could not be written the last time, or too much waits for it.
        """
        if self._is_failing or len(self._waiting) >= self._most:
            raise _unwritten()

    async def _write_out(self, records: list[CallRecord]) -> None:
        try:
            await super()._write_out(records)
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
