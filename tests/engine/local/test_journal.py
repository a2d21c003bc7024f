"""The calls log of calls that end faster than a database can be written."""

from __future__ import annotations

import asyncio

import pytest

from assay_nb.engine.local.journal import Journal
from tests.fakes.book import Book, record

pytestmark = pytest.mark.anyio


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
