"""What was learned of a server, kept beside what its listing says: the next process need not learn it again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from anyio.to_thread import run_sync

from assay_nb.connections.facts import LEARNED, Fact
from assay_nb.engine.local.live_facts import LiveFacts
from assay_nb.errors import StoreUnavailable
from assay_nb.providers.learned import MemoryStore

if TYPE_CHECKING:
    from assay_nb.providers.learned import Place


class LearnedFacts:
    """Keeps what was learned with a workspace's connection; see `providers.learned.Store`.

    A place that belongs to no workspace (practice, the operator's key) is remembered by this process alone.

    Args:
        facts: What is known of each workspace's connections.
    """

    def __init__(self, facts: LiveFacts) -> None:
        self._facts = facts
        self._memory = MemoryStore()

    def load(self, place: Place) -> Mapping[str, Any] | None:
        if not _is_kept(place):
            return self._memory.load(place)
        known = self._facts.find(bytes.fromhex(place.owner), place.connection, place.model)
        fact = known.get(LEARNED)
        value: Any = fact.value if fact else None
        if fact is None or not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value)
        if value.get("endpoint") != place.endpoint:
            return None
        return {"day": fact.day.isoformat(), "facts": value.get("facts")}

    async def save(self, place: Place, record: Mapping[str, Any] | None) -> None:
        if not _is_kept(place):
            await self._memory.save(place, record)
            return
        # The reply is worth more than the note on how it was got: the next call learns it again.
        with suppress(StoreUnavailable):
            await run_sync(self._write, place, record)

    def _write(self, place: Place, record: Mapping[str, Any] | None) -> None:
        fact = None
        if record is not None:
            value = {"endpoint": place.endpoint, "facts": dict(record["facts"])}
            day = date.fromisoformat(record["day"])
            fact = Fact(place.model, LEARNED, value, "the server's own refusals", day)
        owner = bytes.fromhex(place.owner)
        self._facts.keep_learned(owner, place.connection, place.model, fact)


def _is_kept(place: Place) -> bool:
    return bool(place.owner.strip("0"))
