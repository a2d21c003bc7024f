"""The key store: what every place for the master key can do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assay_nb.vault.hierarchy import MasterKey


@dataclass(frozen=True, slots=True)
class Protection:
    """What a key store protects from, in words for `doctor`.

    Attributes:
        strong: Whether something other than file permissions guards the master key.
        text: One or two sentences.
    """

    strong: bool
    text: str


class KeyStore(Protocol):
    """A place outside the database that keeps master keys, and how far the vault had come.

    An entry is written once and never changed: a new master key is a new entry. Entries belong to a
    vault, since one keyring may serve several. Every method may raise `VaultSealed` where the place
    cannot be reached, and none takes "cannot be reached" for "is empty".
    """

    @property
    def is_shared(self) -> bool:
        """Whether others may keep entries here that this vault knows nothing of."""
        ...

    @property
    def is_quick(self) -> bool:
        """Whether the mark may be asked for at every read; a keyring is slow, and may ask the person."""
        ...

    def describe(self) -> str:
        """Return what to call this place in a sentence: `"the key file /home/ada/…"`."""
        ...

    def protection(self) -> Protection:
        """Return what it protects from, and what not."""
        ...

    def is_apart(self, database: Path | None) -> bool:
        """Return whether a copy of the database's directory leaves the master key behind.

        Args:
            database: The database's file; None for one on a server.
        """
        ...

    def find(self, vault_id: bytes, mk_id: bytes) -> MasterKey | None:
        """Return a master key, or None if this place is sure not to have it."""
        ...

    def list_ids(self, vault_id: bytes) -> list[bytes]:
        """Return the ids of the master keys kept here, oldest first."""
        ...

    def put(self, vault_id: bytes, master: MasterKey) -> None:
        """Keep a master key. When this returns it was written, read back and compared."""
        ...

    def delete(self, vault_id: bytes, mk_id: bytes) -> None:
        """Destroy a master key. Nothing happens if there is none."""
        ...

    def find_mark(self, vault_id: bytes) -> int | None:
        """Return the highest epoch that was noted; None if none ever was."""
        ...

    def raise_mark(self, vault_id: bytes, epoch: int) -> None:
        """Note an epoch, unless a higher one is noted already."""
        ...
