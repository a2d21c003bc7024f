"""The background loop: what synchronous code gets from it, and what an interrupt does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress

import pytest
from anyio import CancelScope

from assay_nb.engine.portal import Portal


@pytest.fixture
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.close()


async def _count(to: int) -> AsyncIterator[int]:
    for number in range(to):
        await asyncio.sleep(0)
        yield number


def _call_and_be_cancelled(portal: Portal, work: Callable[[], Awaitable[None]]) -> None:
    with suppress(CancelledError):
        portal.call(work)


def test_no_thread_runs_before_the_first_call() -> None:
    before = set(threading.enumerate())

    Portal()

    assert set(threading.enumerate()) <= before


def test_stream_gives_every_item_in_order(portal: Portal) -> None:
    with portal.stream(lambda: _count(1000)) as items:
        assert list(items) == list(range(1000))


def test_error_of_the_source_reaches_the_reader_after_the_items_before_it(portal: Portal) -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise ValueError("broken")

    seen: list[int] = []
    with pytest.raises(ValueError, match="broken"), portal.stream(source) as items:
        seen += items

    assert seen == [1]


def test_leaving_a_stream_early_ends_its_source_before_the_block_is_left(portal: Portal) -> None:
    closed = threading.Event()

    async def source() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    with portal.stream(source) as items:
        next(iter(items))

    assert closed.is_set()


def test_silent_source_is_ended_as_well(portal: Portal) -> None:
    started, closed = threading.Event(), threading.Event()

    async def source() -> AsyncIterator[int]:
        started.set()
        try:
            await asyncio.sleep(60)
            yield 1
        finally:
            closed.set()

    with suppress(KeyboardInterrupt), portal.stream(source):
        started.wait(5)
        raise KeyboardInterrupt

    assert closed.is_set()


def test_waiting_from_another_loop_does_not_block_it(portal: Portal) -> None:
    enough = threading.Event()

    async def answer() -> int:
        return 42 if await asyncio.to_thread(enough.wait, 30) else 0

    async def main() -> tuple[int, int]:
        ticks = 0
        task = asyncio.create_task(portal.wait(answer))
        while not task.done():
            ticks += 1
            if ticks == 3:
                enough.set()
            await asyncio.sleep(0.005)
        return task.result(), ticks

    result, ticks = asyncio.run(main())

    assert result == 42
    assert ticks >= 3


def test_cancelling_the_waiter_cancels_the_work(portal: Portal) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def main() -> None:
        task = asyncio.create_task(portal.wait(work))
        assert await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert ended.wait(30)


def test_closed_portal_starts_again_when_it_is_needed(portal: Portal) -> None:
    async def answer() -> int:
        return 1

    portal.call(answer)
    portal.close()

    assert portal.call(answer) == 1


def test_cancelled_call_is_cancelled_once_and_may_take_its_time_to_end(portal: Portal) -> None:
    happened: list[str] = []
    started = threading.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.gather(asyncio.sleep(0.05))  # nothing shields this
            happened.append("noted")

    task = portal._start(work)
    assert started.wait(5)
    task.cancel()

    assert happened == ["noted"]


def test_closing_ends_the_thread(portal: Portal) -> None:
    async def answer() -> threading.Thread:
        return threading.current_thread()

    thread = portal.call(answer)
    running = thread.is_alive()
    portal.close()

    assert running
    assert not thread.is_alive()


def test_what_is_closed_last_is_needed_by_no_task_any_more() -> None:
    happened: list[str] = []

    async def closing() -> None:
        happened.append("closed")

    async def work() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            with CancelScope(shield=True):
                await asyncio.sleep(0.05)
            happened.append("noted")

    started, portal = threading.Event(), Portal(closing)
    asking = threading.Thread(target=_call_and_be_cancelled, args=(portal, work))
    asking.start()
    started.wait(5)
    portal.close()
    asking.join(5)

    assert happened == ["noted", "closed"]


def test_what_fails_in_closing_is_told() -> None:
    async def closing() -> None:
        raise OSError("the disk is gone")

    async def answer() -> int:
        return 1

    portal = Portal(closing)
    portal.call(answer)

    with pytest.raises(OSError, match="the disk is gone"):
        portal.close()
