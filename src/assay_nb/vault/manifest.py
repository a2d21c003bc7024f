"""Manifests: signatures over stored rows, so that removing one or putting one back is noticed.

A sealed row proves that it was made here for this place. It does not prove that it is the newest, nor
that no other row is missing. Each workspace has a manifest for that: a MAC over all its rows, renewed in
the same transaction as any of them. The vault has one over all manifests, its master keys, the end of
the audit and the epoch, a number that every change raises. The key store remembers the epoch too: a
database that says less than the key store was rolled back.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from assay_nb.store.vault_rows import AuditRow, KeyRow, ManifestRow, MasterKeyRow, WorkspaceRows
from assay_nb.vault.aad import Tag, encode_fields, encode_number
from assay_nb.vault.hierarchy import MasterKey

DEMO_LIMIT = 7
"""What a person is granted. A larger grant in the database is one that nobody here made."""


def sign_workspace(
    master: MasterKey,
    vault_id: bytes,
    workspace_id: bytes,
    epoch: int,
    keys: Sequence[KeyRow],
    largest_grant: int,
) -> ManifestRow:
    """Return the manifest of a workspace's rows."""
    record = encode_fields(
        (
            (Tag.RECORD, b"assay_nb:manifest"),
            (Tag.VAULT, vault_id),
            (Tag.WORKSPACE, workspace_id),
            (Tag.MASTER_KEY, master.mk_id),
            (Tag.EPOCH, encode_number(epoch)),
            (Tag.ENTRIES, _join(_encode_key(key) for key in keys)),
            (Tag.LIMIT, encode_number(max(DEMO_LIMIT, largest_grant))),
        )
    )
    return ManifestRow(workspace_id, master.mk_id, epoch, master.sign_manifest(record))


def agrees(master: MasterKey, vault_id: bytes, workspace_id: bytes, rows: WorkspaceRows) -> bool:
    """Say whether a workspace's rows are those that its manifest was made over.

    Args:
        master: The master key that the manifest names; its id is in what is signed.
        vault_id: The vault's id.
        workspace_id: The workspace's id.
        rows: Its rows.
    """
    stored = rows.manifest
    if stored is None:
        return False
    expected = sign_workspace(
        master, vault_id, workspace_id, stored.epoch, rows.keys, rows.largest_grant
    )
    return hmac.compare_digest(expected.mac, stored.mac)


def sign_vault(
    master: MasterKey,
    vault_id: bytes,
    epoch: int,
    masters: Sequence[MasterKeyRow],
    manifests: Sequence[ManifestRow],
    last_audit: AuditRow | None,
) -> ManifestRow:
    """Return the vault's own manifest, kept under the vault's id."""
    record = encode_fields(
        (
            (Tag.RECORD, b"assay_nb:vault"),
            (Tag.VAULT, vault_id),
            (Tag.MASTER_KEY, master.mk_id),
            (Tag.EPOCH, encode_number(epoch)),
            (Tag.ENTRIES, _join(_encode_manifest(m) for m in manifests)),
            (Tag.PREVIOUS, last_audit.mac if last_audit else b""),
            (Tag.MASTER_KEYS, _join(_encode_master(m) for m in masters)),
        )
    )
    return ManifestRow(vault_id, master.mk_id, epoch, master.sign_manifest(record))


def _encode_key(key: KeyRow) -> bytes:
    # Which key it is, which version, and what its envelope is not bound to. An edit of the rest closes
    # this one key, and leaves its neighbours open.
    return encode_fields(
        (
            (Tag.ROW, key.row_id),
            (Tag.PROVIDER, key.provider.encode()),
            (Tag.ROW_VERSION, encode_number(key.row_version)),
            (Tag.MODE, key.mode.encode()),
            (Tag.ENVELOPE, hashlib.sha256(key.envelope).digest()),
            (Tag.STATE, key.verified.encode()),
            (Tag.ACTOR, key.added_by.encode()),
            (Tag.TIME, encode_number(key.added_at)),
            (Tag.FINGERPRINT, key.fingerprint),
        )
    )


def _encode_manifest(row: ManifestRow) -> bytes:
    return encode_fields(
        (
            (Tag.WORKSPACE, row.workspace_id),
            (Tag.MASTER_KEY, row.mk_id),
            (Tag.EPOCH, encode_number(row.epoch)),
            (Tag.ENVELOPE, row.mac),
        )
    )


def _encode_master(row: MasterKeyRow) -> bytes:
    return encode_fields(
        (
            (Tag.MASTER_KEY, row.mk_id),
            (Tag.ENVELOPE, row.check_value),
            (Tag.STATE, row.state.encode()),
            (Tag.TIME, encode_number(row.retired_at or 0)),
        )
    )


def _join(entries: Iterable[bytes]) -> bytes:
    # In the order of their bytes, not of the database: PostgreSQL and SQLite may sort otherwise.
    return b"".join(len(entry).to_bytes(4, "big") + entry for entry in sorted(entries))
