"""Allowances: what a team's admin lets each member use in a day, counted for all gateways together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from assay_nb.errors import LimitReached, WrongUsage
from assay_nb.store import allowance_rows as rows
from assay_nb.store.allowance_rows import EVERYBODY, Allowance, Used
from assay_nb.store.database import Database
from assay_nb.workspaces.names import check_user

__all__ = ["EVERYBODY", "Allowance", "AllowanceReservation", "Allowances", "Used"]

_DAY = 86_400
_MOST = 10**12
_KEPT_DAYS = 40


@dataclass(frozen=True, slots=True)
class AllowanceReservation:
    """A call that was counted. `counted` is False where nothing is allowed and so nothing is counted."""

    workspace_id: bytes
    user: str
    day: int
    counted: bool


class Allowances:
    """The allowances of all workspaces, and what was used of them.

    A day is a UTC day. Setting the clock back does not give a used day again, and setting it forward
    only uses tomorrow's. Without an allowance nothing is counted, and nothing is written.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def list(self, workspace_id: bytes) -> tuple[Allowance, ...]:
        """Return a workspace's allowances, everybody's first. Whether the caller may see them is theirs."""
        with self._database.read(workspace=workspace_id) as connection:
            return rows.list_allowances(connection, workspace_id)

    def used(self, workspace_id: bytes, user: str) -> Used:
        """Return what a member has used today."""
        with self._database.read(workspace=workspace_id) as connection:
            return rows.find_used(connection, workspace_id, user, self._today())

    def set(self, workspace_id: bytes, allowance: Allowance) -> None:
        """Set what a member, or everybody, may use in a day; without either figure, forget it.

        Raises:
            WrongUsage: If a figure is negative or absurd.
        """
        if allowance.user != EVERYBODY:
            check_user(allowance.user)
        figures = (allowance.calls_per_day, allowance.micros_per_day)
        if any(figure is not None and not 0 <= figure <= _MOST for figure in figures):
            raise WrongUsage("An allowance is a number from 0 up, or none.")
        with self._database.write() as connection:
            if figures == (None, None):
                rows.delete_allowance(connection, workspace_id, allowance.user)
            else:
                rows.set_allowance(connection, workspace_id, allowance)

    def reserve(self, workspace_id: bytes, user: str) -> AllowanceReservation:
        """Count a call that is about to be made.

        Raises:
            LimitReached: If the member's allowance for today is used up.
        """
        day = self._today()
        with self._database.read(workspace=workspace_id) as connection:
            allowance = rows.find_allowance(connection, workspace_id, user)
        if allowance is None:
            return AllowanceReservation(workspace_id, user, day, counted=False)
        with self._database.write(serial=False) as connection:
            if not rows.take_call(connection, workspace_id, user, day, allowance):
                raise self._used_up(rows.find_used(connection, workspace_id, user, day), allowance)
        return AllowanceReservation(workspace_id, user, day, counted=True)

    def settle(
        self, reservation: AllowanceReservation, dollars: float | None, *, unknown: float
    ) -> None:
        """Add what a counted call has cost.

        A price that is not known, or is none that a call can have, counts as `unknown` dollars: a
        provider that reports no usage, or nonsense, is not the way around a limit.
        """
        if not reservation.counted:
            return
        if dollars is None or not math.isfinite(dollars) or dollars < 0:
            dollars = unknown
        micros = min(round(dollars * 1_000_000), _MOST)
        with self._database.write(serial=False) as connection:
            rows.add_micros(
                connection, reservation.workspace_id, reservation.user, reservation.day, micros
            )

    def forget_old(self) -> None:
        """Forget what was used more than a month ago."""
        with self._database.write(serial=False) as connection:
            rows.delete_usage_before(connection, self._today() - _KEPT_DAYS)

    def _today(self) -> int:
        return int(self._now()) // _DAY

    def _used_up(self, used: Used, allowance: Allowance) -> LimitReached:
        if allowance.calls_per_day is not None and used.calls >= allowance.calls_per_day:
            what = f"Your {allowance.calls_per_day} calls for today are made"
        else:
            dollars = (allowance.micros_per_day or 0) / 1_000_000
            what = f"Your ${dollars:.2f} for today are spent"
        return LimitReached(
            f"{what}, as an admin of this workspace has set.",
            hint="The next day begins at 00:00 UTC; an admin can raise it.",
            retry_after=_DAY - self._now() % _DAY,
        )
