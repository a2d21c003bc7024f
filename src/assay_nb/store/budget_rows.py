"""Queries on demo budgets. Spending is one conditional `UPDATE`: nobody reads first and writes later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, update

from assay_nb.store.statements import insert_if_absent
from assay_nb.store.tables import budgets, reservations

State = Literal["reserved", "spent", "returned"]


@dataclass(frozen=True, slots=True)
class Budget:
    """A person's demo calls: how many there were to begin with, and how many are gone."""

    granted: int
    spent: int


@dataclass(frozen=True, slots=True)
class ReservationRow:
    """A demo call that was set aside."""

    id: bytes
    user: str
    state: State


def insert_budget(connection: Connection, user: str, granted: int) -> None:
    """Give a person their budget, unless they have one."""
    insert_if_absent(connection, budgets, {"user": user, "granted": granted, "spent": 0})


def find_budget(connection: Connection, user: str) -> Budget | None:
    """Return a person's budget, or None before its first use."""
    row = connection.execute(select(budgets).where(budgets.c.user == user)).one_or_none()
    return Budget(row.granted, row.spent) if row else None


def take_one(connection: Connection, user: str, limit: int) -> bool:
    """Spend one call; False when none is left.

    Args:
        limit: The ceiling that holds whatever the row says, so that raising the row buys nothing.
    """
    statement = (
        update(budgets)
        .where(budgets.c.user == user, budgets.c.spent < budgets.c.granted, budgets.c.spent < limit)
        .values(spent=budgets.c.spent + 1)
    )
    return connection.execute(statement).rowcount == 1


def put_one_back(connection: Connection, user: str) -> None:
    """Undo `take_one`."""
    statement = update(budgets).where(budgets.c.user == user, budgets.c.spent > 0)
    connection.execute(statement.values(spent=budgets.c.spent - 1))


def insert_reservation(
    connection: Connection, reservation_id: bytes, user: str, idempotency_key: str | None, at: int
) -> bool:
    """Note a call that is about to be made; False when this key was used before."""
    return insert_if_absent(
        connection,
        reservations,
        {
            "reservation_id": reservation_id,
            "user": user,
            "idempotency_key": idempotency_key,
            "state": "reserved",
            "made_at": at,
        },
    )


def get_reservation(connection: Connection, idempotency_key: str) -> ReservationRow:
    """Return the reservation that was made under a key."""
    query = select(reservations).where(reservations.c.idempotency_key == idempotency_key)
    row = connection.execute(query).one()
    return ReservationRow(row.reservation_id, row.user, row.state)


def change_state(
    connection: Connection, reservation_id: bytes, before: State, after: State
) -> bool:
    """Move a reservation from one state to another; False when it was not in the first."""
    statement = update(reservations).where(
        reservations.c.reservation_id == reservation_id, reservations.c.state == before
    )
    return connection.execute(statement.values(state=after)).rowcount == 1
