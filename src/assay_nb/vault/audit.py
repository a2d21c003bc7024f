"""The audit log: what happened to the keys, in lines that are chained by a MAC: none can be edited or taken out.

The end of the chain is part of the vault's own manifest, so the last lines cannot be cut off either.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
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


def chain(master: MasterKey, previous: AuditRow | None, row: AuditRow) -> AuditRow:
    """Return a line with its place in the chain, and the MAC that ties it to the line before."""
    sequence = previous.sequence + 1 if previous else 1
    record = encode_fields(
        (
            (Tag.RECORD, b"assay_nb:audit"),
            (Tag.WORKSPACE, row.workspace_id or b""),
            (Tag.ROW, encode_number(sequence)),
            (Tag.MASTER_KEY, master.mk_id),
            (Tag.ACTOR, row.actor.encode()),
            (Tag.TIME, encode_number(row.at)),
            (Tag.EVENT, row.event.encode()),
            (Tag.SUBJECT, (row.subject or "").encode()),
            (Tag.PREVIOUS, previous.mac if previous else b""),
        )
    )
    return AuditRow(
        sequence,
        row.at,
        row.actor,
        row.event,
        row.workspace_id,
        row.subject,
        master.mk_id,
        master.sign_audit(record),
    )


def find_break(
    rows: Iterable[AuditRow], find_master: Callable[[bytes], MasterKey | None]
) -> int | None:
    """Return the number of the first line that does not follow from the one before it, or None.

    Lines signed under a master key that was purged since can no longer be checked and are taken as
    they are.
    """
    previous: AuditRow | None = None
    for row in rows:
        master = find_master(row.mk_id or b"")
        if master is not None:
            expected = chain(master, previous, row)
            if row.sequence != expected.sequence or not hmac.compare_digest(row.mac, expected.mac):
                return row.sequence
        previous = row
    return None
