"""Reports: sums by workspace, member, model, day and month, as they are raised with each call."""

from __future__ import annotations

import calendar
from typing import Any

import pytest

from assay_nb.accounting.call_log import CallLog, make_id, make_record
from assay_nb.accounting.reports import ReportPart, Reports, read_days, total
from assay_nb.errors import WrongUsage
from assay_nb.store.database import Database

A, B = b"a" * 16, b"b" * 16
DAYS = read_days("2026-10-01", "2026-11-30")


def make(workspace: bytes, user: str, model: str, day: tuple[int, int], **fields: Any) -> Any:
    seconds = calendar.timegm((2026, *day, 12, 0, 0))
    return make_record(
        call_id=(seconds * 10**9).to_bytes(8, "big") + make_id()[8:],
        workspace_id=workspace,
        user=user,
        instrument="pass-through",
        provider="openai",
        model=model,
        funding="workspace",
        status="ok",
        **fields,
    )


@pytest.fixture
def reports(any_database: Database) -> Reports:
    log = CallLog(any_database)
    known = {"input_tokens": 10, "output_tokens": 2, "cost_micros": 40, "counted_micros": 40}
    log.record_all([
        make(A, "ada", "m", (10, 31), **known),
        make(A, "ada", "m", (11, 1), **known),
        make(A, "ada", "n", (11, 1), input_tokens=5, output_tokens=1, counted_micros=9),
        make(A, "bob", "m", (11, 2), **known),
        make(B, "ada", "m", (11, 2), counted_micros=100),
    ])  # fmt: skip
    log.record_all([make(A, "ada", "m", (11, 1), **known)])  # raises what is there
    return Reports(any_database, log)


CASES: list[tuple[tuple[ReportPart, ...], dict[str, Any], list[tuple[tuple[str, ...], int, int]]]] = [
    ((), {"workspace_id": A}, [((), 5, 169)]),
    (("user",), {"workspace_id": A}, [(("ada",), 4, 129), (("bob",), 1, 40)]),
    (("month", "user"), {"workspace_id": A, "user": "ada"},
     [(("2026-10", "ada"), 1, 40), (("2026-11", "ada"), 3, 89)]),
    (("model", "day"), {"workspace_id": A, "user": "ada"},
     [(("openai/m", "2026-10-31"), 1, 40), (("openai/m", "2026-11-01"), 2, 80), (("openai/n", "2026-11-01"), 1, 9)]),
    (("workspace",), {}, [((A.hex(),), 5, 169), ((B.hex(),), 1, 100)]),
]  # fmt: skip


@pytest.mark.parametrize(("by", "of", "expected"), CASES)
def test_sums_are_broken_down_as_asked(
    by: tuple[ReportPart, ...], of: dict[str, Any], expected: list[Any], reports: Reports
) -> None:
    rows = reports.usage(by, DAYS, **of)

    assert [(tuple(row.by.values()), row.calls, row.counted_micros) for row in rows] == expected


def test_what_is_not_known_is_counted_apart(reports: Reports) -> None:
    whole = total(reports.usage(("day",), DAYS))

    assert (whole.calls, whole.unpriced, whole.unmetered) == (6, 2, 1)
    assert (whole.input_tokens, whole.output_tokens, whole.cost_micros) == (45, 9, 160)


def test_days_outside_are_left_out(reports: Reports) -> None:
    assert [row.calls for row in reports.usage((), read_days("2026-11-02", "2026-11-02"))] == [2]
    assert reports.usage((), read_days("2026-12-01", "2026-12-02")) == []


@pytest.mark.parametrize(
    ("begin", "end"), [("x", None), ("2026-11-02", "2026-11-01"), ("1990-01-01", "2026-01-01")]
)
def test_days_that_are_none_are_refused(begin: str, end: str | None) -> None:
    with pytest.raises(WrongUsage):
        read_days(begin, end)
