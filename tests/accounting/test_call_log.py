"""The call log: what is written now, what soon, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from assay_nb.accounting.call_log import CallLog, make_record
from assay_nb.errors import StoreUnavailable
from assay_nb.store.call_rows import CallRecord
from assay_nb.store.database import Database
from assay_nb.store.tables import calls
from tests.fakes.book import Book, record
from tests.tools import until, wait_until

pytestmark = pytest.mark.anyio

HERE, THERE = b"h" * 16, b"t" * 16


def _record(log: CallLog, workspace_id: bytes = HERE, **changes):
    fields = {
        "user": "ada",
        "instrument": "critique",
        "provider": "anthropic",
        "model": "claude-sonnet-4-6",
        "funding": "workspace",
        "status": "ok",
    }
    record = make_record(workspace_id=workspace_id, **{**fields, **changes})
    log.record(record)
    return record


def test_recent_calls_come_newest_first_as_they_were_recorded(any_database: Database):
    log = CallLog(any_database)
    made = [
        _record(log, status=f"s{n}", input_tokens=n, cost_micros=5_000_000_000, milliseconds=8)
        for n in range(5)
    ]

    assert log.recent(HERE) == tuple(reversed(made))
    assert log.recent(HERE, 2) == (made[4], made[3])


def test_calls_of_another_workspace_are_not_shown(any_database: Database):
    log = CallLog(any_database)
    _record(log, THERE)

    assert log.recent(HERE) == ()


def test_nothing_is_asked_for_and_nothing_comes(any_database: Database):
    log = CallLog(any_database)
    _record(log)

    assert log.recent(HERE, 0) == log.recent(HERE, -1) == ()


def test_calls_from_many_threads_are_all_there(any_database: Database):
    log = CallLog(any_database)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: _record(log), range(100)))

    assert len(log.recent(HERE, 1000)) == 100


class Counted(CallLog):
    """A log that counts its transactions."""

    writes = 0

    def record_all(self, records: Sequence[CallRecord]) -> None:
        self.writes += 1
        super().record_all(records)


@pytest.mark.slow
def test_calls_that_end_while_one_is_written_are_written_together(database: Database):
    log = Counted(database)

    with ThreadPoolExecutor(20) as pool:
        with database.write():
            made = [pool.submit(_record, log) for _ in range(20)]
            wait_until(lambda: len(log._waiting) == 20, 60, lambda: f"{len(log._waiting)} wait")
        ids = {one.result().call_id for one in made}

    assert {call.call_id for call in log.recent(HERE, 100)} == ids
    assert log.writes <= 3


@pytest.mark.slow
def test_calls_that_wait_for_a_database_that_is_locked_fail_with_it(tmp_path: Path):
    database = Database.open(tmp_path / "vault.db", busy_timeout=0.5)
    log = Counted(database)

    with closing(sqlite3.connect(tmp_path / "vault.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(20) as pool:
            made = [pool.submit(_record, log) for _ in range(20)]
        assert {type(one.exception()) for one in made} == {StoreUnavailable}

    assert log.writes <= 3, "not one after the other"
    again = _record(log)
    assert log.recent(HERE) == (again,)
    database.close()


def test_log_has_no_place_for_content():
    assert set(calls.columns.keys()).isdisjoint({"prompt", "text", "reply", "content", "output"})


# --- calls that end faster than a database can be written


class BookLog(CallLog):
    """A log that writes to a book."""

    def __init__(self, book: Book, **options: Any) -> None:
        super().__init__(cast("Database", None), **options)
        self._book = book

    def record_all(self, records: Sequence[CallRecord]) -> None:
        self._book(records)


def soon(book: Book, *, every: float) -> CallLog:
    """Return a log whose unwritten lines are lost with a warning."""
    return BookLog(book, every=every)


def surely(book: Book, *, every: float, **options: int) -> CallLog:
    """Return a log whose unwritten lines wait."""

    def tell(count: int, error: StoreUnavailable) -> None:
        book.told.append(count)

    return BookLog(book, on_failure="refuse", tell=tell, every=every, **options)


@pytest.fixture
async def book() -> Book:
    return Book()


async def test_call_that_ends_alone_is_written_at_once(book: Book) -> None:
    journal = soon(book, every=3600)

    journal.add(record())
    await asyncio.wait_for(book.begun.wait(), 5)
    await journal.close()

    assert len(book.writes) == 1


async def test_calls_that_come_fast_are_written_together_in_their_order(book: Book) -> None:
    journal = soon(book, every=0.01)

    for number in range(100):
        journal.add(record(str(number)))
        await asyncio.sleep(0)
    await journal.close()

    assert book.users == [str(number) for number in range(100)]
    assert len(book.writes) < 20


async def test_what_waits_is_written_when_it_ends(book: Book) -> None:
    journal = soon(book, every=3600)
    journal.add(record("first"))
    await asyncio.wait_for(book.begun.wait(), 5)

    journal.add(record("second"))
    await journal.close()

    assert book.users == ["first", "second"]


async def test_flush_returns_when_what_was_added_before_is_written(book: Book) -> None:
    book.slow = 0.1
    journal = soon(book, every=3600)
    journal.add(record("first"))
    await asyncio.wait_for(book.begun.wait(), 5)  # by the journal itself, and it is still at it

    await journal.flush()
    first = book.users
    journal.add(record("second"))
    await journal.flush()
    second = book.users
    await journal.close()

    assert (first, second) == (["first"], ["first", "second"])


# --- a log that refuses: nothing is lost while the process lives


def has_room(journal: CallLog) -> bool:
    try:
        journal.check_room()
    except StoreUnavailable:
        return False
    return True


async def test_records_wait_while_the_database_takes_none(book: Book) -> None:
    book.full = True
    journal = surely(book, every=0.01)
    journal.add(record("early"))
    await asyncio.wait_for(book.begun.wait(), 5)

    book.full = False
    journal.add(record("late"))
    await until(lambda: len(book.users) == 2)
    await journal.close()

    assert book.users == ["early", "late"]


async def test_no_call_begins_whose_record_could_not_be_kept(book: Book) -> None:
    book.full = True
    journal = surely(book, every=3600, most=2)

    for _ in range(2):
        journal.check_room()
        journal.add(record())

    with pytest.raises(StoreUnavailable, match="calls log"):
        journal.check_room()
    await asyncio.wait_for(book.begun.wait(), 5)
    await journal.close()


async def test_no_call_begins_after_a_record_that_could_not_be_written(book: Book) -> None:
    book.full = True
    journal = surely(book, every=0.01)
    journal.add(record())
    await until(lambda: book.told != [])

    with pytest.raises(StoreUnavailable, match="calls log"):
        journal.check_room()
    book.full = False
    await until(lambda: has_room(journal))
    await journal.close()

    assert set(book.told) == {1}
    assert len(book.writes) == 1
