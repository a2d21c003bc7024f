"""Lines of calls that run: written from the beginning, completed by the end, and settled after a crash."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from assay_nb.accounting.call_log import CallLog, make_id, make_record
from assay_nb.accounting.reports import Reports, read_days
from assay_nb.store.call_rows import CUT_OFF, RUNNING, STALE, CallRecord
from assay_nb.store.database import Database
from assay_nb.store.tables import call_writers, calls
from tests.tools import until

pytestmark = pytest.mark.anyio

HERE = b"h" * 16


def line(call_id: bytes, **changes: Any) -> CallRecord:
    fields: dict[str, Any] = {
        "workspace_id": HERE,
        "user": "ada",
        "instrument": "critique",
        "provider": "openai",
        "model": "m",
        "funding": "workspace",
        "status": "ok",
        "counted_micros": 5,
    }
    return make_record(call_id=call_id, **{**fields, **changes})


def calls_counted(database: Database, log: CallLog) -> tuple[int, int]:
    """Return how many calls the sums have, and what they count for."""
    rows = Reports(database, log).usage((), read_days(None, None), workspace_id=HERE)
    return sum(row.calls for row in rows), sum(row.counted_micros for row in rows)


async def test_call_that_runs_for_long_has_a_line_which_its_end_completes(
    any_database: Database,
) -> None:
    log, call_id = CallLog(any_database, every=0.01), make_id()

    log.begin(call_id, lambda: line(call_id, status=RUNNING))
    await until(lambda: log.recent(HERE) != ())
    (begun,) = log.recent(HERE)
    before = calls_counted(any_database, log)
    log.add_later(call_id, lambda: line(call_id, input_tokens=3, output_tokens=4))
    await log.close()

    assert (begun.status, before) == (RUNNING, (0, 0))
    (ended,) = log.recent(HERE)
    assert (ended.status, ended.input_tokens) == ("ok", 3)
    assert calls_counted(any_database, log) == (1, 5)


async def test_call_that_ends_soon_is_written_once(any_database: Database) -> None:
    log, call_id = CallLog(any_database), make_id()
    made: list[str] = []

    def make(status: str) -> CallRecord:
        made.append(status)
        return line(call_id, status=status)

    log.begin(call_id, partial(make, RUNNING))
    log.add_later(call_id, partial(make, "ok"))
    await log.close()

    assert made == ["ok"]
    assert calls_counted(any_database, log) == (1, 5)


async def test_call_that_was_never_sent_leaves_no_line(any_database: Database) -> None:
    log, call_id = CallLog(any_database), make_id()

    log.begin(call_id, lambda: line(call_id, status=RUNNING))
    assert log.forget(call_id)
    await log.close()

    assert log.recent(HERE) == ()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "the end first"])
async def test_two_lines_of_a_call_are_one_in_either_order(
    any_database: Database, order: tuple[int, int]
) -> None:
    log, call_id = CallLog(any_database), make_id()
    both = line(call_id, status=RUNNING), line(call_id)

    for number in order:
        log.record_all([both[number]])

    assert [one.status for one in log.recent(HERE)] == ["ok"]
    assert calls_counted(any_database, log) == (1, 5)


async def test_call_of_a_process_that_was_killed_is_cut_off_once_and_counts(
    any_database: Database,
) -> None:
    log, call_id = CallLog(any_database), make_id()
    log.record_all([line(call_id, status=RUNNING)])
    running = log.recent(HERE)[0].status
    with any_database.write() as connection:  # as it is when that process was not seen for a minute
        connection.execute(update(call_writers).values(seen_at=int(time.time()) - STALE - 1))

    shown = log.recent(HERE)[0].status
    settled = [log.settle_cut_off() for _ in range(2)]

    assert (running, shown, settled) == (RUNNING, CUT_OFF, [1, 0])
    assert calls_counted(any_database, log) == (1, 5)
    with any_database.read() as connection:
        assert connection.execute(calls.select()).one().status == CUT_OFF


@pytest.mark.parametrize("others", [0, 1_500], ids=["alone", "with others"])
async def test_call_that_was_taken_to_be_cut_off_and_ends_later_counts_once(
    others: int, any_database: Database
) -> None:
    log, call_id = CallLog(any_database), make_id()
    log.record_all([line(call_id, status=RUNNING, counted_micros=70, model="as asked")])
    with any_database.write() as connection:  # the process is stopped, and comes back
        connection.execute(update(call_writers).values(seen_at=int(time.time()) - STALE - 1))
    assert log.settle_cut_off() == 1
    before = calls_counted(any_database, log)

    more = [line(make_id(), counted_micros=0) for _ in range(others)]
    log.record_all([*more, line(call_id, counted_micros=5, model="as answered")])

    assert before == (1, 70)
    assert calls_counted(any_database, log) == (1 + others, 5)


async def test_process_that_makes_calls_is_seen_again_and_again(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay_nb.accounting.call_log._BEAT", 0.0)
    log, call_id = CallLog(any_database, every=0.01), make_id()
    log.begin(call_id, lambda: line(call_id, status=RUNNING))
    await until(lambda: log.recent(HERE) != ())
    with any_database.write() as connection:
        connection.execute(update(call_writers).values(seen_at=0))

    await until(lambda: log.recent(HERE)[0].status == RUNNING)
    log.add(line(call_id))
    await log.close()


async def test_old_lines_go_and_sums_stay(any_database: Database) -> None:
    log = CallLog(any_database)
    old = (10**18).to_bytes(8, "big") + make_id()[8:]
    log.record_all([line(old), replace(line(make_id()), counted_micros=7)])

    assert log.delete_before(int(time.time()) - 60) == 1

    assert [one.counted_micros for one in log.recent(HERE)] == [7]
    days = read_days("2001-09-09", "2001-09-09")
    assert [row.calls for row in Reports(any_database, log).usage((), days)] == [1]
