"""What is checked of the vault as a whole: its signature, its epoch, and that its master key is the right one."""

from __future__ import annotations

import hmac

from assay_nb.errors import VaultSealed
from assay_nb.store.vault_rows import BookRows, ManifestRow, MasterKeyRow
from assay_nb.vault import manifest
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.masters import MasterKeys


def check_books(masters: MasterKeys, rows: BookRows, mark: int) -> None:
    """Check the vault's own manifest.

    Raises:
        VaultSealed: If the vault is older than `mark`, or not what was signed.
    """
    if rows.vault.epoch < mark:
        raise rolled_back()
    active = active_of(rows.masters)
    master = masters.get(rows.vault.vault_id, active)
    known = {row.mk_id: row.check_value for row in rows.masters}
    if not hmac.compare_digest(known[active], master.check_value):
        raise VaultSealed(
            f"The master key in {masters.keystore.describe()} is not the one of this vault.",
            hint="Put the right one back. Nothing was changed.",
        )
    stored = {row.workspace_id: row for row in rows.manifests}.get(rows.vault.vault_id)
    if stored is None or not hmac.compare_digest(stored.mac, sign_books(master, rows).mac):
        raise changed_outside()


def active_of(masters: list[MasterKeyRow]) -> bytes:
    """Return the id of the one active master key."""
    active = [row.mk_id for row in masters if row.state == "active"]
    if len(active) != 1:
        raise changed_outside()
    return active[0]


def sign_books(master: MasterKey, rows: BookRows) -> ManifestRow:
    """Return the vault's own manifest over its books as they are."""
    vault_id = rows.vault.vault_id
    others = [row for row in rows.manifests if row.workspace_id != vault_id]
    return manifest.sign_vault(
        master, vault_id, rows.vault.epoch, rows.masters, others, rows.last_audit
    )


def rolled_back() -> VaultSealed:
    """Return the error for a database that is older than the vault was."""
    return VaultSealed(
        "The database is older than this vault was: an earlier state was put back.",
        hint="If you restored a backup, say so: `assay-nb master accept-restore`. Keys that were removed "
        "or replaced since are then in use again; revoke those at the provider.",
    )


def changed_outside() -> VaultSealed:
    """Return the error for records that nobody here has signed."""
    return VaultSealed(
        "The vault's records do not match their signature: the database was changed from outside.",
        hint="Put back a backup. If the change was yours, say so: `assay-nb master accept-restore`.",
    )
