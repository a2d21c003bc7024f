"""The calls log of what is passed through: nothing is lost while the process lives."""

from __future__ import annotations

import asyncio

import pytest

from assay_nb.errors import StoreUnavailable
from assay_nb.gateway.journal import SureJournal
from tests.fakes.book import Book, record
from tests.tools import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def book() -> Book:
    return Book()


def has_room(journal: SureJournal) -> bool:
    try:
        journal.check_room()
    except StoreUnavailable:
        return False
    return True


async def test_records_wait_while_the_database_takes_none(book: Book) -> None:
    book.full = True
    journal = SureJournal(book, book.told.append, every=0.01)
    journal.add(record("early"))
    await asyncio.wait_for(book.begun.wait(), 5)

    book.full = False
    journal.add(record("late"))
    await until(lambda: len(book.users) == 2)
    await journal.close()

    assert book.users == ["early", "late"]


async def test_no_call_begins_whose_record_could_not_be_kept(book: Book) -> None:
    book.full = True
    journal = SureJournal(book, book.told.append, every=3600, most=2)

    for _ in range(2):
        journal.check_room()
        journal.add(record())

    with pytest.raises(StoreUnavailable, match="calls log"):
        journal.check_room()
    await asyncio.wait_for(book.begun.wait(), 5)
    await journal.close()


async def test_no_call_begins_after_a_record_that_could_not_be_written(book: Book) -> None:
    book.full = True
    journal = SureJournal(book, book.told.append, every=0.01)
    journal.add(record())
    await until(lambda: book.told != [])

    with pytest.raises(StoreUnavailable, match="calls log"):
        journal.check_room()
    book.full = False
    await until(lambda: has_room(journal))
    await journal.close()

    assert set(book.told) == {1}
    assert len(book.writes) == 1
