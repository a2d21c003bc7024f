"""What version of the tables a database has, and how it gets the present one.

Looking costs one query. Alembic is imported only when there is something to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, column, inspect, select, table

from assay_nb.errors import StoreUnavailable
from assay_nb.store.tables import metadata

HEAD = "0012"
"""The newest revision that this release knows. Revisions are numbers, so that newer ones sort after it."""

_version_table = table("alembic_version", column("version_num"))


def find_state(connection: Connection) -> Literal["empty", "old", "current"]:
    """Say how the tables compare with this release's.

    Raises:
        StoreUnavailable: If they were made by a newer release, or only partly.
    """
    names = inspect(connection).get_table_names()
    if not names:
        return "empty"
    if "alembic_version" not in names:
        raise _half_written()
    versions = connection.scalars(select(_version_table.c.version_num)).all()
    if len(versions) != 1:
        raise _half_written()
    (version,) = versions
    if version > HEAD:
        raise StoreUnavailable(
            "The database was made by a newer assay_nb, so this one leaves it alone.",
            hint="Upgrade: `pip install --upgrade assay-nb`.",
        )
    if version < HEAD:
        return "old"
    if not metadata.tables.keys() <= set(names):
        raise _half_written()
    return "current"


def upgrade(connection: Connection) -> None:
    """Bring the tables to `HEAD` within the transaction that `connection` is in.

    All of it is one transaction, so a process killed here leaves what was there before.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Config interpolates `%`, which a directory's name may hold.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _half_written() -> StoreUnavailable:
    return StoreUnavailable(
        "The database does not have the tables it should: a migration was cut short, or it is another program's.",
        hint="Nothing was changed. Put back a backup, or move the file away and enter the keys again.",
    )
