"""The audit log: what happened to the keys, in lines that are chained: none can be edited or taken out.

Each line holds a digest of all lines before it, and its MAC is over that too. So one line under a master
key that is there vouches for every line before it, also for those under a master key that was purged. Lines
of earlier releases hold no digest: their MAC is over the MAC before them alone, and the first line with a
digest takes in all of them. The end of the chain is part of the vault's own manifest, so the last lines
cannot be cut off either.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum

from assay_nb.store.vault_rows import AuditRow
from assay_nb.vault.aad import Tag, encode_fields, encode_number
from assay_nb.vault.hierarchy import MasterKey


class Event(StrEnum):
    """All that is audited. A line carries one of these and names, never text from elsewhere."""

    VAULT_MADE = "vault_made"
    KEY_SAVED = "key_saved"
    KEY_REPLACED = "key_replaced"
    KEY_VERIFIED = "key_verified"
    KEY_REMOVED = "key_removed"
    KEY_RENAMED = "key_renamed"
    KEY_UNREADABLE = "key_unreadable"
    KEY_DOUBTED = "key_doubted"
    MANIFEST_MISMATCH = "manifest_mismatch"
    WORKSPACE_REMOVED = "workspace_removed"
    WORKSPACE_REKEYED = "workspace_rekeyed"
    MASTER_ROTATED = "master_rotated"
    MASTER_PURGED = "master_purged"
    RESTORE_ACCEPTED = "restore_accepted"
    AUDIT_CHANGED = "audit_changed"


def chain(
    master: MasterKey, last: AuditRow | None, row: AuditRow, list_all: Callable[[], list[AuditRow]]
) -> AuditRow:
    """Return a line with its place in the chain, and the MAC that ties it to all lines before.

    Args:
        master: Signs it.
        last: The line before; None for the first.
        row: What happened.
        list_all: Returns all lines before. Called once in a vault's life, where the line before is of an
            earlier release.
    """
    if last is not None and last.previous is None:
        previous = _digest_all(list_all())
    else:
        previous = _digest(last, last.previous or b"") if last else b""
    placed = replace(
        row, sequence=last.sequence + 1 if last else 1, mk_id=master.mk_id, previous=previous
    )
    return replace(placed, mac=master.sign_audit(_encode(placed, previous)))


def find_break(
    rows: Iterable[AuditRow], find_master: Callable[[bytes], MasterKey | None]
) -> int | None:
    """Return the number of the first line that does not follow from those before it, or None.

    The MAC of a line under a purged master key can no longer be computed. It is covered by the digest in the
    next line, and that by the MAC of the first later line whose master key is there.
    """
    last: AuditRow | None = None
    so_far = b""
    for row in rows:
        if row.sequence != (last.sequence + 1 if last else 1):
            return row.sequence
        if row.previous is not None and not hmac.compare_digest(row.previous, so_far):
            return row.sequence
        master = find_master(row.mk_id or b"")
        if master is not None:
            earlier = last.mac if last else b""
            record = _encode(row, earlier if row.previous is None else row.previous)
            if not hmac.compare_digest(row.mac, master.sign_audit(record)):
                return row.sequence
        last, so_far = row, _digest(row, so_far)
    return None


def explain_break(
    rows: list[AuditRow], find_master: Callable[[bytes], MasterKey | None]
) -> str | None:
    """Return in a sentence where the audit was changed, now or before an earlier purge; None if nowhere."""
    line = find_break(rows, find_master)
    if line is not None:
        return (
            f"The audit was changed from outside: line {line} does not follow from those before it."
        )
    noted = next((row for row in rows if row.event == Event.AUDIT_CHANGED), None)
    if noted is not None:
        return f"The audit was changed from outside before a purge, as line {noted.sequence} notes."
    return None


def _digest_all(rows: Iterable[AuditRow]) -> bytes:
    so_far = b""
    for row in rows:
        so_far = _digest(row, so_far)
    return so_far


def _digest(row: AuditRow, so_far: bytes) -> bytes:
    """Return the digest of all lines up to this one. It is over the line's MAC too, whosever key made it."""
    bound = ((Tag.ENVELOPE, row.mac), (Tag.PREVIOUS, so_far))
    whole = (*_fields(row), *bound)
    return hashlib.sha256(encode_fields(sorted(whole))).digest()


def _encode(row: AuditRow, previous: bytes) -> bytes:
    """Return what a line's MAC is over."""
    return encode_fields(sorted((*_fields(row), (Tag.PREVIOUS, previous))))


def _fields(row: AuditRow) -> tuple[tuple[int, bytes], ...]:
    # Lines without a digest name no version, as they always did.
    version = () if row.previous is None else ((Tag.SCHEMA, _VERSION),)
    return (
        *version,
        (Tag.RECORD, b"assay_nb:audit"),
        (Tag.WORKSPACE, row.workspace_id or b""),
        (Tag.ROW, encode_number(row.sequence)),
        (Tag.MASTER_KEY, row.mk_id or b""),
        (Tag.ACTOR, row.actor.encode()),
        (Tag.TIME, encode_number(row.at)),
        (Tag.EVENT, row.event.encode()),
        (Tag.SUBJECT, (row.subject or "").encode()),
    )


_VERSION = (2).to_bytes(2, "big")
