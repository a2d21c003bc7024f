"""Attack 127: replicas that count one budget apart, and retries that are counted twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assay_nb.accounting.allowances import EVERYBODY, Allowance, Allowances
from assay_nb.errors import LimitReached
from assay_nb.store.database import Database

TEAM = b"t" * 16
LIMIT, ESTIMATE, COST = 2_000_000, 0.11, 0.07
"""Millionths of a dollar that are allowed; dollars that each call may cost, and does."""


@pytest.fixture(params=["sqlite", "postgresql"])
def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Two gateways' views of one database."""
    where: Any = tmp_path / "vault.sqlite"
    if request.param == "postgresql":
        where = request.getfixturevalue("postgres_url")
    databases = [Database.open(where) for _ in range(2)]
    yield [Allowances(one) for one in databases]
    for one in databases:
        one.close()


def spend(replicas: list[Allowances], settle: bool) -> Callable[[int], bool]:
    def call(number: int) -> bool:
        allowances = replicas[number % 2]
        try:
            held = allowances.reserve(TEAM, f"user-{number % 5}", ("openai/m",), ESTIMATE)
        except LimitReached:
            return False
        if settle:
            allowances.settle(held, COST, unknown=1.0)
        return True

    return call


SHARED = {
    "by day": Allowance(EVERYBODY, micros_per_day=LIMIT, together=True),
    "by month": Allowance(EVERYBODY, micros_per_month=LIMIT, together=True),
    "of a model": Allowance(EVERYBODY, micros_per_month=LIMIT, model="openai/*", together=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("settle", [False, True], ids=["running", "ended"])
@pytest.mark.parametrize("name", SHARED)
def test_a127_a_hundred_calls_at_two_replicas_stay_within_one_estimate(
    name: str, settle: bool, replicas: list[Allowances]
) -> None:
    replicas[0].set(TEAM, SHARED[name])

    with ThreadPoolExecutor(20) as pool:
        passed = sum(pool.map(spend(replicas, settle), range(100)))

    (level,) = replicas[1].levels(TEAM, "anybody")
    each = COST if settle else ESTIMATE
    assert level.counted == round(passed * each * 1e6)
    assert level.counted + ESTIMATE * 1e6 >= LIMIT
    assert level.counted < LIMIT + ESTIMATE * 1e6
    assert passed < 100  # the bait: all of them together cost more than is allowed


@pytest.mark.slow
def test_a127_without_a_reservation_they_would_spend_what_they_like(
    replicas: list[Allowances],
) -> None:
    """The control: calls that are counted only when they have ended all begin."""
    replicas[0].set(TEAM, SHARED["by day"])

    held = [replicas[n % 2].reserve(TEAM, "ada", (), 0.0) for n in range(100)]
    for number, one in enumerate(held):
        replicas[number % 2].settle(one, COST, unknown=1.0)

    (level,) = replicas[0].levels(TEAM, "ada")
    assert level.counted > LIMIT + ESTIMATE * 1e6


def test_a127_call_that_was_refused_and_is_tried_again_is_counted_once(
    replicas: list[Allowances],
) -> None:
    replicas[0].set(TEAM, Allowance("ada", calls_per_day=1, micros_per_day=LIMIT))

    for number in range(5):
        refused = replicas[number % 2].reserve(TEAM, "ada", (), ESTIMATE)
        replicas[(number + 1) % 2].settle(refused, None, unknown=1.0, made=False)
    made = replicas[0].reserve(TEAM, "ada", (), ESTIMATE)
    replicas[1].settle(made, COST, unknown=1.0)

    used = replicas[1].used(TEAM, "ada")
    assert (used.calls, used.micros, used.reserved) == (1, round(COST * 1e6), 0)
    with pytest.raises(LimitReached):
        replicas[0].reserve(TEAM, "ada", (), ESTIMATE)
