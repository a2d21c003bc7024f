"""Provider keys as rows: what is checked before one is sealed, and how one is opened again."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from assay_nb.connections.names import is_name
from assay_nb.errors import WrongUsage
from assay_nb.messages import Destination, first_kind
from assay_nb.store.vault_rows import DataKeyRow, KeyRow, WorkspaceRows
from assay_nb.vault.aad import CURRENT, DataKeyContext, KeyContext
from assay_nb.vault.envelope import MAX_PLAINTEXT, CannotOpen, Cause
from assay_nb.vault.hierarchy import DataKey, MasterKey
from assay_nb.vault.masters import MasterKeys
from assay_nb.vault.secret import SecretBytes

DOUBTED = "doubted"
"""The state of a key that was there when its workspace's manifest failed. It is not opened any more."""

MOST = MAX_PLAINTEXT
"""Characters of a key: 8,192. Tokens of identity providers have some thousands, and the usual servers (nginx,
Apache, aiohttp) refuse a header of more than 8 KiB, so a longer key would not arrive anywhere."""

_KEY = re.compile(rb"[ \t\r\n]*(?:([\x21-\x7e]{1,%d})[ \t\r\n]*)?" % MOST)
"""Blanks, a key or none, and blanks. What comes after a key is inside its group: else blanks alone could be
divided in many ways, and a long row of them would take minutes to refuse."""
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]_-]+:[0-9]{1,5}")
_PLACEMENT = re.compile(r"[a-z][a-z0-9-]{0,63}")
_WRONG_KIND = (b"sk-ant-admin", b"sk-ant-oat", b"sk-ant-ort", b"sk-admin-")
"""How keys begin that manage an account, or that an application got on somebody's behalf."""
_AROUND = re.compile(rb"[\"'`]|[A-Z][A-Z0-9_]*(?:KEY|TOKEN)=")
"""What is copied along from a file of settings. A server would refuse such a key with a plain 401."""
_SHOWN = 24
"""Only of keys this long are the last four characters shown."""


def accept_key(secret: SecretBytes) -> SecretBytes:
    """Return a copy of a key without the blanks around it; an empty one where only blanks were typed.

    A header that holds a line end or a letter outside ASCII is refused by the HTTP library with a
    message that quotes all of it, so such a key is not even stored. A server of one's own may take any
    other key (`ollama`, `EMPTY`, a token of thousands of characters); what a provider's own endpoint
    takes is the provider's side to know.

    Raises:
        WrongUsage: If it cannot stand in a header, or is not for calling models.
    """
    typed = secret.reveal()
    match = _KEY.fullmatch(typed)
    if match is None:
        raise WrongUsage(
            "That is not a key, so nothing was stored.",
            hint="A key is plain ASCII without a blank or line end inside, "
            f"of at most {MOST:,} characters.",
        )
    start, end = match.span(1) if match[1] else (0, 0)
    if _AROUND.match(typed, start, end):
        raise WrongUsage(
            "There is more than a key in that, so nothing was stored.",
            hint="Enter the key alone, without quotation marks around it or a name before it.",
        )
    if any(typed.startswith(kind, start) for kind in _WRONG_KIND):
        raise WrongUsage(
            "That key manages an account or signs a person in, so it was not stored.",
            hint="Make an ordinary API key for calls, and revoke this one if it was shown to anybody.",
        )
    with memoryview(typed) as window:
        return SecretBytes(window[start:end])


def check_destination(destination: Destination) -> None:
    """Refuse to bind a key to a destination that is not in canonical form.

    Raises:
        WrongUsage: If its name, origin or placement is not.
    """
    if (
        not destination.endpoint.isprintable()
        or not is_name(destination.connection)
        or _ORIGIN.fullmatch(destination.origin) is None
        or _PLACEMENT.fullmatch(destination.placement) is None
    ):
        raise WrongUsage("The endpoint is not one that a key can be bound to.")


def check_placed(destination: Destination, key: SecretBytes) -> None:
    """Refuse to bind an empty key to a destination that takes one, and a key to one that takes none.

    What says that no key goes out is the destination alone, which is sealed: never a word in its place.

    Raises:
        WrongUsage: If they do not belong together.
    """
    if destination.keyless != (len(key) == 0):
        raise WrongUsage("The endpoint is not one that this key can be bound to.")


def last4_of(key: SecretBytes) -> str:
    """Return the characters that are shown; none of a short key."""
    return key.reveal()[-4:].decode("ascii") if len(key) >= _SHOWN else ""


def destination_of(row: KeyRow) -> Destination:
    """Return where a row says that its key may be sent. Only opening the row proves it."""
    return Destination(
        row.provider, row.endpoint, row.origin, row.placement, row.connection, row.kind
    )


def seal_row(vault_id: bytes, row: KeyRow, data_key: DataKey, key: SecretBytes) -> KeyRow:
    """Return a row with the key sealed to everything else that the row says."""
    bound = replace(
        row,
        bound_as=CURRENT,
        dek_id=data_key.key_id,
        fingerprint=data_key.fingerprint(row.workspace_id, row.provider, key),
    )
    context = _key_context(vault_id, row.workspace_id, bound)
    return replace(bound, envelope=data_key.seal(key, context))


def open_row(
    masters: MasterKeys, vault_id: bytes, workspace_id: bytes, rows: WorkspaceRows, row: KeyRow
) -> SecretBytes:
    """Return the key that was sealed in a row.

    Args:
        masters: Where the master key comes from.
        vault_id: The vault's id.
        workspace_id: The workspace that the caller may use; what the row says does not count.
        rows: All that was read together with the row.
        row: The row.

    Raises:
        CannotOpen: If the row is not as it was sealed.
        VaultSealed: If its master key is not here.
    """
    data_key, context = find_opener(masters, vault_id, workspace_id, rows, row)
    return data_key.open(row.envelope, context)


def find_opener(
    masters: MasterKeys, vault_id: bytes, workspace_id: bytes, rows: WorkspaceRows, row: KeyRow
) -> tuple[DataKey, bytes]:
    """Return the data key that opens a row, and the associated data that the row was sealed with.

    Raises:
        CannotOpen: If there is no such data key, or the row is in doubt.
        VaultSealed: If the master key is not here.
    """
    if row.verified == DOUBTED:
        raise CannotOpen(Cause.DOUBTED)
    wrapped = rows.data_keys.get(row.dek_id)
    if wrapped is None:
        raise CannotOpen(Cause.NO_DATA_KEY)
    master = masters.get(vault_id, wrapped.mk_id)
    data_key = open_data_key(master, vault_id, workspace_id, wrapped)
    return data_key, _key_context(vault_id, workspace_id, row)


def open_data_key(
    master: MasterKey, vault_id: bytes, workspace_id: bytes, row: DataKeyRow
) -> DataKey:
    """Return a workspace's data key.

    Raises:
        CannotOpen: If the row is not as it was wrapped.
    """
    return master.unwrap(_data_key_context(vault_id, workspace_id, row, row.mk_id), row.wrapped)


def wrap_data_key(
    master: MasterKey, vault_id: bytes, workspace_id: bytes, data_key: DataKey, row: DataKeyRow
) -> bytes:
    """Return a data key sealed under a master key, for the place that the row says."""
    context = _data_key_context(vault_id, workspace_id, row, master.mk_id)
    return data_key.wrap_under(master, context)


def new_data_key(
    master: MasterKey, vault_id: bytes, workspace_id: bytes, generation: int, at: int
) -> tuple[DataKey, DataKeyRow]:
    """Make a data key, and the row that stores it."""
    data_key = DataKey.generate()
    row = DataKeyRow(data_key.key_id, workspace_id, generation, master.mk_id, b"", at)
    wrapped = wrap_data_key(master, vault_id, workspace_id, data_key, row)
    return data_key, replace(row, wrapped=wrapped)


def new_row_id() -> bytes:
    """Return an id that no row had before."""
    return os.urandom(16)


def _key_context(vault_id: bytes, workspace_id: bytes, row: KeyRow) -> bytes:
    """Return what a row must be bound to.

    Version 1 binds neither name nor kind, so a row of that version that says others than followed from
    what it does bind was edited.
    """
    if row.bound_as not in (1, CURRENT):
        raise CannotOpen(Cause.EDITED)
    if row.bound_as == 1 and (row.connection, row.kind) != (
        row.provider,
        first_kind(row.provider, row.origin),
    ):
        raise CannotOpen(Cause.EDITED)
    return KeyContext(
        vault_id=vault_id,
        workspace_id=workspace_id,
        row_id=row.row_id,
        destination=destination_of(row),
        dek_id=row.dek_id,
        row_version=row.row_version,
        last4=row.last4,
        mode=row.mode,
        version=row.bound_as,
    ).encode()


def _data_key_context(
    vault_id: bytes, workspace_id: bytes, row: DataKeyRow, mk_id: bytes
) -> DataKeyContext:
    return DataKeyContext(vault_id, workspace_id, row.dek_id, row.generation, mk_id)
