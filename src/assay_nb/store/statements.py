"""Statements that SQLite and PostgreSQL both know, and SQLAlchemy spells differently for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_absent(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless one with the same key, or another unique value, is there; say whether it was."""
    statement = _insert(connection, table).values(values).on_conflict_do_nothing()
    # A row comes back exactly when one went in; not every driver counts the rows of an INSERT.
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


def insert_or_update(
    connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]
) -> None:
    """Insert a row, or set `values` on the one that has this primary key."""
    statement = _insert(connection, table).values({**key, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def insert_or_update_all(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]]
) -> None:
    """Insert whole rows, each in the place of the one that has its primary key."""
    if not rows:
        return
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    changed = {one.name: statement.excluded[one.name] for one in table.c if one.name not in key}
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changed), list(rows)
    )


def insert_or_add(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], counts: Sequence[str]
) -> None:
    """Insert rows, or add the named counts to those of the row that has the same primary key."""
    if not rows:
        return
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    sums = {name: table.c[name] + statement.excluded[name] for name in counts}
    # In one order, so that two gateways never wait for each other's rows.
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=sums), ordered)


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet."""
    if rows:
        statement = _insert(connection, table).on_conflict_do_nothing()
        connection.execute(statement, list(rows))


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
