from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from assay_nb.accounting.call_log import CallLog, make_record
from assay_nb.errors import StoreUnavailable
from assay_nb.store.call_rows import CallRecord
from assay_nb.store.database import Database
from assay_nb.store.tables import calls
from tests.tools import wait_until

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
