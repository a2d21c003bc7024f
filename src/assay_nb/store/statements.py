"""Statements that SQLite and PostgreSQL both know, and SQLAlchemy spells differently for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table
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
    statement, names = _write_insert_or_update(connection.dialect, table)
    if names is None:
        connection.exec_driver_sql(statement, list(rows))
    else:
        take = itemgetter(*names)
        connection.exec_driver_sql(statement, [take(row) for row in rows])


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
    return _insert_in(connection.dialect, table)


def _insert_in(dialect: Dialect, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


@lru_cache(64)
def _write_insert_or_update(dialect: Dialect, table: Table) -> tuple[str, Sequence[str] | None]:
    """Return the statement as the driver takes it, and the order of its values; None where they have names.

    For one line of the calls log SQLAlchemy takes twice as long as SQLite, so it writes the statement once.
    """
    statement = _insert_in(dialect, table)
    key = [column.name for column in table.primary_key]
    changed = {one.name: statement.excluded[one.name] for one in table.c if one.name not in key}
    whole = statement.on_conflict_do_update(index_elements=key, set_=changed)
    compiled = whole.compile(dialect=dialect)
    return str(compiled), compiled.positiontup
