"""Teams: the hub groups that the operator's configuration binds to workspaces, and who owns those.

A group is bound as `history = "history-lab"`, or with its owners as
`history = { workspace = "history-lab", owners = ["prof"] }`. Standard library only, since `configure_hub`
reads the same forms in the hub's environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from assay_nb.errors import WrongUsage

_FORM = 'Write it like history = "history-lab" or history = { workspace = "history-lab", owners = ["prof"] }.'


@dataclass(frozen=True, slots=True)
class Team:
    """A hub group's workspace.

    Attributes:
        workspace: The name that the workspace gets when the first member of the group comes.
        owners: The hub names of people who own it as soon as they are in the group.
    """

    workspace: str
    owners: tuple[str, ...] = ()


def read_teams(value: Any) -> dict[str, Team]:
    """Return the teams by group, from a table of either form.

    Raises:
        WrongUsage: If the table holds anything else, or binds two groups to one workspace.
    """
    if not isinstance(value, Mapping):
        raise WrongUsage("The setting 'teams' must be a table of texts.", hint=_FORM)
    entries = cast("Mapping[str, Any]", value)
    teams = {group: _read_team(group, entry) for group, entry in entries.items()}
    seen: dict[str, str] = {}
    for group, team in teams.items():
        if team.workspace in seen:
            raise WrongUsage(
                f"teams binds two groups to the workspace '{team.workspace}': '{seen[team.workspace]}' and "
                f"'{group}'.",
                hint="Bind one group to each workspace; put both groups' members into one group on the hub.",
            )
        seen[team.workspace] = group
    return teams


def parse_team(text: str) -> tuple[str, Team]:
    """Return the group and the team of `GROUP=WORKSPACE` or `GROUP=WORKSPACE:OWNER,OWNER`.

    Raises:
        WrongUsage: If the text has neither form.
    """
    group, sign, rest = text.partition("=")
    workspace, colon, owners = rest.partition(":")
    names = tuple(owners.split(",")) if colon else ()
    if not (sign and group and workspace) or not all(names):
        raise WrongUsage(
            f"--team '{text}' is not GROUP=WORKSPACE or GROUP=WORKSPACE:OWNER,OWNER.",
            hint="Write it like --team history=history-lab:prof.",
        )
    return group, Team(workspace, names)


def write_team(group: str, team: Team) -> str:
    """Return a team as `--team` takes it.

    Raises:
        WrongUsage: If a name holds a sign that has a meaning there.
    """
    if "=" in group or ":" in team.workspace or any("," in owner for owner in team.owners):
        raise WrongUsage(
            f"The team of '{group}' holds a name with =, : or a comma, which the command line splits at.",
            hint="Write it into the gateway's TOML file, and name that in `config=`.",
        )
    owners = f":{','.join(team.owners)}" if team.owners else ""
    return f"{group}={team.workspace}{owners}"


def _read_team(group: str, entry: Any) -> Team:
    if isinstance(entry, Team):
        return entry
    if isinstance(entry, str):
        return Team(entry)
    fields = cast("Mapping[str, Any]", entry if isinstance(entry, Mapping) else {})
    workspace, owners = fields.get("workspace"), fields.get("owners", ())
    listed = isinstance(owners, Sequence) and not isinstance(owners, str)
    names = list(cast("Sequence[Any]", owners)) if listed else [None]
    right = isinstance(workspace, str) and all(isinstance(one, str) and one for one in names)
    if not right or not set(fields) <= {"workspace", "owners"}:
        raise WrongUsage(
            f"teams.{group} must be a text, or a table of `workspace` and `owners`.", hint=_FORM
        )
    return Team(cast("str", workspace), tuple(map(str, names)))
