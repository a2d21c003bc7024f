"""Queries on workspaces, members and preferences. Who may do what is decided by the callers.

A stored name is unique, and people's own names hold no colon, so `personal:USER` and `deleted:ID:NAME`
never stand in anybody's way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, and_, delete, func, literal, or_, select, update

from assay_nb.store.connection_fact_rows import forget
from assay_nb.store.run_token_rows import delete_run_tokens_of
from assay_nb.store.statements import insert_if_absent, insert_or_update
from assay_nb.store.tables import members, preferences, workspaces

Role = Literal["owner", "admin", "member"]
Kind = Literal["personal", "team"]
Source = Literal["hand", "group"]

PERSONAL = "personal"
"""What everybody's personal workspace is called. Nobody sees another's, so one name does for all."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, as one of its members sees it.

    Attributes:
        id: Sixteen bytes that never change; names do.
        role: The member's.
        model: The model that calls use when none is named, as `provider/model`.
        created_at: Seconds since 1970.
        hub_group: The JupyterHub group whose members are its members.
    """

    id: bytes
    name: str
    kind: Kind
    role: Role
    model: str | None
    created_at: int
    hub_group: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a workspace.

    Attributes:
        source: `"group"` for those who are here because a JupyterHub group is; they come and go with it.
    """

    user: str
    role: Role
    source: Source
    added_at: int


@dataclass(frozen=True, slots=True)
class DeletedWorkspace:
    """A workspace in its period of grace."""

    id: bytes
    name: str
    deleted_at: int


def list_workspaces(connection: Connection, user: str) -> tuple[Workspace, ...]:
    """Return the workspaces that a person is in: their personal one first, then by name."""
    rows = connection.execute(
        select(workspaces, members.c.role)
        .join(members, members.c.workspace_id == workspaces.c.workspace_id)
        .where(members.c.user == user, workspaces.c.deleted_at.is_(None))
        .order_by(workspaces.c.kind, workspaces.c.name)
    )
    return tuple(_workspace(row) for row in rows)


def find_any_workspace(
    connection: Connection, name: str, workspace_id: bytes | None
) -> Workspace | None:
    """Return a team workspace by its name, or any by its id, as its owner has it; None if there is none."""
    rows = connection.execute(
        select(workspaces, literal("owner").label("role")).where(
            workspaces.c.deleted_at.is_(None),
            or_(
                and_(workspaces.c.name == name, workspaces.c.kind == "team"),
                workspaces.c.workspace_id == workspace_id,
            ),
        )
    )
    return next(map(_workspace, rows), None)


def insert_personal(connection: Connection, workspace_id: bytes, user: str, at: int) -> bool:
    """Make a person's personal workspace; False when they have one."""
    values = {"name": f"{PERSONAL}:{user}", "kind": "personal", "personal_of": user}
    return _insert(connection, workspace_id, values, at)


def insert_team(
    connection: Connection, workspace_id: bytes, name: str, at: int, hub_group: str | None = None
) -> bool:
    """Make a team workspace without members; False when the name, or the group, has one."""
    return _insert(
        connection, workspace_id, {"name": name, "kind": "team", "hub_group": hub_group}, at
    )


def find_team_by_name(connection: Connection, name: str) -> bytes | None:
    """Return the id of the team workspace of that name, whoever is in it."""
    return connection.scalar(select(workspaces.c.workspace_id).where(workspaces.c.name == name))


def find_teams_by_group(connection: Connection, groups: Collection[str]) -> dict[str, bytes]:
    """Return the ids of the workspaces bound to any of these JupyterHub groups."""
    rows = connection.execute(
        select(workspaces.c.hub_group, workspaces.c.workspace_id).where(
            workspaces.c.hub_group.in_(groups)
        )
    )
    return {row.hub_group: row.workspace_id for row in rows}


def set_group(connection: Connection, workspace_id: bytes, hub_group: str | None) -> None:
    """Bind a workspace to a JupyterHub group, or to none."""
    _set(connection, workspace_id, hub_group=hub_group)


def rename_workspace(connection: Connection, workspace_id: bytes, name: str) -> bool:
    """Give a workspace another name; False when that is taken."""
    if find_team_by_name(connection, name) not in (None, workspace_id):
        return False
    _set(connection, workspace_id, name=name)
    return True


def find_model(connection: Connection, workspace_id: bytes) -> str | None:
    """Return the model that calls use when none is named, or None."""
    return connection.scalar(
        select(workspaces.c.model).where(workspaces.c.workspace_id == workspace_id)
    )


def set_model(connection: Connection, workspace_id: bytes, model: str | None) -> None:
    """Set the model that calls use when none is named."""
    _set(connection, workspace_id, model=model)


def mark_deleted(connection: Connection, workspace_id: bytes, name: str, at: int) -> None:
    """Take a workspace out of everybody's sight, free its name and its group, and keep its rows."""
    hidden = f"deleted:{workspace_id.hex()}:{name}"
    _set(connection, workspace_id, name=hidden, hub_group=None, deleted_at=at)


def list_deleted(connection: Connection, before: int) -> tuple[DeletedWorkspace, ...]:
    """Return the workspaces that were deleted before a moment."""
    rows = connection.execute(
        select(workspaces).where(workspaces.c.deleted_at < before).order_by(workspaces.c.deleted_at)
    )
    return tuple(map(_deleted, rows))


def list_deleted_of_owner(connection: Connection, user: str) -> tuple[DeletedWorkspace, ...]:
    """Return the deleted workspaces that a person owns, the latest first."""
    rows = connection.execute(
        select(workspaces)
        .join(members, members.c.workspace_id == workspaces.c.workspace_id)
        .where(
            members.c.user == user,
            members.c.role == "owner",
            workspaces.c.deleted_at.is_not(None),
        )
        .order_by(workspaces.c.deleted_at.desc())
    )
    return tuple(map(_deleted, rows))


def restore_workspace(connection: Connection, workspace_id: bytes, name: str) -> bool:
    """Undo `mark_deleted`; False when the name is taken by now."""
    if find_team_by_name(connection, name) is not None:
        return False
    _set(connection, workspace_id, name=name, deleted_at=None)
    return True


def purge_workspace(connection: Connection, workspace_id: bytes) -> None:
    """Remove a deleted workspace, its memberships and facts for good. Its keys are the vault's to remove."""
    where = workspaces.c.workspace_id == workspace_id
    if connection.scalar(select(workspaces.c.deleted_at).where(where)) is not None:
        connection.execute(delete(members).where(members.c.workspace_id == workspace_id))
        forget(connection, workspace_id)
        connection.execute(delete(workspaces).where(where))


def list_workspace_names(connection: Connection) -> dict[bytes, str]:
    """Return the names of all workspaces by their ids, also of those that are deleted."""
    query = select(workspaces.c.workspace_id, workspaces.c.name)
    return {bytes(row.workspace_id): row.name for row in connection.execute(query)}


def list_members(connection: Connection, workspace_id: bytes) -> tuple[Member, ...]:
    """Return the members of a workspace by name."""
    rows = connection.execute(
        select(members).where(members.c.workspace_id == workspace_id).order_by(members.c.user)
    )
    return tuple(Member(row.user, row.role, row.source, row.added_at) for row in rows)


def list_names(
    connection: Connection, workspace_id: bytes, roles: Collection[Role], most: int
) -> list[str]:
    """Return the names of a workspace's members with these roles: owners first, then by name; `most` of them."""
    where = (members.c.workspace_id == workspace_id, members.c.role.in_(roles))
    query = select(members.c.user).where(*where)
    by_role = members.c.role.desc()  # "owner" comes after "admin"
    return list(connection.scalars(query.order_by(by_role, members.c.user).limit(most)))


def count_members(connection: Connection, workspace_id: bytes, roles: Collection[Role]) -> int:
    """Return how many members of a workspace have one of these roles."""
    where = (members.c.workspace_id == workspace_id, members.c.role.in_(roles))
    return connection.scalar(select(func.count()).select_from(members).where(*where)) or 0


def find_member(connection: Connection, workspace_id: bytes, user: str) -> Member | None:
    """Return one member, or None."""
    row = connection.execute(
        select(members).where(members.c.workspace_id == workspace_id, members.c.user == user)
    ).one_or_none()
    return Member(row.user, row.role, row.source, row.added_at) if row else None


def count_owners(connection: Connection, workspace_id: bytes) -> int:
    """Return how many owners a workspace has."""
    where = (members.c.workspace_id == workspace_id, members.c.role == "owner")
    return connection.scalar(select(func.count()).select_from(members).where(*where)) or 0


def insert_member(
    connection: Connection, workspace_id: bytes, user: str, role: Role, source: Source, at: int
) -> bool:
    """Add a person; False when they are a member already."""
    values = {
        "workspace_id": workspace_id,
        "user": user,
        "role": role,
        "source": source,
        "added_at": at,
    }
    return insert_if_absent(connection, members, values)


def set_role(connection: Connection, workspace_id: bytes, user: str, role: Role) -> None:
    """Change a member's role."""
    where = (members.c.workspace_id == workspace_id, members.c.user == user)
    connection.execute(update(members).where(*where).values(role=role))


def delete_member(connection: Connection, workspace_id: bytes, user: str) -> None:
    """Take a person out of a workspace. Their run tokens end with it, also for the day they come back."""
    delete_run_tokens_of(connection, workspace_id, user)
    connection.execute(
        delete(members).where(members.c.workspace_id == workspace_id, members.c.user == user)
    )


def list_group_memberships(connection: Connection, user: str) -> frozenset[bytes]:
    """Return the workspaces that a person is in because of a JupyterHub group."""
    query = select(members.c.workspace_id).where(
        members.c.user == user, members.c.source == "group"
    )
    return frozenset(connection.scalars(query))


def find_preference(connection: Connection, user: str, name: str) -> str | None:
    """Return what a person chose, or None."""
    return connection.scalar(
        select(preferences.c.value).where(preferences.c.user == user, preferences.c.name == name)
    )


def set_preference(connection: Connection, user: str, name: str, value: str) -> None:
    """Keep what a person chose."""
    insert_or_update(connection, preferences, {"user": user, "name": name}, {"value": value})


def delete_preference(connection: Connection, user: str, name: str, value: str) -> None:
    """Forget a person's choice if it is still this one."""
    connection.execute(
        delete(preferences).where(
            preferences.c.user == user, preferences.c.name == name, preferences.c.value == value
        )
    )


def _workspace(row: Row[Any]) -> Workspace:
    kind = cast("Kind", row.kind)
    name = PERSONAL if kind == "personal" else row.name
    return Workspace(
        row.workspace_id, name, kind, row.role, row.model, row.created_at, row.hub_group
    )


def _deleted(row: Row[Any]) -> DeletedWorkspace:
    return DeletedWorkspace(row.workspace_id, row.name.split(":", 2)[2], row.deleted_at)


def _insert(connection: Connection, workspace_id: bytes, values: dict[str, Any], at: int) -> bool:
    return insert_if_absent(
        connection, workspaces, {"workspace_id": workspace_id, "created_at": at, **values}
    )


def _set(connection: Connection, workspace_id: bytes, **values: Any) -> None:
    connection.execute(
        update(workspaces).where(workspaces.c.workspace_id == workspace_id).values(**values)
    )
