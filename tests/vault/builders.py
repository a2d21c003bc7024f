"""A vault on a temporary SQLite file, and hands to tamper with it below."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay_nb.messages import Destination
from assay_nb.store.database import Database
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.secret import SecretBytes
from assay_nb.vault.stored import StoredKey
from assay_nb.vault.vault import Vault
from tests.canaries import make_canary
from tests.fakes.migrated import put_migrated

ANTHROPIC = Destination(
    "anthropic", "https://api.anthropic.com", "https://api.anthropic.com:443", "x-api-key"
)
OPENAI = Destination("openai", "https://api.openai.com/v1", "https://api.openai.com:443", "bearer")
GOOGLE = Destination(
    "google",
    "https://generativelanguage.googleapis.com",
    "https://generativelanguage.googleapis.com:443",
    "x-goog-api-key",
)
LOCAL = Destination("openai", "http://127.0.0.1:11434/v1", "http://127.0.0.1:11434", "none")
"""A server that is called without a key."""
RESEARCH = b"research" * 2
SUPPORT = b"support-" * 2


@dataclass
class House:
    """One vault, its files, and what is stored in it."""

    home: Path
    keys: dict[tuple[bytes, str], str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self.keystore = KeyFile(self.key_file)
        self.vault = self.open()

    @classmethod
    def migrated(cls, home: Path) -> House:
        """Return a vault in a new place, whose tables need not be made first."""
        put_migrated(home / "vault.sqlite")
        return cls(home)

    @property
    def key_file(self) -> Path:
        return self.home / "master.key"

    @property
    def file(self) -> Path:
        return self.home / "vault.sqlite"

    def open(self) -> Vault:
        """Open the vault as another process would: nothing is remembered."""
        self.database = Database.open(self.file)
        self.vault = Vault.open(self.database, KeyFile(self.key_file))
        return self.vault

    def save(
        self, workspace: bytes = RESEARCH, destination: Destination = ANTHROPIC, **how: Any
    ) -> StoredKey:
        key = make_canary(destination.provider)
        self.keys[workspace, destination.provider] = key
        how = {"added_by": "ada", "verified": True, **how}
        return self.vault.save_key(workspace, destination, secret(key), **how)

    def keyless(self, workspace: bytes = RESEARCH) -> StoredKey:
        """Store that a server is called without a key."""
        self.keys[workspace, LOCAL.provider] = ""
        return self.vault.save_key(workspace, LOCAL, secret(""), added_by="ada", verified=False)

    def read(self, workspace: bytes = RESEARCH, provider: Any = "anthropic", **how: Any) -> str:
        with self.vault.open_key(workspace, provider, **how) as opened:
            return bytes(opened.secret.reveal()).decode()

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Change the database behind the vault's back."""
        connection = sqlite3.connect(self.file, isolation_level=None)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def row(self, workspace: bytes = RESEARCH, provider: str = "anthropic") -> dict[str, Any]:
        connection = sqlite3.connect(self.file)
        connection.row_factory = sqlite3.Row
        try:
            found = connection.execute(
                "SELECT * FROM provider_keys WHERE workspace_id = ? AND provider = ?",
                (workspace, provider),
            ).fetchone()
            return dict(found)
        finally:
            connection.close()

    def events(self) -> list[str]:
        return [event for (event,) in self.sql("SELECT event FROM audit ORDER BY sequence")]


def secret(key: str | bytes) -> SecretBytes:
    return SecretBytes(key.encode() if isinstance(key, str) else key)


HouseFactory = Callable[..., House]
