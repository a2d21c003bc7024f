"""Values of a listing: numbers, prices, days and names that make sense; None for all that does not.

Listings come from servers that nobody here has checked. A value of another type, beyond any real model, or
not finite is as good as none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, cast

_MOST_TOKENS = 100_000_000
"""Tokens: ten times the largest window that anybody offers."""

_HIGHEST_PRICE = 10_000.0
"""US dollars per million tokens: sixteen times the highest price so far, $600 for o1-pro's output."""

_DAYS = date(2020, 1, 1), date(2100, 1, 1)
"""Days on which a model may retire. Before them there was no API; 1970 stands for none."""

_MOST_WORDS = 64
_NAME = re.compile(r"[\w.:/@+~-]{1,200}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")


def as_count(value: Any) -> int | None:
    """Return a number of tokens."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():  # infinity and NaN are none either
        return None
    return int(value) if 1 <= value <= _MOST_TOKENS else None


def as_price(value: Any) -> float | None:
    """Return US dollars per million tokens."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _HIGHEST_PRICE else None  # not of NaN


def as_token_price(value: Any) -> float | None:
    """Return US dollars per million tokens for a price per token, which listings write as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        price = as_price(float(value) * 1e6)
    except (ValueError, OverflowError):
        return None
    return None if price is None else round(price, 6)


def as_day(value: Any) -> str | None:
    """Return a day as an ISO date, for a date, a time, either of them as text, or seconds since 1970."""
    day = _read_day(value)
    return day.isoformat() if day is not None and _DAYS[0] <= day < _DAYS[1] else None


def as_model(value: Any) -> str | None:
    """Return a model's name, if that is what it is: a sentence is not shown to anybody."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def as_words(value: Any) -> list[str] | None:
    """Return names of parameters in order; what is not one is left out."""
    if not isinstance(value, list | tuple):
        return None
    listed = cast("Iterable[Any]", value)
    words = {word for word in listed if isinstance(word, str) and _WORD.fullmatch(word)}
    return sorted(words)[:_MOST_WORDS] or None


def _read_day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value.strip()).date()
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
    return None
