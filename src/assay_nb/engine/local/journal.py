"""The calls log, where calls end faster than a database can be written.

A write takes as long as dozens of calls do. A call that ends alone is written at once; those that end within
the second after it are written with each other. What is not written yet when the process is killed is lost to
the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from anyio.to_thread import run_sync

from assay_nb.store.call_rows import CallRecord

EVERY = 1.0

Write = Callable[[Sequence[CallRecord]], None]


class Journal:
    """Takes records of calls, and writes them soon. It belongs to one event loop.

    Args:
        write: Writes records, synchronously.
        every: Seconds from one write to the next.
    """

    def __init__(self, write: Write, *, every: float = EVERY) -> None:
        self._write = write
        self._every = every
        self._waiting: list[CallRecord] = []
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def add(self, record: CallRecord) -> None:
        """Note a call that has ended."""
        self._waiting.append(record)
        if self._writing is None:
            self._writing = asyncio.create_task(self._run())

    async def flush(self) -> None:
        """Write what waits now, and return when it is written."""
        async with self._turn:
            records, self._waiting = self._waiting, []
            if records:
                await self._write_out(records)

    async def close(self) -> None:
        """Write what waits, for the last time."""
        self._closing.set()
        if self._writing is not None:
            # Not cancelled: a thread that writes goes on, and nobody would know for how long.
            await asyncio.wait({self._writing})
        await self.flush()

    async def _write_out(self, records: list[CallRecord]) -> None:
        await run_sync(self._write, records)

    async def _run(self) -> None:
        while self._waiting and not self._closing.is_set():
            await self.flush()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._every)
        self._writing = None
