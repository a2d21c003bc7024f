"""Allowances: what a team's admin lets members use in a day or a month, counted for all gateways together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from assay_nb.accounting.budget_levels import Level, fullest, name_limit
from assay_nb.errors import LimitReached, WrongUsage
from assay_nb.store import allowance_rows as rows
from assay_nb.store.allowance_rows import (
    ANY_MODEL,
    EVERYBODY,
    PERIODS,
    Allowance,
    Counter,
    Period,
    Used,
)
from assay_nb.store.changes import Changes
from assay_nb.store.database import Connection, Database
from assay_nb.workspaces.names import check_user

__all__ = ["EVERYBODY", "Allowance", "AllowanceReservation", "Allowances", "Used"]

_DAY = 86_400
_MOST = 10**12
_KEPT_DAYS = 40
_LONGEST = 200
_SOON = 5.0
"""Seconds until a call that waits for running ones may try again."""


_Limits: TypeAlias = "tuple[int | None, int | None]"
_Place: TypeAlias = "tuple[Counter, _Limits]"


@dataclass(frozen=True, slots=True)
class AllowanceReservation:
    """A call that was counted against what is allowed.

    Attributes:
        counters: Where it was counted; none where nothing is allowed and so nothing is counted.
        day: The day, as days since 1970.
        micros: Millionths of a dollar that were reserved for it.
        level: How full the fullest of the allowances is with it, in money or calls.
    """

    counters: tuple[Counter, ...]
    day: int
    micros: int = 0
    level: Level | None = None

    @property
    def counted(self) -> bool:
        """Whether it was counted anywhere."""
        return bool(self.counters)


class Allowances:
    """The allowances of all workspaces, and what was used of them.

    Days and months are those of UTC. Setting the clock back does not give a used day again, and setting it
    forward only uses tomorrow's. Without an allowance nothing is counted, and nothing is written.

    A call is counted before it is made, with what it may cost, and that is settled when it has ended. So what is
    counted never exceeds a limit by more than what one call was estimated to cost, however many begin at once and
    at however many gateways.

    Args:
        database: Where they are.
        now: The time, in seconds since 1970.
        changes: What notices changes of the database, for which counting is not one.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], float] = time.time,
        changes: Changes | None = None,
    ) -> None:
        self._database = database
        self._now = now
        self._changes = changes

    def list(self, workspace_id: bytes) -> tuple[Allowance, ...]:
        """Return a workspace's allowances, everybody's first. Whether the caller may see them is theirs."""
        with self._database.read(workspace=workspace_id) as connection:
            return rows.list_allowances(connection, workspace_id)

    def used(self, workspace_id: bytes, user: str, period: Period = "day") -> Used:
        """Return what a member has used today, or this month, of what they are allowed for all models."""
        counter = Counter(workspace_id, user, ANY_MODEL, period, self._first_day(period))
        with self._database.read(workspace=workspace_id) as connection:
            return rows.find_used(connection, [counter])[0]

    def levels(self, workspace_id: bytes, user: str) -> tuple[Level, ...]:
        """Return how full each allowance is that a member's calls count against."""
        with self._database.read(workspace=workspace_id) as connection:
            listed = rows.list_allowances(connection, workspace_id)
            places = self._places(workspace_id, user, rows.applying(listed, user))
            found = rows.find_used(connection, [counter for counter, _ in places])
        return tuple(
            Level.of(counter, limits, used)
            for (counter, limits), used in zip(places, found, strict=True)
        )

    def set(self, workspace_id: bytes, allowance: Allowance) -> None:
        """Set what a member, everybody, or all together may use; without any figure, forget it.

        Raises:
            WrongUsage: If a figure is negative or absurd, or it is both a member's and everybody's together.
        """
        if allowance.user != EVERYBODY:
            check_user(allowance.user)
            if allowance.together:
                raise WrongUsage("A limit for all members together does not name a member.")
        if any(figure is not None and not 0 <= figure <= _MOST for figure in allowance.figures):
            raise WrongUsage("An allowance is a number from 0 up, or none.")
        _check_model(allowance.model)
        with self._database.write() as connection:
            if not any(figure is not None for figure in allowance.figures):
                rows.delete_allowance(connection, workspace_id, allowance)
            else:
                rows.set_allowance(connection, workspace_id, allowance)

    def reserve(
        self,
        workspace_id: bytes,
        user: str,
        models: Sequence[str] = (),
        dollars: float = 0.0,
    ) -> AllowanceReservation:
        """Count a call that is about to be made.

        Args:
            workspace_id: The workspace whose account pays.
            user: The member.
            models: The models that it may ask, as `connection/model`; none where that is not known, and then the
                call counts against every model's allowance.
            dollars: What the call may cost.

        Raises:
            LimitReached: If an allowance that it counts against is used up.
        """
        with self._database.read(workspace=workspace_id) as connection:
            listed = rows.list_allowances(connection, workspace_id)
        places = self._places(workspace_id, user, rows.applying(listed, user, models))
        day = self._today()
        if not places:
            return AllowanceReservation((), day)
        micros = _micros(dollars)
        taken: list[Level] = []

        def take(connection: Connection) -> None:
            # In one order, so that two gateways never wait for each other's rows.
            for counter, limits in sorted(places, key=lambda place: str(place[0].key)):
                used = rows.take_call(connection, counter, limits, micros)
                if used is None:
                    raise self._used_up(connection, counter, limits)
                taken.append(Level.of(counter, limits, used))

        self._write(take)
        counters = tuple(counter for counter, _ in places)
        return AllowanceReservation(counters, day, micros, fullest(taken))

    def settle(
        self,
        reservation: AllowanceReservation,
        dollars: float | None,
        *,
        unknown: float,
        made: bool = True,
    ) -> None:
        """Put what a counted call has cost in the place of what was reserved for it.

        A price that is not known, or is none that a call can have, counts as `unknown` dollars: a
        provider that reports no usage, or nonsense, is not the way around a limit.

        Args:
            reservation: The call.
            dollars: What it cost, or is estimated to have cost.
            unknown: What it counts for where that is None.
            made: Whether the provider did anything; a call that it refused gives its place back.
        """
        if not reservation.counted:
            return
        if dollars is None or not math.isfinite(dollars) or dollars < 0:
            dollars = unknown
        micros = _micros(dollars) if made else 0

        def settle(connection: Connection) -> None:
            for counter in sorted(reservation.counters, key=lambda one: str(one.key)):
                rows.settle_call(
                    connection,
                    counter,
                    reserved=reservation.micros,
                    micros=micros,
                    calls=int(made),
                )

        self._write(settle)

    def forget_old(self) -> None:
        """Forget what was used more than a month ago."""
        with self._database.write(serial=False) as connection:
            rows.delete_usage_before(connection, self._today() - _KEPT_DAYS)

    def _write(self, write: Callable[[Connection], None]) -> None:
        if self._changes is not None:
            self._changes.write_unnoticed(write)
            return
        with self._database.write(serial=False) as connection:
            write(connection)

    def _places(
        self, workspace_id: bytes, user: str, allowances: Iterable[Allowance]
    ) -> list[_Place]:
        """Return where a call is counted: once for each allowance and each period that has a figure."""
        return [
            (
                Counter(
                    workspace_id,
                    EVERYBODY if one.together else user,
                    one.model,
                    period,
                    self._first_day(period),
                ),
                one.limits(period),
            )
            for one in allowances
            for period in PERIODS
            if one.limits(period) != (None, None)
        ]

    def _today(self) -> int:
        return int(self._now()) // _DAY

    def _first_day(self, period: Period) -> int:
        """Return the first day of today or of this month, as days since 1970."""
        today = self._today()
        return today if period == "day" else today - _date(today).day + 1

    def _used_up(
        self, connection: Connection, counter: Counter, limits: tuple[int | None, int | None]
    ) -> LimitReached:
        used = rows.find_used(connection, [counter])[0]
        calls, micros = limits
        said = name_limit(counter, limits, calls is not None and used.calls >= calls)
        if not (calls is not None and used.calls >= calls) and (
            used.micros - used.reserved < (micros or 0)
        ):
            return LimitReached(
                f"{said}; a part of that is what running calls may still cost.",
                hint="Try again when one of them has ended.",
                retry_after=_SOON,
            )
        next_day = "The next day begins at 00:00 UTC"
        if counter.period == "month":
            next_day = "The next month begins on the 1st at 00:00 UTC"
        return LimitReached(
            f"{said}, as an admin of this workspace has set.",
            hint=f"{next_day}; an admin can raise it.",
            retry_after=self._until_next(counter.period),
        )

    def _until_next(self, period: Period) -> float:
        """Return the seconds until the next day or month begins."""
        today = self._today()
        first = today + 1
        if period == "month":
            later = _date(today).replace(day=1) + timedelta(days=32)
            first = (later.replace(day=1) - date(1970, 1, 1)).days
        return first * _DAY - self._now()


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def _micros(dollars: float) -> int:
    return min(round(dollars * 1_000_000), _MOST)


def _check_model(model: str) -> None:
    if model and ("/" not in model or len(model) > _LONGEST or not model.isprintable()):
        raise WrongUsage(
            "A limit for a model names it as CONNECTION/MODEL.",
            hint="Write it like `anthropic/claude-opus-*`; `*` matches anything.",
        )
