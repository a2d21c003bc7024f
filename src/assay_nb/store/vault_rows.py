"""The vault's rows: what is stored sealed, and the books that are kept about it.

Plain functions over a connection, one statement each. Nothing here decides or decrypts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from assay_nb.store.tables import (
    audit,
    budgets,
    data_keys,
    manifests,
    master_keys,
    provider_keys,
    vault,
    workspaces,
)

__all__ = ["Connection"]


@dataclass(frozen=True, slots=True)
class VaultRow:
    """The vault itself; there is one, or none yet."""

    vault_id: bytes
    epoch: int
    created_at: int


@dataclass(frozen=True, slots=True)
class MasterKeyRow:
    """A master key that the database knows of. The key itself is never in the database."""

    mk_id: bytes
    check_value: bytes
    state: str
    created_at: int
    retired_at: int | None


@dataclass(frozen=True, slots=True)
class DataKeyRow:
    """A workspace's data key, wrapped under a master key."""

    dek_id: bytes
    workspace_id: bytes
    generation: int
    mk_id: bytes
    wrapped: bytes
    created_at: int


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A provider key, sealed under its workspace's data key."""

    row_id: bytes
    workspace_id: bytes
    provider: Any
    mode: str
    endpoint: str
    origin: str
    placement: str
    dek_id: bytes
    row_version: int
    last4: str
    envelope: bytes
    fingerprint: bytes
    verified: str
    added_by: str
    added_at: int
    connection: str
    kind: Any
    bound_as: int


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """The signature under a workspace's rows. Under the vault's own id: under the vault's books."""

    workspace_id: bytes
    mk_id: bytes
    epoch: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the audit, chained to the one before.

    Attributes:
        previous: The digest of all lines before it; None in lines of earlier releases, which are chained by
            the MAC before them alone.
    """

    sequence: int
    at: int
    actor: str
    event: str
    workspace_id: bytes | None
    subject: str | None
    mk_id: bytes | None
    mac: bytes
    previous: bytes | None


@dataclass(frozen=True, slots=True)
class WorkspaceRows:
    """All that is needed to open a workspace's keys, as it stood at one moment."""

    vault: VaultRow | None
    manifest: ManifestRow | None
    keys: tuple[KeyRow, ...]
    data_keys: dict[bytes, DataKeyRow]
    largest_grant: int


@dataclass(frozen=True, slots=True)
class BookRows:
    """All that the vault's own manifest is made over."""

    vault: VaultRow
    masters: list[MasterKeyRow]
    manifests: list[ManifestRow]
    last_audit: AuditRow | None


# --- reading ----------------------------------------------------------------------------------------


def find_vault(connection: Connection) -> VaultRow | None:
    """Return the vault's own row; None before the first key is saved."""
    return _first(connection, select(vault), VaultRow)


def has_rows(connection: Connection) -> bool:
    """Say whether anything is stored that a master key was needed for."""
    tables = (master_keys, data_keys, provider_keys, manifests)
    return any(connection.execute(select(1).select_from(t).limit(1)).first() for t in tables)


def load_books(connection: Connection) -> BookRows | None:
    """Return what the vault's own manifest is made over; None before the first key is saved."""
    row = find_vault(connection)
    if row is None:
        return None
    return BookRows(
        row, list_master_keys(connection), list_manifests(connection), find_last_audit(connection)
    )


def load_workspace(connection: Connection, workspace_id: bytes) -> WorkspaceRows:
    """Return one workspace's rows, its manifest and the vault's row, in one statement."""
    found = connection.execute(_WORKSPACE, {"workspace": workspace_id}).all()
    if not found:
        return WorkspaceRows(None, None, (), {}, 0)
    head = found[0]
    keys: list[KeyRow] = []
    opened_by: dict[bytes, DataKeyRow] = {}
    for row in found:
        if row[7] is not None:
            key = KeyRow(*row[7:25])
            keys.append(key)
            if row[25] is not None:
                opened_by[key.dek_id] = DataKeyRow(*row[25:31])
    has_demo = any(key.mode == "demo" for key in keys)
    return WorkspaceRows(
        vault=VaultRow(*head[:3]),
        manifest=ManifestRow(*head[3:7]) if head[3] is not None else None,
        keys=tuple(keys),
        data_keys=opened_by,
        largest_grant=largest_grant(connection) if has_demo else 0,
    )


def find_key(connection: Connection, workspace_id: bytes, name: str, mode: str) -> KeyRow | None:
    """Return the row of one connection's key, still sealed."""
    chosen = select(provider_keys).where(
        provider_keys.c.workspace_id == workspace_id,
        provider_keys.c.connection == name,
        provider_keys.c.mode == mode,
    )
    return _first(connection, chosen, KeyRow)


def list_data_keys(connection: Connection, workspace_id: bytes | None = None) -> list[DataKeyRow]:
    """Return the data keys of one workspace, or of all, newest generation first."""
    chosen = select(data_keys).order_by(data_keys.c.generation.desc(), data_keys.c.dek_id)
    if workspace_id is not None:
        chosen = chosen.where(data_keys.c.workspace_id == workspace_id)
    return _all(connection, chosen, DataKeyRow)


def list_master_keys(connection: Connection) -> list[MasterKeyRow]:
    """Return every master key that the database knows of."""
    return _all(connection, select(master_keys).order_by(master_keys.c.mk_id), MasterKeyRow)


def list_manifests(connection: Connection) -> list[ManifestRow]:
    """Return every manifest, the vault's own among them."""
    return _all(connection, select(manifests).order_by(manifests.c.workspace_id), ManifestRow)


def find_manifest(connection: Connection, workspace_id: bytes) -> ManifestRow | None:
    """Return the manifest of one workspace, or under the vault's own id the vault's."""
    chosen = select(manifests).where(manifests.c.workspace_id == workspace_id)
    return _first(connection, chosen, ManifestRow)


def list_workspaces_with_keys(connection: Connection) -> list[bytes]:
    """Return the ids of workspaces that have a key or a data key."""
    chosen = select(provider_keys.c.workspace_id).union(select(data_keys.c.workspace_id))
    return sorted(connection.execute(chosen).scalars())


def list_audit(connection: Connection) -> list[AuditRow]:
    """Return the audit's lines in order."""
    return _all(connection, select(audit).order_by(audit.c.sequence), AuditRow)


def find_last_audit(connection: Connection) -> AuditRow | None:
    """Return the newest line of the audit."""
    return _first(connection, select(audit).order_by(audit.c.sequence.desc()).limit(1), AuditRow)


def largest_grant(connection: Connection) -> int:
    """Return the largest number of demo calls that anybody was granted."""
    return connection.execute(select(func.coalesce(func.max(budgets.c.granted), 0))).scalar_one()


def find_workspace_name(connection: Connection, workspace_id: bytes) -> str | None:
    """Return what people call a workspace."""
    chosen = select(workspaces.c.name).where(workspaces.c.workspace_id == workspace_id)
    return connection.execute(chosen).scalar_one_or_none()


# --- changing ---------------------------------------------------------------------------------------


def insert_vault(connection: Connection, row: VaultRow) -> None:
    """Make the vault's row."""
    connection.execute(insert(vault), asdict(row))


def set_epoch(connection: Connection, epoch: int) -> None:
    """Move the vault's epoch."""
    connection.execute(update(vault).values(epoch=epoch))


def insert_master_key(connection: Connection, row: MasterKeyRow) -> None:
    """Note a master key."""
    connection.execute(insert(master_keys), asdict(row))


def retire_master_keys(connection: Connection, at: int) -> None:
    """Mark the active master key as retired."""
    active = update(master_keys).where(master_keys.c.state == "active")
    connection.execute(active.values(state="retired", retired_at=at))


def delete_master_key(connection: Connection, mk_id: bytes) -> None:
    """Forget a master key."""
    connection.execute(delete(master_keys).where(master_keys.c.mk_id == mk_id))


def insert_data_key(connection: Connection, row: DataKeyRow) -> None:
    """Store a wrapped data key."""
    connection.execute(insert(data_keys), asdict(row))


def rewrap_data_key(connection: Connection, old: DataKeyRow, new: DataKeyRow) -> bool:
    """Put a data key under another master key; False if it is not what it was."""
    changed = connection.execute(
        update(data_keys)
        .where(data_keys.c.dek_id == old.dek_id, data_keys.c.wrapped == old.wrapped)
        .values(mk_id=new.mk_id, wrapped=new.wrapped)
    )
    return changed.rowcount == 1


def delete_data_keys(connection: Connection, workspace_id: bytes, *, unused_only: bool) -> int:
    """Destroy a workspace's data keys, or those that no row names any more; return how many."""
    chosen = delete(data_keys).where(data_keys.c.workspace_id == workspace_id)
    if unused_only:
        used = select(provider_keys.c.dek_id).where(provider_keys.c.workspace_id == workspace_id)
        newest = select(func.max(data_keys.c.generation)).where(
            data_keys.c.workspace_id == workspace_id
        )
        chosen = chosen.where(
            data_keys.c.dek_id.not_in(used), data_keys.c.generation != newest.scalar_subquery()
        )
    return connection.execute(chosen).rowcount


def insert_key(connection: Connection, row: KeyRow) -> None:
    """Store a sealed key."""
    connection.execute(insert(provider_keys), asdict(row))


def replace_key(connection: Connection, old: KeyRow, new: KeyRow) -> bool:
    """Replace a sealed key; False if it is not the version it was."""
    changed = connection.execute(
        update(provider_keys)
        .where(provider_keys.c.row_id == old.row_id, provider_keys.c.row_version == old.row_version)
        .values(asdict(new))
    )
    return changed.rowcount == 1


def set_verified(connection: Connection, row_id: bytes, verified: str) -> None:
    """Note what is known of a key."""
    connection.execute(
        update(provider_keys).where(provider_keys.c.row_id == row_id).values(verified=verified)
    )


def delete_keys(connection: Connection, workspace_id: bytes, row_id: bytes | None = None) -> int:
    """Delete one sealed key of a workspace, or all; return how many."""
    chosen = delete(provider_keys).where(provider_keys.c.workspace_id == workspace_id)
    if row_id is not None:
        chosen = chosen.where(provider_keys.c.row_id == row_id)
    return connection.execute(chosen).rowcount


def put_manifest(connection: Connection, row: ManifestRow) -> None:
    """Store a manifest in the place of the one before."""
    delete_manifest(connection, row.workspace_id)
    connection.execute(insert(manifests), asdict(row))


def delete_manifest(connection: Connection, workspace_id: bytes) -> None:
    """Forget a workspace's manifest."""
    connection.execute(delete(manifests).where(manifests.c.workspace_id == workspace_id))


def append_audit(connection: Connection, row: AuditRow) -> None:
    """Add a line to the audit."""
    connection.execute(insert(audit), asdict(row))


# --- plumbing ---------------------------------------------------------------------------------------

_Row = TypeVar("_Row")


def _columns(table: Table) -> Sequence[Any]:
    return list(table.columns)


_WORKSPACE = (
    select(*_columns(vault), *_columns(manifests), *_columns(provider_keys), *_columns(data_keys))
    .select_from(
        vault.outerjoin(manifests, manifests.c.workspace_id == bindparam("workspace"))
        .outerjoin(provider_keys, provider_keys.c.workspace_id == bindparam("workspace"))
        .outerjoin(data_keys, data_keys.c.dek_id == provider_keys.c.dek_id)
    )
    .order_by(provider_keys.c.row_id)
)


def _first(connection: Connection, statement: Any, kind: type[_Row]) -> _Row | None:
    row = connection.execute(statement).first()
    return None if row is None else kind(*row)


def _all(connection: Connection, statement: Any, kind: type[_Row]) -> list[_Row]:
    return [kind(*row) for row in connection.execute(statement)]
