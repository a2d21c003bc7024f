"""Queries on what members may use in a day, and have used. Counting is one conditional `UPDATE`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from assay_nb.store.statements import insert_if_absent, insert_or_update
from assay_nb.store.tables import allowances, usage

EVERYBODY = ""
"""Stands for all members without an allowance of their own. Nobody has an empty name."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a member may use in a day.

    Attributes:
        user: The member's name; `EVERYBODY` for all who have none of their own.
        calls_per_day: None for as many as they like.
        micros_per_day: Millionths of a dollar; None for as much as they like.
    """

    user: str
    calls_per_day: int | None = None
    micros_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What a member has used in a day."""

    calls: int = 0
    micros: int = 0


def list_allowances(connection: Connection, workspace_id: bytes) -> tuple[Allowance, ...]:
    """Return a workspace's allowances, everybody's first."""
    query = select(allowances).where(allowances.c.workspace_id == workspace_id)
    rows = connection.execute(query.order_by(allowances.c.user))
    return tuple(Allowance(row.user, row.calls_per_day, row.micros_per_day) for row in rows)


def find_allowance(connection: Connection, workspace_id: bytes, user: str) -> Allowance | None:
    """Return a member's own allowance, or everybody's, or None."""
    query = (
        select(allowances)
        .where(allowances.c.workspace_id == workspace_id, allowances.c.user.in_((user, EVERYBODY)))
        .order_by(allowances.c.user.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return Allowance(row.user, row.calls_per_day, row.micros_per_day) if row else None


def set_allowance(connection: Connection, workspace_id: bytes, allowance: Allowance) -> None:
    """Store an allowance in the place of the one before."""
    key = {"workspace_id": workspace_id, "user": allowance.user}
    values = {
        "calls_per_day": allowance.calls_per_day,
        "micros_per_day": allowance.micros_per_day,
    }
    insert_or_update(connection, allowances, key, values)


def delete_allowance(connection: Connection, workspace_id: bytes, user: str) -> None:
    """Forget an allowance."""
    where = (allowances.c.workspace_id == workspace_id, allowances.c.user == user)
    connection.execute(delete(allowances).where(*where))


def find_used(connection: Connection, workspace_id: bytes, user: str, day: int) -> Used:
    """Return what a member has used on a day."""
    query = select(usage.c.calls, usage.c.micros).where(
        usage.c.workspace_id == workspace_id, usage.c.user == user, usage.c.day == day
    )
    row = connection.execute(query).one_or_none()
    return Used(row.calls, row.micros) if row else Used()


def take_call(
    connection: Connection, workspace_id: bytes, user: str, day: int, allowance: Allowance
) -> bool:
    """Count a call that is about to be made; False when the day's allowance is used up."""
    key = {"workspace_id": workspace_id, "user": user, "day": day}
    insert_if_absent(connection, usage, {**key, "calls": 0, "micros": 0})
    statement = update(usage).where(*(usage.c[name] == value for name, value in key.items()))
    if allowance.calls_per_day is not None:
        statement = statement.where(usage.c.calls < allowance.calls_per_day)
    if allowance.micros_per_day is not None:
        statement = statement.where(usage.c.micros < allowance.micros_per_day)
    return connection.execute(statement.values(calls=usage.c.calls + 1)).rowcount == 1


def add_micros(
    connection: Connection, workspace_id: bytes, user: str, day: int, micros: int
) -> None:
    """Add what a call has cost, if its member's calls are counted."""
    where = (usage.c.workspace_id == workspace_id, usage.c.user == user, usage.c.day == day)
    connection.execute(update(usage).where(*where).values(micros=usage.c.micros + micros))


def delete_usage_before(connection: Connection, day: int) -> None:
    """Forget what was used on earlier days."""
    connection.execute(delete(usage).where(usage.c.day < day))
