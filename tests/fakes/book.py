"""A book in the place of the database that a journal writes to, and something to write in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from assay_nb.accounting.call_log import make_record
from assay_nb.errors import StoreUnavailable
from assay_nb.store.call_rows import CallRecord


class Book:
    """What was written, a list for each write. It can be `full`, and so many seconds `slow`.

    `begun` is set when a write begins.
    """

    def __init__(self) -> None:
        self.writes: list[list[CallRecord]] = []
        self.full = False
        self.slow = 0.0
        self.told: list[int] = []
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, records: Sequence[CallRecord]) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        time.sleep(self.slow)
        if self.full:
            raise StoreUnavailable("full")
        self.writes.append(list(records))

    @property
    def users(self) -> list[str]:
        """Whose calls were written, in their order."""
        return [one.user for write in self.writes for one in write]


def record(user: str = "ada") -> CallRecord:
    """Return the record of a call of somebody's."""
    return make_record(
        workspace_id=bytes(16),
        user=user,
        instrument="playground",
        provider="openai",
        model="",
        funding="workspace",
        status="ok",
    )
