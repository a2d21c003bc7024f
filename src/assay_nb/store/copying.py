"""Copying a whole database to an empty one: how a gateway moves from SQLite to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, insert, select

from assay_nb.errors import StoreUnavailable, WrongUsage
from assay_nb.store.database import Database
from assay_nb.store.tables import metadata, provider_keys

_BATCH = 500
"""Rows of one INSERT. The widest table has eighteen columns, and a statement at most 65,535 parameters."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied.

    Attributes:
        rows: How many rows by table, of the tables that have any.
        workspaces: The ids of the workspaces that have keys, the operator's own among them.
    """

    rows: Mapping[str, int]
    workspaces: tuple[bytes, ...]


def copy_database(source: Database, target: Database) -> Copied:
    """Copy every row of every table, all of one moment, in one transaction of the target.

    Nobody writes to the source meanwhile. Nothing is left in the target if it fails.

    Raises:
        WrongUsage: If there is a row in the target already.
        StoreUnavailable: If a database does not answer, or takes something else than it was given.
    """
    with source.write() as reading, target.write() as writing:
        for table in metadata.sorted_tables:
            if writing.execute(select(table).limit(1)).first() is not None:
                raise WrongUsage(
                    f"The database {target.name} is not empty: there are rows in its table '{table.name}'.",
                    hint="Name an empty database: what is in this one would be mixed with the copy.",
                )
        rows = {
            table.name: _copy_table(table, reading, writing) for table in metadata.sorted_tables
        }
        for table in metadata.sorted_tables:
            counted = writing.scalar(select(func.count()).select_from(table))
            if counted != rows[table.name]:
                raise StoreUnavailable(
                    f"The table '{table.name}' has {counted} rows in {target.name} and "
                    f"{rows[table.name]} in {source.name}, so nothing was copied."
                )
        having = tuple(reading.scalars(select(provider_keys.c.workspace_id).distinct()))
    return Copied({name: number for name, number in rows.items() if number}, having)


def _copy_table(table: Table, reading: Connection, writing: Connection) -> int:
    copied = 0
    for batch in _batches(table, reading):
        writing.execute(insert(table), batch)
        copied += len(batch)
    return copied


def _batches(table: Table, reading: Connection) -> Iterator[list[dict[str, object]]]:
    for part in reading.execute(select(table)).mappings().partitions(_BATCH):
        yield [dict(row) for row in part]
