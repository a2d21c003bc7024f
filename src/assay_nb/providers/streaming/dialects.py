"""Dialects of streams: each provider's own events for a part of a reply, a whole one, and an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from assay_nb.messages import Kind
from assay_nb.providers.counts import read_tokens
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

_COUNTS = (
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
)


def _gemini(event: str, value: Object) -> Iterator[Object]:
    """Yield what is read of a chunk, and nothing else of it.

    The SDK checks each field, and one that nobody reads here (a rating of a new kind, a citation without a
    page) would end a reply that was paid for. Some proxies wrap the chunk into a `response`.
    """
    chunk = value if "candidates" in value else _object(value.get("response")) or value
    # One candidate is asked for; of others that come, nothing is taken.
    first = next(_objects(chunk.get("candidates")), _object(None))
    is_ours = bool(first) and first.get("index") in {None, 0}
    kept: Object = {"candidates": [_candidate(first)] if is_ours else []}
    if isinstance(reason := _object(chunk.get("promptFeedback")).get("blockReason"), str):
        kept["promptFeedback"] = {"blockReason": reason}
    if isinstance(version := chunk.get("modelVersion"), str):
        kept["modelVersion"] = version
    usage = _object(chunk.get("usageMetadata"))
    counts = {name: read_tokens(usage.get(name)) for name in _COUNTS}
    if any(counts.values()):
        kept["usageMetadata"] = {name: n for name, n in counts.items() if n is not None}
    yield kept


def _candidate(candidate: Object) -> Object:
    parts: list[Object] = []
    for part in _objects(_object(candidate.get("content")).get("parts")):
        text, is_thought = part.get("text"), str(part.get("thought")).casefold() == "true"
        parts.append({"text": text if isinstance(text, str) else "", "thought": is_thought})
    kept: Object = {"content": {"role": "model", "parts": parts}}
    if isinstance(reason := candidate.get("finishReason"), str) and reason:
        kept["finishReason"] = reason
    return kept


def _object(value: Any) -> Object:
    """Return an object as it is, and an empty one for anything else."""
    return cast("Object", value) if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterator[Object]:
    """Yield the objects in a list."""
    yield from filter(
        None, map(_object, cast("list[Any]", value) if isinstance(value, list) else [])
    )


def _gemini_error(error: Object) -> Object:
    # The SDK wants a number there; a word that stood there says more, and is kept beside it. Where nothing
    # tells a status, the response's own is none of an error's.
    word = {"error_code": error["code"]} if isinstance(error.get("code"), str) else {}
    return {"error": {**error, **word, "code": status_of(error) or 200}}


WIRES: Mapping[Kind, Wire] = {
    "anthropic": Wire(_messages, _anthropic_error, has_names=True),
    "openai-responses": Wire(_responses, _openai_error, has_done=True),
    "openai-chat": Wire(_itself, _openai_error, has_done=True),
    "gemini": Wire(_gemini, _gemini_error),
}
