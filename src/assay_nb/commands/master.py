"""`master rotate | status | purge | accept-restore`: the key that the data keys are wrapped under."""

from __future__ import annotations

from argparse import Namespace

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json
from assay_nb.engine.control import MasterFacts
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.render.document import Callout, Code, Document, Inline, Table
from assay_nb.text.english import count


def add_master(add: Adder) -> None:
    """Add `master` and what stands below it."""
    master = add("master", "the vault's master key: rotate, status, purge", None)
    add_json(master("status", "which master keys there are, and what they open", status))
    add_json(master("rotate", "make a new master key and put every data key under it", rotate))
    purge_parser = add_json(
        master("purge", "forget retired master keys; older backups then cannot be opened", purge)
    )
    purge_parser.add_argument(
        "--older-than",
        type=int,
        default=30,
        metavar="DAYS",
        help="retired at least so long ago (30)",
    )
    purge_parser.add_argument("--yes", action="store_true", help="do not ask")
    add_json(
        master(
            "accept-restore",
            "continue with a database that was restored from a backup",
            accept_restore,
        )
    )


def status(session: Session, args: Namespace, desk: Console) -> Outcome:
    """List the master keys by id."""
    facts = session.portal.call(session.control.master_status)
    return Outcome(Document([_table(facts)]), [fact.to_dict() for fact in facts])


def rotate(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Rotate. A crash at any point leaves every key readable, and running it again finishes."""
    fact = session.portal.call(session.control.rotate_master)
    line: list[Inline] = [
        f"{count(fact.data_keys, 'data key')} {'is' if fact.data_keys == 1 else 'are'} under a new master key, ",
        Code(fact.id),
        ". The old one is kept for backups until ",
        Code("master purge"),
        ".",
    ]
    return Outcome(Document([Callout("good", line)]), fact.to_dict())


def purge(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Forget retired master keys."""
    age = count(args.older_than, "day")
    question = f"Forget master keys retired more than {age} ago? Backups from before cannot be opened then."
    if not args.yes and not desk.confirm(question):
        raise WrongUsage(
            "No master key was purged.", hint="Add --yes to purge them without being asked."
        )
    gone = session.portal.call(session.control.purge_master, args.older_than)
    return Outcome(
        Document([Callout("info", [_gone(len(gone))])]),
        [fact.to_dict() for fact in gone],
    )


def _gone(number: int) -> str:
    if not number:
        return "No master key was retired so long ago, so none is gone."
    return f"{count(number, 'retired master key')} {'is' if number == 1 else 'are'} gone."


def accept_restore(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Take the database as it is, although it is older than the one that was here last."""
    session.portal.call(session.control.accept_restore)
    text = "The restored database is accepted. Keys that were removed or replaced since that backup are back: check them."
    return Outcome(Document([Callout("warning", [text])]), {"accepted": True})


def _table(facts: list[MasterFacts]) -> Table:
    rows: list[list[Inline]] = [
        [Code(f.id), f.state, f.created_at, str(f.data_keys)] for f in facts
    ]
    return Table(["master key", "state", "made", "data keys"], rows)
