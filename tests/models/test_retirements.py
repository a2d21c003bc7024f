"""Retirements: which day belongs to a name, and what is said before and after it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from assay_nb.models.retirements import RETIREMENTS, WARNING_DAYS, Retirement, find_retirement

DAY = date(2027, 3, 1)
NAMED = Retirement(day=DAY, successor="new-1", source="the page", read=date(2026, 11, 30))
EARLIEST = Retirement(
    day=DAY, successor=None, source="the page", read=date(2026, 11, 30), is_earliest=True
)


@pytest.mark.parametrize(
    ("model", "day"),
    [
        ("gpt-4o-mini", date(2027, 1, 14)),
        ("gpt-4o-2024-08-06", date(2027, 1, 14)),
        ("gpt-4o-2024-05-13", date(2026, 10, 23)),  # an end of its own, before its family's
        ("gpt-4o", date(2027, 1, 14)),
        ("gpt-4-0613", date(2026, 10, 23)),
        ("o3-2025-04-16", date(2026, 12, 11)),
        ("claude-sonnet-4-5-20250929", date(2026, 11, 30)),
        ("claude-opus-4-5", date(2027, 1, 22)),
        ("claude-opus-4-20250514", date(2026, 6, 15)),
        ("claude-3-haiku-20240307", date(2026, 4, 20)),
        ("gemini-2.5-pro", date(2026, 12, 1)),
        ("gemini-2.0-flash-001", date(2026, 6, 1)),
    ],
)
def test_day_is_found_by_the_name_of_the_version_or_its_family(model: str, day: date) -> None:
    found = find_retirement(model)

    assert found is not None
    assert found.day == day


@pytest.mark.parametrize(
    "model",
    [None, "", "claude-sonnet-4-6", "claude-sonnet-5-5", "gpt-6.2-sol", "gemini-2.5-flash-lite",
     "gpt-4o-audio-preview", "nobody-knows-this-one"],
)  # fmt: skip
def test_no_day_is_made_up(model: str | None) -> None:
    assert find_retirement(model) is None


@pytest.mark.parametrize(
    ("retirement", "days", "text"),
    [
        (NAMED, WARNING_DAYS + 1, None),
        (NAMED, WARNING_DAYS, "m is due to be shut down on 2027-03-01."),
        (NAMED, 0, "m is due to be shut down on 2027-03-01."),
        (NAMED, -1, "m was due to be shut down on 2027-03-01."),
        (NAMED, -900, "m was due to be shut down on 2027-03-01."),
        (EARLIEST, 30, "m may be shut down from 2027-03-01 on."),
        (EARLIEST, -1, "m was due to be shut down on 2027-03-01."),
    ],
)
def test_warning_begins_sixty_days_before_and_never_says_gone(
    retirement: Retirement, days: int, text: str | None
) -> None:
    assert retirement.describe("m", DAY - timedelta(days=days)) == text


def test_advice_names_the_successor_where_there_is_one() -> None:
    assert NAMED.advice == "Use new-1 instead."
    assert EARLIEST.advice == "Choose another model."


@pytest.mark.parametrize("model", RETIREMENTS)
def test_each_entry_says_where_and_when_it_was_read(model: str) -> None:
    entry = RETIREMENTS[model]

    assert "/" in entry.source
    assert date(2026, 9, 1) <= entry.read <= date(2026, 11, 30)
    assert entry.successor != model


def test_no_successor_ends_sooner_than_what_it_replaces() -> None:
    for entry in RETIREMENTS.values():
        after = find_retirement(entry.successor)
        assert after is None or after.day > entry.day
