from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from assay_nb.accounting.demo_budget import DemoBudget
from assay_nb.errors import DemoExhausted
from assay_nb.store.database import Database


@pytest.fixture
def budget(any_database: Database) -> DemoBudget:
    return DemoBudget(any_database, granted=3)


def test_everybody_begins_with_what_is_granted_and_it_ends(budget: DemoBudget):
    assert budget.left("ada") == 3
    for _ in range(3):
        budget.settle(budget.reserve("ada"))

    with pytest.raises(DemoExhausted, match="Your 3 demo calls are used up"):
        budget.reserve("ada")
    assert budget.left("ada") == 0
    assert budget.left("bob") == 3


def test_seven_is_what_is_granted(database: Database):
    assert DemoBudget(database).left("ada") == 7


def test_looking_makes_no_row(any_database: Database, budget: DemoBudget):
    budget.left("ada")

    with any_database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM budgets")) == 0


def test_call_that_never_left_is_given_back_once(budget: DemoBudget):
    reservation = budget.reserve("ada")
    budget.reserve("ada")

    budget.release(reservation)
    budget.release(reservation)

    assert budget.left("ada") == 2


def test_settled_call_is_not_given_back(budget: DemoBudget):
    reservation = budget.reserve("ada")
    budget.settle(reservation)
    budget.release(reservation)

    assert budget.left("ada") == 2


def test_abandoned_reservation_counts_as_spent(budget: DemoBudget):
    budget.reserve("ada")

    assert budget.left("ada") == 2


def test_refused_reservation_leaves_no_trace(any_database: Database, budget: DemoBudget):
    for _ in range(3):
        budget.reserve("ada")
    with pytest.raises(DemoExhausted):
        budget.reserve("ada", "one too many")

    with any_database.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM reservations")) == 3


def test_same_key_reserves_once(budget: DemoBudget):
    first = budget.reserve("ada", "key")
    again = budget.reserve("ada", "key")
    budget.settle(first)
    later = budget.reserve("ada", "key")

    assert (first.repeated, again.repeated, later.repeated) == (False, True, True)
    assert first.id == again.id == later.id
    assert (again.state, later.state) == ("reserved", "spent")
    assert budget.left("ada") == 2


def test_same_key_from_fifty_threads_reserves_once(budget: DemoBudget):
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: budget.reserve("ada", "key"), range(50)))

    assert [r.repeated for r in found].count(False) == 1
    assert budget.left("ada") == 2


def test_key_given_back_can_be_reserved_again(budget: DemoBudget):
    budget.release(budget.reserve("ada", "key"))

    assert budget.reserve("ada", "key").repeated is False
    assert budget.left("ada") == 2


def test_repeated_key_is_answered_when_nothing_is_left(budget: DemoBudget):
    for number in range(3):
        budget.reserve("ada", f"key-{number}")

    assert budget.reserve("ada", "key-0").repeated is True


def test_key_of_another_person_is_another_key(budget: DemoBudget):
    hers = budget.reserve("ada", "key")
    his = budget.reserve("bob", "key")

    assert hers.id != his.id
    assert his.repeated is False
    assert (budget.left("ada"), budget.left("bob")) == (2, 2)


def test_row_that_grants_less_counts(any_database: Database, budget: DemoBudget):
    budget.reserve("ada")
    with any_database.write() as connection:
        connection.execute(text("UPDATE budgets SET granted = 1"))

    assert budget.left("ada") == 0
    with pytest.raises(DemoExhausted):
        budget.reserve("ada")


def test_books_balance_after_a_hundred_threads(any_database: Database, budget: DemoBudget):
    def call(number: int) -> None:
        try:
            reservation = budget.reserve("ada")
        except DemoExhausted:
            return
        if number % 2:
            budget.release(reservation)
        else:
            budget.settle(reservation)

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(call, range(200)))

    with any_database.read() as connection:
        settled = connection.scalar(text("SELECT count(*) FROM reservations WHERE state = 'spent'"))
        open_ones = connection.scalar(
            text("SELECT count(*) FROM reservations WHERE state = 'reserved'")
        )
    assert (settled + budget.left("ada"), open_ones) == (3, 0)
