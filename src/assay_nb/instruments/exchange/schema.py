"""Schemas in the subset that all three providers accept, and the check that data fits them.

Every property is required, none may be added, null is one of several choices, and there are no limits on
lengths or numbers. What else has to hold is checked where the data is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

Data = dict[str, Any]


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
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def one_of(*words: str) -> Data:
    """Return the schema of a string that is one of `words`."""
    return {"type": "string", "enum": list(words)}


def nullable(schema: Mapping[str, Any]) -> Data:
    """Return the schema of a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


_TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def check_schema(value: object, schema: Mapping[str, Any], path: str = "") -> None:
    """Raise `Malformed`, with the path to the first fault, if `value` does not fit `schema`."""
    if "anyOf" in schema:
        _check_any(value, schema["anyOf"], path)
        return
    if not isinstance(value, _TYPES[schema["type"]]):
        raise Malformed(f"{path or 'the reply'} has to be of type {schema['type']}")
    if "enum" in schema and value not in schema["enum"]:
        raise Malformed(f"{path} has to be one of {', '.join(schema['enum'])}")
    if isinstance(value, dict):
        _check_object(cast("Data", value), schema, path)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Any]", value)):
            check_schema(item, schema["items"], f"{path}[{index}]")


def _check_any(value: object, choices: Sequence[Mapping[str, Any]], path: str) -> None:
    """Check against the choice of the value's own type, whose faults say most."""
    for choice in choices:
        if isinstance(value, _TYPES[choice["type"]]):
            check_schema(value, choice, path)
            return
    raise Malformed(f"{path} has to be {' or '.join(choice['type'] for choice in choices)}")


def _check_object(value: Data, schema: Mapping[str, Any], path: str) -> None:
    properties = schema["properties"]
    for name in schema["required"]:
        if name not in value:
            raise Malformed(f"{path or 'the reply'} lacks {name!r}")
    for name, item in value.items():
        if name not in properties:
            raise Malformed(f"{path or 'the reply'} may not have {name!r}")
        check_schema(item, properties[name], f"{path}.{name}" if path else name)
