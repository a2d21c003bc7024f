"""The calls log of what is passed through, written together where calls come fast.

A write to the database takes as long as dozens of calls do. A call that ends alone is written at once;
those that end within the second after it are written with each other. What is not written yet when the
process is killed is lost to the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from anyio.to_thread import run_sync

from assay_nb.errors import StoreUnavailable
from assay_nb.store.call_rows import CallRecord

EVERY = 1.0
MOST = 20_000

Write = Callable[[Sequence[CallRecord]], None]


class Journal:
    """Takes records of calls, and writes them soon.

    Args:
        write: Writes records, synchronously.
        every: Seconds from one write to the next.
        most: Records that may wait. A database that takes none lets no further call begin.
    """

    def __init__(self, write: Write, *, every: float = EVERY, most: int = MOST) -> None:
        self._write = write
        self._every = every
        self._most = most
        self._waiting: list[CallRecord] = []
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def check_room(self) -> None:
        """Refuse a call whose record could not be kept.

        Raises:
            StoreUnavailable: If the log could not be written for so long that too much waits.
        """
        if len(self._waiting) >= self._most:
            raise StoreUnavailable(
                "The calls log cannot be written, so no further call begins.",
                hint="The gateway's operator sees why in its log: a full disk, perhaps.",
            )

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
        except StoreUnavailable:
            # Locked or full: they wait for the next time, in their order.
            self._waiting = records + self._waiting
