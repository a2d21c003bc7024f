"""`person forget`: what an operator does when somebody has left the hub, before their name is given again."""

from __future__ import annotations

from argparse import Namespace

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json
from assay_nb.engine.control import ForgottenPerson
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.render.document import Block, Callout, Code, Document, Paragraph
from assay_nb.text.english import count


def add_people(add: Adder) -> None:
    """Add `person` and what stands below it."""
    person = add("person", "operator: what is stored about somebody who left the hub", None)
    forgetting = add_json(
        person("forget", "delete it, before the hub gives their name to somebody else", forget)
    )
    forgetting.add_argument("user", metavar="NAME", help="the person's name on the hub")
    forgetting.add_argument("--yes", action="store_true", help="do not ask")


def forget(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Delete what a person had, after asking, and say what stays."""
    question = (
        f"Delete the personal workspace of '{args.user}' with its keys, and all that they had?"
    )
    if not args.yes and not desk.confirm(question):
        raise WrongUsage(
            f"'{args.user}' was not forgotten.", hint="Add --yes to do it without being asked."
        )
    done = session.portal.call(session.control.forget_person, args.user)
    return Outcome(Document(_describe(done)), done.to_dict())


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
