"""`usage`: what a workspace's calls used and cost, with what is left of each limit."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta

from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, add_json, add_workspace
from assay_nb.engine.control import Control
from assay_nb.engine.session import Session
from assay_nb.engine.usage import UsageFacts
from assay_nb.engine.usage_shown import PARTS, describe_usage, write_csv
from assay_nb.errors import WrongUsage
from assay_nb.render.document import Document


def add_usage(add: Adder) -> None:
    """Add `usage`."""
    parser = add_json(
        add_workspace(add("usage", "what calls used and cost, and what is left", show_usage))
    )
    parser.add_argument(
        "--by",
        choices=tuple(PARTS),
        default="day",
        help="member, model, day (the default) or month",
    )
    parser.add_argument(
        "--days", type=int, metavar="N", help="the last N days; by default since the month began"
    )
    parser.add_argument(
        "--mine", action="store_true", help="your own calls alone, where you may see everybody's"
    )
    parser.add_argument("--csv", action="store_true", help="print CSV")


def show_usage(session: Session, args: Namespace, desk: Console) -> Outcome:
    """Show what calls used and cost: everybody's for those who manage the members, else one's own."""

    async def ask() -> UsageFacts:
        return await ask_usage(
            session.control, args.workspace, args.by, days=args.days, mine=args.mine
        )

    facts = session.portal.call(ask)
    data = facts.to_dict()
    if args.csv:
        return Outcome(Document(), data, text=write_csv(facts))
    return Outcome(Document(describe_usage(facts)), data)


async def ask_usage(
    control: Control,
    workspace: str | None,
    by: str,
    *,
    days: int | None = None,
    mine: bool = False,
) -> UsageFacts:
    """Return what calls in a workspace used and cost.

    Args:
        control: Who is asked.
        workspace: The workspace; None is the active one.
        by: What it is broken down by, as `PARTS` has it.
        days: How many days until today, in UTC; None for those of this month.
        mine: Whether one's own calls alone are meant; otherwise everybody's, where one may see them.

    Raises:
        WrongUsage: If the number of days is not from 1 up.
    """
    where = await control.show_workspace(workspace)
    manages = control.mode == "hub" and where.kind == "team" and where.role in {"owner", "admin"}
    everyone = manages and not mine
    return await control.usage(where.id, by=(PARTS[by],), begin=_first_day(days), everyone=everyone)


def _first_day(days: int | None) -> str | None:
    if days is None:
        return None
    if not 1 <= days <= 3_660:
        raise WrongUsage(
            f"--days {days} is not a number of days.", hint="Give one from 1 to 3,660."
        )
    today = datetime.now(UTC).date()
    return (today - timedelta(days=days - 1)).isoformat()
