"""Run tokens: credentials of a run's workers, shown in place of a hub token.

A run token makes calls in one workspace as one person, for an hour at most, and does nothing else. At every
call the hub is asked about the hub token that it was made with, so leaving the hub or stopping the server
ends a person's run tokens too.

The database holds a token's digest, and the hub token sealed under a key that can only be made from the run
token. Neither the database nor a worker can open the hub token; only a gateway that is shown the run token
can. A token is signed as well, so that a made-up one costs no query.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.auth.signing import Signer
from assay_nb.gateway.http.responses import NotSignedIn
from assay_nb.store import run_token_rows as rows
from assay_nb.store.database import Database
from assay_nb.store.run_token_rows import RunTokenRow
from assay_nb.vault.envelope import CannotOpen, SealingKey, derive
from assay_nb.vault.secret import SecretBytes

Clock: TypeAlias = Callable[[], float]

PREFIX = "assay-run-"
"""The beginning of every run token. No hub token has it: those are letters and digits."""

LONGEST = 3600
"""Seconds that a run token is valid, at most."""

_BYTES = 32
_SIGNATURE = 16
_KEPT = 3600
"""Seconds that a row outlives its token: a call that began in time may finish."""

_LABEL = b"assay_nb/v1/run-token"


@dataclass(frozen=True, slots=True)
class RunToken:
    """A run token as the database has it.

    Attributes:
        digest: Tells it from others, and is not secret.
        workspace_id: Where its calls run.
        user: Whose calls they are.
        hub_token: The hub token that it was made with.
    """

    digest: bytes
    workspace_id: bytes
    user: str
    hub_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new run token. It is shown this once."""

    id: str
    expires_at: int
    token: str = field(repr=False)


class RunTokens:
    """The run tokens of all people, for all gateways on one database.

    Args:
        database: Where they are kept.
        signer: Signs with a secret that every replica has, and nobody else.
    """

    def __init__(self, database: Database, signer: Signer, now: Clock = time.time) -> None:
        self._database = database
        self._signer = signer
        self._now = now

    def issue(self, user: str, workspace_id: bytes, hub_token: str, seconds: int) -> Issued:
        """Make a run token. The caller has checked that this person may call there."""
        secret = os.urandom(_BYTES)
        digest = _digest(secret)
        expires_at = int(self._now()) + min(seconds, LONGEST)
        with SecretBytes(hub_token.encode()) as inner, _open_key(secret) as key:
            bound = _bind(digest, workspace_id, user, expires_at)
            sealed = SealingKey(digest[:16], key).seal(inner, bound)
        with self._database.write(serial=False) as connection:
            row = RunTokenRow(digest, workspace_id, user, expires_at, sealed)
            rows.add_run_token(connection, row)
        return Issued(digest.hex(), expires_at, self._write(secret))

    def find(self, token: str) -> RunToken:
        """Return the record of a token.

        Raises:
            NotSignedIn: If it was never made, is revoked or has expired, or its row was edited.
        """
        secret = self._read(token)
        if secret is None:
            raise _unknown()
        digest = _digest(secret)
        with self._database.read() as connection:
            row = rows.find_run_token(connection, digest)
        if row is None or row.expires_at <= self._now():
            raise _unknown()
        bound = _bind(digest, row.workspace_id, row.user, row.expires_at)
        try:
            with (
                _open_key(secret) as key,
                SealingKey(digest[:16], key).open(row.sealed, bound) as inner,
            ):
                hub_token = inner.reveal().decode()
        except CannotOpen:
            raise _unknown() from None
        return RunToken(digest, row.workspace_id, row.user, hub_token)

    def is_kept(self, digest: bytes) -> bool:
        """Say whether a token was not revoked, so that calls which began with it may continue."""
        with self._database.read() as connection:
            return rows.find_run_token(connection, digest) is not None

    def revoke(self, user: str, workspace_id: bytes, digest: bytes) -> None:
        """End a person's run token before it expires. A missing one is not an error."""
        with self._database.write(serial=False) as connection:
            rows.delete_run_token(connection, digest, workspace_id, user)

    def _write(self, secret: bytes) -> str:
        signed = secret + self._signer.sign("run-token", secret)[:_SIGNATURE]
        return PREFIX + base64.urlsafe_b64encode(signed).decode()

    def _read(self, token: str) -> bytes | None:
        try:
            signed = base64.urlsafe_b64decode(token.removeprefix(PREFIX))
        except ValueError:
            return None
        secret = signed[:_BYTES]
        # A secret has exactly one spelling: base64 would ignore characters outside its alphabet.
        right = hmac.compare_digest(self._write(secret).encode(), token.encode("utf-8", "replace"))
        return secret if right else None


def forget_old(database: Database, now: Clock = time.time) -> None:
    """Delete the run tokens that expired long ago."""
    with database.write(serial=False) as connection:
        rows.delete_expired_run_tokens(connection, int(now()) - _KEPT)


def is_run_token(token: str) -> bool:
    """Say whether this is meant to be a run token; whether it is one, the database knows."""
    return token.startswith(PREFIX)


def revoked() -> PermissionDenied:
    """Return the reason for a call whose run token was revoked while it ran."""
    return PermissionDenied("The call was ended: its run token was revoked.")


def _unknown() -> NotSignedIn:
    return NotSignedIn(
        "This run token is unknown or has expired.",
        hint="Start the run again: each run gets its own token, for an hour at most.",
    )


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(_LABEL + secret).digest()


def _open_key(secret: bytes) -> SecretBytes:
    with SecretBytes(secret) as given:
        return derive(given, _LABEL, length=32)


def _bind(digest: bytes, workspace_id: bytes, user: str, expires_at: int) -> bytes:
    # All but the last are of fixed length, so no two lists of fields share their bytes.
    return b"".join((_LABEL, digest, workspace_id, expires_at.to_bytes(8, "big"), user.encode()))
