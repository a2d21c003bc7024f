"""Run tokens: credentials of a run's workers and of other programs, shown in place of a hub token.

A run token is good in one workspace as one person, for a while, and for one purpose: the calls of a run, or
requests that are passed through. At every request the hub is asked about the hub token that it was made with,
so leaving the hub or stopping the server ends a person's run tokens too.

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.auth import signing
from assay_nb.gateway.auth.signing import Signer
from assay_nb.gateway.http.responses import NotSignedIn
from assay_nb.store import run_token_rows as rows
from assay_nb.store.changes import Changes, Remembered
from assay_nb.store.database import Database
from assay_nb.store.run_token_rows import Purpose, RunTokenRow
from assay_nb.vault.envelope import CannotOpen, SealingKey, derive
from assay_nb.vault.secret import SecretBytes

Clock: TypeAlias = Callable[[], float]

PREFIXES: Mapping[Purpose, str] = {"calls": "assay-run-", "pass-through": "assay-pass-"}
"""The beginning of every run token, by its purpose. No hub token has one: those are letters and digits."""

LONGEST: Mapping[Purpose, int] = {"calls": 3600, "pass-through": 24 * 3600}
"""Seconds that a run token is valid, at most; a program's can be extended."""

_BYTES = 32
_SIGNATURE = 16
_KEPT = 3600
"""Seconds that a row outlives its token: a call that began in time may finish."""

_LABEL = b"assay_nb/v1/run-token"
_BOUND: Mapping[Purpose, bytes] = {"calls": _LABEL, "pass-through": b"assay_nb/v1/pass-through"}
"""The first of what a row is bound to. Neither begins with the other."""

_SIGNED: Mapping[Purpose, signing.Purpose] = {
    "calls": "run-token",
    "pass-through": "pass-through-token",
}
"""What is signed, so that a token of one purpose is none of the other."""


@dataclass(frozen=True, slots=True)
class RunToken:
    """A run token as the database has it.

    Attributes:
        digest: Tells it from others, and is not secret.
        workspace_id: Where its calls run.
        user: Whose calls they are.
        purpose: What it is good for.
        expires_at: Until when, in seconds since 1970.
        hub_token: The hub token that it was made with, or last extended with.
    """

    digest: bytes
    workspace_id: bytes
    user: str
    purpose: Purpose
    expires_at: int
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
        changes: Tells whether the database was changed. A program shows its token with every request, so what
            was found is remembered for as long as it was not.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        now: Clock = time.time,
        changes: Changes | None = None,
    ) -> None:
        self._database = database
        self._signer = signer
        self._now = now
        self._changes = changes
        self._known = Remembered[bytes, RunToken](changes) if changes else None

    def issue(
        self,
        user: str,
        workspace_id: bytes,
        hub_token: str,
        seconds: int,
        purpose: Purpose = "calls",
    ) -> Issued:
        """Make a run token. The caller has checked that this person may call there."""
        secret = os.urandom(_BYTES)
        expires_at = int(self._now()) + min(seconds, LONGEST[purpose])
        found = RunToken(_digest(secret), workspace_id, user, purpose, expires_at, hub_token)
        with self._database.write(serial=False) as connection:
            row = RunTokenRow(
                found.digest, workspace_id, user, expires_at, _seal(found, secret), purpose
            )
            rows.add_run_token(connection, row)
        return Issued(found.digest.hex(), expires_at, self._write(purpose, secret))

    def recall(self, token: str) -> RunToken | None:
        """Return what is remembered of a token, without a look at the database; None where that is nothing."""
        if self._known is None or self._changes is None:
            return None
        read = self._read(token)
        found = read and self._known.find(_digest(read[1]), self._changes.look_lately())
        return found if found and found.expires_at > self._now() else None

    def find(self, token: str) -> RunToken:
        """Return the record of a token.

        Raises:
            NotSignedIn: If it was never made, is revoked or has expired, or its row was edited.
        """
        return self._find(token)[0]

    def extend(self, user: str, token: str, hub_token: str, seconds: int) -> RunToken:
        """Make a person's token valid for so long from now, on another hub token of theirs.

        Programs that were started with it go on, also past the end that it had. The caller has checked that
        this person may still call in its workspace.

        Raises:
            NotSignedIn: If there is no such token of theirs any more.
        """
        found, secret = self._find(token)
        if found.user != user:
            raise _unknown()
        expires_at = int(self._now()) + min(seconds, LONGEST[found.purpose])
        later = replace(found, expires_at=expires_at, hub_token=hub_token)
        with self._database.write(serial=False) as connection:
            sealed = _seal(later, secret)
            if not rows.extend_run_token(connection, found.digest, expires_at, sealed):
                raise _unknown()
        self._notice()
        return later

    def _find(self, token: str) -> tuple[RunToken, bytes]:
        read = self._read(token)
        if read is None:
            raise _unknown()
        purpose, secret = read
        number = self._changes.look() if self._changes else None
        with self._database.read() as connection:
            row = rows.find_run_token(connection, _digest(secret))
        if row is None or row.purpose != purpose or row.expires_at <= self._now():
            raise _unknown()
        try:
            found = _open(row, secret)
        except CannotOpen:
            raise _unknown() from None
        if self._known is not None:
            self._known.keep(found.digest, number, found)
        return found, secret

    def is_kept(self, digest: bytes) -> bool:
        """Say whether a token was not revoked, so that calls which began with it may continue."""
        with self._database.read() as connection:
            return rows.find_run_token(connection, digest) is not None

    def revoke(self, user: str, workspace_id: bytes, digest: bytes) -> None:
        """End a person's run token before it expires. A missing one is not an error."""
        with self._database.write(serial=False) as connection:
            rows.delete_run_token(connection, digest, workspace_id, user)
        self._notice()

    def _notice(self) -> None:
        """Have what was remembered before a change of ours count no more, from the next request on."""
        if self._changes is not None:
            self._changes.look()

    def _write(self, purpose: Purpose, secret: bytes) -> str:
        signed = secret + self._signer.sign(_SIGNED[purpose], secret)[:_SIGNATURE]
        return PREFIXES[purpose] + base64.urlsafe_b64encode(signed).decode()

    def _read(self, token: str) -> tuple[Purpose, bytes] | None:
        purpose = find_purpose(token)
        if purpose is None:
            return None
        try:
            signed = base64.urlsafe_b64decode(token.removeprefix(PREFIXES[purpose]))
        except ValueError:
            return None
        secret = signed[:_BYTES]
        # A secret has exactly one spelling: base64 would ignore characters outside its alphabet.
        wanted = self._write(purpose, secret).encode()
        right = hmac.compare_digest(wanted, token.encode("utf-8", "replace"))
        return (purpose, secret) if right else None


def forget_old(database: Database, now: Clock = time.time) -> None:
    """Delete the run tokens that expired long ago."""
    with database.write(serial=False) as connection:
        rows.delete_expired_run_tokens(connection, int(now()) - _KEPT)


def find_purpose(token: str) -> Purpose | None:
    """Return what a run token is meant to be good for; whether it is one, the database knows.

    None for what does not begin like one, such as a hub token.
    """
    return next((purpose for purpose, text in PREFIXES.items() if token.startswith(text)), None)


def revoked() -> PermissionDenied:
    """Return the reason for a call whose run token was revoked while it ran."""
    return PermissionDenied("The call was ended: its run token was revoked.")


def _unknown() -> NotSignedIn:
    return NotSignedIn(
        "This run token is unknown or has expired.",
        hint="Start the run again, or get a new one for other programs: `assay-nb env` says how.",
    )


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(_LABEL + secret).digest()


def _open_key(secret: bytes) -> SecretBytes:
    with SecretBytes(secret) as given:
        return derive(given, _LABEL, length=32)


def _seal(token: RunToken, secret: bytes) -> bytes:
    with SecretBytes(token.hub_token.encode()) as inner, _open_key(secret) as key:
        bound = _bind(token.purpose, token.digest, token.workspace_id, token.user, token.expires_at)
        return SealingKey(token.digest[:16], key).seal(inner, bound)


def _open(row: RunTokenRow, secret: bytes) -> RunToken:
    bound = _bind(row.purpose, row.digest, row.workspace_id, row.user, row.expires_at)
    with (
        _open_key(secret) as key,
        SealingKey(row.digest[:16], key).open(row.sealed, bound) as inner,
    ):
        hub_token = inner.reveal().decode()
    return RunToken(row.digest, row.workspace_id, row.user, row.purpose, row.expires_at, hub_token)


def _bind(
    purpose: Purpose, digest: bytes, workspace_id: bytes, user: str, expires_at: int
) -> bytes:
    # The first tells itself from the others, and all but the last are of fixed length, so no two lists of
    # fields share their bytes.
    when = expires_at.to_bytes(8, "big")
    return b"".join((_BOUND[purpose], digest, workspace_id, when, user.encode()))
