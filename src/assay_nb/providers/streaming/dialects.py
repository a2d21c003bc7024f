"""Dialects of streams: each provider's own events for a part of a reply, a whole one, and an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from assay_nb.messages import Kind
from assay_nb.providers.refusals import read_refusal
from assay_nb.providers.streaming.in_band import status_of

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """How an SDK wants a dialect's stream.

    Attributes:
        parts: Yields an object's events: itself, with its name filled in, or those that a whole reply is
            told in.
        error: Returns an error as the object that the SDK raises.
        has_names: Whether frames have an `event:` line.
        has_done: Whether `[DONE]` closes the stream.
    """

    parts: Callable[[str, Object], Iterator[Object]]
    error: Callable[[Object], Object]
    has_names: bool = False
    has_done: bool = False


def _itself(event: str, value: Object) -> Iterator[Object]:
    yield value


def _named(event: str, value: Object) -> Object:
    """Return an event with its type, which a server may have said in the `event:` line alone."""
    return value if isinstance(value.get("type"), str) else {**value, "type": event or "unknown"}


# --- Anthropic


def _messages(event: str, value: Object) -> Iterator[Object]:
    if value.get("type") == "message" or ("type" not in value and "content" in value):
        yield from _tell_message(value)
    else:
        yield _named(event, value)


def _tell_message(message: Object) -> Iterator[Object]:
    """Yield a whole message as a stream tells it. A block that holds its text from the start is legal."""
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    yield {"type": "message_start", "message": {**message, "content": []}}
    for index, block in enumerate(cast("list[Any]", blocks) if isinstance(blocks, list) else []):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": message.get("stop_reason"), "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": message.get("usage")}
    yield {"type": "message_stop"}


def _anthropic_error(error: Object) -> Object:
    kind = error.get("type")
    if not isinstance(kind, str) or kind == "error":
        code = error.get("code")
        kind = code if isinstance(code, str) else "error"
    return {"type": "error", "error": {**error, "type": kind}}


# --- OpenAI

_LAST = {"completed": "response.completed", "failed": "response.failed", None: "response.completed"}
"""The event that closes a stream, by the response's status; with another one it is not whole."""


def _responses(event: str, value: Object) -> Iterator[Object]:
    is_whole = value.get("object") == "response" or isinstance(value.get("output"), list)
    if is_whole and not isinstance(value.get("type"), str):
        yield {"type": _LAST.get(value.get("status"), "response.incomplete"), "response": value}
    else:
        yield _named(event, value)


def _openai_error(error: Object) -> Object:
    return {"error": error}


# --- Google


def _gemini_error(error: Object) -> Object:
    return {
        "error": {**error, "code": status_of(error) or read_refusal(None, {"error": error}).status}
    }


WIRES: Mapping[Kind, Wire] = {
    "anthropic": Wire(_messages, _anthropic_error, has_names=True),
    "openai-responses": Wire(_responses, _openai_error, has_done=True),
    "openai-chat": Wire(_itself, _openai_error, has_done=True),
    "gemini": Wire(_itself, _gemini_error),
}
