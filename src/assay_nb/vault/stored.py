"""Plain data that the vault returns."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from assay_nb.messages import Destination
from assay_nb.vault.secret import SecretBytes

Mode = Literal["byok", "demo"]
"""Whose account pays: the workspace's own, or the operator's for a demo call."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What may be known of a stored key: everything but the key.

    Attributes:
        destination: Where it may be sent; proven only by `Vault.open_key`.
        state: From a real decrypt check; `"unchecked"` where none was asked for.
        verified: Whether the provider has accepted it.
        last4: The last four characters; `""` for a short key, or none.
        added_at: Seconds since 1970, UTC.
    """

    row_id: bytes
    row_version: int
    destination: Destination
    mode: str
    state: Literal["ready", "unreadable", "unchecked"]
    verified: bool
    last4: str
    added_by: str
    added_at: int


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A key and the one place it may be sent to. Leaving the `with` block overwrites the key.

    The key is empty where the destination is called without one.
    """

    row_id: bytes
    row_version: int
    destination: Destination
    secret: SecretBytes

    def __enter__(self) -> OpenedKey:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.secret.wipe()


@dataclass(frozen=True, slots=True)
class KeyRemoval:
    """What came of removing keys.

    Attributes:
        scrubbed: Whether the sealed bytes are gone from the database's files as well. False where
            another process held them open, or the server keeps them. Only revoking a key at its
            provider ends it.
    """

    scrubbed: bool


@dataclass(frozen=True, slots=True)
class VaultState:
    """Whether keys can be opened.

    Attributes:
        name: `"empty"` before the first key is saved.
        reason: Why it is sealed.
        hint: What to do about it.
    """

    name: Literal["empty", "open", "sealed"]
    reason: str = ""
    hint: str = ""
