"""The envelope of one sealed message: its bytes, and the only code that makes or opens them.

    offset  length
         0       4   magic: "ANB1"
         4       1   suite: 1
         5      16   id of the key that sealed it
        21      32   salt
        53      12   nonce
        65      32   commitment
        97  n + 16   AES-256-GCM ciphertext and tag, for n bytes of plaintext (0 to 8192)

Every message has a key of its own:

    HKDF-SHA512(key, salt, "assay_nb/v1/row" ‖ suite ‖ SHA-256(associated data)) → 32 bytes + 32 bytes

The first half encrypts this one message, so the bound on random nonces under one key is never near.
The second half is the commitment, stored in the clear and compared before anything is decrypted. GCM
alone does not tie a ciphertext to one key: one can be made that opens under two. This does, and it
ties it to its associated data as well.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from assay_nb.vault.secret import SecretBuffer, SecretBytes

MAX_PLAINTEXT = 8192

_MAGIC = b"ANB1"
_SUITE = b"\x01"
_TAG = 16
_ID = slice(5, 21)
_SALT = slice(21, 53)
_NONCE = slice(53, 65)
_COMMITMENT = slice(65, 97)
_HEADER = 97
_LABEL = b"assay_nb/v1/row"
# Newer releases of cryptography write into a buffer of ours, which can be overwritten afterwards.
_HAS_INTO = hasattr(AESGCM, "decrypt_into") and hasattr(HKDF, "derive_into")


class Cause(StrEnum):
    """Why a message did not open. For the audit only: who asked learns that it did not, no more."""

    MALFORMED = "malformed"
    OTHER_KEY = "other-key"
    COMMITMENT = "commitment"
    TAG = "tag"
    NO_DATA_KEY = "no-data-key"
    DOUBTED = "doubted"
    EDITED = "edited"


class CannotOpen(Exception):
    """The message does not open. The text is blank; the cause is for the audit."""

    def __init__(self, cause: Cause) -> None:
        super().__init__()
        self.cause = cause


class SealingKey:
    """Seals messages and opens what it sealed, given the same associated data."""

    __slots__ = ("_secret", "key_id")

    def __init__(self, key_id: bytes, secret: SecretBytes) -> None:
        if len(key_id) != 16 or len(secret) != 32:
            raise ValueError("A sealing key is 32 bytes, its id 16.")
        self.key_id = key_id
        self._secret = secret

    def seal(self, plaintext: SecretBytes, associated_data: bytes) -> bytes:
        """Return an envelope that opens under this key and this associated data only."""
        _check_bound(associated_data)
        if len(plaintext) > MAX_PLAINTEXT:
            raise ValueError(f"A sealed message holds at most {MAX_PLAINTEXT} bytes.")
        salt, nonce = os.urandom(32), os.urandom(12)
        with self._derive(salt, associated_data) as derived:
            encryption_key, commitment = _split(derived)
            sealed = AESGCM(encryption_key).encrypt(nonce, plaintext.reveal(), associated_data)
            return b"".join((_MAGIC, _SUITE, self.key_id, salt, nonce, commitment, sealed))

    def open(self, envelope: bytes, associated_data: bytes) -> SecretBytes:
        """Return what was sealed.

        Raises:
            CannotOpen: If the envelope, the key or the associated data is not the one it was sealed with.
        """
        with self.derive_key(envelope, associated_data) as key:
            return key.decrypt()

    def derive_key(self, envelope: bytes, associated_data: bytes) -> MessageKey:
        """Return the key of one message, to open it more than once.

        Raises:
            CannotOpen: If the envelope, the key or the associated data is not the one it was sealed with.
        """
        _check_bound(associated_data)
        self._check_header(envelope)
        derived = self._derive(envelope[_SALT], associated_data)
        if hmac.compare_digest(envelope[_COMMITMENT], _split(derived)[1]):
            return MessageKey(derived, envelope, associated_data)
        derived.wipe()
        raise CannotOpen(Cause.COMMITMENT)

    def _check_header(self, envelope: bytes) -> None:
        length = len(envelope) - _HEADER - _TAG
        if not (0 <= length <= MAX_PLAINTEXT and envelope.startswith(_MAGIC + _SUITE)):
            raise CannotOpen(Cause.MALFORMED)
        if not hmac.compare_digest(envelope[_ID], self.key_id):
            raise CannotOpen(Cause.OTHER_KEY)

    def _derive(self, salt: bytes, associated_data: bytes) -> SecretBytes:
        info = _LABEL + _SUITE + hashlib.sha256(associated_data).digest()
        return derive(self._secret, info, salt=salt, length=64)


class MessageKey:
    """The key of one sealed message, which opens that message and no other one.

    Leaving the `with` block overwrites it. It says no more than the key that it was derived from does.
    """

    __slots__ = ("_bound", "_derived", "_envelope")

    def __init__(self, derived: SecretBytes, envelope: bytes, associated_data: bytes) -> None:
        self._derived = derived
        self._envelope = envelope
        self._bound = associated_data

    def decrypt(self) -> SecretBytes:
        """Return what was sealed.

        Raises:
            CannotOpen: If the ciphertext is not what was sealed.
        """
        return _decrypt(_split(self._derived)[0], self._envelope, self._bound)

    def __enter__(self) -> MessageKey:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._derived.wipe()


def derive(
    secret: SecretBytes, info: bytes, *, salt: bytes | None = None, length: int
) -> SecretBytes:
    """Derive key material with HKDF-SHA512. Each purpose has an `info` of its own."""
    kdf = HKDF(algorithm=_SHA512, length=length, salt=salt, info=info)
    if not _HAS_INTO:
        return SecretBytes(kdf.derive(secret.reveal()))
    buffer = SecretBuffer(length)
    kdf.derive_into(secret.reveal(), buffer)
    return SecretBytes.take(buffer)


def _decrypt(key: memoryview, envelope: bytes, associated_data: bytes) -> SecretBytes:
    sealed = memoryview(envelope)[_HEADER:]
    try:
        if not _HAS_INTO:
            return SecretBytes(AESGCM(key).decrypt(envelope[_NONCE], sealed, associated_data))
        buffer = SecretBuffer(len(sealed) - _TAG)
        AESGCM(key).decrypt_into(envelope[_NONCE], sealed, associated_data, buffer)
        return SecretBytes.take(buffer)
    except InvalidTag:
        raise CannotOpen(Cause.TAG) from None


def _split(derived: SecretBytes) -> tuple[memoryview, memoryview]:
    window = memoryview(derived.reveal())
    return window[:32], window[32:]


def _check_bound(associated_data: bytes) -> None:
    # cryptography takes None and b"" for "no associated data"; here nothing is sealed to nothing.
    if not associated_data:
        raise ValueError("A message is sealed to what it belongs to; this one belongs to nothing.")


_SHA512 = SHA512()
