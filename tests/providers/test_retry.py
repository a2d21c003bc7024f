"""When another attempt is made, and how long is waited for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from assay_nb.errors import ProviderUnavailable, RateLimited
from assay_nb.providers.failures import Failed
from assay_nb.providers.retry import Retry
from tests.fakes.providers_client import run_script

pytestmark = pytest.mark.anyio


class Attempts:
    """Fails as told, then yields two events."""

    def __init__(self, *failures: Failed, after: int = 0) -> None:
        self.failures = list(failures)
        self.after = after
        self.made = 0

    async def start(self) -> AsyncGenerator[int, None]:
        self.made += 1
        for number in range(2):
            if self.failures and number == self.after:
                raise self.failures.pop(0)
            yield number


def down(*, again: bool = True) -> Failed:
    return Failed(ProviderUnavailable("Down."), again=again)


def make_retry(waits: list[float], **options: float) -> Retry:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return Retry(sleep=sleep, jitter=lambda: 1.0, **options)  # type: ignore[arg-type]


async def test_waits_double() -> None:
    waits: list[float] = []
    attempts = Attempts(down(), down())

    events = [event async for event in run_script(attempts.start, make_retry(waits))]

    assert events == [0, 1]
    assert waits == [0.5, 1.0]


async def test_fourth_attempt_is_never_made() -> None:
    attempts = Attempts(*(down() for _ in range(9)))

    with pytest.raises(ProviderUnavailable):
        [event async for event in run_script(attempts.start, make_retry([]))]

    assert attempts.made == 3


async def test_nothing_is_repeated_after_the_first_event() -> None:
    attempts = Attempts(down(), after=1)

    with pytest.raises(ProviderUnavailable):
        [event async for event in run_script(attempts.start, make_retry([]))]

    assert attempts.made == 1


async def test_longer_wait_than_a_person_has_is_not_waited() -> None:
    waits: list[float] = []
    error = RateLimited("Slow down.", retry_after=21)

    with pytest.raises(RateLimited) as caught:
        await make_retry(waits).value(Attempts(Failed(error, again=True)).start().__anext__)

    assert caught.value is error
    assert waits == []


async def test_wait_is_announced_before_it_begins() -> None:
    said: list[tuple[float, int]] = []

    async def sleep(seconds: float) -> None:
        assert said, "announced first"

    retry = Retry(sleep=sleep, on_wait=lambda *words: said.append(words), jitter=lambda: 1)

    [event async for event in run_script(Attempts(down()).start, retry)]

    assert said == [(0.5, 2)]


async def test_an_attempt_that_may_not_be_made_is_not_waited_for_either() -> None:
    waits: list[float] = []
    allowed = iter([True, False])
    attempts = Attempts(*(down() for _ in range(9)))
    retry = replace(make_retry(waits), may_send=lambda: next(allowed))

    with pytest.raises(ProviderUnavailable):
        [event async for event in run_script(attempts.start, retry)]

    assert (attempts.made, waits) == (2, [0.5])


async def test_leave_is_asked_for_further_attempts_only() -> None:
    asked: list[int] = []

    def may_send() -> bool:
        asked.append(1)
        return True

    retry = replace(make_retry([]), may_send=may_send)
    [event async for event in run_script(Attempts().start, retry)]
    assert asked == []

    [event async for event in run_script(Attempts(down()).start, retry)]
    assert asked == [1]


async def test_error_comes_out_without_its_history() -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        [event async for event in run_script(Attempts(down(again=False)).start, make_retry([]))]

    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
