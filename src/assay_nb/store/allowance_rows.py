"""Queries on what members may use in a day or a month, and have used. Counting is one conditional `UPDATE`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, and_, delete, or_, select, update

from assay_nb.store.statements import insert_if_absent, insert_or_update
from assay_nb.store.tables import allowances, usage

EVERYBODY = ""
"""Stands for all members without an allowance of their own. Nobody has an empty name."""

ANY_MODEL = ""

Period: TypeAlias = Literal["day", "month"]
PERIODS: tuple[Period, Period] = ("day", "month")


_DATE = re.compile(r"(?:[-@](?:\d{8}|\d{4}-\d{2}-\d{2})|-latest)$")
"""How providers write the day of a model's version, and the newest of them."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a member, or all of them together, may use in a day and in a month.

    Attributes:
        user: The member's name; `EVERYBODY` for all who have none of their own, each by themselves.
        calls_per_day: None for as many as they like.
        micros_per_day: Millionths of a dollar; None for as much as they like.
        calls_per_month: The same of a month.
        micros_per_month: The same of a month.
        model: The models that it is about, as `connection/model`, where `*` matches anything; `ANY_MODEL` for
            all of them.
        together: Whether all members use it up together. Then `user` is `EVERYBODY`.
    """

    user: str
    calls_per_day: int | None = None
    micros_per_day: int | None = None
    calls_per_month: int | None = None
    micros_per_month: int | None = None
    model: str = ANY_MODEL
    together: bool = False

    @property
    def figures(self) -> tuple[int | None, ...]:
        """The four limits."""
        return (
            self.calls_per_day,
            self.micros_per_day,
            self.calls_per_month,
            self.micros_per_month,
        )

    def limits(self, period: Period) -> tuple[int | None, int | None]:
        """Return the calls and the millionths of a dollar of a day or a month."""
        if period == "day":
            return self.calls_per_day, self.micros_per_day
        return self.calls_per_month, self.micros_per_month

    def is_about(self, models: Sequence[str]) -> bool:
        """Say whether one of the models counts against it; where no name is known, all do.

        A dated name and the one without its date are one model, and so are names that differ in case alone: the
        other spelling is not the way around a limit.
        """
        if not self.model or not models:
            return True
        mine = self.model.casefold()
        return any(
            fnmatch.fnmatchcase(model, mine) or fnmatch.fnmatchcase(_undated(model), _undated(mine))
            for model in map(str.casefold, models)
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """What is counted against one allowance in one day or month.

    Attributes:
        user: Whose calls are counted; `EVERYBODY` for those of all members together.
        model: As the allowance has it.
        period: Of a day or a month.
        day: The first day of it, as days since 1970.
    """

    workspace_id: bytes
    user: str
    model: str
    period: Period
    day: int

    @property
    def key(self) -> dict[str, Any]:
        """The row's primary key."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in a day or a month.

    Attributes:
        calls: How many calls began.
        micros: Millionths of a dollar that are counted.
        reserved: Those among them that running calls may still cost.
    """

    calls: int = 0
    micros: int = 0
    reserved: int = 0


def list_allowances(connection: Connection, workspace_id: bytes) -> tuple[Allowance, ...]:
    """Return a workspace's allowances, everybody's first."""
    query = select(allowances).where(allowances.c.workspace_id == workspace_id)
    found = connection.execute(
        query.order_by(allowances.c.scope, allowances.c.user, allowances.c.model)
    )
    return tuple(
        Allowance(
            row.user,
            row.calls_per_day,
            row.micros_per_day,
            row.calls_per_month,
            row.micros_per_month,
            row.model,
            row.scope == "together",
        )
        for row in found
    )


def applying(
    listed: Iterable[Allowance], user: str, models: Sequence[str] = ()
) -> Iterator[Allowance]:
    """Yield the allowances that a member's call counts against.

    A member's own takes the place of everybody's for the same models.

    Args:
        listed: The workspace's allowances.
        user: The member.
        models: The models that the call may ask, as `connection/model`; none where that is not known.
    """
    known = tuple(listed)
    own = {one.model for one in known if one.user == user and not one.together}
    for one in known:
        if not one.is_about(models):
            continue
        if one.together or one.user == user or (one.user == EVERYBODY and one.model not in own):
            yield one


def set_allowance(connection: Connection, workspace_id: bytes, allowance: Allowance) -> None:
    """Store an allowance in the place of the one before."""
    values = {
        "calls_per_day": allowance.calls_per_day,
        "micros_per_day": allowance.micros_per_day,
        "calls_per_month": allowance.calls_per_month,
        "micros_per_month": allowance.micros_per_month,
    }
    insert_or_update(connection, allowances, _key(workspace_id, allowance), values)


def delete_allowance(connection: Connection, workspace_id: bytes, allowance: Allowance) -> None:
    """Forget an allowance."""
    key = _key(workspace_id, allowance)
    connection.execute(delete(allowances).where(*(allowances.c[n] == v for n, v in key.items())))


def find_used(connection: Connection, counters: Sequence[Counter]) -> list[Used]:
    """Return what was counted by some counters, in their order."""
    if not counters:
        return []
    wanted = or_(*(_is(one) for one in counters))
    rows = connection.execute(select(usage).where(wanted)).mappings()
    found = {_place(row): Used(row["calls"], row["micros"], row["reserved"]) for row in rows}
    return [found.get(_place(one.key), Used()) for one in counters]


def take_call(
    connection: Connection,
    counter: Counter,
    limits: tuple[int | None, int | None],
    micros: int,
) -> Used | None:
    """Count a call that is about to be made, with what it may cost; None when the allowance is used up."""
    insert_if_absent(connection, usage, {**counter.key, "calls": 0, "micros": 0, "reserved": 0})
    most_calls, most_micros = limits
    statement = update(usage).where(_is(counter))
    if most_calls is not None:
        statement = statement.where(usage.c.calls < most_calls)
    if most_micros is not None:
        statement = statement.where(usage.c.micros < most_micros)
    statement = statement.values(
        calls=usage.c.calls + 1,
        micros=usage.c.micros + micros,
        reserved=usage.c.reserved + micros,
    )
    returned = statement.returning(usage.c.calls, usage.c.micros, usage.c.reserved)
    row = connection.execute(returned).one_or_none()
    return None if row is None else Used(row.calls, row.micros, row.reserved)


def settle_call(
    connection: Connection, counter: Counter, *, reserved: int, micros: int, calls: int
) -> None:
    """Put what a call counts for in the place of what was reserved for it.

    Args:
        connection: The database.
        counter: Where it was counted.
        reserved: What was reserved.
        micros: What it counts for.
        calls: 0 for a call that was not made, and gives back its place; 1 otherwise.
    """
    statement = update(usage).where(_is(counter))
    connection.execute(
        statement.values(
            calls=usage.c.calls + calls - 1,
            micros=usage.c.micros + micros - reserved,
            reserved=usage.c.reserved - reserved,
        )
    )


def delete_usage_before(connection: Connection, day: int) -> None:
    """Forget what was used on earlier days, and in months that began before."""
    connection.execute(delete(usage).where(usage.c.day < day))


def _undated(model: str) -> str:
    return _DATE.sub("", model)


def _key(workspace_id: bytes, allowance: Allowance) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "scope": "together" if allowance.together else "each",
        "user": allowance.user,
        "model": allowance.model,
    }


def _is(counter: Counter) -> Any:
    return and_(*(usage.c[name] == value for name, value in counter.key.items()))


def _place(row: Any) -> tuple[Any, ...]:
    return tuple(
        bytes(row[name]) if name == "workspace_id" else row[name] for name in Counter.__slots__
    )
