"""The calls log of calls that end faster than a database can be written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from assay_nb.engine.journal import Journal
from assay_nb.store.call_rows import CallRecord
from assay_nb.workspaces.calls import make_record

pytestmark = pytest.mark.anyio


class Book:
    """What was written, a list for each write."""

    def __init__(self) -> None:
        self.writes: list[list[CallRecord]] = []
        self.slow = 0.0
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, records: Sequence[CallRecord]) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        time.sleep(self.slow)
        self.writes.append(list(records))

    @property
    def users(self) -> list[str]:
        return [one.user for write in self.writes for one in write]


def record(user: str = "ada") -> CallRecord:
    return make_record(
        workspace_id=bytes(16),
        user=user,
        instrument="playground",
        provider="openai",
        model="",
        funding="workspace",
        status="ok",
    )


@pytest.fixture
async def book() -> Book:
    return Book()


async def test_call_that_ends_alone_is_written_at_once(book: Book) -> None:
    journal = Journal(book, every=3600)

    journal.add(record())
    await asyncio.wait_for(book.begun.wait(), 5)
    await journal.close()

    assert len(book.writes) == 1


async def test_calls_that_come_fast_are_written_together_in_their_order(book: Book) -> None:
    journal = Journal(book, every=0.01)

    for number in range(100):
        journal.add(record(str(number)))
        await asyncio.sleep(0)
    await journal.close()

    assert book.users == [str(number) for number in range(100)]
    assert len(book.writes) < 20


async def test_what_waits_is_written_when_it_ends(book: Book) -> None:
    journal = Journal(book, every=3600)
    journal.add(record("first"))
    await asyncio.wait_for(book.begun.wait(), 5)

    journal.add(record("second"))
    await journal.close()

    assert book.users == ["first", "second"]


async def test_flush_returns_when_what_was_added_before_is_written(book: Book) -> None:
    book.slow = 0.1
    journal = Journal(book, every=3600)
    journal.add(record("first"))
    await asyncio.wait_for(book.begun.wait(), 5)  # by the journal itself, and it is still at it

    await journal.flush()
    first = book.users
    journal.add(record("second"))
    await journal.flush()
    second = book.users
    await journal.close()

    assert (first, second) == (["first"], ["first", "second"])
