"""Workspaces and who is in them.

Every method takes the person who acts and decides by itself whether they may. A workspace that a
person is not a member of does not exist for them: the same error, with the same text.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import replace

from assay_nb.errors import PermissionDenied, WorkspaceNotFound, WrongUsage, workspace_gone
from assay_nb.store import team_rows
from assay_nb.store import workspace_rows as rows
from assay_nb.store.database import Connection, Database
from assay_nb.store.workspace_rows import DeletedWorkspace, Member, Role, Workspace
from assay_nb.workspaces.names import check_user, normalize, parse_id, parse_name, shown
from assay_nb.workspaces.roles import ALLOWED, Action, check_allowed, is_allowed, parse_role

GRACE_DAYS = 30
"""How long a deleted workspace can be restored."""

_ACTIVE = "workspace"


class Workspaces:
    """The workspaces in a database, as each person may see and change them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def personal(self, user: str) -> Workspace:
        """Return a person's own workspace, made at its first use. They stay its only member."""
        check_user(user)
        with self._database.read() as connection:
            mine = rows.list_workspaces(connection, user)
        if not (mine and mine[0].kind == "personal"):
            mine = self._make_personal(user)
        return mine[0]

    def create(self, name: str, user: str) -> Workspace:
        """Make a team workspace that `user` owns."""
        check_user(user)
        name = parse_name(name)
        workspace_id, now = os.urandom(16), _now()
        with self._database.write() as connection:
            if not rows.insert_team(connection, workspace_id, name, now):
                raise _name_taken(name)
            rows.insert_member(connection, workspace_id, user, "owner", "hand", now)
        return Workspace(workspace_id, name, "team", "owner", None, now)

    def list(self, user: str) -> tuple[Workspace, ...]:
        """Return the workspaces that a person is in, their own first."""
        self.personal(user)
        with self._database.read() as connection:
            return rows.list_workspaces(connection, user)

    def get(self, user: str, name_or_id: str | bytes) -> Workspace:
        """Return a workspace that the person is a member of, by its name or its id.

        Raises:
            WorkspaceNotFound: If there is none. Whether others have one of that name stays untold.
        """
        with self._database.read() as connection:
            found = rows.list_workspaces(connection, user)
        if not (found and found[0].kind == "personal"):
            found = self._make_personal(user)
        return _pick(found, name_or_id)

    def active(self, user: str) -> Workspace:
        """Return the workspace that the person works in when none is named.

        Raises:
            WorkspaceNotFound: If the one they chose is gone. Falling back to another would make calls
                on an account that they did not mean.
        """
        found = self.find_active(user)
        if found is None:
            raise workspace_gone()
        return found

    def find_active(self, user: str) -> Workspace | None:
        """Return the workspace that the person works in, or None if the one they chose is gone.

        For showing which it is. What acts in a workspace asks for `active`.
        """
        with self._database.read() as connection:
            chosen = rows.find_preference(connection, user, _ACTIVE)
            mine = rows.list_workspaces(connection, user)
        if chosen is None:
            return mine[0] if mine and mine[0].kind == "personal" else self.personal(user)
        return next((workspace for workspace in mine if workspace.id.hex() == chosen), None)

    def use(self, user: str, name_or_id: str | bytes) -> Workspace:
        """Make a workspace the one that the person works in when none is named."""
        workspace = self.get(user, name_or_id)
        with self._database.write() as connection:
            rows.set_preference(connection, user, _ACTIVE, workspace.id.hex())
        return workspace

    def rename(self, user: str, name_or_id: str | bytes, new_name: str) -> Workspace:
        """Give a workspace another name. Its keys and members stay."""
        name = parse_name(new_name)
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, name_or_id, "rename")
            _check_team(workspace, "keeps its name")
            if not rows.rename_workspace(connection, workspace.id, name):
                raise _name_taken(name)
        return replace(workspace, name=name)

    def delete(self, user: str, name_or_id: str | bytes) -> Workspace:
        """Delete a workspace: nobody finds it from now on, and its name is free.

        For `GRACE_DAYS` an owner can `restore` it; then `purge` ends it.
        """
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, name_or_id, "delete")
            _check_team(workspace, "cannot be deleted")
            if workspace.hub_group:
                raise PermissionDenied(
                    f"'{workspace.name}' belongs to the hub group '{shown(workspace.hub_group)}'.",
                    hint="Ask the hub's operator to take it out of `teams` first.",
                )
            rows.mark_deleted(connection, workspace.id, workspace.name, _now())
            rows.delete_preference(connection, user, _ACTIVE, workspace.id.hex())
        return workspace

    def restore(self, user: str, name: str) -> Workspace:
        """Undo the deletion of a workspace that the person owns, while its grace lasts."""
        wanted = normalize(name)
        with self._database.write() as connection:
            for deleted in rows.list_deleted_of_owner(connection, user):
                if deleted.name == wanted:
                    if not rows.restore_workspace(connection, deleted.id, deleted.name):
                        raise _name_taken(deleted.name)
                    return _pick(rows.list_workspaces(connection, user), deleted.id)
        raise WorkspaceNotFound(f"You own no deleted workspace '{shown(name)}'.")

    def list_expired(self, *, grace_days: int = GRACE_DAYS) -> tuple[DeletedWorkspace, ...]:
        """Return the deleted workspaces whose grace is over, for the caller that removes their keys first."""
        with self._database.read() as connection:
            return rows.list_deleted(connection, before=_now() - grace_days * 86_400)

    def purge(self, workspace_id: bytes) -> None:
        """Remove a deleted workspace for good. One that is not deleted is left alone."""
        with self._database.write() as connection:
            rows.purge_workspace(connection, workspace_id)

    def leave(self, user: str, name_or_id: str | bytes) -> Workspace:
        """Take oneself out of a workspace. Its last owner cannot, nor can members of a hub group."""
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, name_or_id, "leave")
            _check_team(workspace, "cannot be left")
            self._take_out(connection, workspace, user, by=user)
        return workspace

    def transfer(self, user: str, name_or_id: str | bytes, to: str) -> Workspace:
        """Hand a workspace to another member, who becomes its owner; the giver stays as an admin."""
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, name_or_id, "transfer")
            _check_team(workspace, "cannot be handed over")
            self._member(connection, workspace, to)
            if to != user:
                rows.set_role(connection, workspace.id, to, "owner")
                rows.set_role(connection, workspace.id, user, "admin")
        return workspace if to == user else replace(workspace, role="admin")

    def members(self, user: str, name_or_id: str | bytes) -> tuple[Member, ...]:
        """Return the members of a workspace, by name."""
        with self._database.read() as connection:
            workspace = self._allowed(connection, user, name_or_id, "view")
            return rows.list_members(connection, workspace.id)

    def find_managers(self, workspace_id: bytes, *, most: int) -> tuple[tuple[str, ...], int]:
        """Return some of those who may change a workspace's keys, by name, and how many more there are."""
        able = ALLOWED["manage_keys"]
        with self._database.read() as connection:
            names = rows.list_names(connection, workspace_id, able, most)
            more = rows.count_members(connection, workspace_id, able) - len(names)
        return tuple(shown(name) for name in names), more

    def may_manage_keys(self, workspace: Workspace) -> bool:
        """Say whether the member who sees a workspace so may change its keys."""
        return is_allowed(workspace.role, "manage_keys")

    def add_member(
        self, user: str, name_or_id: str | bytes, new: str, role: Role = "member"
    ) -> Member:
        """Add a person to a workspace. Only an owner makes owners."""
        check_user(new)
        role, now = parse_role(role), _now()
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, name_or_id, "manage_members")
            _check_team(workspace, "has no members but you")
            _check_owner_change(workspace, role)
            if not rows.insert_member(connection, workspace.id, new, role, "hand", now):
                raise WrongUsage(
                    f"'{shown(new)}' is in '{workspace.name}' already.",
                    hint="Change their role, if they are to do more or less.",
                )
        return Member(new, role, "hand", now)

    def remove_member(self, user: str, name_or_id: str | bytes, other: str) -> None:
        """Take a person out of a workspace."""
        with self._database.write() as connection:
            action: Action = "leave" if other == user else "manage_members"
            workspace = self._allowed(connection, user, name_or_id, action)
            _check_team(workspace, "has no members but you")
            member = self._member(connection, workspace, other)
            if other != user:
                _check_owner_change(workspace, member.role)
            self._take_out(connection, workspace, other, by=user)

    def set_role(self, user: str, name_or_id: str | bytes, other: str, role: Role) -> Member:
        """Change what a member may do. Only an owner makes owners, and one always remains."""
        role = parse_role(role)
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, name_or_id, "manage_members")
            _check_team(workspace, "has no members but you")
            member = self._member(connection, workspace, other)
            _check_owner_change(workspace, member.role, role)
            if member.role == "owner" and role != "owner":
                self._check_owner_remains(connection, workspace)
            rows.set_role(connection, workspace.id, other, role)
        return replace(member, role=role)

    def model(self, workspace: Workspace) -> str | None:
        """Return the model that calls in a workspace use when none is named, read again each time."""
        with self._database.read() as connection:
            return rows.find_model(connection, workspace.id)

    def set_model(self, user: str, name_or_id: str | bytes, model: str | None) -> Workspace:
        """Choose the model that calls in a workspace use when none is named; None takes the default."""
        workspace = self.authorize(user, name_or_id, "set_model")
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, workspace.id, "set_model")
            rows.set_model(connection, workspace.id, model)
        return replace(workspace, model=model)

    def authorize(self, user: str, name_or_id: str | bytes, action: Action) -> Workspace:
        """Return the workspace when the person is in it and their role allows the action.

        For the rooms that keep other things per workspace: keys, calls.
        """
        workspace = self.get(user, name_or_id)
        check_allowed(workspace.role, action)
        return workspace

    def sync_groups(
        self,
        user: str,
        groups: Collection[str],
        bindings: Mapping[str, str],
        *,
        hub_admin: bool = False,
        owners: Mapping[str, Collection[str]] | None = None,
    ) -> tuple[Workspace, ...]:
        """Make a person a member of the workspaces that their JupyterHub groups are bound to.

        They leave with the group. A hub admin who is in the group owns the workspace, and so does a person
        whom the operator has named as its owner; both can make owners of others. A workspace made by hand is
        never taken over because the operator chose its name: the one who made it would own the team's.
        `list_conflicts` tells the operator.

        Teams and owners that `Teams` has added count beside those that are given here, from the next look on.

        Args:
            user: Whose groups they are.
            groups: The groups that the hub says the person is in, now.
            bindings: Group to workspace name, from the operator's configuration.
            hub_admin: Whether the hub says that the person is one of its admins.
            owners: The people named as owners by group, from the operator's configuration.
        """
        check_user(user)
        set_here = {group for group in groups if user in (owners or {}).get(group, ())}
        with self._database.read() as connection:
            added = team_rows.list_bindings(connection, groups) if groups else {}
            wanted = {g: one for g, one in {**added, **bindings}.items() if g in groups}
            named = team_rows.find_owned(connection, user, wanted) if wanted else frozenset[str]()
            bound = rows.find_teams_by_group(connection, wanted)
            current = rows.list_group_memberships(connection, user)
            mine = {workspace.id: workspace for workspace in rows.list_workspaces(connection, user)}
        owned = frozenset(wanted) if hub_admin else wanted.keys() & (named | set_here)
        settled = wanted.keys() == bound.keys() and all(
            i in mine and (mine[i].role == "owner" or group not in owned)
            for group, i in bound.items()
        )
        if not settled or not current <= set(bound.values()):
            self._join_and_part(user, wanted, owned)
            with self._database.read() as connection:
                bound = rows.find_teams_by_group(connection, wanted)
                mine = {w.id: w for w in rows.list_workspaces(connection, user)}
        return tuple(workspace for i, workspace in mine.items() if i in bound.values())

    def list_conflicts(self, bindings: Mapping[str, str]) -> tuple[str, ...]:
        """Return the bound names that belong to workspaces made by hand, or bound to another group."""
        with self._database.read() as connection:
            bound = rows.find_teams_by_group(connection, bindings)
            return tuple(
                name
                for group, name in bindings.items()
                if group not in bound and rows.find_team_by_name(connection, parse_name(name))
            )

    def bind_group(self, user: str, name_or_id: str | bytes, group: str | None) -> Workspace:
        """Bind an existing workspace to a JupyterHub group, or to none. For its owner, in an operator's role."""
        with self._database.write() as connection:
            workspace = self._allowed(connection, user, name_or_id, "manage_owners")
            _check_team(workspace, "has no members but you")
            if group is not None and rows.find_teams_by_group(connection, [group]):
                raise WrongUsage(f"The hub group '{shown(group)}' has a workspace already.")
            rows.set_group(connection, workspace.id, group)
        return replace(workspace, hub_group=group)

    def _make_personal(self, user: str) -> tuple[Workspace, ...]:
        check_user(user)
        workspace_id, now = os.urandom(16), _now()
        with self._database.write() as connection:
            # Another process may have been first; then its workspace is the one.
            if rows.insert_personal(connection, workspace_id, user, now):
                rows.insert_member(connection, workspace_id, user, "owner", "hand", now)
            return rows.list_workspaces(connection, user)

    def _join_and_part(self, user: str, wanted: Mapping[str, str], owned: Collection[str]) -> None:
        now = _now()
        with self._database.write() as connection:
            for group, name in wanted.items():
                if group not in rows.find_teams_by_group(connection, [group]):
                    rows.insert_team(connection, os.urandom(16), parse_name(name), now, group)
            bound = rows.find_teams_by_group(connection, wanted)
            for workspace_id in rows.list_group_memberships(connection, user) - set(bound.values()):
                rows.delete_member(connection, workspace_id, user)
            for group, workspace_id in bound.items():
                role: Role = "owner" if group in owned else "member"
                joined = rows.insert_member(connection, workspace_id, user, role, "group", now)
                if not joined and role == "owner":
                    rows.set_role(connection, workspace_id, user, role)

    def _allowed(
        self, connection: Connection, user: str, name_or_id: str | bytes, action: Action
    ) -> Workspace:
        workspace = _pick(rows.list_workspaces(connection, user), name_or_id)
        check_allowed(workspace.role, action)
        return workspace

    def _member(self, connection: Connection, workspace: Workspace, user: str) -> Member:
        member = rows.find_member(connection, workspace.id, user)
        if member is None:
            raise WrongUsage(
                f"'{shown(user)}' is not a member of '{workspace.name}'.",
                hint="`assay-nb member list` shows who is.",
            )
        return member

    def _take_out(
        self, connection: Connection, workspace: Workspace, user: str, *, by: str
    ) -> None:
        member = self._member(connection, workspace, user)
        if member.source == "group":
            raise PermissionDenied(
                f"'{shown(user)}' is in '{workspace.name}' through a hub group.",
                hint="Ask the hub's administrator to take them out of the group.",
            )
        if member.role == "owner":
            self._check_owner_remains(connection, workspace)
        rows.delete_member(connection, workspace.id, user)
        if by == user:  # a person whom somebody else takes out has to choose: see `active`
            rows.delete_preference(connection, user, _ACTIVE, workspace.id.hex())

    def _check_owner_remains(self, connection: Connection, workspace: Workspace) -> None:
        if rows.count_owners(connection, workspace.id) < 2:
            raise PermissionDenied(
                f"'{workspace.name}' would have no owner.",
                hint="Make another member an owner first.",
            )


def _pick(mine: tuple[Workspace, ...], name_or_id: str | bytes) -> Workspace:
    if isinstance(name_or_id, str):
        name, wanted_id = normalize(name_or_id), parse_id(name_or_id)
    else:
        name, wanted_id = name_or_id.hex(), name_or_id
    for workspace in mine:
        if workspace.name == name or workspace.id == wanted_id:
            return workspace
    close = difflib.get_close_matches(name, [workspace.name for workspace in mine], n=1)
    listing = "`assay-nb workspace list` shows yours."
    raise WorkspaceNotFound(
        f"You are in no workspace '{shown(name)}'.",
        hint=f"Did you mean '{close[0]}'? {listing}" if close else listing,
    )


def _check_team(workspace: Workspace, what: str) -> None:
    if workspace.kind == "personal":
        raise PermissionDenied(
            f"Your personal workspace {what}.",
            hint="`assay-nb workspace create NAME` makes another one.",
        )


def _check_owner_change(workspace: Workspace, *roles: Role) -> None:
    if "owner" in roles:
        check_allowed(workspace.role, "manage_owners")


def _name_taken(name: str) -> WrongUsage:
    return WrongUsage(f"The name '{name}' is taken.", hint="Choose another one.")


def _now() -> int:
    return int(time.time())
