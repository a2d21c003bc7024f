"""Reports on usage: what calls used and cost, by member, model, day and month.

They read the sums that are raised with each line of the calls log, never the log, so they take as long for a
million calls as for a few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias

from assay_nb.accounting.call_log import CallLog
from assay_nb.errors import WrongUsage
from assay_nb.store import usage_rows as rows
from assay_nb.store.database import Database
from assay_nb.store.usage_rows import Part, UsageSum
from assay_nb.store.workspace_rows import list_workspace_names

ReportPart: TypeAlias = Literal["workspace", "month", "day", "user", "model"]

_FIRST = date(1970, 1, 1)
_COLUMNS: dict[ReportPart, tuple[Part, ...]] = {
    "workspace": ("workspace",),
    "month": ("day",),
    "day": ("day",),
    "user": ("user",),
    "model": ("connection", "model"),
}
_MOST_DAYS = 3_660


@dataclass(frozen=True, slots=True)
class Days:
    """The days that a report is about, the last one included."""

    begin: date
    end: date

    @property
    def seconds(self) -> tuple[int, int]:
        """The time at which the first day begins and that at which the last one ends, since 1970."""
        begin, end = ((one - _FIRST).days for one in (self.begin, self.end))
        return begin * 86_400, (end + 1) * 86_400


@dataclass(slots=True, kw_only=True)
class UsageRow:
    """What some calls used and cost together.

    Attributes:
        by: What they have in common, as text; a workspace's is its id in hexadecimal.
        calls: How many there were.
        unmetered: Those whose tokens are not known.
        unpriced: Those whose cost is not known.
        cost_micros: Millionths of a dollar, of the calls whose cost is known.
        counted_micros: Millionths of a dollar that all of them count for.
    """

    by: dict[str, str]
    calls: int = 0
    unmetered: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_micros: int = 0
    counted_micros: int = 0

    def add(self, other: UsageRow | UsageSum) -> None:
        """Add the counts of others."""
        for one in fields(self):
            if one.name != "by":
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def read_days(begin: str | None, end: str | None, today: date | None = None) -> Days:
    """Return the days that somebody names, by default those of this month until today.

    Args:
        begin: The first day, as an ISO date; None for the first of the last day's month.
        end: The last day; None for today.
        today: The day in UTC; None for the clock's.

    Raises:
        WrongUsage: If one is not a date, or they are in the wrong order or too far apart.
    """
    last = _read_day(end) if end else today or datetime.now(UTC).date()
    first = _read_day(begin) if begin else last.replace(day=1)
    if not 0 <= (last - first).days <= _MOST_DAYS:
        raise WrongUsage(
            f"{first} to {last} is not a time of up to ten years.",
            hint="Give the first day and then the last, such as 2026-11-01 and 2026-11-30.",
        )
    return Days(first, last)


class Reports:
    """The usage of all workspaces.

    Args:
        database: Where the sums are.
        calls: The log, whose cut-off calls are settled before a report.
    """

    def __init__(self, database: Database, calls: CallLog) -> None:
        self._database = database
        self._calls = calls

    def usage(
        self,
        by: Sequence[ReportPart],
        days: Days,
        *,
        workspace_id: bytes | None = None,
        user: str | None = None,
    ) -> list[UsageRow]:
        """Return what calls used and cost, broken down and in order. Who may ask is the caller's to know.

        Args:
            by: What it is broken down by; nothing for one row.
            days: The days.
            workspace_id: In this workspace; None for all of them.
            user: Of this member; None for all of them.
        """
        self._calls.settle_cut_off()
        columns: dict[Part, None] = {}
        for part in by:
            columns.update(dict.fromkeys(_COLUMNS[part]))
        with self._database.read(workspace=workspace_id) as connection:
            sums = rows.list_sums(
                connection,
                tuple(columns),
                begin=(days.begin - _FIRST).days,
                end=(days.end - _FIRST).days + 1,
                workspace_id=workspace_id,
                user=user,
            )
        return list(_gather(by, sums))

    def workspace_names(self) -> dict[str, str]:
        """Return the names of all workspaces by their ids in hexadecimal, for the operator."""
        with self._database.read() as connection:
            return {one.hex(): name for one, name in list_workspace_names(connection).items()}


def total(found: Iterable[UsageRow]) -> UsageRow:
    """Return the sum of some rows."""
    whole = UsageRow(by={})
    for one in found:
        whole.add(one)
    return whole


def _gather(by: Sequence[ReportPart], sums: Iterable[UsageSum]) -> Iterator[UsageRow]:
    """Yield a row for each combination of parts: several days are one month."""
    found: dict[tuple[str, ...], UsageRow] = {}
    for one in sums:
        parts: dict[str, str] = {part: _say(part, one) for part in by}
        row = found.setdefault(tuple(parts.values()), UsageRow(by=parts))
        row.add(one)
    for key in sorted(found):
        if found[key].calls:
            yield found[key]


def _say(part: ReportPart, one: UsageSum) -> str:
    if part == "workspace":
        return bytes(one.by["workspace"]).hex()
    if part == "user":
        return str(one.by["user"])
    if part == "model":
        return f"{one.by['connection']}/{one.by['model']}"
    day = (_FIRST + timedelta(days=one.by["day"])).isoformat()
    return day if part == "day" else day[:7]


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"'{text[:20]}' is not a day.", hint="Write it like 2026-11-30.") from None
