"""Retirements: which day belongs to a name, what is said before and after it, and what the SDKs say of it."""

from __future__ import annotations

import ast
import re
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from assay_nb.egress.origins import OFFICIAL
from assay_nb.messages import Usage
from assay_nb.models.catalog import TABLE_DATE, find_provider
from assay_nb.models.prices import estimate_cost
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
        ("gpt-4-0314", date(2026, 3, 26)),
        ("gpt-3.5-turbo-1106", date(2026, 9, 28)),
        ("gpt-5.1-2025-11-13", date(2027, 4, 1)),
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
        (EARLIEST, -1, "m may be shut down from 2027-03-01 on."),
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

    assert re.search(r"/|SDK \d", entry.source)
    assert date(2026, 9, 1) <= entry.read <= TABLE_DATE


@pytest.mark.parametrize("model", [name for name, one in RETIREMENTS.items() if one.successor])
def test_successor_outlives_what_it_replaces_and_the_warning_of_its_own_end(model: str) -> None:
    entry = RETIREMENTS[model]
    after = find_retirement(entry.successor)

    warned_until = max(entry.day, TABLE_DATE) + timedelta(days=WARNING_DAYS)
    assert entry.successor != model
    assert after is None or after.day > warned_until


def source_of(package: str, *path: str) -> str:
    """Return a module's text without importing it: an SDK takes a second to load."""
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.joinpath(*path).read_text(encoding="utf-8")


ANTHROPICS_MODELS = source_of("anthropic", "types", "model_param.py")
ANTHROPICS_ENDS = source_of("anthropic", "_data", "deprecated_models.py")
OPENAIS_MODELS = source_of("openai", "types", "shared", "chat_model.py")


@pytest.mark.parametrize(
    "model", sorted({one.successor or "gpt-5.5" for one in RETIREMENTS.values()})
)
def test_successor_is_a_model_that_there_is(model: str) -> None:
    provider = find_provider(model)
    assert provider is not None
    priced = estimate_cost(model, Usage(1, 1), endpoint=OFFICIAL[provider])

    assert priced is not None or f'"{model}"' in ANTHROPICS_MODELS


def read_anthropics_ends() -> dict[str, date]:
    """Return what Anthropic's SDK warns of: a table with days such as `January 22nd, 2027`."""
    table = next(
        node for node in ast.walk(ast.parse(ANTHROPICS_ENDS)) if isinstance(node, ast.Dict)
    )
    ends: dict[str, str] = ast.literal_eval(table)
    plain = {model: re.sub(r"(\d)[a-z]+,", r"\1,", day) for model, day in ends.items()}
    return {
        model: datetime.strptime(day, "%B %d, %Y").replace(tzinfo=UTC).date()
        for model, day in plain.items()
    }


def read_openais_ends() -> dict[str, date]:
    """Return what OpenAI's SDK says below its list of models, of those that read and write text."""
    text = " ".join(OPENAIS_MODELS.split())
    lines = re.findall(r'- ((?:"[^"]+",? ?)+): Announced shutdown date: ([\d-]+)', text)
    ends = {
        model: date.fromisoformat(day)
        for models, day in lines
        for model in re.findall(r'"([^"]+)"', models)
    }
    return {model: day for model, day in ends.items() if "audio" not in model}


SDKS_ENDS = {**read_anthropics_ends(), **read_openais_ends()}


def test_sdks_say_something_of_ends() -> None:
    assert {"claude-opus-4-5", "gpt-5", "o1-preview"} <= set(SDKS_ENDS)


@pytest.mark.parametrize("model", SDKS_ENDS)
def test_day_is_the_one_that_the_vendors_own_sdk_names(model: str) -> None:
    found = find_retirement(model)

    assert found is not None
    assert found.day == SDKS_ENDS[model]
