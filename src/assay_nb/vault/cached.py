"""The cached vault: it reads a workspace's rows again only when the database was changed.

For processes that open one key a thousand times. What is remembered are rows as they are stored, sealed, and for each
the message key that opens it, as the master key is remembered anyway. Each provider key is opened again for each
request, and its plaintext is kept no longer than ever.
"""

from __future__ import annotations

from typing import NamedTuple

from assay_nb.messages import Destination
from assay_nb.store.changes import Changes, Remembered
from assay_nb.store.database import Database
from assay_nb.store.vault_rows import KeyRow, WorkspaceRows
from assay_nb.vault.envelope import CannotOpen, MessageKey
from assay_nb.vault.keystores.base import KeyStore
from assay_nb.vault.sealed_keys import destination_of, find_opener
from assay_nb.vault.stored import Mode, OpenedKey
from assay_nb.vault.transactions import Transactions
from assay_nb.vault.vault import Vault

_MOST = 10_000

_Key = tuple[bytes, str, Mode]


class CachedVault(Vault):
    """A vault for an engine.

    Args:
        database: The database.
        keystore: Where the master key is.
        changes: Tells whether the database was changed.
        lately: Whether another process's change may be noticed some milliseconds late: see `Changes.look_lately`.
    """

    def __init__(
        self, database: Database, keystore: KeyStore, changes: Changes, *, lately: bool = False
    ) -> None:
        super().__init__(database, keystore)
        self._transactions = self._cached = CachedTransactions(
            database, keystore, changes, lately=lately
        )
        self._ready: dict[_Key, _Ready] = {}

    def open_key(self, workspace_id: bytes, connection: str, *, mode: Mode = "byok") -> OpenedKey:
        rows = self._cached.load_unchecked(workspace_id)
        ready = self._ready.get((workspace_id, connection, mode))
        if ready is None or ready.rows is not rows:
            opened = super().open_key(workspace_id, connection, mode=mode)
            self._keep(workspace_id, connection, mode, opened)
            return opened
        try:
            secret = ready.key.decrypt()
        except CannotOpen:
            return super().open_key(workspace_id, connection, mode=mode)
        return OpenedKey(ready.row.row_id, ready.row.row_version, ready.destination, secret)

    def _keep(self, workspace_id: bytes, connection: str, mode: Mode, opened: OpenedKey) -> None:
        """Have what opens a key ready, if its workspace's rows are those that were just found right."""
        rows = self._cached.find_agreed(workspace_id)
        if rows is None or rows.vault is None:
            return
        for row in rows.keys:
            if (row.row_id, row.row_version) == (opened.row_id, opened.row_version):
                data_key, context = find_opener(
                    self._cached.masters, rows.vault.vault_id, workspace_id, rows, row
                )
                key = data_key.derive_key(row.envelope, context)
                if len(self._ready) >= _MOST:
                    self._ready.clear()
                ready = _Ready(rows, row, destination_of(row), key)
                self._ready[workspace_id, connection, mode] = ready


class _Ready(NamedTuple):
    rows: WorkspaceRows
    row: KeyRow
    destination: Destination
    key: MessageKey


class CachedTransactions(Transactions):
    """Transactions that remember rows, and which of the remembered rows agree with their manifest."""

    def __init__(
        self, database: Database, keystore: KeyStore, changes: Changes, *, lately: bool
    ) -> None:
        super().__init__(database, keystore)
        self._lately = lately
        self._rows: Remembered[bytes, WorkspaceRows] = Remembered(changes, _MOST)
        self._agreed: dict[bytes, WorkspaceRows] = {}

    def load(self, workspace_id: bytes) -> tuple[WorkspaceRows, bool]:
        rows = self.load_unchecked(workspace_id)
        if self._agreed.get(workspace_id) is rows:
            return rows, True
        rows, agreed = super().load(workspace_id)
        if agreed:
            if len(self._agreed) >= _MOST:
                self._agreed.clear()
            self._agreed[workspace_id] = rows
        return rows, agreed

    def load_unchecked(self, workspace_id: bytes) -> WorkspaceRows:
        load = super().load_unchecked
        return self._rows.get(workspace_id, lambda: load(workspace_id), lately=self._lately)

    def find_agreed(self, workspace_id: bytes) -> WorkspaceRows | None:
        """Return the rows that were last found to agree with their manifest."""
        return self._agreed.get(workspace_id)
