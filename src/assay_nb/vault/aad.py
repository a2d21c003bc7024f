"""Associated data: what a sealed message is bound to, written so that it reads in one way only.

Opening a row means rebuilding these bytes from the row's columns and from what the request was allowed
to see. Whatever was moved, edited or rolled back gives other bytes, and the message does not open.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from assay_nb.messages import Destination

CURRENT = 2
"""The version of a provider key's associated data that is sealed with; version 1 opens for ever.

Version 2 binds the connection's name and kind. A key of version 1 belongs to a connection that bears its
provider's name, whose kind follows from provider and origin, which are bound.
"""


class Tag(IntEnum):
    """The fields' numbers. A number is never given a second meaning."""

    RECORD = 1
    SCHEMA = 2
    VAULT = 3
    WORKSPACE = 4
    ROW = 5
    PROVIDER = 6
    ORIGIN = 7
    PLACEMENT = 8
    DATA_KEY = 9
    ROW_VERSION = 10
    LAST4 = 11
    MODE = 12
    ENDPOINT = 13
    GENERATION = 14
    MASTER_KEY = 15
    EPOCH = 16
    ENTRIES = 17
    LIMIT = 18
    ENVELOPE = 19
    STATE = 20
    ACTOR = 21
    TIME = 22
    FINGERPRINT = 23
    EVENT = 24
    SUBJECT = 25
    PREVIOUS = 26
    MASTER_KEYS = 27
    CONNECTION = 28
    KIND = 29


def encode_fields(fields: Sequence[tuple[int, bytes]]) -> bytes:
    """Encode tagged fields so that no two lists of fields share an encoding.

    Each field is its tag (one byte), its length (four bytes, big endian) and its bytes. Joining
    with a separator would not do: `("a:b", "c")` and `("a", "b:c")` would read the same.

    Args:
        fields: Pairs of tag and value, in ascending order of tag, each tag once.

    Raises:
        ValueError: If a tag is out of range, out of order or repeated.
    """
    encoded: list[bytes] = []
    last = 0
    for tag, value in fields:
        if not last < tag < 256:
            raise ValueError("Tags go from 1 to 255, ascending, each once.")
        encoded += _HEAD.pack(tag, len(value)), value
        last = tag
    return b"".join(encoded)


def decode_fields(encoded: bytes) -> list[tuple[int, bytes]]:
    """Return the fields that `encode_fields` encoded.

    Raises:
        ValueError: If these bytes are not the encoding of any fields.
    """
    fields: list[tuple[int, bytes]] = []
    position, last = 0, 0
    while position < len(encoded):
        if len(encoded) - position < _HEAD.size:
            raise ValueError("A field is cut short.")
        tag, length = _HEAD.unpack_from(encoded, position)
        position += _HEAD.size
        value = encoded[position : position + length]
        if tag <= last or len(value) != length:
            raise ValueError("A field is out of order or cut short.")
        fields.append((tag, value))
        position, last = position + length, tag
    return fields


def encode_number(number: int) -> bytes:
    """Write a number as 64 bits, big endian. The database's numbers are signed."""
    return number.to_bytes(8, "big", signed=True)


@dataclass(frozen=True, slots=True)
class KeyContext:
    """Everything that one stored provider key is bound to.

    Attributes:
        workspace_id: From the caller's membership, never from the row.
        last4: The characters that are shown, so that what is shown cannot be edited.
        version: Which fields are bound: see `CURRENT`.
    """

    vault_id: bytes
    workspace_id: bytes
    row_id: bytes
    destination: Destination
    dek_id: bytes
    row_version: int
    last4: str
    mode: str
    version: int = CURRENT

    def encode(self) -> bytes:
        """Return the associated data."""
        there = self.destination
        named = (
            (Tag.CONNECTION, there.connection.encode()),
            (Tag.KIND, there.kind.encode()),
        )
        return encode_fields(
            (
                (Tag.RECORD, b"assay_nb:provider-key"),
                (Tag.SCHEMA, self.version.to_bytes(2, "big")),
                (Tag.VAULT, self.vault_id),
                (Tag.WORKSPACE, self.workspace_id),
                (Tag.ROW, self.row_id),
                (Tag.PROVIDER, there.provider.encode()),
                (Tag.ORIGIN, there.origin.encode()),
                (Tag.PLACEMENT, there.placement.encode()),
                (Tag.DATA_KEY, self.dek_id),
                (Tag.ROW_VERSION, encode_number(self.row_version)),
                (Tag.LAST4, self.last4.encode()),
                (Tag.MODE, self.mode.encode()),
                (Tag.ENDPOINT, there.endpoint.encode()),
                *(named if self.version > 1 else ()),
            )
        )


@dataclass(frozen=True, slots=True)
class DataKeyContext:
    """Everything that one workspace's wrapped data key is bound to."""

    vault_id: bytes
    workspace_id: bytes
    dek_id: bytes
    generation: int
    mk_id: bytes

    def encode(self) -> bytes:
        """Return the associated data."""
        return encode_fields(
            (
                (Tag.RECORD, b"assay_nb:dek"),
                (Tag.SCHEMA, _DATA_KEY_SCHEMA),
                (Tag.VAULT, self.vault_id),
                (Tag.WORKSPACE, self.workspace_id),
                (Tag.DATA_KEY, self.dek_id),
                (Tag.GENERATION, encode_number(self.generation)),
                (Tag.MASTER_KEY, self.mk_id),
            )
        )


_HEAD = struct.Struct(">BI")
_DATA_KEY_SCHEMA = (1).to_bytes(2, "big")
