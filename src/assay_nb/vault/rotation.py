"""Rotation: new keys for old, so that a crash at any point loses nothing.

A new master key is written to the key store, read back and compared before the database hears of it.
Then one transaction wraps every data key again and makes the new master key the active one. Cut off
before the commit, the old master key is active and the new one is an entry that nothing names; cut off
after it, the new one is active. There is no state in between, and the old one stays in the key store
until it is purged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from assay_nb.errors import VaultSealed, WrongUsage
from assay_nb.store import vault_rows
from assay_nb.store.vault_rows import DataKeyRow, MasterKeyRow
from assay_nb.vault import audit
from assay_nb.vault.audit import Event
from assay_nb.vault.envelope import CannotOpen
from assay_nb.vault.failpoints import failpoint
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.sealed_keys import (
    DOUBTED,
    new_data_key,
    open_data_key,
    open_row,
    seal_row,
    wrap_data_key,
)
from assay_nb.vault.transactions import Transactions, VaultChange, now
from assay_nb.vault.whole import active_of


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did.

    Attributes:
        old: Id of the master key that was active; it stays in the key store until it is purged.
        new: Id of the master key that is active now.
        rewrapped: How many data keys are under the new one.
        left: How many could not be opened and stay as they are.
        scrubbed: Whether the old wrapped keys are gone from the database's files.
    """

    old: bytes
    new: bytes
    rewrapped: int
    left: int
    scrubbed: bool


@dataclass(frozen=True, slots=True)
class MasterKeyStatus:
    """A master key, by its id; never its value.

    Attributes:
        state: `"missing"` is named by the database and not in the key store; `"orphan"` the other
            way round, as a rotation that was cut off leaves it.
        data_keys: How many data keys are wrapped under it.
    """

    mk_id: bytes
    state: Literal["active", "retired", "orphan", "missing"]
    created_at: int | None
    retired_at: int | None
    data_keys: int


class _TooLate(Exception):
    pass


def rotate_master(transactions: Transactions, actor: str) -> Rotation:
    """Make a new master key and put every data key under it.

    Raises:
        WrongUsage: If there is no vault yet, or another rotation was faster.
    """
    rows = transactions.load_books()
    if rows is None:
        raise WrongUsage("No key is stored yet, so there is no master key to rotate.")
    transactions.check()
    keystore, vault_id = transactions.masters.keystore, rows.vault.vault_id
    old, new = active_of(rows.masters), MasterKey.generate()
    keystore.put(vault_id, new)
    failpoint("new master key kept")
    try:
        with transactions.change(actor) as change:
            _check_still_active(change, old)
            # A purge removes entries that nothing names, and it may have run since.
            transactions.masters.check_kept(vault_id, new)
            rewrapped, left = _rewrap_all(change, new)
            change.record(Event.MASTER_ROTATED, subject=new.mk_id.hex())
            failpoint("rotation recorded")
    except _TooLate:
        keystore.delete(vault_id, new.mk_id)
        raise WrongUsage("Another rotation was faster; the master key is new as it is.") from None
    scrubbed = transactions.database.scrub()
    failpoint("rotation scrubbed")
    return Rotation(old, new.mk_id, rewrapped, left, scrubbed)


def rekey_workspace(transactions: Transactions, workspace_id: bytes, actor: str) -> int:
    """Seal a workspace's keys again under a new data key, and destroy the old one.

    Returns:
        How many keys there were.

    Raises:
        VaultSealed: If a key does not open; nothing is changed then.
    """
    with transactions.change(actor) as change:
        rows, agreed = change.load(workspace_id)
        if not agreed:
            raise _not_rekeyed()
        data_key, wrapped = new_data_key(
            change.master,
            change.vault_id,
            workspace_id,
            next_generation(change, workspace_id),
            now(),
        )
        vault_rows.insert_data_key(change.connection, wrapped)
        failpoint("new data key stored")
        for row in rows.keys:
            try:
                key = open_row(transactions.masters, change.vault_id, workspace_id, rows, row)
            except CannotOpen:
                raise _not_rekeyed() from None
            with key:
                newer = replace(row, row_version=row.row_version + 1)
                sealed = seal_row(change.vault_id, newer, data_key, key)
            if not vault_rows.replace_key(change.connection, row, sealed):
                raise _not_rekeyed()
            failpoint("key sealed anew")
        vault_rows.delete_data_keys(change.connection, workspace_id, unused_only=True)
        change.touch(workspace_id)
        change.record(Event.WORKSPACE_REKEYED, workspace_id)
        failpoint("rekey recorded")
    transactions.database.scrub()
    failpoint("rekey scrubbed")
    return len(rows.keys)


def purge_masters(
    transactions: Transactions, older_than: timedelta, actor: str
) -> list[MasterKeyStatus]:
    """Destroy retired master keys that nothing needs, and return which.

    One stays while a data key or a manifest is under it, and until `older_than` has passed since it was
    retired: backups made before that need it. Entries that a cut-off rotation left go too, unless the
    key store is shared with others.
    """
    if older_than < timedelta(0):
        raise WrongUsage("A master key cannot be purged before it was retired.")
    keystore = transactions.masters.keystore
    with transactions.change(actor) as change:
        gone = _find_purgeable(transactions, change, older_than)
        if gone:
            _note_audit(change)
        for status in gone:
            # The key store first: a row without its entry can be purged again, an entry that no
            # row names could be mistaken for a rotation that is under way.
            keystore.delete(change.vault_id, status.mk_id)
            failpoint("master key destroyed")
            vault_rows.delete_master_key(change.connection, status.mk_id)
            transactions.masters.drop(status.mk_id)
            change.record(Event.MASTER_PURGED, subject=status.mk_id.hex())
        failpoint("purge recorded")
    return gone


def _find_purgeable(
    transactions: Transactions, change: VaultChange, older_than: timedelta
) -> list[MasterKeyStatus]:
    manifests = {row.mk_id for row in vault_rows.list_manifests(change.connection)}
    latest = now() - int(older_than.total_seconds())

    def may_go(status: MasterKeyStatus) -> bool:
        is_old = status.retired_at is not None and status.retired_at <= latest
        is_free = not status.data_keys and status.mk_id not in manifests
        return status.state == "orphan" or (is_old and is_free)

    return [status for status in _list_masters(transactions, change) if may_go(status)]


def _note_audit(change: VaultChange) -> None:
    """Note a change from outside while it can be found: a purge takes the MACs of old lines with it."""
    line = audit.find_break(change.list_audit(), change.find_master)
    if line is not None:
        change.record(Event.AUDIT_CHANGED, subject=f"line {line}")


def list_masters(transactions: Transactions) -> list[MasterKeyStatus]:
    """Return every master key that the database or the key store knows of."""
    rows = transactions.load_books()
    if rows is None:
        return []
    with transactions.database.read() as connection:
        data_keys = vault_rows.list_data_keys(connection)
    return _join(transactions, rows.vault.vault_id, rows.masters, data_keys)


def accept_restore(transactions: Transactions, actor: str) -> None:
    """Take the database as it is, after a backup was put back, and sign it again.

    Keys that open are in use again, doubted ones too; keys that do not are doubted from now on.
    """
    with transactions.change(actor, accept=True) as change:
        workspaces = set(vault_rows.list_workspaces_with_keys(change.connection))
        workspaces |= {row.workspace_id for row in change.books.manifests} - {change.vault_id}
        for workspace_id in sorted(workspaces):
            _judge_again(change, workspace_id)
            change.touch(workspace_id)
            failpoint("workspace accepted")
        change.record(Event.RESTORE_ACCEPTED)


def next_generation(change: VaultChange, workspace_id: bytes) -> int:
    """Return the number of a workspace's next data key."""
    there = vault_rows.list_data_keys(change.connection, workspace_id)
    return there[0].generation + 1 if there else 1


def _check_still_active(change: VaultChange, mk_id: bytes) -> None:
    if change.master.mk_id != mk_id:
        raise _TooLate


def _rewrap_all(change: VaultChange, new: MasterKey) -> tuple[int, int]:
    signed = [row.workspace_id for row in change.books.manifests]
    agreed = [w for w in signed if w != change.vault_id and change.load(w)[1]]
    change.use_master(new)
    data_keys = vault_rows.list_data_keys(change.connection)
    results = [_rewrap(change, row) for row in data_keys]
    for workspace_id in agreed:
        change.touch(workspace_id)
    return results.count(True), results.count(False)


def _rewrap(change: VaultChange, row: DataKeyRow) -> bool:
    old = change.find_master(row.mk_id)
    if old is None:
        return False
    try:
        data_key = open_data_key(old, change.vault_id, row.workspace_id, row)
    except CannotOpen:
        return False
    wrapped = wrap_data_key(change.master, change.vault_id, row.workspace_id, data_key, row)
    renewed = replace(row, mk_id=change.master.mk_id, wrapped=wrapped)
    open_data_key(change.master, change.vault_id, row.workspace_id, renewed)
    if not vault_rows.rewrap_data_key(change.connection, row, renewed):
        raise VaultSealed("A data key changed during the rotation. Nothing was changed by it.")
    failpoint("data key rewrapped")
    return True


def _judge_again(change: VaultChange, workspace_id: bytes) -> None:
    rows, _ = change.load(workspace_id)
    for row in rows.keys:
        undoubted = replace(row, verified="no")
        try:
            open_row(change.masters, change.vault_id, workspace_id, rows, undoubted).wipe()
        except (CannotOpen, VaultSealed):
            vault_rows.set_verified(change.connection, row.row_id, DOUBTED)
        else:
            if row.verified == DOUBTED:
                vault_rows.set_verified(change.connection, row.row_id, "no")


def _list_masters(transactions: Transactions, change: VaultChange) -> list[MasterKeyStatus]:
    data_keys = vault_rows.list_data_keys(change.connection)
    return _join(transactions, change.vault_id, change.books.masters, data_keys)


def _join(
    transactions: Transactions,
    vault_id: bytes,
    masters: list[MasterKeyRow],
    data_keys: list[DataKeyRow],
) -> list[MasterKeyStatus]:
    keystore = transactions.masters.keystore
    kept = keystore.list_ids(vault_id)
    used = Counter(row.mk_id for row in data_keys)
    known = [
        MasterKeyStatus(
            row.mk_id,
            _state(row, is_kept=row.mk_id in kept),
            row.created_at,
            row.retired_at,
            used[row.mk_id],
        )
        for row in masters
    ]
    if keystore.is_shared:
        return known
    named = {row.mk_id for row in masters}
    orphans = [mk_id for mk_id in kept if mk_id not in named]
    return known + [MasterKeyStatus(mk_id, "orphan", None, None, 0) for mk_id in orphans]


def _state(row: MasterKeyRow, *, is_kept: bool) -> Literal["active", "retired", "missing"]:
    if not is_kept:
        return "missing"
    return "active" if row.state == "active" else "retired"


def _not_rekeyed() -> VaultSealed:
    return VaultSealed(
        "A key of this workspace does not open, so it did not get a new data key.",
        hint="Enter that key again, or remove it; `assay-nb keys list` shows which.",
    )
