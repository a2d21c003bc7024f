from __future__ import annotations

from contextlib import ExitStack

import pytest

from assay_nb.errors import LimitReached
from assay_nb.gateway.calls.limits import Limiter
from assay_nb.gateway.settings import LimitSettings


def refused(limiter: Limiter, user: str = "ada") -> LimitReached:
    with pytest.raises(LimitReached) as caught, limiter.slot(user):
        pass
    return caught.value


def test_calls_at_once_are_limited_for_each_person() -> None:
    limiter = Limiter(LimitSettings(calls_at_once=3))
    with ExitStack() as running:
        for _ in range(3):
            running.enter_context(limiter.slot("ada"))

        error = refused(limiter)
        with limiter.slot("grace"):
            assert limiter.running == 4

    assert error.message == "You already have 3 calls running, which is the limit."
    with limiter.slot("ada"):
        assert limiter.running == 1


def test_calls_in_a_minute_are_limited_and_the_hint_says_how_long_to_wait() -> None:
    now = 0.0
    limiter = Limiter(LimitSettings(calls_per_minute=12), lambda: now)
    for _ in range(12):
        with limiter.slot("ada"):
            pass

    error = refused(limiter)
    assert error.message == "You started 12 calls within a minute, which is the limit."
    assert (error.hint, error.retry_after) == ("Try again in 5 seconds.", 5.0)

    now = 5.0
    with limiter.slot("ada"):
        pass


def test_everybody_together_is_limited() -> None:
    limiter = Limiter(LimitSettings(streams=1))
    with limiter.slot("ada"):
        assert "as many calls as it can" in refused(limiter, "grace").message
