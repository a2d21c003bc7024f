"""Make the envelope vectors, byte for byte the same each time: `python -m tests.vectors.make_envelopes`.

The file is frozen. A release that no longer opens what it holds would lose people's keys, so this is
run to add vectors, never to change those that are there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from assay_nb.messages import Destination
from assay_nb.vault.aad import DataKeyContext, KeyContext
from assay_nb.vault.envelope import SealingKey
from assay_nb.vault.secret import SecretBytes
from tests.vault.forgery import forge

FILE = Path(__file__).with_name("envelope.json")

KEY, OTHER_KEY = hashlib.sha256(b"key").digest(), hashlib.sha256(b"other key").digest()
KEY_ID = hashlib.sha256(b"id").digest()[:16]
ROW = KeyContext(
    vault_id=bytes(range(16)),
    workspace_id=bytes(range(16, 32)),
    row_id=bytes(range(32, 48)),
    destination=Destination(
        "anthropic", "https://api.anthropic.com", "https://api.anthropic.com:443", "x-api-key"
    ),
    dek_id=KEY_ID,
    row_version=1,
    last4="wxyz",
    mode="byok",
    version=1,
)
PLAINTEXT = b"not-a-provider-key-but-as-long-wxyz"


def make() -> dict[str, Any]:
    """Return all vectors."""
    with mock.patch("os.urandom", _counted()):
        good = _seal(ROW.encode())
        positive = list(_positive(good))
        negative = list(_negative(good))
        # Made last, since each message takes the next of the counted random numbers.
        more, wrong = _without_a_key()
        named, misnamed = _named()
    return {
        "schema": "assay_nb.envelope.v1",
        "positive": positive + more + named,
        "negative": negative + wrong + misnamed,
    }


def _positive(good: bytes) -> Iterator[dict[str, Any]]:
    yield _vector("a provider key", good)
    for name, plaintext in {"one byte": b"x", "4096 bytes": b"y" * 4096}.items():
        yield _vector(name, _seal(ROW.encode(), plaintext), plaintext=plaintext)
    for name, there in {
        "OpenAI": Destination(
            "openai", "https://api.openai.com/v1", "https://api.openai.com:443", "bearer"
        ),
        "a path of its own": Destination(
            "openai", "http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080", "bearer"
        ),
        "no last four": ROW.destination,
    }.items():
        bound = replace(ROW, destination=there, last4="" if name == "no last four" else "wxyz")
        yield _vector(name, _seal(bound.encode()), bound=bound.encode())
    wrapped = DataKeyContext(ROW.vault_id, ROW.workspace_id, bytes(range(48, 64)), 3, KEY_ID)
    yield _vector("a data key", _seal(wrapped.encode(), KEY), bound=wrapped.encode(), plaintext=KEY)


def _negative(good: bytes) -> Iterator[dict[str, Any]]:
    for cut in (*range(1, 17), 20, len(good) - 97, len(good) - 1, len(good)):
        yield _vector(f"cut by {cut}", good[: len(good) - cut])
    yield _vector("longer by one", good + b"\0")
    for name, position in {
        "magic": 0, "version in the magic": 3, "suite": 4, "key id": 5, "salt": 21,
        "last of the salt": 52, "nonce": 53, "last of the nonce": 64, "commitment": 65,
        "last of the commitment": 96, "ciphertext": 97, "last of the ciphertext": -17,
        "tag": -16, "last of the tag": -1,
    }.items():  # fmt: skip
        yield _vector(f"bit flipped: {name}", _flip(good, position))
    there = ROW.destination
    for name, bound in {
        "vault": replace(ROW, vault_id=bytes(16)),
        "workspace": replace(ROW, workspace_id=bytes(16)),
        "row": replace(ROW, row_id=bytes(16)),
        "provider": replace(ROW, destination=replace(there, provider="openai")),
        "origin": replace(ROW, destination=replace(there, origin="https://evil.example:443")),
        "endpoint": replace(
            ROW, destination=replace(there, endpoint="https://api.anthropic.com/x")
        ),
        "placement": replace(ROW, destination=replace(there, placement="bearer")),
        "data key": replace(ROW, dek_id=bytes(16)),
        "row version": replace(ROW, row_version=2),
        "last four": replace(ROW, last4="wxy0"),
        "mode": replace(ROW, mode="demo"),
    }.items():
        yield _vector(f"bound to another {name}", good, bound=bound.encode())
    other = _seal(ROW.encode(), b"z" * len(PLAINTEXT))
    yield _vector("another message's salt", good[:21] + other[21:53] + good[53:])
    yield _vector("another message's nonce", good[:53] + other[53:65] + good[65:])
    yield _vector("another message's commitment", good[:65] + other[65:97] + good[97:])
    yield _vector("another message's ciphertext", good[:97] + other[97:])
    yield _vector("another key", good, key=OTHER_KEY)
    yield _vector("no commitment", good[:65] + good[97:])
    yield _vector("a ciphertext for two keys", good[:97] + _two_keys(good[53:65]))


def _without_a_key() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the vectors of a server that is called without a key, and of the longest key."""
    there = Destination("openai", "http://127.0.0.1:11434/v1", "http://127.0.0.1:11434", "none")
    none = replace(ROW, destination=there, last4="").encode()
    bearer = replace(ROW, destination=replace(there, placement="bearer"), last4="").encode()
    empty, longest = _seal(none, b""), b"z" * 8192
    positive = [
        _vector("no key", empty, bound=none, plaintext=b""),
        _vector("8192 bytes", _seal(ROW.encode(), longest), plaintext=longest),
    ]
    negative = [
        _vector("no key, called a bearer's", empty, bound=bearer, plaintext=b""),
        _vector("a bearer's key, called none", _seal(bearer), bound=none),
        _vector("no key, longer by one", empty + b"\0", bound=none, plaintext=b""),
        _vector("no key, cut by one", empty[:-1], bound=none, plaintext=b""),
        _vector("no key, bit flipped in its tag", _flip(empty, -1), bound=none, plaintext=b""),
    ]
    return positive, negative


def _named() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the vectors of version 2, which binds the connection's name and kind."""
    there = Destination(
        "openai",
        "https://llm.example/v1",
        "https://llm.example:443",
        "api-key",
        "azure",
        "openai-responses",
    )
    row = replace(ROW, destination=there, version=2)
    good = _seal(row.encode())
    positive = [
        _vector("a named connection", good, bound=row.encode()),
        _vector(
            "a first name",
            _seal(replace(ROW, version=2).encode()),
            bound=replace(ROW, version=2).encode(),
        ),
    ]
    negative = [
        _vector(f"bound to another {name}", good, bound=other.encode())
        for name, other in {
            "connection": replace(row, destination=replace(there, connection="local")),
            "kind": replace(row, destination=replace(there, kind="openai-chat")),
            "version": replace(row, version=1),
            "header": replace(row, destination=replace(there, placement="bearer")),
        }.items()
    ]
    return positive, negative


def _two_keys(nonce: bytes) -> bytes:
    return forge(KEY, OTHER_KEY, nonce, ROW.encode(), blocks=3)


def _seal(bound: bytes, plaintext: bytes = PLAINTEXT) -> bytes:
    return SealingKey(KEY_ID, SecretBytes(KEY)).seal(SecretBytes(plaintext), bound)


def _vector(
    name: str,
    envelope: bytes,
    *,
    bound: bytes = ROW.encode(),
    key: bytes = KEY,
    plaintext: bytes = PLAINTEXT,
) -> dict[str, Any]:
    return {
        "name": name,
        "key_id": KEY_ID.hex(),
        "key": key.hex(),
        "associated_data": bound.hex(),
        "envelope": envelope.hex(),
        "plaintext": plaintext.hex(),
    }


def _flip(sealed: bytes, position: int) -> bytes:
    changed = bytearray(sealed)
    changed[position] ^= 1
    return bytes(changed)


def _counted() -> Any:
    count = iter(range(1_000_000))
    return lambda length: hashlib.shake_128(str(next(count)).encode()).digest(length)


if __name__ == "__main__":
    assert os.urandom(16) != os.urandom(16)
    FILE.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
