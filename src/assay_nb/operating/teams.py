"""`team list | add | remove` and `workspace list | owner`: which hub group works where, and who owns it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar, cast

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json
from assay_nb.engine.session import Session
from assay_nb.operating.session import OperatorSession
from assay_nb.render.document import (
    Badge,
    Block,
    Callout,
    Code,
    Document,
    Inline,
    Paragraph,
    Table,
    Tone,
)
from assay_nb.text.english import count

if TYPE_CHECKING:
    from assay_nb.workspaces.teams import Since, Teams, TeamStatus, TeamWorkspace

T = TypeVar("T")

_STATES: dict[str, tuple[str, Tone]] = {
    "ready": ("ready", "good"),
    "waiting": ("waits for its first member", "info"),
    "taken": ("its name is taken", "bad"),
}
_SOON = "Gateways that run see it within a minute, without a restart."


def add_teams(add: Adder) -> None:
    """Add `team` and what stands below it."""
    team = add("team", "hub groups and the workspaces that they are bound to", None)
    add_json(team("list", "which hub group works in which workspace", list_teams))
    adding = add_json(team("add", "bind a hub group to a workspace, without a restart", add_team))
    adding.add_argument("group", metavar="GROUP", help="the group on the hub")
    adding.add_argument(
        "workspace", metavar="WORKSPACE", help="the workspace's name; its first member makes it"
    )
    adding.add_argument(
        "--owner",
        metavar="USER",
        action="append",
        default=[],
        help="who owns it as soon as they are in the group; repeatable",
    )
    removing = add_json(
        team("remove", "end a binding; the group's members leave the workspace", remove_team)
    )
    removing.add_argument("group", metavar="GROUP", help="the group on the hub")


def add_workspaces(add: Adder) -> None:
    """Add `workspace` and what stands below it."""
    workspace = add("workspace", "everybody's team workspaces and their owners", None)
    add_json(workspace("list", "all team workspaces, and who owns them", list_workspaces))
    owner = add_json(
        workspace("owner", "name an owner of a workspace, or take one back", set_owner)
    )
    owner.add_argument("workspace", metavar="WORKSPACE", help="its name or its id")
    owner.add_argument("user", metavar="USER", help="the person's name on the hub")
    owner.add_argument("--remove", action="store_true", help="take the owner back")


def list_teams(session: Session, args: Namespace, desk: Console) -> Outcome:
    """List the hub groups that are bound, from the configuration file and from `team add`."""
    found = _ask(session, lambda teams: teams.list_teams())
    if not found:
        none: list[Inline] = ["No hub group is bound to a workspace. Bind one: ", _ADD, "."]
        return Outcome(Document([Paragraph(none)]), [])
    rows = [_team_row(one) for one in found]
    table = Table(["hub group", "workspace", "bound by", "owners", "state"], rows)
    taken = [_about_taken(one) for one in found if one.state == "taken"]
    return Outcome(Document([table, *taken]), [asdict(one) for one in found])


def add_team(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Bind a hub group to a workspace."""
    name = _ask(session, lambda teams: teams.add(args.group, args.workspace, args.owner))
    owners = f", owned by {', '.join(args.owner)} as soon as they are in the group" * bool(
        args.owner
    )
    said = f"The hub group '{args.group}' works in '{name}'{owners}. {_SOON}"
    blocks: list[Block] = [Callout("good", [said])]
    if not args.owner:
        nobody: list[Inline] = [
            "A hub admin who is in the group owns it. If none is, name somebody, or nobody can store a key: ",
            Code(f"assay-nb-operator workspace owner {name} USER"),
            ".",
        ]
        blocks.append(Callout("info", nobody))
    scope: list[Inline] = [
        "Where ",
        Code("configure_hub"),
        " has ",
        Code("everybody=False"),
        ", add the group there too: without the service's scope its members are refused.",
    ]
    blocks.append(Paragraph(scope))
    data = {"group": args.group, "workspace": name, "owners": list(args.owner)}
    return Outcome(Document(blocks), data)


def remove_team(session: Session, args: Namespace, desk: Console) -> Outcome:
    """End a binding. The workspace keeps its keys."""
    ended = _ask(session, lambda teams: teams.remove(args.group))
    lines: list[Block] = [
        Callout("info", [f"The hub group '{args.group}' is bound to nothing now."])
    ]
    if ended.workspace is not None:
        left = f"{count(ended.gone, 'member')} of the group left '{ended.workspace}', which keeps its keys."
        lines.append(Paragraph([left]))
        if not ended.remaining:
            command = f"assay-nb-operator workspace owner {ended.workspace} USER"
            alone: list[Inline] = ["Nobody is in it any more. Give it to somebody: ", Code(command)]
            lines.append(Callout("warning", [*alone, "."]))
    return Outcome(Document(lines), asdict(ended))


def list_workspaces(session: Session, args: Namespace, desk: Console) -> Outcome:
    """List all team workspaces, with those that have no owner marked."""
    found = _ask(session, lambda teams: teams.list_workspaces())
    if not found:
        none: list[Inline] = [
            "There are no team workspaces yet. ",
            Code("assay-nb-operator team list"),
            " shows the groups that wait for their first member.",
        ]
        return Outcome(Document([Paragraph(none)]), [])
    table = Table(["workspace", "hub group", "members", "owners"], [_row(one) for one in found])
    blocks: list[Block] = [table]
    if any(not one.owners for one in found):
        hint: list[Inline] = [
            "Nobody can store a key in a workspace without an owner. Name one: ",
            Code("assay-nb-operator workspace owner WORKSPACE USER"),
            ".",
        ]
        blocks.append(Callout("warning", hint))
    return Outcome(Document(blocks), [{**asdict(one), "id": one.id.hex()} for one in found])


def set_owner(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Name an owner of a workspace, or take one back."""
    if args.remove:
        name, stays = _ask(session, lambda teams: teams.take_owner(args.workspace, args.user))
        rest = " They are still a member." if stays else ""
        said = f"'{args.user}' does not own '{name}' any more.{rest}"
        data = {"workspace": name, "user": args.user, "owner": False}
        return Outcome(Document([Callout("info", [said])]), data)
    name, group, since = _ask(session, lambda teams: teams.name_owner(args.workspace, args.user))
    tone: Tone = "info" if since == "later" else "good"
    said = _say_since(args.user, name, group, since)
    data = {"workspace": name, "user": args.user, "owner": True, "since": since}
    return Outcome(Document([Callout(tone, [said])]), data)


_ADD = Code("assay-nb-operator team add GROUP WORKSPACE")


def _ask(session: Session, question: Callable[[Teams], T]) -> T:
    return question(cast("OperatorSession", session).resources.teams)


def _team_row(one: TeamStatus) -> list[Inline]:
    source = "gateway.toml" if one.source == "file" else "team add"
    word, tone = _STATES[one.state]
    return [one.group, one.workspace, source, ", ".join(one.owners), Badge(word, tone)]


def _about_taken(one: TeamStatus) -> Block:
    said = (
        f"Members of '{one.group}' have no workspace: '{one.workspace}' was made by hand, or is another "
        "group's. Bind the group to another name."
    )
    return Callout("bad", [said])


def _row(one: TeamWorkspace) -> list[Inline]:
    awaited = [f"{user} (not in the group yet)" for user in one.awaited]
    owners = ", ".join([*one.owners, *awaited])
    return [one.name, one.group or "", str(one.members), owners or Badge("none", "bad")]


def _say_since(user: str, name: str, group: str | None, since: Since) -> str:
    match since:
        case "now":
            return f"'{user}' owns '{name}' now."
        case "already":
            return f"'{user}' owns '{name}' already."
        case "added":
            return f"'{user}' is in '{name}' now, and owns it."
        case "later":
            return (
                f"'{user}' will own '{name}' as soon as they are in the hub group '{group}' and come to the "
                f"gateway. They are not a member yet, and see nothing of it until then."
            )
