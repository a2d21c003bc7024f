"""The key hierarchy: the keys above the provider keys.

    master key                    32 random bytes, in the key store
     ├─ …/mk-id        → its id, so that an entry cannot hold another key than it says
     ├─ …/mk-check     → check value in the database: a wrong key is told apart from tampering
     ├─ …/kek-wrap     → wraps the data keys
     ├─ …/manifest     → signs what rows there are
     └─ …/audit        → chains the audit
    data key                      32 random bytes, one per workspace and generation, stored wrapped
     ├─ …/fingerprint  → tells whether two stored keys are the same, inside one workspace only
     └─ seals the workspace's provider keys (`envelope`)

Each arrow is HKDF-SHA512 with a label of its own, so no derived key serves two purposes. Data keys are
random and not derived: a new master key wraps them again and leaves the rows alone, and one workspace
can get a new data key without the others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from functools import cached_property

from assay_nb.errors import VaultSealed
from assay_nb.vault.aad import DataKeyContext, Tag, encode_fields
from assay_nb.vault.envelope import CannotOpen, Cause, SealingKey, derive
from assay_nb.vault.secret import SecretBuffer, SecretBytes


class MasterKey:
    """One master key and what is derived from it."""

    def __init__(self, secret: SecretBytes) -> None:
        if len(secret) != 32:
            raise ValueError("A master key is 32 bytes.")
        self._secret = secret
        self.mk_id = bytes(self._derive(b"mk-id", 16).reveal())
        self.check_value = bytes(self._derive(b"mk-check").reveal())

    @classmethod
    def generate(cls) -> MasterKey:
        """Make a new random one."""
        return cls(SecretBytes(os.urandom(32)))

    @property
    def is_wiped(self) -> bool:
        """Whether it was dropped, as after a fork."""
        return self._secret.is_wiped

    def write(self) -> SecretBytes:
        """Return it as key stores keep it: `anbmk1.<base64url>.<8 hex digits of check>`."""
        body = base64.urlsafe_b64encode(self._secret.reveal()).rstrip(b"=")
        return SecretBytes(b"anbmk1." + body + b"." + _check_digits(self._secret))

    def wrap(self, context: DataKeyContext, data_key: SecretBytes) -> bytes:
        """Seal a data key under this master key."""
        return self._wrapping.seal(data_key, context.encode())

    def unwrap(self, context: DataKeyContext, wrapped: bytes) -> DataKey:
        """Return the data key that `wrap` sealed.

        Raises:
            CannotOpen: If it was not wrapped by this master key for this context.
        """
        secret = self._wrapping.open(wrapped, context.encode())
        if len(secret) != 32:
            raise CannotOpen(Cause.MALFORMED)
        return DataKey(context.dek_id, secret)

    def sign_manifest(self, manifest: bytes) -> bytes:
        """Return the MAC of a manifest."""
        return hmac.digest(self._manifest.reveal(), manifest, "sha256")

    def sign_audit(self, record: bytes) -> bytes:
        """Return the MAC of an audit record."""
        return hmac.digest(self._audit.reveal(), record, "sha256")

    @cached_property
    def _wrapping(self) -> SealingKey:
        return SealingKey(self.mk_id, self._derive(b"kek-wrap"))

    @cached_property
    def _manifest(self) -> SecretBytes:
        return self._derive(b"manifest")

    @cached_property
    def _audit(self) -> SecretBytes:
        return self._derive(b"audit")

    def _derive(self, purpose: bytes, length: int = 32) -> SecretBytes:
        return derive(self._secret, b"assay_nb/v1/" + purpose, length=length)


class DataKey(SealingKey):
    """A workspace's data key: it seals the workspace's provider keys and fingerprints them."""

    __slots__ = ()

    @classmethod
    def generate(cls) -> DataKey:
        """Make a new random one with a new id."""
        return cls(os.urandom(16), SecretBytes(os.urandom(32)))

    def wrap_under(self, master: MasterKey, context: DataKeyContext) -> bytes:
        """Return it sealed under a master key."""
        return master.wrap(context, self._secret)

    def fingerprint(self, workspace_id: bytes, provider: str, key: SecretBytes) -> bytes:
        """Return 64 bits that are equal for equal keys of one workspace and provider.

        The data key is the workspace's own, so equality cannot be seen across workspaces, and a new
        master key leaves fingerprints comparable.
        """
        head = encode_fields(((Tag.WORKSPACE, workspace_id), (Tag.PROVIDER, provider.encode())))
        record = SecretBuffer(head)
        record += key.reveal()
        with derive(self._secret, b"assay_nb/v1/fingerprint", length=32) as secret:
            return hmac.digest(secret.reveal(), record, "sha256")[:8]


def parse_master_key(value: bytes | bytearray | memoryview) -> MasterKey:
    """Read a master key as `MasterKey.write` writes it.

    Raises:
        VaultSealed: If it is cut short, mistyped, not a master key at all, or not a random one.
    """
    match = _VALUE.fullmatch(value)
    if match is None:
        raise VaultSealed(
            "The stored master key is not a whole `anbmk1.…` value.",
            hint="It was cut short, or holds a space or line end. Put the whole value back.",
        )
    try:
        secret = SecretBytes(base64.b64decode(match[1] + b"=", altchars=b"-_", validate=True))
    except binascii.Error:
        secret = SecretBytes(b"")
    if len(secret) != 32 or not hmac.compare_digest(_check_digits(secret), match[2]):
        raise VaultSealed(
            "The stored master key's check digits do not agree with it.",
            hint="A character was changed. Put the value back as it was.",
        )
    if len(set(secret.reveal())) < _LEAST_DIFFERENT:
        raise VaultSealed(
            "The stored master key was made up: nearly all of its bytes are alike.",
            hint="Have one generated: remove the file, or use `assay-nb gateway --new-master-key FILE`.",
        )
    return MasterKey(secret)


def _check_digits(secret: SecretBytes) -> bytes:
    digest = hashlib.sha256(b"assay_nb/v1/mk-text")
    digest.update(secret.reveal())
    return digest.hexdigest()[:8].encode()


_LEAST_DIFFERENT = 8
"""Different bytes in a master key. Of 32 random ones some 30 are; fewer than 8 come once in 10**36 keys."""

_VALUE = re.compile(rb"anbmk1\.([A-Za-z0-9_-]{43})\.([0-9a-f]{8})")
