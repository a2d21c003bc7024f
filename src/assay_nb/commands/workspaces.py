"""`workspace …` and `member …`."""

from __future__ import annotations

from argparse import Namespace

from assay_nb.commands.keyways import how_to_start
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json, add_workspace
from assay_nb.engine.control import MemberFacts, Mode, WorkspaceFacts
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.render.document import (
    Callout,
    Code,
    Document,
    Inline,
    Paragraph,
    Strong,
    Table,
)
from assay_nb.text.english import a

_ROLES = ("owner", "admin", "member")


def add_workspaces(add: Adder) -> None:
    """Add `workspace` and what stands below it."""
    workspace = add(
        "workspace", "whose keys calls use: list, use, create, show, rename, delete, leave", None
    )
    add_json(workspace("list", "the workspaces you are a member of", list_workspaces))
    for name, text, run in (
        ("use", "work in this workspace, here and by default", use),
        ("create", "make a workspace, with you as its owner", create),
        ("leave", "stop being a member", leave),
    ):
        add_json(workspace(name, text, run)).add_argument("name", metavar="NAME")
    show_parser = add_json(workspace("show", "one workspace", show))
    show_parser.add_argument("name", metavar="NAME", nargs="?")
    rename_parser = add_json(
        workspace("rename", "give it another name; its keys stay as they are", rename)
    )
    rename_parser.add_argument("name", metavar="NAME")
    rename_parser.add_argument("new_name", metavar="NEW")
    delete_parser = add_json(workspace("delete", "delete it, with its keys", delete))
    delete_parser.add_argument("name", metavar="NAME")
    delete_parser.add_argument("--yes", action="store_true", help="do not ask")


def add_members(add: Adder) -> None:
    """Add `member` and what stands below it."""
    member = add("member", "who is in a workspace: list, add, remove, role", None)
    add_json(add_workspace(member("list", "the members and their roles", list_members)))
    adding = add_workspace(member("add", "make somebody a member", add_member))
    adding.add_argument("user", metavar="USER")
    adding.add_argument("--role", choices=_ROLES, default="member")
    removing = add_workspace(member("remove", "end a membership", remove_member))
    removing.add_argument("user", metavar="USER")
    role = add_workspace(member("role", "change a member's role", set_role))
    role.add_argument("user", metavar="USER")
    role.add_argument("role", metavar="ROLE", choices=_ROLES)


def list_workspaces(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show the workspaces, the active one marked."""
    facts = session.portal.call(session.control.workspaces)
    shared = session.mode == "hub"
    rows: list[list[Inline]] = [
        [
            Strong(fact.name) if fact.active else fact.name,
            "active" if fact.active else "",
            *([fact.kind, fact.role] if shared else []),
            fact.model or "",
        ]
        for fact in facts
    ]
    heads = ["workspace", "", *(["kind", "your role"] if shared else []), "model"]
    return Outcome(Document([Table(heads, rows)]), [fact.to_dict() for fact in facts])


def use(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Select a workspace for this process, and store it as the default."""
    fact = session.portal.call(session.control.use_workspace, args.name)
    return _shown(["You now work in ", *name_workspace(fact, session.mode)], fact)


def create(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Make a workspace."""
    fact = session.portal.call(session.control.create_workspace, args.name)
    line: list[Inline] = ["Workspace ", Strong(f"'{fact.name}'"), " is made", _for_whom(session)]
    line += [" It has no keys yet. ", *how_to_start(session, args, fact.id)]
    return Outcome(Document([Callout("good", line)]), fact.to_dict())


def show(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show one workspace with its members."""
    fact = session.portal.call(session.control.show_workspace, args.name)
    members = session.portal.call(session.control.members, fact.id)
    outcome = _shown(["This is ", *name_workspace(fact, session.mode)], fact)
    blocks = [*outcome.document.blocks, _members_table(members)]
    return Outcome(Document(blocks), {**fact.to_dict(), "members": [m.to_dict() for m in members]})


def rename(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Rename a workspace."""
    fact = session.portal.call(session.control.rename_workspace, args.name, args.new_name)
    return _shown(["It is now ", *name_workspace(fact, session.mode)], fact)


def delete(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Delete a workspace, after asking."""
    everyone = ", for all members" if session.mode == "hub" else ""
    question = f"Delete workspace '{args.name}' and its keys{everyone}?"
    if not args.yes and not desk.confirm(question):
        raise WrongUsage(
            f"Workspace '{args.name}' was not deleted.",
            hint="Add --yes to delete it without being asked.",
        )
    session.portal.call(session.control.delete_workspace, args.name)
    text = f"Workspace '{args.name}' is deleted, and its keys cannot be used here any more. Only revoking them at the provider ends them."
    return Outcome(Document([Callout("info", [text])]), {"deleted": args.name})


def leave(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Leave a workspace."""
    session.portal.call(session.control.leave_workspace, args.name)
    return Outcome(
        Document([Callout("info", [f"You are no longer a member of '{args.name}'."])]),
        {"left": args.name},
    )


def list_members(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show who is in the workspace."""
    members = session.portal.call(session.control.members, args.workspace)
    return Outcome(Document([_members_table(members)]), [member.to_dict() for member in members])


def add_member(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Add somebody, where there is anybody else."""
    if session.mode == "solo":
        raise WrongUsage(
            f"This vault is yours alone, so '{args.user}' could reach nothing in it.",
            hint="Share a workspace on a JupyterHub: its gateway holds the keys of a team.",
        )
    session.portal.call(session.control.add_member, args.workspace, args.user, args.role)
    return _done(_now(args), {"user": args.user, "role": args.role})


def remove_member(session: Session, args: Namespace, desk: Console) -> Outcome:
    """End a membership."""
    session.portal.call(session.control.remove_member, args.workspace, args.user)
    return _done(f"'{args.user}' is no longer a member.", {"removed": args.user})


def set_role(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Change a role."""
    session.portal.call(session.control.set_role, args.workspace, args.user, args.role)
    return _done(_now(args), {"user": args.user, "role": args.role})


def _now(args: Namespace) -> str:
    return f"'{args.user}' is now {a(args.role)}."


def _done(text: str, data: dict[str, str]) -> Outcome:
    return Outcome(Document([Callout("good", [text])]), data)


def name_workspace(fact: WorkspaceFacts, mode: Mode) -> list[Inline]:
    """Return a workspace as a sentence names it; on a hub, with what the person is in it."""
    if fact.kind == "personal":
        return ["your personal workspace"]
    name: list[Inline] = ["workspace ", Strong(f"'{fact.name}'")]
    if mode == "solo" and fact.role == "owner":
        return name
    return ["the team ", *name, f", where you are {a(fact.role)}"]


def _for_whom(session: Session) -> str:
    return ", for you alone." if session.mode == "solo" else ", with you as its owner."


def _shown(line: list[Inline], fact: WorkspaceFacts) -> Outcome:
    if fact.model:
        line = [*line, ". Its model is ", Code(fact.model)]
    return Outcome(Document([Paragraph([*line, "."])]), fact.to_dict())


def _members_table(members: list[MemberFacts]) -> Table:
    rows: list[list[Inline]] = [
        [m.user, m.role, "hub group" if m.source == "group" else "by hand"] for m in members
    ]
    return Table(["member", "role", "added"], rows)
