"""One background event loop per process, for code that is not async.

Notebooks already run a loop and scripts run none, so neither can be used. A loop of our own serves
both alike, keeps the connection pool warm between cells, and lets an interrupt of the main thread
cancel the call and so close the provider's connection at once.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

T = TypeVar("T")

_CLOSE_WAIT = 2.0
"""Seconds that an interrupt waits for the connection to be closed before it goes on regardless."""


class Portal:
    """The background loop. Its thread starts at the first call, never at import, and ends with the process.

    Args:
        closing: Awaited on the loop as its last task, when no other is left that could need what it closes.
    """

    def __init__(self, closing: Callable[[], Awaitable[None]] | None = None) -> None:
        self._closing = closing
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()
        self._pid = 0

    def _running(self) -> BlockingPortal:
        with self._lock:
            # A forked child has the objects of its parent, and no such thread.
            if self._portal is None or self._pid != os.getpid():
                ready: Future[BlockingPortal] = Future()
                self._ended = Future()
                # No `start_blocking_portal`: dropped instead of closed, it waits for its thread for
                # ever, and at the end of a script, or in a forked child, that thread is gone.
                self._thread = threading.Thread(
                    target=_serve,
                    args=(ready, self._closing, self._ended),
                    name="assay_nb",
                    daemon=True,
                )
                self._thread.start()
                self._portal = ready.result()
                self._pid = os.getpid()
                _open.add(self)
            return self._portal

    def call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run an async function on the loop and return its result; an interrupt cancels it."""
        task = self._start(function, *args)
        try:
            return task.future.result()
        except BaseException:
            task.cancel()
            raise

    def begin(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Start an async function and return at once. It is cancelled when the loop is stopped."""
        self._start(function, *args)

    async def wait(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run an async function on the loop and await it from another loop; cancelling reaches it."""
        task = self._start(function, *args)
        try:
            return await asyncio.wrap_future(task.future)
        finally:
            task.future.cancel()

    def stream(self, source: Callable[[], AsyncIterator[T]]) -> Stream[T]:
        """Iterate an async iterator from synchronous code."""
        return Stream(self._start, source)

    def iterate(self, source: Callable[[], AsyncIterator[T]]) -> Generator[T]:
        """Iterate an async iterator like `stream`, as a generator: closing it ends the reading task."""
        with self.stream(source) as stream:
            yield from stream

    def close(self) -> None:
        """Stop the loop, if it runs. A later call starts it again."""
        with self._lock:
            portal, self._portal = self._portal, None
            if portal is None or self._thread is None or self._pid != os.getpid():
                return
            portal.call(portal.stop, True)
            self._thread.join()
            self._ended.result()

    def _start(self, function: Callable[..., Awaitable[T]], *args: Any) -> _Task[T]:
        ended = threading.Event()

        async def run() -> T:
            from assay_nb.engine.tasks import end

            # In a task of its own: the portal's is cancelled at every step.
            task = asyncio.ensure_future(function(*args))
            try:
                await asyncio.wait([task])
                return task.result()
            finally:
                await end(task)
                ended.set()

        return _Task(self._running().start_task_soon(run), ended)


_open: weakref.WeakSet[Portal] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for portal in list(_open):
        portal.close()


def _serve(
    ready: Future[BlockingPortal],
    closing: Callable[[], Awaitable[None]] | None,
    ended: Future[None],
) -> None:
    """Run a loop in this thread until its portal is stopped; then let its tasks end, and close."""
    import anyio
    from anyio.from_thread import BlockingPortal

    async def serve() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()
        if closing is not None:
            await closing()

    try:
        anyio.run(serve)
    except BaseException as error:
        (ended if ready.done() else ready).set_exception(error)
    else:
        ended.set_result(None)


@dataclass(frozen=True, slots=True)
class _Task(Generic[T]):
    future: Future[T]
    ended: threading.Event

    def cancel(self) -> None:
        """Cancel the task, and wait for a bounded time until it has closed what it held.

        The future alone will not do: it counts as cancelled at once, while the task still unwinds.
        """
        if self.future.cancel():
            self.ended.wait(_CLOSE_WAIT)


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class Stream(Generic[T]):
    """An async iterator, read from synchronous code.

    Leaving the `with` block early, by an interrupt or an error, cancels the reading task and waits
    until it has closed what it held.
    """

    def __init__(
        self,
        start: Callable[[Callable[[], Awaitable[None]]], _Task[None]],
        source: Callable[[], AsyncIterator[T]],
    ) -> None:
        self._items: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self._source = source
        self._start = start
        self._task: _Task[None] | None = None

    def __enter__(self) -> Stream[T]:
        self._task = self._start(self._read)
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    def __iter__(self) -> Iterator[T]:
        while not isinstance(item := self._items.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def with_pauses(self, seconds: float) -> Iterator[T | None]:
        """Iterate like the stream itself, and yield None whenever nothing came for so long.

        A display that draws at most so often uses the pause to draw what it held back.
        """
        while True:
            try:
                item = self._items.get(timeout=seconds)
            except queue.Empty:
                yield None
                continue
            if isinstance(item, _End):
                break
            yield item
        if item.error is not None:
            raise item.error

    async def _read(self) -> None:
        error: BaseException | None = None
        try:
            async for item in self._source():
                self._items.put(item)
        except BaseException as exc:
            error = exc
            raise
        finally:
            self._items.put(_End(error))
