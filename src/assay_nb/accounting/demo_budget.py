"""The demo budget: a few calls for each new person, on the operator's account, once in a lifetime.

A call is set aside before it is sent, so that whatever happens in between (a crash, a closed laptop)
costs the person a demo call, and never the operator an eighth one.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass

from assay_nb.errors import DemoExhausted
from assay_nb.store import budget_rows as rows
from assay_nb.store.budget_rows import State
from assay_nb.store.database import Database


@dataclass(frozen=True, slots=True)
class DemoReservation:
    """A demo call that was set aside.

    Attributes:
        state: `"reserved"` until it is settled or released.
        repeated: Whether this idempotency key had reserved it before. Then the call was sent already,
            or is being sent now, and must not be sent again.
    """

    id: bytes
    user: str
    state: State
    repeated: bool = False


class DemoBudget:
    """Everybody's demo calls.

    Attributes:
        granted: How many a person gets. A row that says more buys nothing; one that says less counts.
    """

    def __init__(self, database: Database, granted: int = 7) -> None:
        self._database = database
        self.granted = granted

    def reserve(self, user: str, idempotency_key: str | None = None) -> DemoReservation:
        """Set one call aside; the same key, used again by the same person, gets the same one.

        Raises:
            DemoExhausted: If none is left.
        """
        key = json.dumps([user, idempotency_key]) if idempotency_key is not None else None
        reservation_id = os.urandom(16)
        with self._database.write(serial=False) as connection:
            rows.insert_budget(connection, user, self.granted)
            if not rows.insert_reservation(connection, reservation_id, user, key, int(time.time())):
                earlier = rows.get_reservation(connection, str(key))
                if not rows.change_state(connection, earlier.id, "returned", "reserved"):
                    return DemoReservation(earlier.id, user, earlier.state, repeated=True)
                reservation_id = earlier.id
            if not rows.take_one(connection, user, self.granted):
                raise DemoExhausted(
                    f"Your {self.granted} demo calls are used up.",
                    hint="Calls need a key of the workspace's own from now on.",
                )
        return DemoReservation(reservation_id, user, "reserved")

    def settle(self, reservation: DemoReservation) -> None:
        """Note that the call was made. A reservation that is never settled counts as spent all the same."""
        with self._database.write(serial=False) as connection:
            rows.change_state(connection, reservation.id, "reserved", "spent")

    def release(self, reservation: DemoReservation) -> None:
        """Undo a reservation whose call never reached the provider. Doing it twice gives nothing twice."""
        with self._database.write(serial=False) as connection:
            if rows.change_state(connection, reservation.id, "reserved", "returned"):
                rows.put_one_back(connection, reservation.user)

    def left(self, user: str) -> int:
        """Return how many calls a person has left."""
        with self._database.read() as connection:
            budget = rows.find_budget(connection, user)
        if budget is None:
            return self.granted
        return max(0, min(budget.granted, self.granted) - budget.spent)
