"""Queries on ended sessions. A session's hub token is in no row: a row is found by the token's digest."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from assay_nb.store.tables import ended_sessions


def add_ended_session(connection: Connection, digest: bytes, now: int) -> None:
    """Note that a session has ended; a second note changes nothing."""
    if not is_session_ended(connection, digest):
        connection.execute(insert(ended_sessions).values(digest=digest, ended_at=now))


def is_session_ended(connection: Connection, digest: bytes) -> bool:
    """Say whether the session of a token was ended."""
    query = select(ended_sessions.c.digest).where(ended_sessions.c.digest == digest)
    return connection.execute(query).one_or_none() is not None


def delete_old_sessions(connection: Connection, before: int) -> None:
    """Forget the sessions that were ended before a time."""
    connection.execute(delete(ended_sessions).where(ended_sessions.c.ended_at < before))
