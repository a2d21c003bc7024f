"""Positions in code points, as Python counts, and in UTF-16 units, as browsers do."""

from __future__ import annotations

import re

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def encode_utf16_offset(text: str, offset: int) -> int:
    """Return the UTF-16 units, as a browser counts them, before the code point at `offset`."""
    return offset + sum(1 for _ in _ASTRAL.finditer(text, 0, offset))


def decode_utf16_offset(text: str, units: int) -> int:
    """Return the code points before a position that is given in UTF-16 units.

    Raises:
        ValueError: If it lies within a surrogate pair or beyond the text.
    """
    offset = units
    for count, pair in enumerate(_ASTRAL.finditer(text), 1):
        unit = pair.start() + count - 1
        if units <= unit:
            break
        if units == unit + 1:
            raise ValueError(f"UTF-16 offset {units} lies within a character")
        offset = units - count
    if not 0 <= offset <= len(text):
        raise ValueError(f"UTF-16 offset {units} lies beyond the text")
    return offset
