"""Queries on run tokens. A token itself is in no row: a row is found by the token's digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sqlalchemy import Connection, delete, insert, select, update

from assay_nb.store.tables import run_tokens

Purpose: TypeAlias = Literal["calls", "pass-through"]
"""What a run token is good for: a run's calls, or another program's requests that are passed through."""


@dataclass(frozen=True, slots=True)
class RunTokenRow:
    """What is stored of a run token.

    Attributes:
        digest: SHA-256 of the token.
        workspace_id: Where its calls run.
        user: Whose calls they are.
        expires_at: Until when, in seconds since 1970.
        sealed: The hub token that it was made with, under a key that only the run token gives.
        purpose: What it is good for.
    """

    digest: bytes
    workspace_id: bytes
    user: str
    expires_at: int
    sealed: bytes = field(repr=False)
    purpose: Purpose


def add_run_token(connection: Connection, row: RunTokenRow) -> None:
    """Store a run token's row."""
    values = {name: getattr(row, name) for name in RunTokenRow.__slots__}
    connection.execute(insert(run_tokens).values(values))


def find_run_token(connection: Connection, digest: bytes) -> RunTokenRow | None:
    """Return the row of a token, expired or not; None when there is none such."""
    row = connection.execute(select(run_tokens).where(run_tokens.c.digest == digest)).one_or_none()
    if row is None:
        return None
    return RunTokenRow(
        row.digest, row.workspace_id, row.user, row.expires_at, row.sealed, row.purpose
    )


def extend_run_token(connection: Connection, digest: bytes, expires_at: int, sealed: bytes) -> bool:
    """Give a token another end, with its hub token sealed for that; False when it has no row by now."""
    done = connection.execute(
        update(run_tokens)
        .where(run_tokens.c.digest == digest)
        .values(expires_at=expires_at, sealed=sealed)
    )
    return done.rowcount == 1


def delete_run_token(connection: Connection, digest: bytes, workspace_id: bytes, user: str) -> None:
    """Delete a person's run token of a workspace, if there is one such."""
    connection.execute(
        delete(run_tokens).where(
            run_tokens.c.digest == digest,
            run_tokens.c.workspace_id == workspace_id,
            run_tokens.c.user == user,
        )
    )


def delete_run_tokens_of(connection: Connection, workspace_id: bytes, user: str) -> None:
    """Delete all run tokens of a person in a workspace."""
    connection.execute(
        delete(run_tokens).where(
            run_tokens.c.workspace_id == workspace_id, run_tokens.c.user == user
        )
    )


def delete_expired_run_tokens(connection: Connection, before: int) -> None:
    """Delete the run tokens that expired before a time."""
    connection.execute(delete(run_tokens).where(run_tokens.c.expires_at < before))
