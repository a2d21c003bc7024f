"""Usage of a workspace, as faces show it: what its calls used and cost, read in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay_nb.accounting.reports import UsageRow, read_days, total
from assay_nb.engine.local.resources import Resources
from assay_nb.engine.usage import USAGE_PARTS, UsageFacts, UsageLine, UsagePart
from assay_nb.errors import PermissionDenied, WrongUsage
from assay_nb.workspaces.roles import is_allowed

if TYPE_CHECKING:
    from assay_nb.workspaces.membership import Workspace


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks about usage; see `Control.usage`."""

    by: Sequence[UsagePart]
    begin: str | None
    end: str | None
    everyone: bool


def read_usage(resources: Resources, user: str, where: Workspace, asked: Question) -> UsageFacts:
    """Return what calls in a workspace used and cost.

    Args:
        resources: Where the sums are.
        user: Who asks.
        where: The workspace, with the caller's role in it.
        asked: What is asked.

    Raises:
        WrongUsage: If a part or a day is not one.
        PermissionDenied: If it is about all members, and the caller does not manage them.
    """
    by = check_parts(asked.by)
    if asked.everyone and not is_allowed(where.role, "manage_members"):
        raise PermissionDenied(
            "What other members use is shown to the workspace's admins.",
            hint="Ask for your own usage, or ask an owner or admin.",
        )
    days = read_days(asked.begin, asked.end)
    found = resources.reports.usage(
        by, days, workspace_id=where.id, user=None if asked.everyone else user
    )
    return UsageFacts(
        begin=days.begin.isoformat(),
        end=days.end.isoformat(),
        everyone=asked.everyone,
        by=by,
        lines=[show_row(row, {where.id.hex(): where.name}) for row in found],
        total=show_row(total(found), {}),
        limits=resources.list_limits(where.id, user),
    )


def show_row(row: UsageRow, names: dict[str, str]) -> UsageLine:
    """Return a row of a report as faces show it.

    Args:
        row: The row.
        names: Workspaces' names by their ids; one that is gone is shown by its id.
    """
    by = dict(row.by)
    if "workspace" in by:
        by["workspace"] = names.get(by["workspace"], by["workspace"])
    return UsageLine(
        **by,
        calls=row.calls,
        unmetered=row.unmetered,
        unpriced=row.unpriced,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cached_tokens=row.cached_tokens,
        cost=row.cost_micros / 1_000_000,
        counted=row.counted_micros / 1_000_000,
    )


def check_parts(by: Sequence[str]) -> tuple[UsagePart, ...]:
    """Return what usage is broken down by, each part once.

    Raises:
        WrongUsage: If it cannot be broken down by one of them.
    """
    known: dict[str, UsagePart] = {}
    known.update((part, part) for part in USAGE_PARTS)
    for part in by:
        if part not in known:
            raise WrongUsage(
                f"Usage is not broken down by '{part[:20]}'.",
                hint=f"Use some of {', '.join(USAGE_PARTS)}.",
            )
    return tuple(dict.fromkeys(known[part] for part in by))
