"""Errors in a response with status 200: how they are told from a reply, and which status they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

_NUMBERS = ("code", "status", "status_code", "statusCode", "http_code")
_SAID = ("message", "msg", "detail", "errors", "error_msg", "errorMessage")
_REPLY = frozenset(
    {
        "candidates", "choices", "content", "delta", "object", "output", "promptFeedback", "response",
        "type", "usage", "usageMetadata",
    }
)  # fmt: skip
"""Fields of which a reply's object has one, in some dialect."""


def find_error(event: str, value: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the error that an object of a stream is or holds; None where it is a part of a reply.

    Args:
        event: The name of the object's frame; empty if it has none.
        value: The object.
    """
    inner = value.get("error")
    says_so = "error" in {event.casefold(), value.get("type"), value.get("object")}
    if inner or says_so:
        return as_error(inner or value, value)
    for choice in _objects(value.get("choices")):
        if choice.get("error"):
            return as_error(choice["error"], choice)
    said = [value.get(name) for name in _SAID]
    if not _REPLY & value.keys() and any(s and isinstance(s, (str, list)) for s in said):
        return as_error(value, value)
    return None


def as_error(error: object, around: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return an error as an object, whatever it was sent as: an object, a list of them, a text, a number.

    Args:
        error: The error.
        around: The object that holds it, which may have the code.
    """
    whole = next(iter(_objects([error])), None) or next(iter(_objects(error)), None)
    if whole is not None:
        found = dict(whole)
    else:
        found = {"code": error} if as_status(error) else {"message": str(error)}
    if not isinstance(found.get("message"), str):
        found["message"] = ""
    if status_of(found) is None and around is not None:
        for name in _NUMBERS:
            if as_status(around.get(name)):
                found["code"] = around[name]
                break
    return found


def status_of(error: Mapping[str, Any]) -> int | None:
    """Return the HTTP status that an error names as a number; None where it names none."""
    return next((s for name in _NUMBERS if (s := as_status(error.get(name)))), None)


def as_status(value: object) -> int | None:
    """Return a number, or digits in a text, as a status; None for what is not a failure's."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) == 3:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
        return value
    return None


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in a list."""
    for item in cast("list[object]", value) if isinstance(value, list) else []:
        if isinstance(item, Mapping):
            yield cast("Mapping[str, Any]", item)
