"""The operator's side of workspaces: which hub group is bound to which, and who owns a team.

What the operator's commands add is kept in the database, beside what the configuration file says, so every
replica of a gateway sees it at a person's next look, without a restart. The file counts where both speak of
one group.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assay_nb.errors import PermissionDenied, WorkspaceNotFound, WrongUsage
from assay_nb.store import team_rows
from assay_nb.store import workspace_rows as rows
from assay_nb.store.database import Connection, Database
from assay_nb.store.team_rows import TeamRow
from assay_nb.workspaces.names import (
    check_group,
    check_user,
    normalize,
    parse_id,
    parse_name,
    shown,
)

Since = Literal["now", "already", "later", "added"]
"""When a named owner owns a workspace: from now on, before this, with the group, or as a new member."""


@dataclass(frozen=True, slots=True)
class TeamStatus:
    """A hub group that is bound to a workspace.

    Attributes:
        group: The hub group.
        workspace: The workspace's name, as it is now.
        source: Where it is bound: the configuration file, or the operator's commands.
        owners: The people named as owners.
        state: `"ready"`; `"waiting"` until the first member of the group comes; `"taken"` when a workspace
            made by hand, or another group's, has the name, so that the group's members have none.
    """

    group: str
    workspace: str
    source: Literal["file", "command"]
    owners: tuple[str, ...]
    state: Literal["ready", "waiting", "taken"]


@dataclass(frozen=True, slots=True)
class TeamWorkspace:
    """A team workspace, as the operator sees it.

    Attributes:
        id: The workspace's id.
        name: Its name.
        group: The hub group that it is bound to.
        members: How many people are in it.
        owners: Who owns it now.
        awaited: Who is named as an owner, and owns it as soon as they are in the group.
    """

    id: bytes
    name: str
    group: str | None
    members: int
    owners: tuple[str, ...]
    awaited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unbound:
    """What came of taking a team out: the workspace, how many people left it, and how many are still in it."""

    workspace: str | None
    gone: int
    remaining: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A workspace that the operator has named. One that nobody has come to yet has no row."""

    name: str
    group: str | None
    row: TeamRow | None


class Teams:
    """The teams of a hub, for its operator.

    Args:
        database: Where the workspaces are.
        bindings: Group to workspace name, from the configuration file.
        owners: The people named as owners by group, from the configuration file.
    """

    def __init__(
        self,
        database: Database,
        bindings: Mapping[str, str],
        owners: Mapping[str, Sequence[str]],
    ) -> None:
        self._database = database
        self._bindings = bindings
        self._owners = owners

    def list_teams(self) -> tuple[TeamStatus, ...]:
        """Return the groups that are bound to workspaces, by name."""
        with self._database.read() as connection:
            bindings = self._all_bindings(connection)
            owners = self._all_owners(connection)
            made = team_rows.list_teams(connection)
        by_group = {row.hub_group: row for row in made if row.hub_group}
        names = {row.name for row in made}
        return tuple(
            TeamStatus(
                group,
                by_group[group].name if group in by_group else name,
                "file" if group in self._bindings else "command",
                owners.get(group, ()),
                "ready" if group in by_group else "taken" if name in names else "waiting",
            )
            for group, name in sorted(bindings.items())
        )

    def list_workspaces(self) -> tuple[TeamWorkspace, ...]:
        """Return all team workspaces by name. Personal ones have one member each and are left out."""
        with self._database.read() as connection:
            owning = team_rows.list_owning(connection)
            named = self._all_owners(connection)
            made = team_rows.list_teams(connection)
        return tuple(
            TeamWorkspace(
                row.id,
                row.name,
                row.hub_group,
                row.members,
                owning.get(row.id, ()),
                tuple(
                    user
                    for user in named.get(row.hub_group or "", ())
                    if user not in owning.get(row.id, ())
                ),
            )
            for row in made
        )

    def add(self, group: str, workspace: str, owners: Collection[str] = ()) -> str:
        """Bind a hub group to a workspace, and return the workspace's name.

        The workspace is made when the group's first member comes. One that is there already is taken only if
        nobody is in it: whoever made it by hand would otherwise own the team's.

        Raises:
            WrongUsage: If the group, or the workspace, is bound already, or the workspace is somebody's.
        """
        name, now = parse_name(workspace), int(time.time())
        check_group(group)
        for owner in owners:
            check_user(owner)
        with self._database.write() as connection:
            self._check_free(connection, group, name)
            made = next((one for one in team_rows.list_teams(connection) if one.name == name), None)
            if made is not None and made.hub_group != group:
                _check_empty(connection, made)
                rows.set_group(connection, made.id, group)
            team_rows.insert_binding(connection, group, name, now)
            for owner in owners:
                team_rows.insert_owner(connection, group, owner, now)
        return name

    def remove(self, group: str) -> Unbound:
        """End a binding: the group's members leave the workspace at once, which keeps its keys.

        Raises:
            WrongUsage: If the configuration file binds the group, or nothing does.
        """
        if group in self._bindings:
            raise WrongUsage(
                f"The configuration file binds the hub group '{shown(group)}'.",
                hint="Take it out of [teams] there, and restart the gateway.",
            )
        with self._database.write() as connection:
            bound = rows.find_teams_by_group(connection, [group]).get(group)
            if bound is None and group not in team_rows.list_bindings(connection, [group]):
                raise WrongUsage(
                    f"The hub group '{shown(group)}' is bound to no workspace.",
                    hint="See which are: `assay-nb-operator team list`.",
                )
            team_rows.delete_binding(connection, group)
            if bound is None:
                return Unbound(None, 0, 0)
            gone = team_rows.delete_group_members(connection, bound)
            rows.set_group(connection, bound, None)
            row = next(one for one in team_rows.list_teams(connection) if one.id == bound)
            return Unbound(row.name, gone, row.members)

    def name_owner(self, workspace: str, user: str) -> tuple[str, str | None, Since]:
        """Name a person as an owner; return the workspace's name, its group, and since when they own it.

        In a workspace of a hub group they own it as soon as they are in the group. In one made by hand they
        become a member.

        Raises:
            WorkspaceNotFound: If there is no such team workspace.
        """
        check_user(user)
        now = int(time.time())
        with self._database.write() as connection:
            place = self._find(connection, workspace)
            if place.group is not None:
                team_rows.insert_owner(connection, place.group, user, now)
            if place.row is None:
                return place.name, place.group, "later"
            member = rows.find_member(connection, place.row.id, user)
            if member is not None and member.role == "owner":
                return place.name, place.group, "already"
            if member is not None:
                rows.set_role(connection, place.row.id, user, "owner")
                return place.name, place.group, "now"
            if place.group is not None:
                return place.name, place.group, "later"
            rows.insert_member(connection, place.row.id, user, "owner", "hand", now)
            return place.name, place.group, "added"

    def take_owner(self, workspace: str, user: str) -> tuple[str, bool]:
        """Take an owner back; return the workspace's name, and whether the person stays in it as a member.

        Raises:
            WorkspaceNotFound: If there is no such team workspace.
            WrongUsage: If the person does not own it, or the configuration file names them.
            PermissionDenied: If nobody would own it then.
        """
        with self._database.write() as connection:
            place = self._find(connection, workspace)
            if place.group is not None and user in self._owners.get(place.group, ()):
                raise WrongUsage(
                    f"The configuration file names '{shown(user)}' as an owner of '{place.name}'.",
                    hint="Take them out of [teams] there, restart the gateway, and try again.",
                )
            named = place.group is not None and team_rows.delete_owner(
                connection, place.group, user
            )
            member = rows.find_member(connection, place.row.id, user) if place.row else None
            owns = member is not None and member.role == "owner"
            if not (named or owns):
                raise WrongUsage(
                    f"'{shown(user)}' is not an owner of '{place.name}'.",
                    hint="See who is: `assay-nb-operator workspace list`.",
                )
            if owns and place.row is not None:
                if rows.count_owners(connection, place.row.id) < 2:
                    raise PermissionDenied(
                        f"'{place.name}' would have no owner.",
                        hint="Name another one first: `assay-nb-operator workspace owner WORKSPACE USER`.",
                    )
                rows.set_role(connection, place.row.id, user, "member")
            return place.name, member is not None

    def _check_free(self, connection: Connection, group: str, name: str) -> None:
        """Refuse a group or a name that is bound already, saying to what."""
        bindings = self._all_bindings(connection)
        made = {row.hub_group: row.name for row in team_rows.list_teams(connection)}
        taken = next((other for other, one in bindings.items() if one == name), None)
        if group in bindings or (group in made and made[group] != name):
            raise WrongUsage(
                f"The hub group '{shown(group)}' is bound to '{made.get(group, bindings.get(group))}' already.",
                hint="End that first: `assay-nb-operator team remove GROUP`.",
            )
        if taken is not None:
            raise WrongUsage(
                f"The workspace '{name}' is bound to the hub group '{shown(taken)}' already.",
                hint="Choose another name, or put both groups' people into one group on the hub.",
            )

    def _find(self, connection: Connection, text: str) -> _Place:
        """Return the team workspace of a name or an id, or the one that a group's first member will make."""
        wanted, wanted_id = normalize(text), parse_id(text)
        made = team_rows.list_teams(connection)
        for row in made:
            if row.name == wanted or row.id == wanted_id:
                return _Place(row.name, row.hub_group, row)
        bindings = self._all_bindings(connection)
        taken = {row.hub_group for row in made}
        for group, name in bindings.items():
            if name == wanted and group not in taken:
                return _Place(name, group, None)
        close = difflib.get_close_matches(wanted, [*bindings.values(), *(r.name for r in made)], 1)
        raise WorkspaceNotFound(
            f"There is no team workspace '{shown(text)}'.",
            hint=(f"Did you mean '{close[0]}'? " if close else "")
            + "See which there are: `assay-nb-operator workspace list`.",
        )

    def _all_bindings(self, connection: Connection) -> dict[str, str]:
        return {**team_rows.list_bindings(connection), **self._bindings}

    def _all_owners(self, connection: Connection) -> dict[str, tuple[str, ...]]:
        found = team_rows.list_owners(connection)
        for group, users in self._owners.items():
            found[group] = tuple(dict.fromkeys((*users, *found.get(group, ()))))
        return found


def _check_empty(connection: Connection, row: TeamRow) -> None:
    if row.hub_group is not None:
        raise WrongUsage(
            f"The workspace '{row.name}' is bound to the hub group '{shown(row.hub_group)}' already.",
            hint="Choose another name.",
        )
    if row.members:
        owners = team_rows.list_owning(connection).get(row.id, ())
        raise WrongUsage(
            f"The workspace '{row.name}' was made by hand, and belongs to {', '.join(map(shown, owners))}.",
            hint="Choose another name, or ask them to rename or delete it: they would own the team's.",
        )
