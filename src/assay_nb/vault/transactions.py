"""Transactions on the vault: each is checked before, and numbered, audited and signed after."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from assay_nb.errors import StoreUnavailable, VaultSealed
from assay_nb.store import vault_rows
from assay_nb.store.database import Database
from assay_nb.store.vault_rows import (
    AuditRow,
    BookRows,
    Connection,
    ManifestRow,
    MasterKeyRow,
    VaultRow,
    WorkspaceRows,
)
from assay_nb.vault import audit, manifest
from assay_nb.vault.audit import Event
from assay_nb.vault.failpoints import failpoint
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores.base import KeyStore
from assay_nb.vault.masters import MasterKeys
from assay_nb.vault.whole import active_of, changed_outside, check_books, rolled_back, sign_books

_LAST_EPOCH = 2**31
"""Every change seals a few messages, so this keeps each key far below any bound on its use."""

_TRIES = 20
"""How often a read begins again because somebody else changed the vault in between."""


class Transactions:
    """What this process knows of the vault as a whole.

    The first use checks all of it, and so does every change. What a whole check found is kept: a read
    compares the epoch with the checked one, and the workspace's manifest with the checked one's. Where
    the epoch has moved, somebody changed the vault, and all of it is checked again before any row is
    believed: a workspace's old rows under their old manifest are genuine, only not the newest.
    """

    def __init__(self, database: Database, keystore: KeyStore) -> None:
        self.database = database
        self.masters = MasterKeys(keystore)
        self._keystore = keystore
        self._learning = threading.Lock()
        self._known: _Checked | None = None
        self._mark = 0

    def load(self, workspace_id: bytes) -> tuple[WorkspaceRows, bool]:
        """Return a workspace's rows, and whether they are the ones that its manifest was made over.

        Raises:
            VaultSealed: If the vault is not as it was left, or its master key is not here.
            StoreUnavailable: If others change the vault so fast that no read is between two changes.
        """
        for _ in range(_TRIES):
            if self._known is None:
                self.check()
            # What is known and noted comes first, then the rows: others may raise both in between.
            known, mark = self._known, self._mark_of_now()
            rows = self.load_unchecked(workspace_id)
            if rows.vault is None:
                if known is not None:
                    raise changed_outside()
                return rows, True
            if rows.vault.epoch < mark:
                raise rolled_back()
            if known is not None and rows.vault.epoch == known.epoch:
                return rows, self._agrees(workspace_id, rows, known)
            self.check()
        raise StoreUnavailable(
            "The vault is being changed too often to be read.", hint="Try again."
        )

    def _agrees(self, workspace_id: bytes, rows: WorkspaceRows, known: _Checked) -> bool:
        stored = rows.manifest
        if rows.vault is None or stored != known.manifests.get(workspace_id):
            return False
        if stored is None:
            return not rows.keys
        master = self.masters.get(rows.vault.vault_id, stored.mk_id)
        return manifest.agrees(master, rows.vault.vault_id, workspace_id, rows)

    def load_unchecked(self, workspace_id: bytes) -> WorkspaceRows:
        """Return a workspace's rows as they are. Needs no master key."""
        with self.database.read(workspace=workspace_id) as connection:
            return vault_rows.load_workspace(connection, workspace_id)

    def load_books(self) -> BookRows | None:
        """Return the vault's books; None before the first key is saved.

        Raises:
            VaultSealed: If the vault's own row is gone although keys are stored.
        """
        with self.database.read() as connection:
            rows = vault_rows.load_books(connection)
            if rows is None and vault_rows.has_rows(connection):
                raise changed_outside()
            return rows

    def check(self) -> None:
        """Check the vault as a whole: its signature, its master key, and that it was not rolled back.

        It reads a row for each workspace: 45 ms of processor time for 10,000 of them.

        Raises:
            VaultSealed: If something is wrong with it.
        """
        vault_id = self._known.vault_id if self._known is not None else self._find_vault()
        if vault_id is None:
            return
        # The mark first, then the database: another process, or a thread of this one, may raise both
        # in between.
        mark = max(self._mark, self._noted(vault_id))
        rows = _present(self.load_books())
        check_books(self.masters, rows, mark)
        self._learn(rows, mark)

    def _find_vault(self) -> bytes | None:
        rows = self.load_books()
        return None if rows is None else rows.vault.vault_id

    def is_as_checked(self) -> bool:
        """Say whether the vault's own rows are those of the last whole check.

        It reads two rows, where a whole check reads one for each workspace. A row of a workspace that somebody
        edited since is not noticed here, but when that workspace is read.
        """
        known, mark = self._known, self._mark_of_now()
        if known is None:
            return False
        with self.database.read() as connection:
            vault = vault_rows.find_vault(connection)
            own = vault_rows.find_manifest(connection, known.vault_id)
        return (
            vault is not None
            and (vault.vault_id, vault.epoch) == (known.vault_id, known.epoch)
            and vault.epoch >= mark
            and own == known.manifests.get(known.vault_id)
        )

    @contextmanager
    def change(self, actor: str, *, accept: bool = False) -> Generator[VaultChange]:
        """Give a transaction in which the vault may be changed. It is signed when the block ends.

        Args:
            actor: Who asked for it, for the audit.
            accept: Take the vault as it is found, although its signatures may say otherwise.

        Raises:
            VaultSealed: If the vault is not as it was left.
        """
        mark = self._prepare(accept)
        with self.database.write() as connection:
            change = _begin(connection, self.masters, actor)
            if not accept:
                check_books(self.masters, change.books, max(mark, self._mark))
            yield change
            change.sign(at_least=mark)
            failpoint("change signed")
        failpoint("change committed")
        self._note(change)

    def found(self, actor: str) -> None:
        """Make the vault and its first master key, unless another process was first."""
        vault_id = os.urandom(16)
        kept = self._keystore.list_ids(vault_id)
        master = self.masters.get(vault_id, kept[-1]) if kept else MasterKey.generate()
        self._keystore.put(vault_id, master)
        failpoint("first master key kept")
        with self.database.write() as connection:
            change = None
            if vault_rows.find_vault(connection) is not None:
                self._drop_unused(connection, vault_id, master, was_kept=bool(kept))
            else:
                change = self._insert(connection, vault_id, master, actor)
        failpoint("vault committed")
        if change is not None:
            self._note(change)

    def _insert(
        self, connection: Connection, vault_id: bytes, master: MasterKey, actor: str
    ) -> VaultChange:
        if vault_rows.has_rows(connection):
            raise changed_outside()
        self.masters.check_kept(vault_id, master)
        at = now()
        vault_rows.insert_vault(connection, VaultRow(vault_id, 0, at))
        vault_rows.insert_master_key(
            connection, MasterKeyRow(master.mk_id, master.check_value, "active", at, None)
        )
        change = _begin(connection, self.masters, actor)
        change.record(Event.VAULT_MADE)
        change.sign()
        failpoint("vault signed")
        return change

    def _drop_unused(
        self, connection: Connection, vault_id: bytes, master: MasterKey, *, was_kept: bool
    ) -> None:
        # The process that was first may have found this very master key in a key file, and taken it.
        used = {row.mk_id for row in vault_rows.list_master_keys(connection)}
        if not was_kept and master.mk_id not in used:
            self._keystore.delete(vault_id, master.mk_id)

    def _prepare(self, accept: bool) -> int:
        """Return the epoch that the key store has noted, and have the active master key at hand.

        Both before the database is locked: a keyring may be slow. The mark is asked for at each change:
        a change signs what it finds, an older state too if nobody looks.
        """
        if accept:
            rows = _present(self.load_books())
            self.masters.get(rows.vault.vault_id, active_of(rows.masters))
            return max(self._mark, self._noted(rows.vault.vault_id))
        if self._known is None:
            self.check()
            return self._mark
        return max(self._mark, self._noted(self._known.vault_id))

    def _mark_of_now(self) -> int:
        """Return the least epoch that the database may have. A keyring is not asked at each read."""
        if self._known is None or not self._keystore.is_quick:
            return self._mark
        return max(self._mark, self._noted(self._known.vault_id))

    def _learn(self, books: BookRows, mark: int = 0) -> None:
        """Keep what a whole check has found, as the floor for all that is read from now on."""
        vault_id, epoch = books.vault.vault_id, books.vault.epoch
        with self._learning:
            self._mark = max(self._mark, mark, epoch)
            if self._known is not None and self._known.epoch > epoch:
                return
            manifests = dict(self._known.manifests) if self._known is not None else {}
            for row in books.manifests:
                last = manifests.get(row.workspace_id)
                if last is None or last.epoch < row.epoch:
                    manifests[row.workspace_id] = row
            self._known = _Checked(vault_id, epoch, manifests)

    def _noted(self, vault_id: bytes) -> int:
        return self._keystore.find_mark(vault_id) or 0

    def _note(self, change: VaultChange) -> None:
        epoch = change.books.vault.epoch
        self._learn(change.books)
        # The change is made. A mark that lags behind only notices a roll-back less exactly.
        with suppress(VaultSealed):
            self._keystore.raise_mark(change.books.vault.vault_id, epoch)
        failpoint("epoch noted")


class _Checked(NamedTuple):
    """What a whole check found, never changed: threads read it while another one checks again.

    Attributes:
        manifests: Each workspace's newest that any check has found. One that is older than it, or another of
            the same epoch, is of a history that did not go on, and its workspace stays closed here.
    """

    vault_id: bytes
    epoch: int
    manifests: dict[bytes, ManifestRow]


class VaultChange:
    """One transaction on the vault.

    Attributes:
        connection: For the functions of `vault_rows`.
        master: The active master key; `use_master` puts another in its place.
        touched: The workspaces whose rows are signed again at the end.
    """

    def __init__(
        self, connection: Connection, masters: MasterKeys, actor: str, books: BookRows
    ) -> None:
        self.connection = connection
        self.masters = masters
        self.actor = actor
        self.books = books
        self.master = masters.get(books.vault.vault_id, active_of(books.masters))
        self.touched: set[bytes] = set()
        self._last_audit = books.last_audit

    @property
    def vault_id(self) -> bytes:
        """The vault's id."""
        return self.books.vault.vault_id

    def load(self, workspace_id: bytes) -> tuple[WorkspaceRows, bool]:
        """Return a workspace's rows, and whether its manifest agrees with them."""
        rows = vault_rows.load_workspace(self.connection, workspace_id)
        if rows.manifest is None:
            return rows, not rows.keys
        master = self.find_master(rows.manifest.mk_id)
        agreed = master is not None and manifest.agrees(master, self.vault_id, workspace_id, rows)
        return rows, agreed

    def find_master(self, mk_id: bytes) -> MasterKey | None:
        """Return a master key, or None if the key store does not have it."""
        return self.masters.find(self.vault_id, mk_id)

    def touch(self, workspace_id: bytes) -> None:
        """Have a workspace's rows signed as they are when the change ends."""
        self.touched.add(workspace_id)

    def record(
        self, event: Event, workspace_id: bytes | None = None, subject: str | None = None
    ) -> None:
        """Add a line to the audit."""
        blank = AuditRow(0, now(), self.actor, event.value, workspace_id, subject, None, b"", None)
        self._last_audit = audit.chain(self.master, self._last_audit, blank, self.list_audit)
        vault_rows.append_audit(self.connection, self._last_audit)

    def list_audit(self) -> list[AuditRow]:
        """Return every line of the audit, in order."""
        return vault_rows.list_audit(self.connection)

    def use_master(self, master: MasterKey) -> None:
        """Retire the active master key and make another one active."""
        at = now()
        vault_rows.retire_master_keys(self.connection, at)
        vault_rows.insert_master_key(
            self.connection, MasterKeyRow(master.mk_id, master.check_value, "active", at, None)
        )
        self.master = master

    def sign(self, *, at_least: int = 0) -> None:
        """Raise the epoch and renew the signatures under all that was touched."""
        epoch = max(self.books.vault.epoch, at_least) + 1
        if epoch >= _LAST_EPOCH:
            raise VaultSealed("This vault was changed more often than its keys allow.")
        vault_rows.set_epoch(self.connection, epoch)
        for workspace_id in sorted(self.touched):
            self._sign_workspace(workspace_id, epoch)
        self.books = _present(vault_rows.load_books(self.connection))
        vault_rows.put_manifest(self.connection, sign_books(self.master, self.books))

    def _sign_workspace(self, workspace_id: bytes, epoch: int) -> None:
        rows = vault_rows.load_workspace(self.connection, workspace_id)
        signed = manifest.sign_workspace(
            self.master, self.vault_id, workspace_id, epoch, rows.keys, rows.largest_grant
        )
        vault_rows.put_manifest(self.connection, signed)


def now() -> int:
    """Return the time in whole seconds since 1970, UTC."""
    return int(time.time())


def _begin(connection: Connection, masters: MasterKeys, actor: str) -> VaultChange:
    return VaultChange(connection, masters, actor, _present(vault_rows.load_books(connection)))


def _present(rows: BookRows | None) -> BookRows:
    if rows is None:
        raise changed_outside()
    return rows
