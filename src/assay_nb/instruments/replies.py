"""From a reply's text to data that fits the schema: parse, validate, ask once more, or say why not.

The providers enforce the schema themselves, mostly. A refusal, a reply that was cut, and servers that
only claim to know schemas give something else, so all of it is checked here again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, cast

from assay_nb.errors import AssayError, BadReply, CallStopped
from assay_nb.messages import Message, Reply, Request

ReadT = TypeVar("ReadT")
WordT = TypeVar("WordT", bound=str)
Data = dict[str, Any]

_LONGEST_ECHO = 40_000
_MOST_STARTS = 20


class Malformed(Exception):
    """The reply is not what was asked for; the text is written for the model that is to repair it."""


# --- schemas: the subset that every provider accepts ----------------------------------------------

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


# --- parsing --------------------------------------------------------------------------------------


def parse_object(text: str) -> Data:
    """Return the JSON object in `text`, which may have a code fence or a sentence around it.

    Raises:
        Malformed: If there is none.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    start = text.find("{")
    for _ in range(_MOST_STARTS):
        if start < 0:
            break
        try:
            value, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return cast("Data", value)
    raise Malformed("the reply has to be one whole JSON object, with nothing before or after it")


def _refuse_constant(word: str) -> object:
    raise ValueError(word)


def parse_partial(text: str) -> Data:
    """Return what can be read of an object that is still being written; `{}` if nothing can."""
    from pydantic_core import from_json  # compiled, and of no use before a reply streams

    start = text.find("{")
    if start < 0:
        return {}
    try:
        value = from_json(text[start:], allow_partial="trailing-strings")
    except (ValueError, RecursionError):
        try:
            return parse_object(text)  # whole, with something behind it
        except Malformed:
            return {}
    return cast("Data", value) if isinstance(value, dict) else {}


def get_objects(data: Mapping[str, Any], name: str) -> list[Data]:
    """Return the objects in the array `data[name]`, leaving out whatever is not one."""
    value = data.get(name)
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Data", item) for item in items if isinstance(item, dict)]


def get_object(data: Mapping[str, Any], name: str) -> Data | None:
    """Return the object `data[name]`, or None if it is none."""
    value = data.get(name)
    return cast("Data", value) if isinstance(value, dict) else None


def get_word(data: Mapping[str, Any], name: str, words: Sequence[WordT]) -> WordT | None:
    """Return the string `data[name]` if it is one of `words`."""
    return next((word for word in words if word == data.get(name)), None)


def get_text(data: Mapping[str, Any], name: str) -> str:
    """Return the string `data[name]`, or an empty one."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


def clean(text: str, longest: int = 400) -> str:
    """Return a model's sentence fit to be shown: one line, nothing invisible, of bounded length."""
    line = " ".join(_UNSEEN.sub("", text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


# --- asking ---------------------------------------------------------------------------------------


Asking: TypeAlias = Generator[tuple[Request, ...], tuple[Reply, ...], ReadT]
"""A part of a script: it yields requests, is sent replies, and returns what was read from them."""


def ask(request: Request, read: Callable[[Data], ReadT]) -> Asking[ReadT]:
    """Ask, and ask once more if the reply does not fit.

    Args:
        request: What to ask; the reply is checked against its schema.
        read: Turns the data into something better, or raises `Malformed` where it does not hold.

    Raises:
        BadReply: If there is no reply that can be read.
    """
    readings = yield from ask_each((request,), read)
    return readings[0]


def ask_each(requests: Sequence[Request], read: Callable[[Data], ReadT]) -> Asking[list[ReadT]]:
    """Ask all at once, and once more for those whose replies do not fit; return what can be read.

    Raises:
        BadReply: If not a single reply can be read; it is the first fault that is told.
    """
    replies = yield tuple(requests)
    attempts = [_read(q, r, read) for q, r in zip(requests, replies, strict=True)]
    repairs = {
        index: _make_repair(requests[index], replies[index], attempt)
        for index, attempt in enumerate(attempts)
        if isinstance(attempt, Malformed)
    }
    if repairs:
        second = yield tuple(repairs.values())
        for index, reply in zip(repairs, second, strict=True):
            attempts[index] = _read(requests[index], reply, read)
    readings = [a for a in attempts if not isinstance(a, (AssayError, Malformed))]
    if not readings:
        raise _find_first_fault(attempts)
    return readings


def _read(
    request: Request, reply: Reply, read: Callable[[Data], ReadT]
) -> ReadT | AssayError | Malformed:
    """Return what the reply says, or the fault as a value: others may still be good."""
    try:
        check_stop(reply, request)
        data = parse_object(reply.text)
        check_schema(data, request.schema or {})
        return read(data)
    except (BadReply, CallStopped, Malformed) as fault:
        return fault


def _find_first_fault(attempts: Sequence[object]) -> AssayError:
    for attempt in attempts:
        if isinstance(attempt, AssayError):
            return attempt
    return BadReply(
        f"The model's reply does not fit what was asked for, and neither does its repair: "
        f"{attempts[0]}.",
        hint="Running it again may help; so may a model that supports structured output.",
    )


def check_stop(reply: Reply, request: Request) -> None:
    """Raise if the reply is not a complete one: each cause has its own sentence and next step."""
    if reply.stop == "end":
        return
    if reply.stop == "stopped":
        raise CallStopped("The call was stopped before the reply was whole.")
    message, hint = _STOPS[reply.stop]
    raise BadReply(message.format(limit=f"{request.max_output_tokens:,}"), hint=hint)


_STOPS: dict[str, tuple[str, str]] = {
    "refusal": (
        "The model declined to work on this prompt.",
        "Another model may accept it: add `-m PROVIDER/MODEL`.",
    ),
    "filtered": (
        "The provider's content filter stopped the reply.",
        "Another model or provider may accept the prompt: add `-m PROVIDER/MODEL`.",
    ),
    "length": (
        "The reply reached the limit of {limit} output tokens before it was whole.",
        "Raise max_output_tokens, lower the effort, or give it a shorter prompt.",
    ),
    "incomplete": (
        "The reply ended before it was whole, without the provider's closing mark.",
        "Run it again; nothing was changed.",
    ),
}


def _make_repair(request: Request, reply: Reply, fault: Malformed) -> Request:
    """Return the request with the reply and its fault added, so that the model can mend it."""
    order = (
        f"That reply cannot be used: {fault}. Send the whole JSON object again with this mended, and "
        "nothing else."
    )
    echo = reply.text[:_LONGEST_ECHO].strip() or "(an empty reply)"
    turns = (*request.messages, Message("assistant", echo), Message("user", order))
    return replace(request, messages=turns)
