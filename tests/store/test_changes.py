"""Noticing changes: what its own connection leaves behind."""

from __future__ import annotations

import gc
import sqlite3
from pathlib import Path

import pytest

from assay_nb.store.changes import Changes
from assay_nb.store.database import Database


def look(database: Database) -> tuple[Changes, sqlite3.Connection]:
    """Return what has looked once, and the connection that it did so by."""
    changes = Changes(database)
    changes.look()
    connection = changes._connection
    assert connection is not None
    return changes, connection


def test_a_look_after_the_close_leaves_no_connection_open(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "home" / "vault.sqlite")
    changes, first = look(database)
    changes.close()
    changes.look()
    second = changes._connection
    database.close()
    assert second is not None
    assert second.execute("SELECT 1").fetchone() == (1,)  # the control: it is open by now

    del changes
    gc.collect()

    for connection in (first, second):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
