"""Queries on what is known of connections and of the models that they serve.

Nothing in them is a secret. They belong to a workspace all the same: what a key lists is its owner's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from assay_nb.connections.facts import Fact
from assay_nb.store.statements import insert_or_update_all
from assay_nb.store.tables import connection_facts

_EPOCH = date(1970, 1, 1)


def load(
    connection: Connection, workspace_id: bytes, name: str, model: str | None = None
) -> list[Fact]:
    """Return the facts of a workspace's connection, in a stable order.

    Args:
        connection: The transaction.
        workspace_id: The workspace.
        name: The connection's name.
        model: Leaves out other models' facts; `""` gives what is about the connection itself.
    """
    table = connection_facts.c
    query = select(connection_facts).where(
        table.workspace_id == workspace_id, table.connection == name
    )
    if model is not None:
        query = query.where(table.model == model)
    rows = connection.execute(query.order_by(table.model, table.fact))
    return [fact for row in rows for fact in _read(row)]


def put(connection: Connection, workspace_id: bytes, name: str, facts: Iterable[Fact]) -> None:
    """Store facts, each in the place of the one of the same model and name."""
    rows = [
        {
            "workspace_id": workspace_id,
            "connection": name,
            "model": fact.model,
            "fact": fact.name,
            "value": json.dumps(fact.value),
            "source": fact.source,
            "day": (fact.day - _EPOCH).days,
        }
        for fact in {(fact.model, fact.name): fact for fact in facts}.values()
    ]
    insert_or_update_all(connection, connection_facts, rows)


def forget(
    connection: Connection,
    workspace_id: bytes,
    name: str | None = None,
    *,
    model: str | None = None,
    only: Collection[str] | None = None,
    but: Collection[str] = (),
) -> None:
    """Delete facts.

    Args:
        connection: The transaction.
        workspace_id: The workspace.
        name: The connection's name. None: of all of them.
        model: The model's name. None: of all of them.
        only: The names of the facts that go. None: all of them.
        but: The names of the facts that stay.
    """
    table = connection_facts.c
    statement = delete(connection_facts).where(table.workspace_id == workspace_id)
    if name is not None:
        statement = statement.where(table.connection == name)
    if model is not None:
        statement = statement.where(table.model == model)
    if only is not None:
        statement = statement.where(table.fact.in_(sorted(only)))
    if but:
        statement = statement.where(table.fact.not_in(sorted(but)))
    connection.execute(statement)


def _read(row: Row[Any]) -> Iterable[Fact]:
    """Yield a row's fact; nothing for one that cannot be read, which says nothing either."""
    with suppress(ValueError, OverflowError):
        day = _EPOCH + timedelta(days=row.day)
        yield Fact(row.model, row.fact, json.loads(row.value), row.source, day)
