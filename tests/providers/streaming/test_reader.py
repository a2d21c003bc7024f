"""The reader of streams: what servers send under status 200, and the one clean form of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from assay_nb.messages import Kind
from assay_nb.providers.streaming.reader import StreamReader

DIALECTS: tuple[Kind, ...] = ("anthropic", "openai-responses", "openai-chat", "gemini")

ONE = '{"type":"one","choices":[]}'
TWO = '{"type":"two","choices":[{"x":"😀\\u2028"}]}'
VALUES = [json.loads(ONE), json.loads(TWO)]


def read(
    pieces: Sequence[bytes], dialect: Kind = "openai-chat"
) -> tuple[bytes, list[int], str | None]:
    """Return the clean stream, the statuses that it named, and what is wrong with it."""
    statuses: list[int] = []
    reader = StreamReader(dialect, statuses.append)
    clean = b"".join(map(reader.feed, pieces)) + reader.finish()
    return clean, statuses, reader.fault


def values(clean: bytes) -> list[Any]:
    """Return what the frames of a clean stream hold, and check that it is clean."""
    found: list[Any] = []
    assert b"\r" not in clean
    for frame in clean.decode().split("\n\n")[:-1]:
        *names, data = frame.split("\n")
        assert all(name.startswith("event: ") for name in names)
        assert data.startswith("data: ")
        text = data.removeprefix("data: ")
        found.append(text if text == "[DONE]" else json.loads(text))
    return found


STREAMS = {
    "plain": f"data: {ONE}\n\ndata: {TWO}\n\n",
    "CRLF": f"data: {ONE}\r\n\r\ndata: {TWO}\r\n\r\n",
    "CR": f"data: {ONE}\r\rdata: {TWO}\r\r",
    "ends mixed": f"data: {ONE}\r\n\ndata: {TWO}\r\r\n",
    "no blank after the colon": f"data:{ONE}\n\ndata:{TWO}\n\n",
    "a byte order mark": f"\ufeffdata: {ONE}\n\ndata: {TWO}\n\n",
    "comments": f": hello\n\ndata: {ONE}\n: within\n\n:\n\ndata: {TWO}\n\n",
    "reconnection times": f"retry: 3000\n\ndata: {ONE}\n\nretry: 10\ndata: {TWO}\n\n",
    "ids": f"id: 1\ndata: {ONE}\n\nid: 2\n\nid\ndata: {TWO}\n\n",
    "events without data": f"event: ping\n\ndata: {ONE}\n\nevent: keep-alive\n\ndata: {TWO}\n\n",
    "empty data": f"data:\n\ndata: {ONE}\n\ndata\n\ndata: \n\ndata: {TWO}\n\n",
    "null data": f"data: null\n\ndata: {ONE}\n\ndata: null\n\ndata: {TWO}\n\n",
    "pings with words": f"event: ping\ndata: pong\n\ndata: {ONE}\n\ndata: {TWO}\n\n",
    "several data lines": f'data: {{"type":"one",\ndata: "choices":[]}}\n\ndata: {TWO}\n\n',
    "no blank line at the end": f"data: {ONE}\n\ndata: {TWO}",
    "one end of line at the end": f"data: {ONE}\n\ndata: {TWO}\n",
    "unknown fields": f"when: now\ndata: {ONE}\n\nnothing\n\ndata: {TWO}\n\n",
    "many blank lines": f"\n\n\ndata: {ONE}\n\n\n\ndata: {TWO}\n\n\n",
    "an array in a frame": f"data: [{ONE}, {TWO}]\n\n",
    "one object a line": f"{ONE}\n{TWO}\n",
    "one object a line, CRLF, no last end": f"{ONE}\r\n{TWO}",
    "records": f"\x1e{ONE}\n\x1e{TWO}\n",
    "an array": f"[{ONE},{TWO}]",
    "an array over lines": f"[\n{ONE}\n,\n{TWO}\n]\n",
    "objects over lines": "[" + ",\n".join(json.dumps(v, indent=2) for v in VALUES) + "\n]",
    "objects without anything between": ONE + TWO,
    "objects between frames": f"data: {ONE}\n\n{TWO}\n\n",
    "a frame that the end cuts": f'data: {ONE}\n\ndata: {TWO}\n\ndata: {{"choi',
    "a line that the end cuts": f'{ONE}\n{TWO}\n{{"choi',
}


@pytest.mark.parametrize("text", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("size", [None, 1, 2, 7])
def test_stream_is_read_however_it_is_written_and_cut(text: str, size: int | None) -> None:
    body = text.encode()
    pieces = [body] if size is None else [body[i : i + size] for i in range(0, len(body), size)]

    clean, statuses, fault = read(pieces)

    assert values(clean) == VALUES
    assert (statuses, fault) == ([], None)


@pytest.mark.parametrize("mark", ["[DONE]", "[done]", " [DONE] ", '"[DONE]"', "[Done]\t"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_closing_mark_is_kept_for_those_who_know_it(mark: str, dialect: Kind) -> None:
    clean, _, fault = read([f"data: {ONE}\n\ndata: {mark}\n\n".encode()], dialect)

    known = dialect in {"openai-chat", "openai-responses"}
    assert values(clean)[1:] == (["[DONE]"] if known else [])
    assert fault is None


def test_closing_mark_without_a_field_is_read() -> None:
    assert values(read([f"{ONE}\n[DONE]\n".encode()])[0]) == [VALUES[0], "[DONE]"]


GARBLED = {
    "a frame that is not JSON": "data: hello\n\n",
    "a frame whose JSON is cut": 'data: {"choices": [\n\n',
    "a number": "data: 7\n\n",
    "a text": 'data: "hello"\n\n',
    "an array with more than objects": f"data: [{ONE}, 7]\n\n",
    "two values and a word": f"data: {ONE} and more\n\n",
    "nested too deeply": "data: " + "[" * 100_000 + "\n\n",
    "a number too long": 'data: {"n": ' + "9" * 5_000 + "}\n\n",
    "words": "no healthy upstream\n",
    "a text as a body": '"hello"',
    "an object that the end cuts, and nothing else": '{"choices": [',
}


@pytest.mark.parametrize("text", GARBLED.values(), ids=GARBLED.keys())
def test_what_is_not_the_dialects_is_a_fault(text: str) -> None:
    assert read([text.encode()])[2] == "garbled"


@pytest.mark.parametrize("text", ["", "\n\n", ": ping\n\n", "retry: 1\n\n", "data: null\n\n", "[]"])
def test_stream_that_says_nothing_is_none(text: str) -> None:
    assert read([text.encode()]) == (b"", [], None)


@pytest.mark.parametrize("page", ["<!doctype html><p>Log in", "\n\n  <HTML>\n<body>", "<?xml ?>\n"])
def test_page_is_told_from_a_stream_whatever_its_label(page: str) -> None:
    assert read([page.encode()])[2] == "page"


def test_what_came_before_a_fault_is_handed_on() -> None:
    clean, _, fault = read([f"data: {ONE}\n\ndata: nonsense\n\ndata: {TWO}\n\n".encode()])

    assert (values(clean), fault) == ([VALUES[0]], "garbled")


def test_bytes_that_are_not_utf8_end_nothing() -> None:
    clean, _, fault = read([b'data: {"choices":[{"x":"a\xff\xfe"}]}\n\n'])

    assert values(clean) == [{"choices": [{"x": "a\ufffd\ufffd"}]}]
    assert fault is None


@pytest.mark.parametrize("half", [b"\\ud83d", "\ud83d".encode("utf-8", "surrogatepass")])
def test_half_of_a_pair_is_kept_for_its_other_half(half: bytes) -> None:
    clean, _, _ = read([b'data: {"choices":[{"x":"' + half + b'"}]}\n\n'])

    assert values(clean) == [{"choices": [{"x": "\ud83d"}]}]


# --- errors in a 200

ERRORS: dict[str, tuple[str, int | None]] = {
    "an object": ('data: {"error":{"message":"no","code":"server_error"}}\n\n', None),
    "a text": ('data: {"error":"no"}\n\n', None),
    "a list": ('data: {"errors":[{"message":"no"}]}\n\n', None),
    "a number": ('data: {"error":{"message":"no","code":402}}\n\n', 402),
    "digits": ('data: {"error":{"message":"no","code":"429"}}\n\n', 429),
    "a status beside it": ('data: {"error":"no","status_code":401}\n\n', 401),
    "only a number": ('data: {"error":503}\n\n', 503),
    "by its type": ('data: {"type":"error","error":{"type":"overloaded_error"}}\n\n', None),
    "flat, by its type": ('data: {"type":"error","code":"server_error","message":"no"}\n\n', None),
    "by its event": ('event: error\ndata: {"message":"no","code":500}\n\n', 500),
    "by its event, in words": ("event: error\ndata: Internal Server Error\n\n", None),
    "by its event, without words": ("event: error\ndata:\n\n", None),
    "by its object": ('data: {"object":"error","message":"no","code":400}\n\n', 400),
    "in a choice": ('data: {"choices":[{"error":{"message":"no","code":502}}]}\n\n', 502),
    "beside choices": ('data: {"choices":[{"delta":{}}],"error":{"code":500}}\n\n', 500),
    "as a detail": ('{"detail":"Not Found"}', None),
    "as a body": ('{"error":{"message":"Insufficient credits","code":402}}', 402),
    "as a body over lines": ('{\n "error": {\n  "message": "a } b",\n  "code": 402\n }\n}\n', 402),
    "a code that nobody knows yet": ('data: {"error":{"code":"tired_of_you"}}\n\n', None),
}


@pytest.mark.parametrize(("text", "status"), ERRORS.values(), ids=ERRORS.keys())
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("before", ["", f"data: {TWO}\n\n"])
def test_error_is_handed_on_in_the_dialect(
    text: str, status: int | None, dialect: Kind, before: str
) -> None:
    clean, statuses, fault = read([(before + text).encode()], dialect)

    error = values(clean)[-1]
    assert isinstance(error["error"], dict)
    assert isinstance(error["error"]["message"], str)
    assert statuses == ([] if status is None else [status])
    assert fault is None
    if dialect == "anthropic":
        assert clean.rsplit(b"event: ", 1)[1].startswith(b"error\n")
        assert isinstance(error["error"]["type"], str)
    if dialect == "gemini":
        assert error["error"]["code"] == (status or 200)  # the SDK wants a number there


@pytest.mark.parametrize("none", ["null", '""', "{}", "[]", "false", "0"])
def test_error_that_is_empty_is_none(none: str) -> None:
    value = {"choices": [], "error": json.loads(none)}

    assert values(read([f"data: {json.dumps(value)}\n\n".encode()])[0]) == [value]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('"status":"RESOURCE_EXHAUSTED"', {"status": "RESOURCE_EXHAUSTED"}),
        ('"code":"rate_limit_exceeded"', {"error_code": "rate_limit_exceeded"}),
    ],
)
def test_word_for_an_error_is_kept_beside_the_number_that_googles_sdk_wants(
    said: str, kept: dict[str, str]
) -> None:
    (error,) = values(read([f'data: {{"error":{{{said}}}}}\n\n'.encode()], "gemini")[0])

    assert error["error"] == {"code": 200, "message": "", **kept}


# --- names, and whole bodies


@pytest.mark.parametrize("dialect", ["anthropic", "openai-responses"])
@pytest.mark.parametrize(
    "frame",
    [
        'data: {"type":"message_stop"}',
        'event: message\ndata: {"type":"message_stop"}',
        "event: message_stop\ndata: {}",
        'event:message_stop\ndata:{"type":"message_stop"}',
    ],
)
def test_name_and_type_fill_each_other_in(dialect: Kind, frame: str) -> None:
    clean, _, _ = read([f"{frame}\n\n".encode()], dialect)

    assert values(clean) == [{"type": "message_stop"}]
    assert clean.startswith(b"event: message_stop\n") is (dialect == "anthropic")


def test_name_of_an_event_ends_no_line() -> None:
    clean, _, _ = read([b'data: {"type":"a\\nevent: error\\n\\ndata: 1"}\n\n'], "anthropic")

    assert values(clean) == [{"type": "a\nevent: error\n\ndata: 1"}]


def test_whole_message_is_told_as_a_stream() -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hello"}]
    message = {"type": "message", "model": "m", "content": blocks, "stop_reason": "end_turn"}
    message["usage"] = {"input_tokens": 1, "output_tokens": 2}

    told = values(read([json.dumps(message, indent=1).encode()], "anthropic")[0])

    assert [event["type"] for event in told] == [
        "message_start",
        *("content_block_start", "content_block_stop") * 2,
        "message_delta",
        "message_stop",
    ]
    assert [e["content_block"] for e in told if "content_block" in e] == blocks
    assert told[-2]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("completed", "response.completed"),
        ("incomplete", "response.incomplete"),
        ("failed", "response.failed"),
        ("in_progress", "response.incomplete"),
        ("an invented one", "response.incomplete"),
    ],
)
def test_whole_response_is_the_event_of_its_status(status: str, event: str) -> None:
    response = {"object": "response", "status": status, "output": []}

    told = values(read([json.dumps(response).encode()], "openai-responses")[0])

    assert told == [{"type": event, "response": response}]
