"""Waits: how long a provider asks to wait, wherever it says so.

What is said most exactly counts first: `retry-after-ms`, `retry-after`, Google's `retryDelay` in the body,
a sentence's `try again in 4.77s`, which is all that is left behind some proxies, then the times at which a
limit is lifted. Only an answer that means "later" (429, 503, 529) is read.
A value that is negative, not a number, or longer than a day is unknown rather than believed: a server's
slip must not put a table to sleep for a year.
"""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from assay_nb.providers.error_body import ErrorBody

LONGEST = 86_400.0
"""Seconds. What is longer is not believed."""

LATER = frozenset({429, 503, 529})
"""The statuses whose answers say how long."""

_DAY_FROM = 3_600.0
"""A limit that is lifted later than this is a day's, not a minute's."""

_KEPT = re.compile(
    r"retry-after(-ms)?|(x-)?ratelimit-(reset|remaining)(-(requests|tokens))?"
    r"|anthropic-ratelimit-(requests|tokens|input-tokens|output-tokens)-(reset|remaining)"
)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,12})?)(ms|us|µs|ns|d|h|m|s)")
_UNITS = {
    "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
}  # fmt: skip
_EPOCH = 1_000_000_000.0
"""Seconds since 1970 that were reached in 2001: what is larger is a time, and not a wait."""

_DAILY = ("per day", "per-day", "(tpd)", "(rpd)", "daily limit", "daily quota")


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait.

    Attributes:
        seconds: Seconds; None where nothing says it.
        daily: Whether a day's quota is used up. Nothing shorter than the rest of the day helps then.
    """

    seconds: float | None = None
    daily: bool = False


def keep_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the few headers of a response that say how long to wait, by their names in lower case."""
    return {
        name.lower(): value[:100]
        for name, value in headers.items()
        if _KEPT.fullmatch(name.lower())
    }


def read_wait(status: int, headers: Mapping[str, str], body: ErrorBody) -> Wait:
    """Return how long an answer asks to wait.

    Args:
        status: The status that counts.
        headers: What `keep_headers` kept.
        body: The error's body.
    """
    if status not in LATER:
        return Wait()
    # Violations come together, and a minute's delay does not open a day's quota.
    if any("perday" in quota.casefold() for quota in body.quotas):
        return Wait(daily=True)
    asked = _first(
        _milliseconds(headers.get("retry-after-ms")),
        parse_retry_after(headers.get("retry-after")),
        parse_duration(body.delay),
        parse_duration(body.asked_wait),
    )
    if asked is not None:
        return Wait(asked)
    if status == 429 and any(phrase in body.text for phrase in _DAILY):
        return Wait(daily=True)
    reset = _read_reset(headers)
    if reset is not None and reset > _DAY_FROM:
        return Wait(daily=True)
    return Wait(reset)


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header means: a number, a duration, a time, or a date.

    A time that is past is 0.
    """
    if value is None:
        return None
    try:
        return _from_number(float(value))
    except ValueError:
        pass
    if (duration := parse_duration(value)) is not None:
        return duration
    try:
        date = email.utils.parsedate_to_datetime(value)
        return _sane(max(0.0, date.timestamp() - time.time()))
    except (ValueError, OverflowError, OSError):
        return _until(value)


def _from_number(number: float) -> float | None:
    """Return seconds as they are, and those until a time that is written as seconds since 1970, or as ms."""
    if number >= _EPOCH * 1000:
        number /= 1000
    if not number >= _EPOCH:  # NaN among them
        return _sane(number)
    left = number - time.time()
    return None if left < -LONGEST else _sane(max(0.0, left))


def parse_duration(value: str | None) -> float | None:
    """Return the seconds of a duration such as `13s`, `4.2s`, `6m0s`, `12ms`, `1h2m3s`, or a bare number."""
    text = (value or "").strip().casefold()
    if re.fullmatch(r"\d{1,13}(\.\d{1,12})?", text):
        return _from_number(float(text))
    if not text or not re.fullmatch(rf"(?:{_PART.pattern})+", text):
        return None
    return _sane(sum(float(size) * _UNITS[unit] for size, unit in _PART.findall(text)))


def _milliseconds(value: str | None) -> float | None:
    try:
        return None if value is None else _sane(float(value) / 1000)
    except ValueError:
        return None


def _read_reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the limit that is used up is lifted.

    Several limits are told side by side. Those of which something is left are not what was hit; where
    nothing says what is left, the first to be lifted is waited for, and the next answer says more.
    """
    used_up: list[float] = []
    unknown: list[float] = []
    for name, value in headers.items():
        if "reset" not in name:
            continue
        seconds = parse_duration(value)
        if seconds is None:
            seconds = _until(value)
        if not seconds:  # zero says nothing of a limit that was just hit
            continue
        left = headers.get(name.replace("reset", "remaining"))
        if left == "0":
            used_up.append(seconds)
        elif left is None:
            unknown.append(seconds)
    return max(used_up, default=None) or min(unknown, default=None)


def _until(value: str) -> float | None:
    """Return the seconds until an RFC 3339 time; None for what is not one."""
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    if value.isdecimal():  # a number that could be read as a day
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return _sane(max(0.0, date.timestamp() - time.time()))


def _sane(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) and 0 <= seconds <= LONGEST else None


def _first(*values: float | None) -> float | None:
    known: Iterable[float] = (value for value in values if value is not None)
    return next(iter(known), None)
