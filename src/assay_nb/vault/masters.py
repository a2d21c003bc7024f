"""The master keys that this process holds."""

from __future__ import annotations

import threading

from assay_nb.errors import VaultSealed
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores.base import KeyStore


class MasterKeys:
    """Master keys by id, each fetched from the key store when it is first needed.

    Another process may rotate at any time. Rows then name an id that is not here yet: the key store is
    asked once, and if it does not have it either, the vault stays closed.
    """

    def __init__(self, keystore: KeyStore) -> None:
        self.keystore = keystore
        self._held: dict[bytes, MasterKey] = {}
        self._fetching = threading.Lock()

    def get(self, vault_id: bytes, mk_id: bytes) -> MasterKey:
        """Return a master key.

        Raises:
            VaultSealed: If the key store does not have it, or cannot be asked.
        """
        found = self.find(vault_id, mk_id)
        if found is None:
            raise self._missing()
        return found

    def find(self, vault_id: bytes, mk_id: bytes) -> MasterKey | None:
        """Return a master key, or None if the key store does not have it.

        Raises:
            VaultSealed: If the key store cannot be asked.
        """
        held = self._held.get(mk_id)
        if held is not None and not held.is_wiped:
            return held
        with self._fetching:
            held = self._held.get(mk_id)
            if held is None or held.is_wiped:
                held = self.keystore.find(vault_id, mk_id)
            if held is not None:
                self._held[mk_id] = held
            return held

    def check_kept(self, vault_id: bytes, master: MasterKey) -> None:
        """Ask the key store again whether it has a master key that the database is about to name.

        Raises:
            VaultSealed: If it does not.
        """
        if self.keystore.find(vault_id, master.mk_id) is None:
            raise self._missing()

    def drop(self, mk_id: bytes) -> None:
        """Forget a master key."""
        self._held.pop(mk_id, None)

    def _missing(self) -> VaultSealed:
        return VaultSealed(
            f"Keys are stored, but the master key that opens them is not in "
            f"{self.keystore.describe()}.",
            hint="Unlock the keyring or put the key file back, or name a file that holds the master "
            "key in ASSAY_MASTER_KEY_FILE. No new one is made: it could not open what is stored. If "
            "the master key is lost for good, move the database away and enter the keys again.",
        )
