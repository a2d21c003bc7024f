"""What was learned of servers: which parts of a request an endpoint's model turned out not to take.

Kept per workspace, connection, endpoint and model with its day. Servers are updated, so it expires, and it is forgotten
as soon as a form that was remembered is refused itself. It is kept in memory unless a store is given.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

EXPIRES = datetime.timedelta(days=30)
"""How long something learned counts; the best form is then tried again."""

_MOST_PLACES = 1_000
"""Places kept in memory. Users choose model names, so nothing else bounds how many there are."""


class Place(NamedTuple):
    """What something is learned of.

    Attributes:
        owner: Whose connection it is: a workspace's id in hexadecimal, or nobody's.
        connection: The connection's name.
        endpoint: Its base URL.
        model: The model.
    """

    owner: str
    connection: str
    endpoint: str
    model: str


class Store(Protocol):
    """Keeps records, which are ready for JSON: `{"day": "2026-11-30", "facts": {...}}`."""

    def load(self, place: Place) -> Mapping[str, Any] | None:
        """Return the record of a place, or None."""
        ...

    async def save(self, place: Place, record: Mapping[str, Any] | None) -> None:
        """Keep a record in place of an earlier one; None removes it."""
        ...


class MemoryStore:
    """Records of this process. Where there are too many, the oldest goes."""

    def __init__(self) -> None:
        self._records: dict[Place, Mapping[str, Any]] = {}

    def load(self, place: Place) -> Mapping[str, Any] | None:
        return self._records.get(place)

    async def save(self, place: Place, record: Mapping[str, Any] | None) -> None:
        self._records.pop(place, None)
        if record is not None:
            self._records[place] = record
        while len(self._records) > _MOST_PLACES:
            self._records.pop(next(iter(self._records)), None)


class Learned:
    """What was learned, by place."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        today: Callable[[], datetime.date] = datetime.date.today,
    ) -> None:
        """Keep records in `store`, in memory by default."""
        self._store = store or MemoryStore()
        self._today = today

    def recall(self, place: Place) -> Mapping[str, Any]:
        """Return the facts learned of a place; nothing where there are none, or they have expired."""
        record = self._store.load(place)
        if record is None:
            return {}
        day, facts = _read_day(record.get("day")), record.get("facts")
        if day is None or not isinstance(facts, Mapping) or self._today() - day >= EXPIRES:
            return {}
        return facts  # pyright: ignore[reportUnknownVariableType] - its reader checks each value

    async def keep(self, place: Place, facts: Mapping[str, Any]) -> None:
        """Add facts to those of a place. The day stays where they are known already."""
        known = self.recall(place)
        if all(name in known and known[name] == value for name, value in facts.items()):
            return
        day = self._today().isoformat()
        await self._store.save(place, {"day": day, "facts": {**known, **facts}})

    async def forget(self, place: Place) -> None:
        """Forget a place: a form that was remembered has been refused."""
        await self._store.save(place, None)


def _read_day(value: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
