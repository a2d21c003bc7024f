"""Idempotency: a call with an idempotency key is made once, and a repetition gets the same answer.

A client whose connection broke, or a cell that was run twice at once, sends the same key again. While the
call runs, and for a minute after it succeeded, the repetition gets what the first request gets. A call that
failed is forgotten at once, since the key is there to retry it.

This applies to one replica. A demo call is never spent twice on any of them: the database ensures that.
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
"""Seconds that an answer is kept for repetitions: short, since it contains a model's words."""

MOST = 16 * 1024 * 1024
"""Bytes of all answers that are kept, from all users together."""

Start = Callable[[], AsyncGenerator[bytes]]
_Key = tuple[str, str]


class IdempotencyCache:
    """The calls with an idempotency key that run here, or succeeded within the last minute."""

    def __init__(self, *, keep: float = KEEP, most: int = MOST) -> None:
        self._keep = keep
        self._most = most
        self._runs: OrderedDict[_Key, _Run] = OrderedDict()
        self._kept: OrderedDict[_Key, _Run] = OrderedDict()
        self._size = 0

    async def follow(self, user: str, call: Call, start: Start) -> AsyncGenerator[bytes]:
        """Yield the frames of a call's answer, from the call that runs or from one that is started now.

        The call ends when nobody listens any more.

        Args:
            user: The owner of the key. Users never share one.
            call: The call, with its idempotency key.
            start: Makes the call.

        Raises:
            WrongUsage: If the key was used for another call.
            AssayError: The error that the call ended with.
        """
        assert call.idempotency_key is not None
        key = (user, call.idempotency_key)
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = _Run(call, start, partial(self._ended, key))
        elif run.call != call:
            raise WrongUsage(
                "This idempotency key was used for another call.",
                hint="Use a new key for each call.",
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
        if not run.is_kept or self._runs.get(key) is not run:
            self._forget(key, run)
            return
        asyncio.get_running_loop().call_later(self._keep, self._forget, key, run)
        self._kept[key] = run
        self._size += run.size
        while self._size > self._most:
            self._forget(*next(iter(self._kept.items())))

    def _forget(self, key: _Key, run: _Run) -> None:
        if self._runs.get(key) is run:
            del self._runs[key]
        if self._kept.get(key) is run:
            del self._kept[key]
            self._size -= run.size


class _Run:
    """One call and its listeners."""

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
        """Yield every frame from the first one, as they arrive."""
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
