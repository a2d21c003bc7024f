from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from assay_nb.accounting.allowances import EVERYBODY, Allowance, Allowances
from assay_nb.errors import LimitReached, WrongUsage
from assay_nb.store.database import Database

TEAM, OTHER = b"t" * 16, b"o" * 16


@pytest.fixture
def allowances(any_database: Database) -> Allowances:
    return Allowances(any_database)


def test_nothing_is_counted_where_nothing_is_set(allowances: Allowances) -> None:
    taken = allowances.reserve(TEAM, "ada")

    assert not taken.counted
    assert allowances.used(TEAM, "ada").calls == 0


def test_a_member_gets_as_many_calls_as_are_set_and_no_more(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance("ada", calls_per_day=2))

    for _ in range(2):
        allowances.reserve(TEAM, "ada")

    with pytest.raises(LimitReached, match="2 calls for today") as caught:
        allowances.reserve(TEAM, "ada")
    assert 0 < (caught.value.retry_after or 0) <= 86_400


def test_everybodys_allowance_is_each_ones_own(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance(EVERYBODY, calls_per_day=1))

    allowances.reserve(TEAM, "ada")
    allowances.reserve(TEAM, "bob")

    with pytest.raises(LimitReached):
        allowances.reserve(TEAM, "bob")


def test_a_members_own_allowance_stands_above_everybodys(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance(EVERYBODY, calls_per_day=0))
    allowances.set(TEAM, Allowance("ada", calls_per_day=1))

    allowances.reserve(TEAM, "ada")


def test_another_workspace_has_allowances_of_its_own(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance("ada", calls_per_day=0))

    assert not allowances.reserve(OTHER, "ada").counted


def test_money_ends_the_day_too(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance("ada", micros_per_day=500_000))

    allowances.settle(allowances.reserve(TEAM, "ada"), 0.5, unknown=1.0)

    with pytest.raises(LimitReached, match=r"\$0\.50 for today"):
        allowances.reserve(TEAM, "ada")


def test_an_allowance_without_figures_is_none(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance("ada", calls_per_day=0))
    allowances.set(TEAM, Allowance("ada"))

    assert allowances.list(TEAM) == ()


@pytest.mark.parametrize("figure", [-1, 10**13])
def test_a_figure_that_nobody_can_mean_is_refused(allowances: Allowances, figure: int) -> None:
    with pytest.raises(WrongUsage):
        allowances.set(TEAM, Allowance("ada", calls_per_day=figure))


def test_many_at_once_take_exactly_what_there_is(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance("ada", calls_per_day=7))

    def take(_: int) -> bool:
        try:
            allowances.reserve(TEAM, "ada")
        except LimitReached:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(take, range(40))) == 7


def test_a_new_day_begins_at_midnight_utc(any_database: Database) -> None:
    clock = [86_400.0 * 20_000 - 1]
    allowances = Allowances(any_database, now=lambda: clock[0])
    allowances.set(TEAM, Allowance("ada", calls_per_day=1))
    allowances.reserve(TEAM, "ada")

    clock[0] += 1

    assert allowances.reserve(TEAM, "ada").counted


def test_old_days_are_forgotten_and_today_is_not(any_database: Database) -> None:
    clock = [86_400.0 * 20_000]
    allowances = Allowances(any_database, now=lambda: clock[0])
    allowances.set(TEAM, Allowance("ada", calls_per_day=9))
    old = allowances.reserve(TEAM, "ada")
    clock[0] += 41 * 86_400
    allowances.reserve(TEAM, "ada")

    allowances.forget_old()

    assert allowances.used(TEAM, "ada").calls == 1
    clock[0] = old.day * 86_400
    assert allowances.used(TEAM, "ada").calls == 0


# --- months, models, all together


FIRST = 20_758
"""The 1st of November 2026, as days since 1970."""


@pytest.fixture
def clock() -> list[float]:
    return [86_400.0 * (FIRST + 29)]


@pytest.fixture
def timed(any_database: Database, clock: list[float]) -> Allowances:
    return Allowances(any_database, now=lambda: clock[0])


def test_month_ends_on_its_last_day(timed: Allowances, clock: list[float]) -> None:
    timed.set(TEAM, Allowance("ada", calls_per_month=1))
    timed.reserve(TEAM, "ada")

    with pytest.raises(LimitReached, match="1 calls for this month") as caught:
        timed.reserve(TEAM, "ada")

    assert caught.value.retry_after == 86_400
    clock[0] += 86_400
    assert timed.reserve(TEAM, "ada").counted


def test_all_together_use_up_what_is_theirs(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance(EVERYBODY, calls_per_day=2, together=True))
    allowances.reserve(TEAM, "ada")
    allowances.reserve(TEAM, "bob")

    with pytest.raises(LimitReached, match="The workspace's 2 calls"):
        allowances.reserve(TEAM, "cleo")


def test_a_members_own_limit_does_not_take_the_place_of_what_all_share(
    allowances: Allowances,
) -> None:
    allowances.set(TEAM, Allowance(EVERYBODY, calls_per_day=0, together=True))
    allowances.set(TEAM, Allowance("ada", calls_per_day=9))

    with pytest.raises(LimitReached):
        allowances.reserve(TEAM, "ada")


def test_a_call_counts_against_the_limits_of_its_model_alone(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance(EVERYBODY, calls_per_day=1, model="anthropic/claude-opus-*"))
    for _ in range(3):
        allowances.reserve(TEAM, "ada", ("anthropic/claude-haiku-5-5",))
    allowances.reserve(TEAM, "ada", ("anthropic/claude-opus-5-5",))

    with pytest.raises(LimitReached, match=r"for anthropic/claude-opus-\*"):
        allowances.reserve(TEAM, "ada", ("anthropic/claude-haiku-5-5", "anthropic/claude-opus-9"))


def test_what_running_calls_may_cost_is_counted_and_said(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance("ada", micros_per_day=1_000_000))
    allowances.reserve(TEAM, "ada", (), 1.0)

    with pytest.raises(LimitReached, match="running calls may still cost") as caught:
        allowances.reserve(TEAM, "ada", (), 1.0)
    assert (caught.value.retry_after or 0) < 60


def test_a_refused_reservation_leaves_nothing_behind(allowances: Allowances) -> None:
    allowances.set(TEAM, Allowance("ada", calls_per_day=5, calls_per_month=1))
    allowances.reserve(TEAM, "ada")

    with pytest.raises(LimitReached):
        allowances.reserve(TEAM, "ada")

    assert allowances.used(TEAM, "ada").calls == 1


@pytest.mark.parametrize(("used", "near"), [(3, False), (4, True), (5, True)])
def test_four_fifths_of_a_limit_are_near_its_end(
    allowances: Allowances, used: int, near: bool
) -> None:
    allowances.set(TEAM, Allowance("ada", calls_per_day=5))

    level = [allowances.reserve(TEAM, "ada").level for _ in range(used)][-1]

    assert level is not None
    assert level.is_near is near
    assert level.say() == f"{used} of your 5 calls are counted today."


@pytest.mark.parametrize(
    "allowance",
    [
        Allowance("ada", 1, together=True),
        Allowance(EVERYBODY, 1, model="opus"),
        Allowance(EVERYBODY, 1, model="a/\n"),
    ],
)
def test_a_limit_that_nobody_can_mean_is_refused(
    allowances: Allowances, allowance: Allowance
) -> None:
    with pytest.raises(WrongUsage):
        allowances.set(TEAM, allowance)
