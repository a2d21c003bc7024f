"""The vault of provider keys: sealed, listed without being shown, opened for one request."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from assay_nb.connections.facts import SET
from assay_nb.connections.keyway import wanting
from assay_nb.errors import (
    KeyStep,
    ProviderKeyMissing,
    StoreUnavailable,
    VaultIntegrityError,
    VaultSealed,
    WrongUsage,
)
from assay_nb.messages import PROVIDERS, Destination, label_of
from assay_nb.store import connection_fact_rows as fact_rows
from assay_nb.store import vault_rows
from assay_nb.store.database import Database
from assay_nb.store.vault_rows import KeyRow, WorkspaceRows
from assay_nb.vault import audit, rotation
from assay_nb.vault.aad import CURRENT
from assay_nb.vault.audit import Event
from assay_nb.vault.envelope import CannotOpen
from assay_nb.vault.failpoints import failpoint
from assay_nb.vault.hierarchy import DataKey, MasterKey
from assay_nb.vault.keystores.base import KeyStore
from assay_nb.vault.rotation import MasterKeyStatus, Rotation
from assay_nb.vault.sealed_keys import (
    DOUBTED,
    accept_key,
    check_destination,
    check_placed,
    destination_of,
    last4_of,
    new_data_key,
    new_row_id,
    open_data_key,
    open_row,
    seal_row,
)
from assay_nb.vault.secret import SecretBytes
from assay_nb.vault.stored import KeyRemoval, Mode, OpenedKey, StoredKey, VaultState
from assay_nb.vault.transactions import Transactions, VaultChange, now

_ITSELF = "vault"  # the actor of what nobody asked for


class Vault:
    """The provider keys of every workspace in one database.

    It may be used from any thread. Nothing is opened, asked of a key store or created before the first
    key is needed. Plaintext keys are never kept; master keys are, for the life of the process.
    """

    def __init__(self, database: Database, keystore: KeyStore) -> None:
        self._database = database
        self._transactions = Transactions(database, keystore)
        self._reported: set[tuple[bytes, str, str]] = set()

    @classmethod
    def open(cls, database: Database, keystore: KeyStore) -> Vault:
        """Return the vault in a database. A first master key is made only when nothing is stored."""
        return cls(database, keystore)

    def state(self) -> VaultState:
        """Say whether keys can be opened here and now, by checking the vault as a whole."""
        try:
            if self._transactions.load_books() is None:
                return VaultState("empty")
            self._transactions.check()
        except VaultSealed as sealed:
            return VaultState("sealed", sealed.message, sealed.hint or "")
        return VaultState("open")

    def find_state(self) -> VaultState:
        """Return the state, checking the vault as a whole only where it was changed since the last time.

        For what is asked often. A whole check reads a row for each workspace.
        """
        with suppress(VaultSealed):
            if self._transactions.is_as_checked():
                return VaultState("open")
        return self.state()

    # --- one key

    def save_key(
        self,
        workspace_id: bytes,
        destination: Destination,
        secret: SecretBytes,
        *,
        added_by: str,
        verified: bool,
        mode: Mode = "byok",
    ) -> StoredKey:
        """Seal a key to its workspace and destination, in the place of the one before.

        A destination whose placement is `"none"` gets an empty key, which is sealed as any other is.

        Saving is the only way to change where a key may be sent, so another endpoint needs the key
        again. If other keys of the workspace were tampered with, they stay unreadable; this one is new.

        Raises:
            WrongUsage: If it does not look like a key, or not like one for this destination.
            VaultSealed: If there are keys already and their master key is not here.
        """
        check_destination(destination)
        with accept_key(secret) as key:
            check_placed(destination, key)
            if self._transactions.load_books() is None:
                self._transactions.found(added_by)
            with self._transactions.change(added_by) as change:
                row, replaced = _save(change, workspace_id, destination, key, verified, mode)
        if replaced:
            self._scrub()
        return _stored(row, "ready")

    def open_key(self, workspace_id: bytes, connection: str, *, mode: Mode = "byok") -> OpenedKey:
        """Open a key for one request. Use it in a `with` block.

        Args:
            workspace_id: The workspace, from the caller's membership.
            connection: The name of the connection.
            mode: Whose account.

        Raises:
            ProviderKeyMissing: If there is none.
            VaultIntegrityError: If it was moved, edited, rolled back or damaged: one text for all.
            VaultSealed: If the master key is not here.
        """
        rows, agreed = self._transactions.load(workspace_id)
        row = _find(rows, connection, mode)
        if not agreed:
            raise self._refusal(workspace_id, connection, Event.MANIFEST_MISMATCH, "manifest")
        if row is None or rows.vault is None:
            self._transactions.check()
            raise self._missing(workspace_id, connection)
        try:
            secret = open_row(
                self._transactions.masters, rows.vault.vault_id, workspace_id, rows, row
            )
        except CannotOpen as failed:
            cause = failed.cause.value
            raise self._refusal(workspace_id, connection, Event.KEY_UNREADABLE, cause) from None
        return OpenedKey(row.row_id, row.row_version, destination_of(row), secret)

    def find_key(
        self, workspace_id: bytes, connection: str, *, mode: Mode = "byok"
    ) -> StoredKey | None:
        """Return what is known of a key without opening it, or None if there is none.

        Raises:
            VaultIntegrityError: If there was one, and it was taken away behind the vault's back.
        """
        row = _find(self._transactions.load_unchecked(workspace_id), connection, mode)
        if row is None:
            found = self.find_keys(workspace_id)
            return next((k for k in found if _is(k, connection, mode)), None)
        return _stored(row, "unchecked")

    def find_keys(self, workspace_id: bytes) -> list[StoredKey]:
        """Return what is known of a workspace's keys without opening them.

        Raises:
            VaultIntegrityError: If they are not the ones that were stored.
        """
        rows = self._transactions.load_unchecked(workspace_id)
        if rows.manifest is not None or rows.keys:
            with suppress(VaultSealed):
                rows, agreed = self._transactions.load(workspace_id)
                if not agreed:
                    raise self._refusal(workspace_id, None, Event.MANIFEST_MISMATCH, "manifest")
        return [_stored(row, "unchecked") for row in rows.keys]

    def list_keys(self, workspace_id: bytes) -> list[StoredKey]:
        """Return a workspace's keys, each after trying to open it. Never raises for a sealed vault."""
        try:
            rows, agreed = self._transactions.load(workspace_id)
        except VaultSealed:
            rows, agreed = self._transactions.load_unchecked(workspace_id), False
        return [_stored(row, self._try(workspace_id, rows, row, agreed)) for row in rows.keys]

    def mark_verified(
        self,
        workspace_id: bytes,
        connection: str,
        *,
        mode: Mode = "byok",
        actor: str = _ITSELF,
        row_version: int | None = None,
    ) -> None:
        """Note that the provider accepted a key.

        Args:
            workspace_id: The workspace.
            connection: The name of the connection.
            mode: Whose account.
            actor: Who tested it.
            row_version: The version that was tested; if it was replaced since, nothing is noted.
        """
        with self._transactions.change(actor) as change:
            rows, agreed = change.load(workspace_id)
            row = _find(rows, connection, mode)
            if row is None or not agreed or row.verified != "no":
                return
            if row_version is None or row_version == row.row_version:
                vault_rows.set_verified(change.connection, row.row_id, "yes")
                change.touch(workspace_id)
                change.record(Event.KEY_VERIFIED, workspace_id, connection)

    def remove_key(
        self, workspace_id: bytes, connection: str, *, actor: str, mode: Mode = "byok"
    ) -> KeyRemoval:
        """Delete a key and overwrite what it leaves in the database's files.

        Backups still hold it, sealed. Only revoking it at the provider ends a key.

        Raises:
            ProviderKeyMissing: If there is none.
        """
        if self._transactions.load_books() is None:
            raise self._missing(workspace_id, connection)
        with self._transactions.change(actor) as change:
            rows, agreed = change.load(workspace_id)
            row = _find(rows, connection, mode)
            if row is not None:
                if not agreed:
                    _doubt_others(change, workspace_id, rows, row)
                vault_rows.delete_keys(change.connection, workspace_id, row.row_id)
                fact_rows.forget(change.connection, workspace_id, connection, but=SET)
                failpoint("key deleted")
                change.touch(workspace_id)
                change.record(Event.KEY_REMOVED, workspace_id, connection)
        if row is None:
            raise self._missing(workspace_id, connection)
        return KeyRemoval(self._scrub())

    def rename_key(
        self, workspace_id: bytes, connection: str, new_name: str, *, actor: str
    ) -> StoredKey:
        """Give a connection another name, and return what is known of it then.

        The name is bound to the key, so the key is opened and sealed again; nobody enters it again.

        Raises:
            ProviderKeyMissing: If there is no such connection.
            WrongUsage: If there is one of the new name, or that is not a name.
            VaultIntegrityError: If the key does not open.
        """
        with self.open_key(workspace_id, connection) as opened:
            renamed = replace(opened.destination, connection=new_name or "?")
            check_destination(renamed)
            with self._transactions.change(actor) as change:
                rows, agreed = change.load(workspace_id)
                old = _find(rows, connection, "byok")
                if not agreed or old is None or old.row_version != opened.row_version:
                    raise _changed_meanwhile()
                if _find(rows, new_name, "byok") is not None:
                    raise WrongUsage(
                        f"There is a connection '{new_name}' already.",
                        hint="Choose another name, or remove that one first.",
                    )
                newer = replace(old, connection=new_name, row_version=old.row_version + 1)
                data_key = _data_key(change, workspace_id)
                sealed = seal_row(change.vault_id, newer, data_key, opened.secret)
                if not vault_rows.replace_key(change.connection, old, sealed):
                    raise _changed_meanwhile()
                facts = fact_rows.load(change.connection, workspace_id, connection)
                fact_rows.forget(change.connection, workspace_id, connection)
                fact_rows.put(change.connection, workspace_id, new_name, facts)
                failpoint("key renamed")
                change.touch(workspace_id)
                change.record(Event.KEY_RENAMED, workspace_id, f"{connection} -> {new_name}")
        self._scrub()
        return _stored(sealed, "ready")

    # --- a workspace

    def remove_workspace(self, workspace_id: bytes, *, actor: str) -> KeyRemoval:
        """Delete all keys of a workspace and its data keys."""
        rows = self._transactions.load_unchecked(workspace_id)
        if not rows.keys and rows.manifest is None:
            return KeyRemoval(scrubbed=True)
        with self._transactions.change(actor) as change:
            vault_rows.delete_keys(change.connection, workspace_id)
            vault_rows.delete_data_keys(change.connection, workspace_id, unused_only=False)
            fact_rows.forget(change.connection, workspace_id)
            failpoint("workspace deleted")
            change.touch(workspace_id)
            change.record(Event.WORKSPACE_REMOVED, workspace_id)
        return KeyRemoval(self._scrub())

    def rekey_workspace(self, workspace_id: bytes, *, actor: str = _ITSELF) -> int:
        """Seal a workspace's keys under a new data key, and return how many there are.

        For when a data key may have leaked. It does not change the provider keys: revoke those.
        """
        return rotation.rekey_workspace(self._transactions, workspace_id, actor)

    # --- the master key

    def rotate_master(self, *, actor: str = _ITSELF) -> Rotation:
        """Make a new master key; the old one stays for backups until it is purged."""
        return rotation.rotate_master(self._transactions, actor)

    def master_status(self) -> list[MasterKeyStatus]:
        """Return every master key that the database or the key store knows of."""
        return rotation.list_masters(self._transactions)

    def purge_master(self, older_than: timedelta, *, actor: str = _ITSELF) -> list[MasterKeyStatus]:
        """Destroy master keys that were retired longer ago than this, and return which.

        Backups from before can no longer be opened. One that a data key is still under stays.
        """
        return rotation.purge_masters(self._transactions, older_than, actor)

    def accept_restore(self, *, actor: str = _ITSELF) -> None:
        """Take the database as it is, after a backup was put back."""
        rotation.accept_restore(self._transactions, actor)

    def examine(self) -> list[str]:
        """Return what is worth a warning, one sentence each; nothing when all is well."""
        warnings: list[str] = []
        rows = self._transactions.load_books()
        if rows is None:
            return []
        for status in self.master_status():
            name = status.mk_id.hex()[:12]
            if status.state == "missing":
                warnings.append(f"Master key {name} is not in the key store.")
            elif status.state == "orphan":
                warnings.append(
                    f"Master key {name} is left over; `assay-nb master purge` removes it."
                )
        vault_id = rows.vault.vault_id
        with self._database.read() as connection:
            lines = vault_rows.list_audit(connection)
        changed = audit.explain_break(
            lines, lambda mk_id: self._transactions.masters.find(vault_id, mk_id)
        )
        if changed is not None:
            warnings.append(changed)
        return warnings

    # --- plumbing

    def _try(
        self, workspace_id: bytes, rows: WorkspaceRows, row: KeyRow, agreed: bool
    ) -> Literal["ready", "unreadable"]:
        if not agreed or rows.vault is None:
            return "unreadable"
        try:
            open_row(
                self._transactions.masters, rows.vault.vault_id, workspace_id, rows, row
            ).wipe()
        except (CannotOpen, VaultSealed):
            return "unreadable"
        return "ready"

    def _scrub(self) -> bool:
        try:
            scrubbed = self._database.scrub()
        except StoreUnavailable:
            scrubbed = False
        failpoint("scrubbed")
        return scrubbed

    def _missing(self, workspace_id: bytes, connection: str) -> ProviderKeyMissing:
        name = self._name(workspace_id)
        if connection not in PROVIDERS:
            whose = f"Workspace '{name}'" if name else "This workspace"
            return ProviderKeyMissing(
                f"{whose} has no connection '{connection}'.",
                hint="List those it has: `assay-nb connections list`.",
            )
        error = ProviderKeyMissing(
            f"Workspace '{name}' has no {label_of(connection)} key."
            if name
            else f"This workspace has no {label_of(connection)} key."
        )
        return wanting(error, KeyStep("add", connection))

    def _refusal(
        self, workspace_id: bytes, connection: str | None, event: Event, cause: str
    ) -> VaultIntegrityError:
        """Say that a key does not open, and no more; the audit gets the cause."""
        self._report(workspace_id, connection or "", event, cause)
        name = self._name(workspace_id)
        whose = f"'{name}'" if name else "this workspace"
        what = f"The {label_of(connection)} key" if connection else "A key"
        error = VaultIntegrityError(f"{what} of {whose} cannot be opened.")
        return wanting(error, KeyStep("replace", connection or ""))

    def _report(self, workspace_id: bytes, connection: str, event: Event, cause: str) -> None:
        # Once a process: a caller that tries again and again must not fill the audit.
        if (workspace_id, connection, cause) in self._reported:
            return
        self._reported.add((workspace_id, connection, cause))
        with (
            suppress(VaultSealed, StoreUnavailable),
            self._transactions.change(_ITSELF) as change,
        ):
            change.record(event, workspace_id, f"{connection}: {cause}")

    def _name(self, workspace_id: bytes) -> str | None:
        with self._database.read() as connection:
            return vault_rows.find_workspace_name(connection, workspace_id)


def _save(
    change: VaultChange,
    workspace_id: bytes,
    destination: Destination,
    key: SecretBytes,
    verified: bool,
    mode: Mode,
) -> tuple[KeyRow, bool]:
    rows, agreed = change.load(workspace_id)
    old = _find(rows, destination.connection, mode)
    if not agreed:
        _doubt_others(change, workspace_id, rows, old)
    # A row that was tampered with gives neither its id nor its version to the new one.
    follows = old if agreed else None
    row = KeyRow(
        row_id=follows.row_id if follows else new_row_id(),
        workspace_id=workspace_id,
        provider=destination.provider,
        mode=mode,
        endpoint=destination.endpoint,
        origin=destination.origin,
        placement=destination.placement,
        dek_id=b"",
        row_version=follows.row_version + 1 if follows else 1,
        last4=last4_of(key),
        envelope=b"",
        fingerprint=b"",
        verified="yes" if verified else "no",
        added_by=change.actor,
        added_at=now(),
        connection=destination.connection,
        kind=destination.kind,
        bound_as=CURRENT,
    )
    sealed = seal_row(change.vault_id, row, _data_key(change, workspace_id), key)
    if old is not None:
        vault_rows.delete_keys(change.connection, workspace_id, old.row_id)
        if old.endpoint != row.endpoint:  # another server: what the old one said is not true of it
            fact_rows.forget(change.connection, workspace_id, destination.connection)
    vault_rows.insert_key(change.connection, sealed)
    failpoint("key stored")
    change.touch(workspace_id)
    event = Event.KEY_REPLACED if old else Event.KEY_SAVED
    change.record(event, workspace_id, destination.connection)
    return sealed, old is not None


def _data_key(change: VaultChange, workspace_id: bytes) -> DataKey:
    """Return the workspace's newest data key; make one where there is none that opens."""
    for row in vault_rows.list_data_keys(change.connection, workspace_id)[:1]:
        master: MasterKey | None = change.find_master(row.mk_id)
        with suppress(CannotOpen):
            if master is not None:
                return open_data_key(master, change.vault_id, workspace_id, row)
    generation = rotation.next_generation(change, workspace_id)
    data_key, row = new_data_key(change.master, change.vault_id, workspace_id, generation, now())
    vault_rows.insert_data_key(change.connection, row)
    failpoint("data key stored")
    return data_key


def _doubt_others(
    change: VaultChange, workspace_id: bytes, rows: WorkspaceRows, chosen: KeyRow | None
) -> None:
    """Bar every other key of a workspace whose manifest fails, before it gets a new manifest.

    Signing them as they are would make good what somebody did to them.
    """
    change.record(Event.MANIFEST_MISMATCH, workspace_id, "manifest")
    for row in rows.keys:
        if chosen is None or row.row_id != chosen.row_id:
            vault_rows.set_verified(change.connection, row.row_id, DOUBTED)
            change.record(Event.KEY_DOUBTED, workspace_id, row.connection)


def _changed_meanwhile() -> StoreUnavailable:
    return StoreUnavailable("The key was changed meanwhile.", hint="Try again.")


def _find(rows: WorkspaceRows, connection: str, mode: str) -> KeyRow | None:
    return next((r for r in rows.keys if r.connection == connection and r.mode == mode), None)


def _is(key: StoredKey, connection: str, mode: str) -> bool:
    return key.destination.connection == connection and key.mode == mode


def _stored(row: KeyRow, state: Literal["ready", "unreadable", "unchecked"]) -> StoredKey:
    return StoredKey(
        row_id=row.row_id,
        row_version=row.row_version,
        destination=destination_of(row),
        mode=row.mode,
        state=state,
        verified=row.verified == "yes",
        last4=row.last4,
        added_by=row.added_by,
        added_at=row.added_at,
    )
