"""Calls that carry an idempotency key: each is made once, and whoever repeats it hears the same.

A client whose connection broke, or a cell that was run twice at once, asks again with the same key. While
the call runs, and for a minute after it came out well, they are given what the first one is given. A call
that failed is forgotten at once, since trying it again is what a key is for.

This holds at one replica. That a demo call is never spent twice holds for all of them: the database sees
to that.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from anyio import CancelScope

from assay_nb.engine.call import Call
from assay_nb.errors import AssayError, WrongUsage

KEEP = 60.0
"""Seconds that an answer is kept for repetitions. It holds a model's words, so it is no longer than needed."""

MOST = 16 * 1024 * 1024
"""Bytes of answers that are kept, everybody's together."""

Start = Callable[[], AsyncGenerator[bytes]]
_Key = tuple[str, str]


class Repeats:
    """The calls with an idempotency key that run here, or did a moment ago."""

    def __init__(self, *, keep: float = KEEP, most: int = MOST) -> None:
        self._keep = keep
        self._most = most
        self._runs: OrderedDict[_Key, _Run] = OrderedDict()

    async def follow(self, user: str, call: Call, start: Start) -> AsyncGenerator[bytes]:
        """Yield the frames of a call's answer: of the one that runs, or of one that is started now.

        The call ends when nobody listens to it any more.

        Args:
            user: Whose key it is. Nobody meets another's.
            call: What is asked, with its idempotency key.
            start: Makes the call.

        Raises:
            WrongUsage: If the key stands for another call.
            AssayError: What the call ended with.
        """
        assert call.idempotency_key is not None
        key = (user, call.idempotency_key)
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = _Run(call, start, partial(self._ended, key))
        elif run.call != call:
            raise WrongUsage(
                "This idempotency key stands for another call.", hint="Each call takes its own."
            )
        run.listeners += 1
        try:
            async for frame in run.listen():
                yield frame
        finally:
            run.listeners -= 1
            if not (run.listeners or run.is_over):
                self._forget(key, run)
                await run.stop()

    def __len__(self) -> int:
        return len(self._runs)

    def _ended(self, key: _Key, run: _Run) -> None:
        if not run.is_kept:
            self._forget(key, run)
            return
        asyncio.get_running_loop().call_later(self._keep, self._forget, key, run)
        kept = [(name, one) for name, one in self._runs.items() if one.is_kept]
        size = sum(one.size for _, one in kept)
        for name, oldest in kept:
            if size <= self._most:
                return
            size -= oldest.size
            self._forget(name, oldest)

    def _forget(self, key: _Key, run: _Run) -> None:
        if self._runs.get(key) is run:
            del self._runs[key]


class _Run:
    """One call, and everybody who listens to it."""

    def __init__(self, call: Call, start: Start, ended: Callable[[_Run], None]) -> None:
        self.call = call
        self.listeners = 0
        self.size = 0
        self.is_over = False
        self.is_kept = False
        self._frames: list[bytes] = []
        self._error: AssayError | None = None
        self._news = asyncio.Event()
        self._ended = ended
        self._task = asyncio.create_task(self._make(start))

    async def listen(self) -> AsyncGenerator[bytes]:
        """Yield every frame from the first on, as they come."""
        heard = 0
        while True:
            while heard < len(self._frames):
                heard += 1
                yield self._frames[heard - 1]
            if self._error is not None:
                raise self._error.with_traceback(None)
            if self.is_over:
                return
            await self._news.wait()

    async def stop(self) -> None:
        """End the call, and wait until its connection is closed."""
        with CancelScope(shield=True):
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _make(self, start: Start) -> None:
        try:
            async with aclosing(start()) as frames:
                async for frame in frames:
                    self._frames.append(frame)
                    self.size += len(frame)
                    self._tell()
            self.is_kept = True
        except AssayError as error:
            self._error = error
        finally:
            self.is_over = True
            self._ended(self)
            self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
