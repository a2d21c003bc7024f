"""A SQLite database that is up to date already: a copy takes 5 ms, migrating a new file 34.

A thousand tests need a vault that they do not look at before its first key. Those about the making of one
leave this out.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from assay_nb.store.database import Database

__all__ = ["put_migrated"]


def put_migrated(file: Path) -> Path:
    """Put an empty database with all tables where no file is, private as the store makes it; return its path."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as copy:
            copy.write(_migrated())
    return file


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="assay-migrated-") as folder:
        file = Path(folder, "home", "vault.sqlite")
        Database.open(file).close()
        return file.read_bytes()
