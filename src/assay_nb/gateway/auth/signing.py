"""Signatures by HMAC-SHA256: what leaves the gateway and comes back was not changed on the way.

Each purpose has a key of its own, made from the secret and the purpose's label. A value that was signed for
one purpose is therefore refused for every other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Purpose: TypeAlias = Literal[
    "session", "login", "xsrf", "run-token", "pass-through-token", "notice"
]
"""What is signed."""

_LABELS: dict[Purpose, bytes] = {
    "session": b"assay_nb/v1/session",
    "login": b"assay_nb/v1/login",
    "xsrf": b"assay_nb/v1/xsrf",
    "run-token": b"assay_nb/v1/run-token",
    "pass-through-token": b"assay_nb/v1/pass-through-token",
    "notice": b"assay_nb/v1/notice",
}
"""The label of each purpose's key. A changed label ends every signature that was made with the old one."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs bytes, and packs them for a cookie.

    Attributes:
        secret: Known to those who check the signatures, and to nobody else.
    """

    secret: bytes = field(repr=False)

    def sign(self, purpose: Purpose, content: bytes) -> bytes:
        """Return the signature of bytes."""
        key = hmac.digest(self.secret, _LABELS[purpose], hashlib.sha256)
        return hmac.digest(key, content, hashlib.sha256)

    def pack(self, purpose: Purpose, content: bytes) -> str:
        """Return bytes and their signature as a cookie's value. The bytes can be read by its holder."""
        return f"{base64.urlsafe_b64encode(content).decode()}.{self.sign(purpose, content).hex()}"

    def unpack(self, purpose: Purpose, value: str) -> bytes | None:
        """Return the bytes that were packed for this purpose; None if they were not, or were changed."""
        packed, _, signature = value.partition(".")
        try:
            content = base64.urlsafe_b64decode(packed.encode("ascii"))
        except ValueError:
            return None
        expected = self.sign(purpose, content).hex()
        right = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        return content if right else None
