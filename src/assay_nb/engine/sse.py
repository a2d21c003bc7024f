"""Server-sent events: how an engine's events cross from the gateway to a kernel.

`encode_event` and `decode_event` are exact inverses. The result of an instrument travels as its JSON
form and is read back by the instrument itself.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from assay_nb.engine.events import Delta, Event, Finished, NextRound, Started, Thought, Waiting
from assay_nb.errors import AssayError, ProviderUnavailable, error_from_dict
from assay_nb.instruments.base import Result

HEARTBEAT = b": alive\n\n"
"""A comment: clients skip it, and no proxy in between takes the line for dead."""

_KINDS: dict[str, type[Any]] = {
    "started": Started,
    "delta": Delta,
    "thought": Thought,
    "next_round": NextRound,
    "waiting": Waiting,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}

ReadResult = Callable[[Mapping[str, Any]], Result]


def encode_event(event: Event) -> bytes:
    """Return an event as it is written to the stream."""
    if isinstance(event, Finished):
        return write_event("finished", event.result.to_dict())
    # Not `asdict`, which copies in depth: no event holds more than plain values.
    fields = {name: getattr(event, name) for name in event.__slots__}
    return write_event(_NAMES[type(event)], fields)


def encode_error(error: AssayError) -> bytes:
    """Return the last event of a call that failed after its stream had begun."""
    return write_event("error", error.to_dict())


def decode_event(name: str, data: str, read: ReadResult) -> Event | None:
    """Return the event of that name; None for a name that a newer gateway may have.

    Args:
        name: The event's name.
        data: Its data, as JSON.
        read: Reads the instrument's result.

    Raises:
        AssayError: If the event is the call's error.
        ProviderUnavailable: If it cannot be read.
    """
    try:
        found = json.loads(data)
        if name == "error":
            error = error_from_dict(found)
        elif name == "finished":
            return Finished(read(found))
        else:
            kind = _KINDS.get(name)
            return None if kind is None else kind(**_known(kind, found))
    except (KeyError, TypeError, ValueError) as exc:
        raise ProviderUnavailable(
            "The gateway sent something that this version of assay_nb cannot read.",
            hint="Install the version that the hub has: `%assay` shows it.",
        ) from exc
    raise error


def _known(kind: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that this version knows: a newer gateway may say more."""
    return {name: found[name] for name in kind.__slots__ if name in found}


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """Yield the name and the data of each server-sent event in a stream of lines."""
    name, data = "message", list[str]()
    async for line in lines:
        line = line.rstrip("\r\n")
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "message", []
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))


def write_event(name: str, fields: Mapping[str, Any]) -> bytes:
    """Return one event as bytes of a `text/event-stream`."""
    # ASCII alone: neither a lone surrogate in a prompt nor an exotic line end can break the framing.
    return f"event: {name}\ndata: {json.dumps(fields, ensure_ascii=True)}\n\n".encode("ascii")
