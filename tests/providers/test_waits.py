"""How long a provider asks to wait: every dialect's way of saying so, and what is not believed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from assay_nb.providers.error_body import read_error_body
from assay_nb.providers.waits import (
    Wait,
    keep_headers,
    parse_duration,
    parse_retry_after,
    read_wait,
)


def wait_of(status: int = 429, body: object = None, **headers: str) -> Wait:
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return read_wait(status, keep_headers(named), read_error_body(body))


def quota(delay: str | None, *ids: str) -> Any:
    """Return Google's 429."""
    kind = "type.googleapis.com/google.rpc."
    failure = {"@type": f"{kind}QuotaFailure", "violations": [{"quotaId": one} for one in ids]}
    details: list[Any] = [failure]
    if delay is not None:
        details.append({"@type": f"{kind}RetryInfo", "retryDelay": delay})
    error = {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED", "details": details}
    return {"error": error}


MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "2"}, 2),
        ({"retry_after": "2.5"}, 2.5),
        ({"retry_after": "0"}, 0),
        ({"retry_after_ms": "3000"}, 3),
        ({"retry_after_ms": "250", "retry_after": "1"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "1"}, 1),
        ({"x_ratelimit_reset_requests": "6m0s"}, 360),
        ({"x_ratelimit_reset_tokens": "12ms"}, 0.012),
        ({"x_ratelimit_reset_tokens": "59m2.5s"}, 3542.5),
        ({"x_ratelimit_reset_requests": "1s", "x_ratelimit_reset_tokens": "9s"}, 1),
        (
            {
                "x_ratelimit_reset_requests": "1s",
                "x_ratelimit_remaining_requests": "12",
                "x_ratelimit_reset_tokens": "9s",
                "x_ratelimit_remaining_tokens": "0",
            },
            9,
        ),
        # Azure's Responses API says -1 and 0, which is nothing.
        ({"x_ratelimit_remaining_requests": "-1", "x_ratelimit_reset_requests": "0"}, None),
        ({"x_ratelimit_reset_invented": "5s"}, None),
        ({"x_ratelimit_reset": "60", "x_ratelimit_remaining": "0"}, 60),
        ({"ratelimit_reset": "60"}, 60),
        ({"retry_after": "30s"}, 30),
        ({"retry_after": "1m30s"}, 90),
        ({}, None),
    ],
)
def test_headers_say_how_long(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(**headers) == Wait(seconds)


@pytest.mark.parametrize("kind", ["requests", "tokens", "input-tokens", "output-tokens"])
def test_time_at_which_a_limit_is_lifted_is_a_wait_until_then(kind: str) -> None:
    then = (datetime.now(UTC) + timedelta(seconds=40)).isoformat().replace("+00:00", "Z")
    headers = {f"anthropic-ratelimit-{kind}-reset": then}

    wait = read_wait(429, keep_headers(headers), read_error_body(None))

    assert wait.seconds == pytest.approx(40, abs=5)


@pytest.mark.parametrize(
    ("body", "wait"),
    [
        (quota("13s", MINUTE), Wait(13)),
        (quota("4.2s", MINUTE), Wait(4.2)),
        (quota("45.8379s"), Wait(45.8379)),
        (quota("20s", DAY), Wait(daily=True)),
        (quota("20s", MINUTE, DAY), Wait(daily=True)),
        (quota(None, DAY), Wait(daily=True)),
        (quota(None, MINUTE), Wait()),
        (quota("20s", "SomethingPerDayInvented"), Wait(daily=True)),
        (quota("in a while", MINUTE), Wait()),
        ([quota("13s", MINUTE)], Wait(13)),  # as an array, which Google's streams begin with
        ({"error": {"message": "Limit on requests per day (RPD) reached."}}, Wait(daily=True)),
        ({"error": "Rate limit exceeded: free-models-per-day"}, Wait(daily=True)),
        ({"error": "Too many requests."}, Wait()),
        (
            {"error": {"message": "Limit 30000, Used 29000. Please try again in 4.77s. Visit"}},
            Wait(4.77),
        ),
        ({"error": {"message": "Please try again in 292ms."}}, Wait(0.292)),
        (
            {"error": {"message": "Limit on tokens per day (TPD). Try again in 7m54.336s."}},
            Wait(474.336),
        ),
        (
            {"error": {"message": "exceeded token rate limit. Please retry after 26 seconds."}},
            Wait(26),
        ),
        (
            {"error": {"message": "No deployments available, Try again in 60 seconds. Passed"}},
            Wait(60),
        ),
        ({"message": "Rate limit is exceeded. Try again in 7 seconds."}, Wait(7)),
        ({"error": {"message": "Please retry in 13.2s."}}, Wait(13.2)),
        ({"error": {"message": "Try again in 2 weeks, or in a second."}}, Wait()),
        ({"error": {"message": "slow", "metadata": {"retry_after_seconds": 17}}}, Wait(17)),
        ({"error": {"message": "slow", "retry_after": 1.5}}, Wait(1.5)),
        ({"error": {"message": "slow", "retry_after": -5}}, Wait()),
        ({"error": "Model m is currently loading", "estimated_time": 20.0}, Wait(20)),
    ],
)
def test_body_says_how_long(body: object, wait: Wait) -> None:
    assert wait_of(body=body) == wait


def test_time_since_1970_is_a_wait_until_then() -> None:
    then = time.time() + 60
    meta = {"error": {"metadata": {"headers": {"X-RateLimit-Reset": str(int(then * 1000))}}}}

    waits = (
        wait_of(retry_after=str(int(then))),
        wait_of(x_ratelimit_reset_requests=str(int(then))),
        wait_of(x_ratelimit_reset=str(int(then * 1000)), x_ratelimit_remaining="0"),
        wait_of(retry_after=datetime.fromtimestamp(then, UTC).isoformat()),
        wait_of(body=meta),
    )

    assert [wait.seconds for wait in waits] == [pytest.approx(60, abs=5)] * 5


def test_a_days_quota_that_opens_soon_is_waited_for() -> None:
    body = {"error": {"message": "Limit on tokens per day (TPD) reached."}}

    assert wait_of(body=body, retry_after="7") == Wait(7)


def test_limit_that_is_lifted_in_hours_is_a_days() -> None:
    assert wait_of(x_ratelimit_reset_requests="2h0m3s") == Wait(daily=True)


@pytest.mark.parametrize("said", ["-5", "nan", "inf", "-inf", "1e12", "100000", "soon", "", "1_0s"])
def test_what_cannot_be_is_not_believed(said: str) -> None:
    assert wait_of(retry_after=said) == Wait()
    assert wait_of(retry_after_ms=said if said != "100000" else "1e11") == Wait()
    assert wait_of(body=quota(f"{said}s", MINUTE)) == Wait()


@pytest.mark.parametrize("status", [400, 401, 402, 413, 500, 502, 504])
def test_only_an_answer_that_means_later_says_how_long(status: int) -> None:
    assert wait_of(status, quota("13s", MINUTE), retry_after="5") == Wait()


@pytest.mark.parametrize("status", [429, 503, 529])
def test_overloaded_server_is_believed_too(status: int) -> None:
    assert wait_of(status, retry_after="5") == Wait(5)


def test_retry_after_is_a_number_or_a_date() -> None:
    later = datetime.fromtimestamp(time.time() + 90, UTC)
    past = datetime.fromtimestamp(time.time() - 90, UTC)

    assert 80 < (parse_retry_after(format_datetime(later, usegmt=True)) or 0) <= 90
    assert parse_retry_after(format_datetime(past, usegmt=True)) == 0
    assert parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT") is None
    assert parse_retry_after(None) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("13s", 13),
        ("1h2m3s", 3723),
        ("12ms", 0.012),
        ("2m59.56s", 179.56),
        ("1d", 86_400),
        ("30", 30),
        ("2d", None),
        ("5 s", None),
        ("s", None),
        ("5x", None),
        (None, None),
    ],
)
def test_duration_is_read_with_its_units(text: str | None, seconds: float | None) -> None:
    assert parse_duration(text) == (None if seconds is None else pytest.approx(seconds))


def test_no_header_is_kept_that_says_nothing_of_waiting() -> None:
    headers = {"Retry-After": "1", "X-RateLimit-Limit-Requests": "9", "Set-Cookie": "a=b"}

    assert keep_headers(headers) == {"retry-after": "1"}
