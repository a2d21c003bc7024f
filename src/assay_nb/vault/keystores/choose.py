"""The choice of a key store for this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from assay_nb import config
from assay_nb.config import Config
from assay_nb.errors import VaultSealed
from assay_nb.vault.keystores.base import KeyStore
from assay_nb.vault.keystores.key_file import KeyFile


def choose_keystore(settings: Config, say: Callable[[str], None]) -> KeyStore:
    """Return the first of: the file that was named, the key file in the home, the OS keyring.

    On a machine with none of them, a key file in the home is used: it is made when the first key is
    saved, and `say` gets one line about what it protects from just before.

    Raises:
        VaultSealed: If a master key is in the environment, where every process of the user can read it.
    """
    if config.is_set("ASSAY_MASTER_KEY"):
        raise VaultSealed(
            "ASSAY_MASTER_KEY is set, and a master key is never taken from the environment.",
            hint="Other processes can read it there. Put it into a file that only you may read, "
            "name that file in ASSAY_MASTER_KEY_FILE, and unset the variable.",
        )
    if settings.master_key_file is not None:
        return _named_file(settings.master_key_file, settings.home, say)
    path = settings.home / "master.key"
    if os.path.lexists(path):
        return KeyFile(path)
    try:
        return _os_keyring()
    except VaultSealed as refused:
        return KeyFile(path, announce=_announcement(path, refused.message, say))


def explain_key_file(settings: Config) -> str:
    """Return in a sentence or two why the master key is in a file, for a process that uses one."""
    from assay_nb.vault.keystores.os_keyring import find_obstacle

    if settings.master_key_file is not None:
        return "It was chosen with ASSAY_MASTER_KEY_FILE."
    if obstacle := find_obstacle():
        return obstacle
    return "It was made when no OS keyring could be used. One can be used now, but a key file that is there goes first."


def _os_keyring() -> KeyStore:
    from assay_nb.vault.keystores.os_keyring import OsKeyring

    return OsKeyring.connect()


def _named_file(path: Path, home: Path, say: Callable[[str], None]) -> KeyStore:
    # A credential directory is read-only; the epoch is then noted in the home.
    beside = os.access(path.parent, os.W_OK)
    return KeyFile(
        path,
        mark_path=None if beside else home / "master.epoch",
        is_shared=True,
        announce=lambda: say(
            f"A new master key goes into {path}. Keep a copy of it apart from the database's backups."
        ),
    )


def _announcement(path: Path, reason: str, say: Callable[[str], None]) -> Callable[[], None]:
    return lambda: say(
        f"{reason} So the master key goes into {path}, readable by you alone: a copy of the database "
        "without it stays closed, but anyone who can read this directory can open the keys."
    )
