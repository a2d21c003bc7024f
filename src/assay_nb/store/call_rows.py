"""Queries on the log of calls: who, when, what, how many tokens. Never content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from sqlalchemy import Connection, insert, select

from assay_nb.store.tables import calls

Funding = Literal["workspace", "demo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call that was made.

    Attributes:
        at: Seconds since 1970.
        funding: Whose account paid: the workspace's, or the operator's as a demo call.
        status: `"ok"`, or the code of the error.
        cost_micros: Millionths of a dollar, estimated; None where that is not knowable.
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


_NAMES = tuple(one.name for one in fields(CallRecord))


def insert_calls(connection: Connection, records: Sequence[CallRecord]) -> None:
    """Add calls, in one statement."""
    values = [{name: getattr(one, name) for name in _NAMES} for one in records]
    connection.execute(insert(calls), values)


def list_calls(connection: Connection, workspace_id: bytes, limit: int) -> tuple[CallRecord, ...]:
    """Return a workspace's latest calls, newest first. Call ids begin with the time."""
    query = (
        select(calls)
        .where(calls.c.workspace_id == workspace_id)
        .order_by(calls.c.call_id.desc())
        .limit(limit)
    )
    return tuple(CallRecord(**row) for row in connection.execute(query).mappings())
