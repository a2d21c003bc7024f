"""Queries on everything that is stored under a person's name."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from assay_nb.store.tables import (
    allowances,
    budgets,
    calls,
    hub_owners,
    members,
    preferences,
    reservations,
    run_tokens,
    usage,
    usage_sums,
    workspaces,
)

_OWN = (members, preferences, run_tokens, allowances, usage, reservations, budgets, hub_owners)
"""What is deleted with a person, in an order that no reference forbids."""

_HISTORY = (calls, usage_sums)
"""What stays, under a name that nobody can have."""


def find_personal(connection: Connection, user: str) -> bytes | None:
    """Return the id of a person's own workspace, if there is one."""
    return connection.scalar(
        select(workspaces.c.workspace_id).where(workspaces.c.personal_of == user)
    )


def list_teams_of(connection: Connection, user: str) -> tuple[str, ...]:
    """Return the names of the team workspaces that a person is in, deleted ones left out."""
    return tuple(
        connection.scalars(
            select(workspaces.c.name)
            .join(members, members.c.workspace_id == workspaces.c.workspace_id)
            .where(
                members.c.user == user,
                workspaces.c.kind == "team",
                workspaces.c.deleted_at.is_(None),
            )
            .order_by(workspaces.c.name)
        )
    )


def list_owned_alone(connection: Connection, user: str) -> tuple[str, ...]:
    """Return the names of the team workspaces whose one owner a person is."""
    owners = (
        select(members.c.workspace_id)
        .where(members.c.role == "owner")
        .group_by(members.c.workspace_id)
        .having(func.count() == 1, func.max(members.c.user) == user)
    )
    return tuple(
        connection.scalars(
            select(workspaces.c.name)
            .where(
                workspaces.c.workspace_id.in_(owners),
                workspaces.c.kind == "team",
                workspaces.c.deleted_at.is_(None),
            )
            .order_by(workspaces.c.name)
        )
    )


def count_calls(connection: Connection, user: str) -> int:
    """Return how many calls the log has under a name."""
    return (
        connection.scalar(select(func.count()).select_from(calls).where(calls.c.user == user)) or 0
    )


def is_known(connection: Connection, user: str) -> bool:
    """Say whether anything is stored under a name."""
    return any(
        connection.scalar(select(func.count()).select_from(table).where(table.c.user == user))
        for table in (*_OWN, *_HISTORY)
    )


def delete_person(connection: Connection, user: str, former: str) -> None:
    """Delete what a person had, and put what stays under another name."""
    for table in _OWN:
        connection.execute(delete(table).where(table.c.user == user))
    for table in _HISTORY:
        connection.execute(update(table).where(table.c.user == user).values(user=former))
