"""A provider's limit within a table: what is waited for, and what ends the run with the rows that are there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from assay_nb import AssayError, Batch, ProviderUnavailable, RateLimited, playground
from assay_nb.engine.call import Call
from assay_nb.errors import DAY_QUOTA
from assay_nb.experiments.run import workers
from tests.experiments.simulated import Engine, Session

PROMPT = "Repeat: {{ticket}}"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pass the time that workers wait at once; return how long they waited."""
    waited: list[float] = []
    began = time.monotonic()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return began + sum(waited)

    monkeypatch.setattr(workers, "time", Clock)
    monkeypatch.setitem(workers.stream_answers.__kwdefaults__, "sleep", sleep)
    return waited


def play(count: int, **settings: Any) -> Batch:
    rows = [{"ticket": f"t{number}"} for number in range(count)]
    batch = playground(PROMPT, data=rows, **settings)
    assert isinstance(batch, Batch)
    return batch


def once(error: AssayError, row: str) -> Callable[[Call], str]:
    """Return a model that refuses a row the first time."""
    left = [error]

    def task(call: Call) -> str:
        if call.options["values"]["ticket"] == row and left:
            raise left.pop()
        return "fine"

    return task


def always(error: AssayError, *, after: int = 0) -> Callable[[Call], str]:
    answered = 0

    def task(call: Call) -> str:
        nonlocal answered
        answered += 1
        if answered > after:
            raise error
        return "fine"

    return task


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("Slow down.", status=429, retry_after=46.0),
        ProviderUnavailable("Busy.", status=503, retry_after=46.0),
    ],
)
def test_wait_that_a_provider_asks_for_loses_no_row(
    error: AssayError, session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = once(error, "t3")

    batch = play(12, concurrency=1)

    assert (batch.done, batch.failed, batch.stopped) == (12, (), None)
    assert sum(waits) == pytest.approx(46, abs=0.5)


def test_limit_that_never_opens_fails_the_row_after_ten_minutes(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(RateLimited("Slow down.", status=429, retry_after=50.0), after=1)

    batch = play(2, concurrency=1)

    assert (batch.done, batch.failed) == (1, (1,))
    assert 500 < sum(waits) <= 600


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("Today's quota.", status=429, reason=DAY_QUOTA),
        RateLimited("Come back later.", status=429, retry_after=61.0),
    ],
)
def test_quota_that_outlasts_a_row_ends_the_run_with_what_is_there(
    error: RateLimited, session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(error, after=5)

    batch = play(50, concurrency=1)

    assert (batch.done, batch.failed, batch.stopped) == (5, (), "quota")
    assert (len(engine.calls), waits) == (6, [])
    assert "quota is used up" in str(batch)


def test_quota_that_is_used_up_before_any_row_is_an_error(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(RateLimited("Today's quota.", status=429, reason=DAY_QUOTA))

    with pytest.raises(RateLimited):
        play(50, concurrency=1)

    assert len(engine.calls) == 1


def test_ended_run_goes_on_from_where_it_was(
    session: Session, engine: Engine, waits: list[float]
) -> None:
    engine.task = always(RateLimited("Today's quota.", status=429, reason=DAY_QUOTA), after=5)
    play(8, concurrency=1)
    engine.task = lambda call: "fine"
    engine.calls.clear()

    batch = play(8, concurrency=1)

    assert (batch.done, len(engine.calls)) == (8, 3)
