"""The one place where a database's error becomes ours: one sentence, no SQL, no parameter."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from assay_nb.errors import StoreUnavailable

_LOCKED = (
    "is locked: another process is writing to it.",
    "Try again; `assay-nb doctor` shows which processes have it open.",
)
_FULL = ("cannot grow: the disk is full.", "Nothing was changed. Free some space, then try again.")
_READ_ONLY = (
    "cannot be written: the file or its directory is read-only.",
    "Nothing was changed. Set ASSAY_HOME to a directory that you may write to.",
)
_DAMAGED = (
    "is damaged.",
    "Nothing was changed. Put back a backup, or move the file away and enter the keys again.",
)
_HALF = (
    "does not have the tables it should: a migration was cut short, or the file is another program's.",
    "Nothing was changed. Put back a backup, or move the file away and enter the keys again.",
)
_UNREACHABLE = (
    "cannot be opened.",
    "Check that it exists, that you may open it, and that its server runs.",
)
_INPUT_OUTPUT = (
    "cannot be read or written: the disk reports an error.",
    "Nothing was changed. Look at the disk, then try again.",
)
_REFUSED = ("refused a change that breaks its own rules.", "Nothing was changed.")
_OTHER = ("cannot be used now.", "Nothing was changed. `assay-nb doctor` shows what is known.")

# SQLite has one code for a missing table and for bad SQL, so its fixed English texts tell more than codes.
_SQLITE = (
    ("database is locked", _LOCKED),
    ("database table is locked", _LOCKED),
    ("database schema is locked", _LOCKED),
    ("disk is full", _FULL),
    ("readonly database", _READ_ONLY),
    ("malformed", _DAMAGED),
    ("not a database", _DAMAGED),
    ("no such table", _HALF),
    ("no such column", _HALF),
    ("has no column", _HALF),
    ("already exists", _HALF),
    ("unable to open", _UNREACHABLE),
    ("disk i/o error", _INPUT_OUTPUT),
)
# PostgreSQL's error classes and codes (SQLSTATE), longest first.
_POSTGRES = (
    ("42P01", _HALF),
    ("42P07", _HALF),
    ("42703", _HALF),
    ("55P03", _LOCKED),
    ("40P01", _LOCKED),
    ("40001", _LOCKED),
    ("57014", _LOCKED),
    ("53100", _FULL),
    ("25006", _READ_ONLY),
    (
        "42501",
        ("does not let its user do this.", "Grant the role what the guide for operators lists."),
    ),
    ("XX001", _DAMAGED),
    ("XX002", _DAMAGED),
    ("08", _UNREACHABLE),
    ("28", _UNREACHABLE),
    ("3D", _UNREACHABLE),
    ("57", _UNREACHABLE),
    ("58", _INPUT_OUTPUT),
)


@contextmanager
def our_errors(name: str) -> Generator[None]:
    """Turn what SQLAlchemy and the drivers raise into `StoreUnavailable` about the database `name`."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        what, hint = _explain(error)
        raise StoreUnavailable(f"The database {name} {what}", hint=hint) from None


def _explain(error: Exception) -> tuple[str, str]:
    if isinstance(error, PoolTimeout):
        return _LOCKED
    if isinstance(error, IntegrityError):
        return _REFUSED
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        text = str(cause).lower()
        return next((ours for part, ours in _SQLITE if part in text), _OTHER)
    state: str | None = getattr(cause, "sqlstate", None)
    if state is None:
        return _UNREACHABLE if isinstance(error, DBAPIError) else _OTHER
    return next((ours for start, ours in _POSTGRES if state.startswith(start)), _OTHER)
