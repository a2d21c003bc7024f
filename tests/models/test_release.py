"""On the day of a release, the tables are fresh and no model that is offered is about to end.

The day is the newest one in CHANGELOG.md, and before the first release that of the tables: time alone makes
nothing fail here.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from assay_nb.messages import PROVIDERS
from assay_nb.models.catalog import (
    DEFAULT_MODEL,
    DEMO_MODEL,
    DEMO_SUCCESSOR,
    TABLE_DATE,
    table_age_days,
)
from assay_nb.models.retirements import RETIREMENTS, WARNING_DAYS, Retirement, find_retirement

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
OFFERED = (*(DEFAULT_MODEL[provider] for provider in PROVIDERS), DEMO_MODEL, DEMO_SUCCESSOR)
FRESH_DAYS = 90


def find_release_day(changelog: str) -> date:
    """Return the day of the newest release; before the first, the day of the tables."""
    days = re.findall(r"^## .*?(\d{4}-\d\d-\d\d)", changelog, flags=re.MULTILINE)
    return max([TABLE_DATE, *map(date.fromisoformat, days)])


def find_faults(day: date) -> list[str]:
    """Return what would be wrong with a release on that day."""
    old = table_age_days(day) > FRESH_DAYS
    ends = [(model, find_retirement(model)) for model in OFFERED]
    ending = [end.describe(model, day) for model, end in ends if end]
    return [*(["the tables are old"] if old else []), *(text for text in ending if text)]


def test_release_offers_no_model_that_ends_and_no_old_table() -> None:
    assert find_faults(find_release_day(CHANGELOG.read_text(encoding="utf-8"))) == []


def test_release_day_is_the_newest_in_the_changelog() -> None:
    text = "# Changes\n\n## 1.1.0 (2027-03-04)\n\nSince 2029-01-01.\n\n## 1.0.0 (2027-01-02)\n"

    assert find_release_day(text) == date(2027, 3, 4)
    assert find_release_day("# Changes\n") == TABLE_DATE


@pytest.mark.parametrize(("age", "faults"), [(FRESH_DAYS, 0), (FRESH_DAYS + 1, 1)])
def test_release_with_an_old_table_is_noticed(age: int, faults: int) -> None:
    assert len(find_faults(TABLE_DATE + timedelta(days=age))) == faults


@pytest.mark.parametrize("model", OFFERED)
@pytest.mark.parametrize(("left", "faults"), [(WARNING_DAYS + 1, 0), (WARNING_DAYS, 1), (-1, 1)])
def test_release_with_an_ending_model_is_noticed(
    monkeypatch: pytest.MonkeyPatch, model: str, left: int, faults: int
) -> None:
    day = TABLE_DATE + timedelta(days=left)
    end = Retirement(day=day, successor=None, source="the page", read=TABLE_DATE)
    monkeypatch.setitem(RETIREMENTS, model, end)

    assert len(find_faults(TABLE_DATE)) == faults * OFFERED.count(model)
