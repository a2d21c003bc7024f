"""One AES-GCM ciphertext that opens under two keys.

The tag is GHASH_H(associated data, ciphertext) ⊕ E_K(nonce ‖ 1). With all blocks but the last fixed, the
last block X enters each key's tag as X·H². Setting both tags equal gives X = (G1 ⊕ G2) · (H1² ⊕ H2²)⁻¹,
where Gi is the tag under key i with X = 0.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_POLYNOMIAL = 0xE1 << 120


def forge(key1: bytes, key2: bytes, nonce: bytes, associated_data: bytes, *, blocks: int) -> bytes:
    """Return a ciphertext and tag that both keys accept, with different plaintexts."""
    fixed = b"\xa5" * (16 * (blocks - 1))
    h1, h2 = (_block(key, bytes(16)) for key in (key1, key2))
    g1, g2 = (_tag(key, nonce, associated_data, fixed + bytes(16)) for key in (key1, key2))
    last = _times(g1 ^ g2, _inverse(_times(h1, h1) ^ _times(h2, h2)))
    ciphertext = fixed + last.to_bytes(16, "big")
    return ciphertext + _tag(key1, nonce, associated_data, ciphertext).to_bytes(16, "big")


def _tag(key: bytes, nonce: bytes, associated_data: bytes, ciphertext: bytes) -> int:
    h, y = _block(key, bytes(16)), 0
    lengths = (len(associated_data) * 8 << 64) | len(ciphertext) * 8
    for data in (_padded(associated_data), _padded(ciphertext), lengths.to_bytes(16, "big")):
        for start in range(0, len(data), 16):
            y = _times(y ^ int.from_bytes(data[start : start + 16], "big"), h)
    return y ^ _block(key, nonce + b"\0\0\0\1")


def _block(key: bytes, block: bytes) -> int:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # what GCM itself is made of
    return int.from_bytes(encryptor.update(block), "big")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _times(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if y >> bit & 1:
            product ^= x
        x = (x >> 1) ^ (_POLYNOMIAL if x & 1 else 0)
    return product


def _inverse(x: int) -> int:
    result, power = 1 << 127, x
    for _ in range(127):  # x^(2^128 - 2)
        power = _times(power, power)
        result = _times(result, power)
    return result
