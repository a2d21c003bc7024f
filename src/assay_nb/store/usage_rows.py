"""Queries on what calls used and cost: sums by workspace, day, member, connection, model and who paid.

A sum is raised in the transaction that writes a call's line, so that nobody has to read the log for it, and it
stays when the log's old lines are deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sqlalchemy import Connection, func, select

from assay_nb.store.statements import insert_or_add
from assay_nb.store.tables import usage_sums

if TYPE_CHECKING:
    from assay_nb.store.call_rows import CallRecord

Part: TypeAlias = Literal["workspace", "day", "user", "connection", "model", "funding"]
"""What a sum can be broken down by."""

_DAY = 86_400
_LONGEST = 200
"""Characters of a model's name that are kept: some servers answer to any name."""

_COUNTS = (
    "calls",
    "unmetered",
    "unpriced",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_micros",
    "counted_micros",
)
_COLUMNS: dict[Part, str] = {
    "workspace": "workspace_id",
    "day": "day",
    "user": "user",
    "connection": "connection",
    "model": "model",
    "funding": "funding",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """What some calls used and cost together.

    Attributes:
        by: What they have in common, by its part.
        calls: How many there were.
        unmetered: Those whose tokens are not known, in part or at all.
        unpriced: Those whose cost is not known.
        cost_micros: Millionths of a dollar, of the calls whose cost is known.
        counted_micros: Millionths of a dollar that all of them count for, with an estimate for the others.
    """

    by: dict[Part, Any]
    calls: int
    unmetered: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_micros: int
    counted_micros: int


def add_sums(
    connection: Connection, ended: Iterable[CallRecord], *, sign: Literal[1, -1] = 1
) -> None:
    """Add calls that have ended to the sums of their days; with -1, take them out again."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    for one in ended:
        model = one.model[:_LONGEST]
        key = (one.workspace_id, one.at // _DAY, one.user, one.provider, model, one.funding)
        have = sums.setdefault(key, [0] * len(_COUNTS))
        sums[key] = [a + sign * b for a, b in zip(have, _counts(one), strict=True)]
    names = tuple(_COLUMNS.values())
    rows = [
        dict(zip((*names, *_COUNTS), (*key, *counts), strict=True)) for key, counts in sums.items()
    ]
    insert_or_add(connection, usage_sums, rows, _COUNTS)


def list_sums(
    connection: Connection,
    by: Sequence[Part],
    *,
    begin: int,
    end: int,
    workspace_id: bytes | None = None,
    user: str | None = None,
) -> tuple[UsageSum, ...]:
    """Return sums from one day up to another, which is not among them, broken down and in their order.

    Args:
        connection: The database.
        by: What they are broken down by; nothing for one sum.
        begin: The first day, as days since 1970.
        end: The day after the last.
        workspace_id: Of this workspace alone; None for all of them.
        user: Of this member alone; None for all of them.
    """
    parts = [usage_sums.c[_COLUMNS[part]] for part in by]
    totals = [func.sum(usage_sums.c[name]).label(name) for name in _COUNTS]
    query = select(*parts, *totals).where(usage_sums.c.day >= begin, usage_sums.c.day < end)
    if workspace_id is not None:
        query = query.where(usage_sums.c.workspace_id == workspace_id)
    if user is not None:
        query = query.where(usage_sums.c.user == user)
    if parts:
        query = query.group_by(*parts).order_by(*parts)
    return tuple(
        UsageSum(
            by={part: row[_COLUMNS[part]] for part in by},
            **{name: int(row[name] or 0) for name in _COUNTS},
        )
        for row in connection.execute(query).mappings()
    )


def _counts(call: CallRecord) -> tuple[int, ...]:
    unpriced = call.cost_micros is None
    unmetered = unpriced and (call.input_tokens is None or call.output_tokens is None)
    return (
        1,
        int(unmetered),
        int(unpriced),
        call.input_tokens or 0,
        call.output_tokens or 0,
        call.cached_tokens or 0,
        call.cost_micros or 0,
        call.counted_micros or 0,
    )
