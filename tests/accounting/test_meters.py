"""Meters: what a reply says that a call used, in every dialect, whole or cut off, however it comes in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay_nb.accounting.meters import KEPT, Reading, make_meter
from assay_nb.accounting.routes import MeteredRoute, read_route
from assay_nb.messages import Usage

MESSAGES = read_route("POST", "v1/messages", "anthropic")
CHAT = read_route("POST", "chat/completions", "openai-chat")
RESPONSES = read_route("POST", "responses", "openai-responses")
EMBEDDINGS = read_route("POST", "embeddings", "openai-chat")
GEMINI = read_route("POST", "v1beta/models/gemini-x:generateContent", "gemini")

ANTHROPIC_USAGE = {
    "input_tokens": 7,
    "cache_read_input_tokens": 20,
    "cache_creation_input_tokens": 3,
    "output_tokens": 5,
}
CHAT_USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 20},
}
RESPONSES_USAGE = {
    "input_tokens": 30,
    "output_tokens": 5,
    "input_tokens_details": {"cached_tokens": 20},
}
GEMINI_USAGE = {
    "promptTokenCount": 30,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 2,
    "cachedContentTokenCount": 20,
}
WHOLE = Usage(30, 5, 20)


def read(
    route: MeteredRoute, data: bytes, kind: str, *, size: int = 7, whole: bool = True
) -> Reading:
    """Return what a meter reads of a body that comes in pieces of so many bytes."""
    meter = make_meter(route, kind)
    for start in range(0, len(data), size):
        meter.feed(data[start : start + size])
    return meter.read(whole=whole)


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def events(*frames: Any) -> bytes:
    return b"".join(
        b"data: " + (frame if isinstance(frame, bytes) else body(frame)) + b"\n\n"
        for frame in frames
    )


BODIES = {
    "anthropic": (MESSAGES, {"model": "m-1", "content": [], "usage": ANTHROPIC_USAGE}),
    "chat": (CHAT, {"model": "m-1", "choices": [], "usage": CHAT_USAGE}),
    "responses": (RESPONSES, {"model": "m-1", "output": [], "usage": RESPONSES_USAGE, "user": None}),
    "gemini": (GEMINI, {"candidates": [], "usageMetadata": GEMINI_USAGE, "modelVersion": "m-1"}),
    "gemini's list": (GEMINI, [{"candidates": []}, {"usageMetadata": GEMINI_USAGE, "modelVersion": "m-1"}]),
    "chat at an anthropic connection": (MESSAGES, {"model": "m-1", "usage": CHAT_USAGE}),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("name", BODIES)
def test_whole_body_tells_tokens_and_model(name: str, size: int) -> None:
    route, document = BODIES[name]

    reading = read(route, body(document), "application/json", size=size)

    assert (reading.usage, reading.model, reading.is_final) == (WHOLE, "m-1", True)


START = {"type": "message_start", "message": {"model": "m-1", "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}}}  # fmt: skip
STREAMS: dict[str, tuple[MeteredRoute, list[Any]]] = {
    "anthropic": (MESSAGES, [
        START,
        {"type": "content_block_delta", "delta": {"text": "say \"usage\": {\"output_tokens\": 9}"}},
        {"type": "message_delta", "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]),
    "chat": (CHAT, [
        {"model": "m-1", "choices": [{"delta": {"content": "a"}}], "usage": None},
        {"model": "m-1", "choices": [], "usage": CHAT_USAGE},
        b"[DONE]",
    ]),
    "responses": (RESPONSES, [
        {"type": "response.created", "response": {"model": "m-1", "usage": None}},
        {"type": "response.completed", "response": {"model": "m-1", "usage": RESPONSES_USAGE}},
    ]),
    "gemini": (GEMINI, [
        {"candidates": [{}], "usageMetadata": {"promptTokenCount": 30}, "modelVersion": "m-1"},
        {"candidates": [{"finishReason": "STOP"}], "usageMetadata": GEMINI_USAGE, "modelVersion": "m-1"},
    ]),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize("name", STREAMS)
def test_whole_stream_tells_tokens_and_model(name: str, size: int) -> None:
    route, frames = STREAMS[name]

    reading = read(route, events(*frames), "text/event-stream", size=size)

    assert (reading.usage, reading.model, reading.is_final) == (WHOLE, "m-1", True)


@pytest.mark.parametrize("name", STREAMS)
def test_stream_without_the_providers_own_end_is_not_final(name: str) -> None:
    """Also where the connection was closed cleanly: a proxy in between may have cut it."""
    route, frames = STREAMS[name]

    reading = read(route, events(*frames[:-1]), "text/event-stream")

    assert not reading.is_final


@pytest.mark.parametrize("name", STREAMS)
def test_stream_that_the_connection_cut_is_not_final(name: str) -> None:
    route, frames = STREAMS[name]

    assert not read(route, events(*frames), "text/event-stream", whole=False).is_final


@pytest.mark.parametrize("name", BODIES)
def test_body_of_any_length_is_kept_in_part_and_read(name: str) -> None:
    route, document = BODIES[name]
    long = [{**document[0], "text": "x" * 9 * KEPT}, document[1]] if isinstance(document, list) else {
        next(iter(document)): next(iter(document.values())), "text": "x" * 9 * KEPT, **document
    }  # fmt: skip
    meter = make_meter(route, "application/json")
    data = body(long)
    for start in range(0, len(data), 1000):
        meter.feed(data[start : start + 1000])

    assert len(meter._kept.tail) <= 2 * KEPT  # pyright: ignore - the bound is what this is about
    assert meter.read(whole=True).usage == WHOLE


def test_last_event_of_any_length_is_read() -> None:
    end = {
        "type": "response.completed",
        "response": {"output": "x" * 9 * KEPT, "usage": RESPONSES_USAGE},
    }

    reading = read(RESPONSES, events(end), "text/event-stream", size=5000)

    assert (reading.usage, reading.is_final) == (WHOLE, True)


FORGED = {
    "input": {"usage": {"input_tokens": 1, "output_tokens": 1}},
    "text": '"usage": {"output_tokens": 1}',
}


@pytest.mark.parametrize("padding", [0, 9 * KEPT])
def test_what_a_model_writes_is_not_taken_for_what_it_used(padding: int) -> None:
    """A tool's arguments are JSON in the reply, and a prompt can ask for any."""
    document = {
        "model": "m",
        "content": ["x" * padding, FORGED],
        "usage": ANTHROPIC_USAGE,
        "end": [FORGED],
    }

    assert read(MESSAGES, body(document), "application/json", size=5000).usage == WHOLE


@pytest.mark.parametrize("data", [b"", b"not json", b"{", b'{"usage": 3}', b'{"usage": {"output_tokens": -1}}',
    b'{"usage": {"input_tokens": 1e99, "output_tokens": "x"}}', b"[" * 5000])  # fmt: skip
def test_what_makes_no_sense_is_unknown(data: bytes) -> None:
    assert read(RESPONSES, data, "application/json").usage == Usage()


def test_embeddings_have_no_output() -> None:
    found = read(
        EMBEDDINGS, body({"model": "e", "usage": {"prompt_tokens": 4}}), "application/json"
    )

    assert found.usage == Usage(4, 0)


@pytest.mark.parametrize("name", ["<b>x</b>", "a\nb", "x" * 300])
def test_model_that_is_not_a_name_is_not_taken(name: str) -> None:
    assert read(CHAT, body({"model": name, "usage": CHAT_USAGE}), "application/json").model == ""
