"""Queries on the log of calls: who, when, what, how many tokens. Never content.

A call that may cost something has a line from its beginning, in the state `RUNNING`; its end takes the place
of that line. What a process leaves behind that was killed reads as `CUT_OFF`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from sqlalchemy import Connection, Select, delete, select, update

from assay_nb.store.statements import insert_new, insert_or_update, insert_or_update_all
from assay_nb.store.tables import call_writers, calls
from assay_nb.store.usage_rows import add_sums

Funding = Literal["workspace", "demo"]

RUNNING = "running"
CUT_OFF = "cut_off"

PROCESS = slice(8, 13)
"""The bytes of a call's id that tell which process makes the call. The time stands before them."""

STALE = 60
"""Seconds after which a process that has not been seen is taken to have ended. One that makes calls is seen
every 20 seconds."""

_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call that was made, or that runs.

    Attributes:
        at: Seconds since 1970.
        provider: The name of the connection.
        funding: Whose account paid: the workspace's, or the operator's as a demo call.
        status: `"ok"`, or the code of the error; `RUNNING` from the beginning to the end.
        cost_micros: Millionths of a dollar, by a known price and the provider's count of tokens; None where
            one of the two is not known.
        cached_tokens: Of the input, those that the provider had kept.
        counted_micros: Millionths of a dollar that the call counts for: its cost, or an estimate where that
            is not known. None where there is not even an estimate.
    """

    call_id: bytes
    workspace_id: bytes
    user: str
    at: int
    instrument: str
    provider: str
    model: str
    funding: Funding
    status: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_micros: int | None = None
    milliseconds: int | None = None
    cached_tokens: int | None = None
    counted_micros: int | None = None


_NAMES = tuple(one.name for one in fields(CallRecord))


def write_calls(
    connection: Connection, records: Sequence[CallRecord], begun: Collection[bytes]
) -> None:
    """Write the lines of calls that have begun or ended, and add those that have ended to the sums.

    The two lines of a call may come in either order: an end takes the place of a beginning, and a beginning
    that comes late changes nothing.

    Args:
        connection: The transaction.
        records: The lines.
        begun: The ids of calls whose beginning may have been written before.
    """
    beginnings = [_values(one) for one in records if one.status == RUNNING]
    ended = [one for one in records if one.status != RUNNING]
    # A process that was stopped for a while was taken to have ended, and its calls were counted then.
    known = [one.call_id for one in ended if one.call_id in begun]
    add_sums(connection, _find_counted(connection, known), sign=-1)
    insert_or_update_all(connection, calls, [_values(one) for one in ended])
    insert_new(connection, calls, beginnings)
    add_sums(connection, ended)


def _find_counted(connection: Connection, call_ids: Sequence[bytes]) -> list[CallRecord]:
    """Return the lines of calls which were taken to be cut off, and now turn out to have ended."""
    found: list[CallRecord] = []
    for start in range(0, len(call_ids), _PAGE):
        ids = call_ids[start : start + _PAGE]
        query = select(calls).where(calls.c.call_id.in_(ids), calls.c.status == CUT_OFF)
        found += _read(connection, query.with_for_update())
    return found


def note_writer(connection: Connection, process: bytes, now: int) -> None:
    """Note that a process is alive whose calls may be running."""
    insert_or_update(connection, call_writers, {"process": process}, {"seen_at": now})


def list_calls(
    connection: Connection, workspace_id: bytes, limit: int, *, now: int
) -> tuple[CallRecord, ...]:
    """Return a workspace's latest calls, newest first. Call ids begin with the time.

    Those that run in a process that has ended are shown as cut off.
    """
    query = select(calls).where(calls.c.workspace_id == workspace_id)
    found = list(_read(connection, query.order_by(calls.c.call_id.desc()).limit(limit)))
    if any(one.status == RUNNING for one in found):
        alive = _list_alive(connection, now)
        found = [one if _is_alive(one, alive) else replace(one, status=CUT_OFF) for one in found]
    return tuple(found)


def find_cut_off(connection: Connection, *, now: int) -> list[CallRecord]:
    """Return the lines of calls that run, as they say, in processes that have ended."""
    running = list(_read(connection, select(calls).where(calls.c.status == RUNNING)))
    if not running:
        return []
    alive = _list_alive(connection, now)
    return [one for one in running if not _is_alive(one, alive)]


def cut_off_calls(connection: Connection, *, now: int) -> int:
    """Write that the running calls of processes that have ended were cut off, and return how many.

    Each counts for what its beginning said that it may cost.
    """
    ended = [
        replace(one, status=CUT_OFF)
        for one in find_cut_off(connection, now=now)
        if _cut_off(connection, one.call_id)
    ]
    add_sums(connection, ended)
    connection.execute(delete(call_writers).where(call_writers.c.seen_at < now - STALE))
    return len(ended)


def _cut_off(connection: Connection, call_id: bytes) -> bool:
    """Change a line, unless another gateway has done so just now."""
    where = (calls.c.call_id == call_id, calls.c.status == RUNNING)
    return connection.execute(update(calls).where(*where).values(status=CUT_OFF)).rowcount == 1


def list_all_calls(connection: Connection, begin: int, end: int) -> Iterator[CallRecord]:
    """Yield the calls of all workspaces from one time up to another, in seconds, the oldest first."""
    after, last = _id_at(begin), _id_at(end)
    while True:
        query = select(calls).where(calls.c.call_id > after, calls.c.call_id < last)
        page = list(_read(connection, query.order_by(calls.c.call_id).limit(_PAGE)))
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].call_id


def delete_calls_before(connection: Connection, time: int) -> int:
    """Delete the lines of calls that began before a time, in seconds, and return how many."""
    return connection.execute(delete(calls).where(calls.c.call_id < _id_at(time))).rowcount


def _values(record: CallRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _NAMES}


def _read(connection: Connection, query: Select[Any]) -> Iterator[CallRecord]:
    for row in connection.execute(query).mappings():
        yield CallRecord(**row)


def _list_alive(connection: Connection, now: int) -> set[bytes]:
    query = select(call_writers.c.process).where(call_writers.c.seen_at >= now - STALE)
    return {bytes(one) for one in connection.scalars(query)}


def _is_alive(record: CallRecord, alive: set[bytes]) -> bool:
    return record.status != RUNNING or bytes(record.call_id[PROCESS]) in alive


def _id_at(seconds: int) -> bytes:
    return (max(0, seconds) * 1_000_000_000).to_bytes(8, "big")
