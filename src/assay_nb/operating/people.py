"""`person forget`: what an operator does when somebody has left the hub, before their name is given again."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, cast

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.operating.session import OPERATOR, OperatorSession
from assay_nb.render.document import Block, Callout, Code, Document, Paragraph
from assay_nb.text.english import count

if TYPE_CHECKING:
    from assay_nb.engine.local.people import ForgottenPerson


def add_people(add: Adder) -> None:
    """Add `person` and what stands below it."""
    person = add("person", "what is stored about somebody who left the hub", None)
    forgetting = add_json(
        person("forget", "delete it, before the hub gives their name to somebody else", forget)
    )
    forgetting.add_argument("user", metavar="NAME", help="the person's name on the hub")
    forgetting.add_argument("--yes", action="store_true", help="do not ask")


def forget(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Delete what a person had, after asking, and say what stays."""
    from assay_nb.engine.local.people import forget_person

    question = (
        f"Delete the personal workspace of '{args.user}' with its keys, and all that they had?"
    )
    if not args.yes and not desk.confirm(question):
        raise WrongUsage(
            f"'{args.user}' was not forgotten.", hint="Add --yes to do it without being asked."
        )
    resources = cast("OperatorSession", session).resources
    done = forget_person(resources, args.user, actor=OPERATOR)
    named = [group for group, users in resources.owners.items() if args.user in users]
    return Outcome(Document([*_describe(done), *_warn_of(named)]), done.to_dict())


def _describe(done: ForgottenPerson) -> list[Block]:
    gone = ["their limits, demo calls, run tokens and choices"]
    if done.teams:
        gone.insert(0, f"their membership in {', '.join(done.teams)}")
    if done.personal:
        gone.insert(0, "their personal workspace with its keys")
    stays = (
        f"The calls log keeps {count(done.calls, 'call')}, under '{done.former}', and the audit is as it was. "
        "Revoke the keys of the personal workspace at their providers: deleting does not end them."
    )
    blocks: list[Block] = [
        Callout("good", [f"Deleted of '{done.user}': {', '.join(gone)}."]),
        Paragraph([stays]),
    ]
    if done.without_owner:
        blocks.append(
            Callout(
                "warning",
                [
                    f"Nobody owns {', '.join(done.without_owner)} any more. Name an owner: ",
                    Code("assay-nb-operator workspace owner WORKSPACE USER"),
                    ".",
                ],
            )
        )
    return blocks


def _warn_of(named: list[str]) -> list[Block]:
    """Return what is said when the configuration file still gives the name a team."""
    if not named:
        return []
    said = (
        f"gateway.toml names them as an owner of the teams of {', '.join(named)}. Take the name out there, or "
        "who gets it owns these teams once they are in the group."
    )
    return [Callout("warning", [said])]
