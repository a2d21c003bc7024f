"""Live facts of a workspace's connections: kept when a server lists its models, found again at each call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from assay_nb.connections.facts import LEARNED, LISTED, SET, Fact, Facts, group_facts, read_listing
from assay_nb.egress.origins import is_official
from assay_nb.messages import Destination, label_of
from assay_nb.store import connection_fact_rows as rows
from assay_nb.store.changes import Changes, Remembered

if TYPE_CHECKING:
    from assay_nb.store.database import Database

_LIFE = 60.0
"""Seconds for which facts are good where nobody can tell that the database was changed."""

_Key: TypeAlias = tuple[bytes, str, str]


class LiveFacts:
    """What is known of the models of each workspace's connections.

    Args:
        database: Where it is kept.
        changes: Tells whether what was read is still as it was.
        clock: Seconds that only grow.
    """

    def __init__(
        self, database: Database, changes: Changes, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._remembered: Remembered[_Key, dict[str, Fact]] = Remembered(changes)
        self._aging: dict[_Key, tuple[float, dict[str, Fact]]] = {}

    def find(self, workspace_id: bytes, connection: str, model: str) -> Facts:
        """Return what is known of one model, by the facts' names. It is read once, until it changes."""
        key = (workspace_id, connection, model)
        if self._changes.are_known:
            return self._remembered.get(key, lambda: self._read(key))
        read_at, facts = self._aging.get(key, (-_LIFE, {}))
        now = self._clock()
        if now - read_at >= _LIFE:
            facts = self._read(key)
            self._aging[key] = (now, facts)
        return facts

    def load(self, workspace_id: bytes, connection: str) -> Mapping[str, Facts]:
        """Return what is known of all models of a connection, in one query."""
        with self._database.read(workspace=workspace_id) as opened:
            return group_facts(rows.load(opened, workspace_id, connection))

    def keep_listing(
        self,
        workspace_id: bytes,
        there: Destination,
        entries: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Keep what a listing says, in the place of what the one before said.

        Args:
            workspace_id: The workspace.
            there: Whose listing it is.
            entries: Its raw entries, by the model's name.
        """
        facts = read_listing(entries, source=source_of(there), day=this_day())
        connection = there.connection
        with self._database.write() as opened:
            rows.forget(opened, workspace_id, connection, only=LISTED)
            rows.put(opened, workspace_id, connection, facts)
        self._aging.clear()

    def keep_learned(
        self, workspace_id: bytes, connection: str, model: str, fact: Fact | None
    ) -> None:
        """Keep what was learned of a model's server, in the place of what was known; None forgets it."""
        with self._database.write() as opened:
            rows.forget(opened, workspace_id, connection, model=model, only={LEARNED})
            rows.put(opened, workspace_id, connection, [fact] if fact else [])
        self._aging.clear()

    def set_price(
        self,
        workspace_id: bytes,
        connection: str,
        model: str,
        price: tuple[float, float] | None,
        *,
        user: str,
    ) -> None:
        """Keep what somebody says that a model costs, in dollars per million tokens; None forgets it."""
        day, source = this_day(), f"set by {user}"
        facts: list[Fact] = []
        if price is not None:
            named = {"set_input_price": price[0], "set_output_price": price[1]}
            facts = [Fact(model, name, value, source, day) for name, value in named.items()]
        with self._database.write() as opened:
            rows.forget(opened, workspace_id, connection, model=model, only=SET)
            rows.put(opened, workspace_id, connection, facts)
        self._aging.clear()

    def _read(self, key: _Key) -> dict[str, Fact]:
        workspace_id, connection, model = key
        with self._database.read(workspace=workspace_id) as opened:
            found = rows.load(opened, workspace_id, connection, model)
        return {fact.name: fact for fact in found}


def this_day() -> date:
    """Return the day, in UTC."""
    return datetime.now(UTC).date()


def source_of(there: Destination) -> str:
    """Return whose listing it is: a provider's by its name, any other server's by its host."""
    host = there.origin.partition("://")[2].rpartition(":")[0]
    return f"{label_of(there.provider) if is_official(there) else host}'s listing"
