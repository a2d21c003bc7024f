"""Filling in of slots: a reply to a schema that has a fixed number of members of one form, and no list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay_nb.instruments.exchange.schema import NONE


def fill_slots(
    fields: Mapping[str, Any], name: str, items: Sequence[Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Return the slots `NAME_1`, `NAME_2`… that a schema has, the first of them filled.

    Args:
        fields: The schema's properties.
        name: What the slots' names begin with.
        items: What to fill in, as far as it has a member for it; what is left over stays out.
    """
    slots = [slot for slot in fields if slot.startswith(f"{name}_")]
    filled = dict(zip(slots, items, strict=False))
    return {slot: _fill(fields[slot]["properties"], filled.get(slot, {})) for slot in slots}


def _fill(members: Mapping[str, Any], item: Mapping[str, str]) -> dict[str, str]:
    return {name: item.get(name, _say_nothing(schema)) for name, schema in members.items()}


def _say_nothing(schema: Mapping[str, Any]) -> str:
    """Return the value that says that there is nothing; some word where it has to be one."""
    words = schema.get("enum", ("",))
    return NONE if NONE in words else words[0]
