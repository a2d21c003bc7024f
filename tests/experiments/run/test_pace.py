"""The pace of a run: who waits, how many go out afterwards, and what a failure asks for."""

from __future__ import annotations

import asyncio

import pytest

from assay_nb import BadReply, ProviderError, ProviderUnavailable, RateLimited
from assay_nb.errors import BROKEN_OFF, DAY_QUOTA, UNREACHED
from assay_nb.experiments.run.failures import Effect, describe_cause, find_effect
from assay_nb.experiments.run.pace import Clock, Pace, Pause
from tests.experiments.simulated import Hours

EFFECTS: list[tuple[ProviderError, Effect]] = [
    (RateLimited("x", status=429), Effect.BACKS_OFF),
    (RateLimited("x", status=429, retry_after=0.0), Effect.WAITS),
    (RateLimited("x", status=429, retry_after=60.0), Effect.WAITS),
    (RateLimited("x", status=429, retry_after=61.0), Effect.ENDS),
    (RateLimited("x", status=429, reason=DAY_QUOTA), Effect.ENDS),
    (ProviderUnavailable("x", status=503), Effect.BACKS_OFF),
    (ProviderUnavailable("x", status=529), Effect.BACKS_OFF),
    (ProviderUnavailable("x", status=503, retry_after=12.0), Effect.WAITS),
    (ProviderUnavailable("x", status=503, retry_after=90.0), Effect.OF_ROW),
    (ProviderUnavailable("x", status=500), Effect.OF_ROW),
    (ProviderUnavailable("x", reason=UNREACHED), Effect.UNREACHED),
    (ProviderUnavailable("x", status=200, reason=BROKEN_OFF), Effect.BROKEN_OFF),
    (ProviderUnavailable("x", reason="a word of a newer version"), Effect.OF_ROW),
    (BadReply("x", stop="incomplete"), Effect.BROKEN_OFF),
    (BadReply("x", stop="length"), Effect.OF_ROW),
    (BadReply("x"), Effect.OF_ROW),
    (ProviderError("x", status=413), Effect.OF_ROW),
    (ProviderError("x", status=402), Effect.OF_ALL),
    (ProviderError("x"), Effect.OF_ALL),
]


@pytest.mark.parametrize(("error", "effect"), EFFECTS)
def test_failure_asks_for_what_helps(error: ProviderError, effect: Effect) -> None:
    assert find_effect(error) is effect


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RateLimited("x"), "its limit is reached"),
        (ProviderUnavailable("x", status=503), "it is overloaded"),
        (ProviderUnavailable("x", reason=UNREACHED), "it cannot be reached"),
    ],
)
def test_cause_of_a_wait_is_a_clause(error: ProviderError, why: str) -> None:
    assert describe_cause(error) == why


class Run:
    """A pace, and how many calls may go out at once by it."""

    def __init__(self, most: int = 8) -> None:
        self.hours = Hours()
        self.told: list[Pause] = []
        self.pace = Pace(most, self.hours.clock, self.told.append)

    async def width(self) -> int:
        """Return how many calls go out before one has to wait for another's end."""
        waiting = [asyncio.ensure_future(self.pace.enter()) for _ in range(20)]
        for _ in range(50):
            await asyncio.sleep(0)
        inside = sum(one.done() for one in waiting)
        for one in waiting:
            one.cancel()
        for _ in range(inside):
            self.pace.leave()
        return inside

    async def refuse(self, calls: int = 1) -> list[bool]:
        """Have so many calls refused that went out together; return which of them were news."""
        bursts = [await self.pace.enter() for _ in range(calls)]
        for _ in bursts:
            self.pace.leave()
        return [self.pace.back_off(burst, "a server", "it is full") for burst in bursts]


def test_refusals_of_one_burst_are_one_refusal() -> None:
    async def play() -> None:
        run = Run()

        assert await run.refuse(5) == [True, False, False, False, False]
        assert [pause.seconds for pause in run.told] == [2.0]
        assert await run.width() == 4

    asyncio.run(play())


def test_width_halves_at_each_refusal_and_comes_back_with_successes() -> None:
    async def play() -> list[int]:
        run = Run()
        widths = [await run.width()]
        for _ in range(4):
            await run.refuse()
            widths.append(await run.width())
        for _ in range(40):
            run.pace.succeed()
        return [*widths, await run.width()]

    assert asyncio.run(play()) == [8, 4, 2, 1, 1, 8]


def test_width_comes_back_more_slowly_each_time_that_replies_break_off() -> None:
    async def play() -> list[int]:
        run, needed = Run(2), list[int]()
        for _ in range(3):
            run.pace.narrow(await run.pace.enter())
            run.pace.leave()
            count = 0
            while await run.width() < 2:
                run.pace.succeed()
                count += 1
            needed.append(count)
        return needed

    assert asyncio.run(play()) == [20, 40, 80]


def test_shorter_wait_within_a_longer_one_is_none() -> None:
    run = Run()

    run.pace.hold(40.0, "a server", "it is full")
    run.pace.hold(10.0, "a server", "it is full")
    run.pace.hold(0.0, "a server", "it is full")

    assert [str(pause) for pause in run.told] == ["waiting 40 s for a server: it is full"]
    assert run.pace.waited == 40.0


def test_jitter_keeps_runs_from_coming_back_at_once() -> None:
    jitter = Clock().jitter
    drawn = {jitter() for _ in range(50)}

    assert len(drawn) > 40
    assert all(0.75 <= one <= 1.25 for one in drawn)
