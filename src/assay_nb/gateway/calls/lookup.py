"""Lookups: what the database says, read once and kept until it is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from anyio.to_thread import run_sync

from assay_nb.gateway.resources import GatewayResources
from assay_nb.store.changes import Remembered

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Kept(NamedTuple, Generic[V]):
    value: V


class Lookup(Generic[K, V]):
    """Answers to one kind of question to the database.

    An answer is good as long as nothing was committed since it was read: to find that out takes some
    microseconds, and a thread that reads and decides again a millisecond. PostgreSQL does not tell, so there
    every question is read again.

    Args:
        resources: Have the database, which the first question opens.
        read: Returns the answer, or raises. It runs in a thread, once for all who ask the same meanwhile.
    """

    def __init__(self, resources: GatewayResources, read: Callable[[K], V]) -> None:
        self._resources = resources
        self._read = read
        self._kept: Remembered[K, _Kept[V]] | None = None
        self._reading: dict[tuple[K, int], asyncio.Task[V]] = {}

    async def find(self, key: K) -> V:
        """Return the answer as of now, or raise what reading it raises."""
        if self._kept is None:
            changes = await run_sync(lambda: self._resources.changes)
            self._kept = self._kept or Remembered(changes)
        number = self._resources.changes.look()
        if number is None:
            return await run_sync(self._read, key)
        kept = self._kept.find(key, number)
        if kept is not None:
            return kept.value
        reading = self._reading.get((key, number))
        if reading is None:
            reading = self._begin(key, number, self._kept)
        # A caller that hangs up does not cancel the others' reading.
        return await asyncio.shield(reading)

    def recall(self, key: K) -> V | None:
        """Return the answer as of some milliseconds ago if that is remembered, else None. It waits for nothing."""
        if self._kept is None:
            return None
        kept = self._kept.find(key, self._resources.changes.look_lately())
        return None if kept is None else kept.value

    def _begin(self, key: K, number: int, kept: Remembered[K, _Kept[V]]) -> asyncio.Task[V]:
        async def read() -> V:
            value = await run_sync(self._read, key)
            kept.keep(key, number, _Kept(value))
            return value

        def forget(done: asyncio.Task[V]) -> None:
            del self._reading[key, number]
            if not done.cancelled():
                done.exception()  # the callers that waited have it; there may be none left

        reading = self._reading[key, number] = asyncio.create_task(read())
        reading.add_done_callback(forget)
        return reading
