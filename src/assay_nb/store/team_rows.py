"""Queries on the teams and owners that the operator's commands have added, and on all teams' workspaces."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from assay_nb.store.statements import insert_if_absent
from assay_nb.store.tables import hub_owners, hub_teams, members, workspaces


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team's workspace, as the operator sees it.

    Attributes:
        id: The workspace's id.
        name: Its name.
        hub_group: The JupyterHub group that it is bound to.
        members: How many people are in it.
        created_at: Seconds since 1970.
    """

    id: bytes
    name: str
    hub_group: str | None
    members: int
    created_at: int


def list_bindings(connection: Connection, groups: Collection[str] | None = None) -> dict[str, str]:
    """Return workspace by group, of all added teams or of those of these groups."""
    query = select(hub_teams.c.hub_group, hub_teams.c.workspace).order_by(hub_teams.c.hub_group)
    if groups is not None:
        query = query.where(hub_teams.c.hub_group.in_(groups))
    return {row.hub_group: row.workspace for row in connection.execute(query)}


def insert_binding(connection: Connection, group: str, workspace: str, at: int) -> bool:
    """Add a team; False when the group, or the workspace, is in one."""
    values = {"hub_group": group, "workspace": workspace, "added_at": at}
    return insert_if_absent(connection, hub_teams, values)


def delete_binding(connection: Connection, group: str) -> None:
    """Take a team out, and the owners who were named for it."""
    connection.execute(delete(hub_teams).where(hub_teams.c.hub_group == group))
    connection.execute(delete(hub_owners).where(hub_owners.c.hub_group == group))


def list_owners(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Return the named owners by group."""
    found: dict[str, tuple[str, ...]] = {}
    query = select(hub_owners.c.hub_group, hub_owners.c.user)
    for row in connection.execute(query.order_by(hub_owners.c.hub_group, hub_owners.c.user)):
        found[row.hub_group] = (*found.get(row.hub_group, ()), row.user)
    return found


def find_owned(connection: Connection, user: str, groups: Collection[str]) -> frozenset[str]:
    """Return those of these groups for which a person is named as an owner."""
    query = select(hub_owners.c.hub_group).where(
        hub_owners.c.user == user, hub_owners.c.hub_group.in_(groups)
    )
    return frozenset(connection.scalars(query))


def insert_owner(connection: Connection, group: str, user: str, at: int) -> bool:
    """Name an owner for a group; False when the person was named already."""
    values = {"hub_group": group, "user": user, "added_at": at}
    return insert_if_absent(connection, hub_owners, values)


def delete_owner(connection: Connection, group: str, user: str) -> bool:
    """Take a named owner back; False when the person was not named."""
    gone = delete(hub_owners).where(hub_owners.c.hub_group == group, hub_owners.c.user == user)
    return connection.execute(gone.returning(hub_owners.c.user)).first() is not None


def list_teams(connection: Connection) -> tuple[TeamRow, ...]:
    """Return all team workspaces that are not deleted, by name."""
    query = (
        select(workspaces, func.count(members.c.user).label("members"))
        .outerjoin(members, members.c.workspace_id == workspaces.c.workspace_id)
        .where(workspaces.c.kind == "team", workspaces.c.deleted_at.is_(None))
        .group_by(workspaces.c.workspace_id)
        .order_by(workspaces.c.name)
    )
    return tuple(
        TeamRow(row.workspace_id, row.name, row.hub_group, row.members, row.created_at)
        for row in connection.execute(query)
    )


def list_owning(connection: Connection) -> dict[bytes, tuple[str, ...]]:
    """Return the owners of the team workspaces by the workspace's id."""
    found: dict[bytes, tuple[str, ...]] = {}
    query = (
        select(members.c.workspace_id, members.c.user)
        .join(workspaces, workspaces.c.workspace_id == members.c.workspace_id)
        .where(members.c.role == "owner", workspaces.c.kind == "team")
        .order_by(members.c.user)
    )
    for row in connection.execute(query):
        found[row.workspace_id] = (*found.get(row.workspace_id, ()), row.user)
    return found


def delete_group_members(connection: Connection, workspace_id: bytes) -> int:
    """Take out everybody who is in a workspace because of its group; return how many they were."""
    gone = delete(members).where(
        members.c.workspace_id == workspace_id, members.c.source == "group"
    )
    return len(connection.execute(gone.returning(members.c.user)).all())
