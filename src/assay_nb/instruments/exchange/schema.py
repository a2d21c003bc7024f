"""Schemas of replies, in the subset that `messages.Request` states, and what some data lacks of one.

Two forms of each schema exist. A model that is known to end a list gets lists. Any other gets *slots*, a
fixed number of members of one form, since nothing ends an open list: a small model held to a grammar writes
one item after the other until its output tokens are used up (measured: SmolLM2-135M, 1,600 tokens, no end).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Data = dict[str, Any]

NONE = "none"
"""The word that says that there is nothing: schemas have no null, which would make each field a union."""


class Malformed(Exception):
    """The reply is not what was asked for; the text is written for the model that is to repair it."""


STRING: Data = {"type": "string"}


def object_of(**properties: Mapping[str, Any]) -> Data:
    """Return the schema of an object: every property required, in this order, and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def array_of(items: Mapping[str, Any]) -> Data:
    """Return the schema of an array, for models that are known to end one."""
    return {"type": "array", "items": items}


def one_of(*words: str) -> Data:
    """Return the schema of a string that is one of `words`."""
    return {"type": "string", "enum": list(words)}


def name_slots(name: str, count: int) -> list[str]:
    """Return the keys of `count` slots: `finding_1`, `finding_2` and so on."""
    return [f"{name}_{number}" for number in range(1, count + 1)]


def slots_of(name: str, count: int, schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the properties of `count` slots of one form."""
    return dict.fromkeys(name_slots(name, count), schema)


def is_choices(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema is an object of choices alone, each of which is of use without the others."""
    members: Mapping[str, Any] = schema.get("properties", {})
    return bool(members) and all("enum" in member for member in members.values())


def has_lists(schema: Mapping[str, Any]) -> bool:
    """Return whether a member of a schema is a list, of which nobody can say from its beginning how long it is."""
    return any(member["type"] == "array" for member in schema.get("properties", {}).values())


_LONGEST_TEXT = 600
_MOST_ITEMS = 12
_MOST_WITHIN = 3
_AROUND = 40
_TIMES = 12


def find_longest(schema: Mapping[str, Any], read: int) -> int:
    r"""Return how many characters a reply can have that is meant to fit a schema.

    It is generous, so that no reply that is of use ever has as many: every text gets 600 characters, every
    list twelve items, one within a list three, and all that stands in the question may be written out twice
    with each letter as an escape such as `\u00e9`. A rewrite may be ten times as long as its prompt.

    Args:
        schema: What is asked for.
        read: Characters of the question, without the standing instructions.
    """
    return _longest(schema) + _TIMES * read


def _longest(schema: Mapping[str, Any], items: int = _MOST_ITEMS) -> int:
    if schema["type"] == "array":
        return items * _longest(schema["items"], _MOST_WITHIN)
    if schema["type"] == "object":
        members: Mapping[str, Any] = schema["properties"]
        return sum(_AROUND + len(name) + _longest(one, items) for name, one in members.items())
    return max(map(len, schema["enum"])) if "enum" in schema else _LONGEST_TEXT


def find_missing(
    data: Mapping[str, Any], schema: Mapping[str, Any], names: Sequence[str] | None = None
) -> dict[str, Mapping[str, Any]]:
    """Return the properties that data lacks, of an object of choices only those choices.

    Args:
        data: What `fitting.keep_fitting` kept.
        schema: What was asked for.
        names: The properties to look for; all of them if omitted.
    """
    missing: dict[str, Mapping[str, Any]] = {}
    for name in names if names is not None else schema["required"]:
        member = schema["properties"][name]
        if name not in data:
            missing[name] = member
        elif is_choices(member):
            rest = find_missing(data[name], member)
            missing |= {name: object_of(**rest)} if rest else {}
    return missing


def merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> Data:
    """Return the members of both, of two objects with one name the members of both again."""
    both = {
        name: {**first[name], **second[name]} for name in first if _are_objects(name, first, second)
    }
    return {**first, **second, **both}


def _are_objects(name: str, *holders: Mapping[str, Any]) -> bool:
    return all(isinstance(holder.get(name), dict) for holder in holders)
