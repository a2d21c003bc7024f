"""The lines of the call log that wait to be written, each for its turn and all together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeAlias

from assay_nb.store.call_rows import CallRecord

Line: TypeAlias = CallRecord | Callable[[], CallRecord]
"""A line, or what makes it when it is written: what a call cost is found out in the thread that writes."""

_GATHERED = 0.25
"""Seconds until a line is written of a call that has begun: most calls of a fast server have ended by then, and
have one line written in the place of two."""


class LineBatch:
    """The lines of one event loop that wait. A portal that was closed, or a forked child, has another.

    Attributes:
        waiting: The lines that wait, by the call's id: an end takes the place of its beginning.
        running: The calls that run.
        is_failing: Whether lines could not be written the last time.

    Args:
        loop: The loop that it belongs to.
        write: Writes lines.
        every: Seconds from one write to the next.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, write: Write, every: float) -> None:
        self.loop = loop
        self.waiting: dict[bytes, Line] = {}
        self.running: set[bytes] = set()
        self.is_failing = False
        self._write = write
        self._every = every
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()

    def begin(self, call_id: bytes, line: Line) -> None:
        """Take the line of a call that begins."""
        self.waiting[call_id] = line
        self.running.add(call_id)
        self._start()

    def add(self, call_id: bytes, line: Line) -> None:
        """Take the line of a call that has ended, in the place of its beginning."""
        self.waiting[call_id] = line
        self.running.discard(call_id)
        self._ended.set()
        self._start()

    def forget(self, call_id: bytes) -> bool:
        """Drop the line of a call that was begun and never sent; False if it was written."""
        self.running.discard(call_id)
        return self.waiting.pop(call_id, None) is not None

    def put_back(self, lines: dict[bytes, Line]) -> None:
        """Take lines back that could not be written, before those that came meanwhile."""
        self.waiting = {**lines, **self.waiting}
        self._start()  # whoever wrote them may have been alone, and nobody else would try again

    async def flush(self) -> None:
        """Write what waits, after whoever writes now."""
        async with self._turn:
            lines, self.waiting = self.waiting, {}
            if lines or self.running:
                await self._write(self, lines)

    async def close(self) -> None:
        """Write what waits, for the last time."""
        self._closing.set()
        self._ended.set()
        if self._task is not None:
            # Not cancelled: a thread that writes carries on, and nobody would know for how long.
            await asyncio.wait({self._task})
        await self.flush()

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        # A call that has ended alone is written at once; one that has begun may soon have ended.
        await self._wait(self._ended, _GATHERED)
        while (self.waiting or self.running) and not self._closing.is_set():
            await self.flush()
            await self._wait(self._closing, self._every)
        self._ended.clear()
        self._task = None

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


Write: TypeAlias = "Callable[[LineBatch, dict[bytes, Line]], Awaitable[None]]"
"""Writes lines of a batch."""
