"""The purse: what it lets through, in which order, and that nobody waits in it for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from assay_nb.experiments.spending.budget import Budget, Hold, OverBudget
from assay_nb.experiments.spending.estimates import Estimate
from assay_nb.experiments.spending.limits import Limits

pytestmark = pytest.mark.anyio

PLAIN = Estimate(likely=0.3, most=0.5)
DEAR = Estimate(likely=2.0, most=2.0)


def make_purse(budget: float | None = None, max_calls: int | None = None) -> Budget:
    return Budget(Limits(budget=budget, max_calls=max_calls))


async def start(purse: Budget, estimate: Estimate = PLAIN, requests: int = 1) -> asyncio.Task[Hold]:
    """Return a call that has asked the purse, and perhaps waits there."""
    task = asyncio.create_task(purse.set_aside("playground", estimate, requests))
    await asyncio.sleep(0)
    return task


async def have(tasks: Iterable[asyncio.Task[Hold]]) -> list[bool]:
    """Return which of the calls have been let through, once each that can has been."""
    for _ in range(3):
        await asyncio.sleep(0)
    return [task.done() and not task.cancelled() and not task.exception() for task in tasks]


async def learn(purse: Budget, cost: float = 0.3) -> None:
    """Let a first call show what one costs."""
    purse.settle(await purse.set_aside("playground", PLAIN), cost, 1)


# --- the budget -------------------------------------------------------------------------------------


async def test_a_first_call_goes_alone_however_large_the_budget() -> None:
    purse = make_purse(budget=1_000)

    calls = [await start(purse) for _ in range(3)]

    assert await have(calls) == [True, False, False]


async def test_the_others_follow_together_once_the_first_has_shown_what_one_costs() -> None:
    purse = make_purse(budget=1_000)
    calls = [await start(purse) for _ in range(4)]

    purse.settle(calls[0].result(), 0.3, 1)

    assert await have(calls) == [True] * 4


async def test_without_a_budget_all_go_at_once() -> None:
    purse = make_purse()

    assert await have([await start(purse) for _ in range(5)]) == [True] * 5


async def test_calls_run_side_by_side_only_while_the_most_that_they_cost_is_covered() -> None:
    purse = make_purse(budget=1.6)
    await learn(purse)

    calls = [await start(purse) for _ in range(4)]

    assert await have(calls) == [True, True, False, False]  # 0.3 + 2 × 0.5, and not a third


async def test_a_call_alone_needs_only_what_is_likely() -> None:
    purse = make_purse(budget=0.4)

    assert await have([await start(purse)]) == [True]  # at most it would cost 0.5


async def test_thirty_two_calls_of_a_dollar_on_a_budget_of_one_and_a_half_send_one() -> None:
    purse = make_purse(budget=1.5)
    calls = [await start(purse, Estimate(0.001, 0.01)) for _ in range(32)]

    purse.settle(calls[0].result(), 1.0, 1)

    assert await have(calls) == [True] + [False] * 31
    assert all(isinstance(task.exception(), OverBudget) for task in calls[1:])


async def test_a_call_is_likely_to_cost_what_the_dearest_of_its_kind_did() -> None:
    purse = make_purse(budget=1.0)
    await learn(purse, cost=0.6)

    with pytest.raises(OverBudget):
        await purse.set_aside("playground", PLAIN)
    assert (await purse.set_aside("judge", PLAIN)).likely == 0.3


async def test_what_the_provider_refused_does_not_say_what_a_reply_costs() -> None:
    purse = make_purse(budget=1_000)
    purse.settle(await purse.set_aside("playground", PLAIN), 0.0, None)

    calls = [await start(purse) for _ in range(2)]

    assert await have(calls) == [True, False]


async def test_a_cost_that_nobody_told_counts_as_what_was_likely() -> None:
    purse = make_purse(budget=0.5)
    purse.settle(await purse.set_aside("playground", PLAIN), None, None)

    with pytest.raises(OverBudget):
        await purse.set_aside("playground", PLAIN)
    assert (purse.spent, purse.unpriced) == (0.0, 1)


async def test_a_budget_of_nothing_lets_nothing_through_though_it_costs_nothing() -> None:
    with pytest.raises(OverBudget):
        await make_purse(budget=0).set_aside("playground", Estimate(0.0, 0.0))


async def test_what_is_left_is_the_limits_less_what_is_gone() -> None:
    purse = make_purse(budget=1.0, max_calls=10)
    purse.settle(await purse.set_aside("playground", PLAIN), 0.25, 2)
    purse.settle(await purse.set_aside("playground", PLAIN), None, 1)

    assert (purse.left.budget, purse.left.max_calls) == (pytest.approx(0.45), 7)


# --- the limit on calls -----------------------------------------------------------------------------


async def test_no_call_is_let_through_above_the_limit_on_calls() -> None:
    purse = make_purse(max_calls=2)
    purse.expected = 3
    for _ in range(2):
        purse.settle(await purse.set_aside("playground", PLAIN), 0.0, 1)

    with pytest.raises(OverBudget):
        await purse.set_aside("playground", PLAIN)


async def test_a_limit_of_no_calls_lets_none_through() -> None:
    with pytest.raises(OverBudget):
        await make_purse(max_calls=0).set_aside("playground", PLAIN)


async def test_a_call_of_two_requests_is_not_begun_where_one_is_left() -> None:
    with pytest.raises(OverBudget):
        await make_purse(max_calls=1).set_aside("judge", PLAIN, 2)


async def test_retries_may_take_what_the_rest_of_the_run_does_not_need() -> None:
    purse = make_purse(max_calls=12)
    purse.expected = 10

    holds = [await purse.set_aside("playground", PLAIN) for _ in range(3)]

    assert [hold.cap for hold in holds] == [3, 1, 1]


async def test_spare_requests_that_were_not_taken_come_back() -> None:
    purse = make_purse(max_calls=12)
    purse.expected = 10
    purse.settle(await purse.set_aside("playground", PLAIN), 0.0, 1)

    assert (await purse.set_aside("playground", PLAIN)).cap == 3


async def test_a_call_that_told_nothing_counts_with_all_requests_that_it_could_make() -> None:
    purse = make_purse(max_calls=8)
    hold = await purse.set_aside("playground", PLAIN)
    assert hold.cap == 6

    purse.settle(hold, 0.0, None)

    assert purse.left.max_calls == 2


# --- who waits --------------------------------------------------------------------------------------


async def test_those_who_wait_come_before_those_who_come_later() -> None:
    purse = make_purse(budget=1.2)
    await learn(purse)
    first = await start(purse, Estimate(0.3, 0.9))
    waiting = [await start(purse, Estimate(0.3, 0.9)) for _ in range(2)]

    purse.settle(first.result(), 0.3, 1)
    late = await start(purse, Estimate(0.3, 0.9))

    assert await have([*waiting, late]) == [True, False, False]


async def test_each_who_waits_is_told_when_the_budget_is_used_up() -> None:
    purse = make_purse(budget=0.4)
    first = await start(purse)
    waiting = [await start(purse) for _ in range(5)]

    purse.settle(first.result(), 0.4, 1)
    await have(waiting)

    assert all(isinstance(task.exception(), OverBudget) for task in waiting)


async def test_a_call_that_is_too_dear_does_not_keep_those_behind_it_waiting() -> None:
    purse = make_purse(budget=1.0)
    first = await start(purse)
    dear, plain = await start(purse, DEAR), await start(purse)

    purse.settle(first.result(), 0.3, 1)

    assert await have([dear, plain]) == [False, True]
    assert isinstance(dear.exception(), OverBudget)


async def test_a_call_that_was_cancelled_while_it_waited_keeps_nobody_waiting() -> None:
    purse = make_purse(budget=1.0)
    first = await start(purse)
    gone, waiting = await start(purse), await start(purse)

    gone.cancel()
    await asyncio.sleep(0)
    purse.settle(first.result(), 0.3, 1)

    assert await have([waiting]) == [True]


async def test_a_call_that_was_cancelled_just_as_its_turn_came_gives_its_room_back() -> None:
    purse = make_purse(budget=0.7, max_calls=2)
    purse.expected = 3
    first = await start(purse)
    gone, waiting = await start(purse), await start(purse)

    purse.settle(first.result(), 0.3, 1)  # its turn has come, and it has not run yet
    gone.cancel()

    assert await have([gone, waiting]) == [False, True]
    assert purse.left.max_calls == 1
