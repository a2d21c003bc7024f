"""How each provider says things on the wire: frames, whole bodies and error bodies.

Only what the official SDKs parse, in the order in which the real services send it. `providers.py` runs
these behind one loopback server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server does with one request.

    Attributes:
        chunks: The reply's text, one frame each.
        input_tokens: Reported as the prompt's tokens; None leaves usage out altogether.
        output_tokens: Reported as the reply's tokens.
        cached_tokens: Reported as read from the cache, and part of `input_tokens`.
        stop: `end`, `length`, `refusal` or `filtered`, said in the provider's own words.
        finish: The provider's word for why it ended, sent as it is in place of `stop`'s; "" sends none.
        model: The model that claims to have answered; None repeats the one asked for.
        status: An HTTP status other than 200 sends the provider's error body instead of a reply.
        code: The provider's own error code in that body; None takes the usual one for the status.
        body: The whole error body, in place of the provider's usual one.
        error_frame: A frame with an error, sent in a 200 stream before any text.
        retry_after: A Retry-After header.
        fault: What goes wrong, after `fault_after` chunks (see `FAULTS`).
        fault_after: How many chunks go out before the fault.
        pause: Seconds between two chunks.
        hold: Whether the last chunk waits until the test calls `release`.
        delay: Seconds before the headers.
        together: How many calls have to be here at once before one is answered.
        headers: Extra response headers.
        location: Where a 3xx points.
        raw: The body's pieces, sent as they are in place of what a provider would send.
        label: The content type of `raw`.
        thinking: Text sent as the model's thinking, before the reply.
        thinking_tokens: Tokens that the usage counts as thinking, which some models do unseen.
    """

    chunks: Sequence[str] = ("Hello", ", ", "world.")
    input_tokens: int | None = 12
    output_tokens: int = 5
    cached_tokens: int = 0
    stop: str = "end"
    finish: str | None = None
    model: str | None = None
    status: int = 200
    code: str | None = None
    body: Any = None
    error_frame: Any = None
    retry_after: str | None = None
    fault: str | None = None
    fault_after: int = 1
    pause: float = 0.0
    hold: bool = False
    delay: float = 0.0
    together: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str | None = None
    raw: Sequence[bytes] | None = None
    label: str = "text/event-stream"
    thinking: str | None = None
    thinking_tokens: int = 0

    @property
    def text(self) -> str:
        return "".join(self.chunks)

    def finish_word(self, words: Mapping[str, str]) -> str | None:
        """Return the provider's word for why it ended; None where it says none."""
        return words[self.stop] if self.finish is None else self.finish or None


FAULTS = {
    "error_event": "an error in band, mid-stream (Anthropic: overloaded_error)",
    "eof": "a clean end of the body, without the terminal marker",
    "cut": "the connection is closed mid-body",
    "reset": "the connection is reset mid-body",
    "half_frame": "a frame whose JSON is cut, then a clean end",
    "garbage": "a frame that is not JSON",
    "stall": "silence mid-stream, for longer than any test waits",
    "stall_headers": "silence before the headers, for longer than any test waits",
    "html": "200 and a log-in page, as a captive portal sends",
    "empty": "200 and no body at all",
    "gzip_bomb": "200 MB of spaces, compressed to 200 kB",
    "flood": "text frames without end",
    "drip": "a sign of life a second, and never a word",
    "echo_body": "the request's headers in a text frame",
    "echo_split": "the key in text frames, cut in the middle",
    "echo_base64": "the key in a text frame, base64-encoded",
    "echo_url": "the key in a text frame, percent-encoded",
    "echo_json": "the key in a text frame, every character JSON-escaped",
    "echo_header": "the key in a response header that the SDK reads",
    "echo_error": "401 with the whole key in the error text",
}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _data(value: Any) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


class Wire(Protocol):
    """One provider's way of saying things."""

    name: str
    provider: str

    def model(self, path: str, body: Mapping[str, Any]) -> str: ...
    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool: ...
    def has_schema(self, body: Mapping[str, Any]) -> bool: ...
    def opening(self, answer: Answer, model: str) -> Iterator[bytes]: ...
    def delta(self, text: str) -> bytes: ...
    def closing(self, answer: Answer, model: str) -> Iterator[bytes]: ...
    def error_frame(self) -> bytes: ...
    def ping(self) -> bytes: ...
    def whole(self, answer: Answer, model: str) -> Any: ...
    def error(self, status: int, code: str | None, text: str) -> Any: ...
    def models(self, names: Sequence[str]) -> Any: ...
    def count(self, tokens: int) -> Any: ...


class AnthropicMessages:
    name = "anthropic"
    provider = "anthropic"

    _STOP: ClassVar = {
        "end": "end_turn",
        "length": "max_tokens",
        "refusal": "refusal",
        "filtered": "refusal",
    }
    _TYPE: ClassVar = {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }

    def model(self, path: str, body: Mapping[str, Any]) -> str:
        return str(body.get("model"))

    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool:
        return bool(body.get("stream"))

    def has_schema(self, body: Mapping[str, Any]) -> bool:
        return "format" in (body.get("output_config") or {})

    def _event(self, value: Mapping[str, Any]) -> bytes:
        return b"event: " + str(value["type"]).encode() + b"\n" + _data(value)

    def _usage(self, answer: Answer, output: int) -> dict[str, Any]:
        return {
            "input_tokens": (answer.input_tokens or 0) - answer.cached_tokens,
            "cache_read_input_tokens": answer.cached_tokens,
            "cache_creation_input_tokens": 0,
            "output_tokens": output,
        }

    def opening(self, answer: Answer, model: str) -> Iterator[bytes]:
        message: dict[str, Any] = {
            "id": "msg_fake",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }
        if answer.input_tokens is not None:
            message["usage"] = self._usage(answer, 1)
        yield self._event({"type": "message_start", "message": message})
        yield self.ping()
        index = 0
        if answer.thinking:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            yield self._event({"type": "content_block_start", "index": 0, "content_block": block})
            delta = {"type": "thinking_delta", "thinking": answer.thinking}
            yield self._event({"type": "content_block_delta", "index": 0, "delta": delta})
            yield self._event({"type": "content_block_stop", "index": 0})
            index = 1
        elif answer.thinking_tokens:
            block = {"type": "redacted_thinking", "data": "sealed"}
            yield self._event({"type": "content_block_start", "index": 0, "content_block": block})
            yield self._event({"type": "content_block_stop", "index": 0})
            index = 1
        block = {"type": "text", "text": ""}
        yield self._event({"type": "content_block_start", "index": index, "content_block": block})

    def delta(self, text: str) -> bytes:
        delta = {"type": "text_delta", "text": text}
        return self._event({"type": "content_block_delta", "index": 0, "delta": delta})

    def closing(self, answer: Answer, model: str) -> Iterator[bytes]:
        yield self._event({"type": "content_block_stop", "index": 0})
        end: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": answer.finish_word(self._STOP), "stop_sequence": None},
        }
        if answer.input_tokens is not None:
            end["usage"] = {"output_tokens": answer.output_tokens}
        yield self._event(end)
        yield self._event({"type": "message_stop"})

    def ping(self) -> bytes:
        return self._event({"type": "ping"})

    def error_frame(self) -> bytes:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return self._event({"type": "error", "error": error})

    def whole(self, answer: Answer, model: str) -> Any:
        return {
            "id": "msg_fake",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": answer.text}],
            "stop_reason": answer.finish_word(self._STOP),
            "stop_sequence": None,
            "usage": self._usage(answer, answer.output_tokens),
        }

    def error(self, status: int, code: str | None, text: str) -> Any:
        kind = code or self._TYPE.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_fake"}

    def models(self, names: Sequence[str]) -> Any:
        data = [
            {
                "type": "model",
                "id": name,
                "display_name": name,
                "created_at": "2026-02-01T00:00:00Z",
                "max_input_tokens": 1_000_000,
                "max_tokens": 128_000,
            }
            for name in names
        ]
        return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}

    def count(self, tokens: int) -> Any:
        return {"input_tokens": tokens}


class _OpenAI:
    provider = "openai"

    _CODE: ClassVar = {
        401: "invalid_api_key",
        402: "billing_not_active",
        404: "model_not_found",
        429: "rate_limit_exceeded",
    }

    def model(self, path: str, body: Mapping[str, Any]) -> str:
        return str(body.get("model"))

    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool:
        return bool(body.get("stream"))

    def ping(self) -> bytes:
        return b": still here\n\n"

    def error(self, status: int, code: str | None, text: str) -> Any:
        kind = "invalid_request_error" if status < 500 else "server_error"
        code = code or self._CODE.get(status)
        return {"error": {"message": text, "type": kind, "param": None, "code": code}}

    def models(self, names: Sequence[str]) -> Any:
        data = [
            {"id": name, "object": "model", "created": 1_760_000_000, "owned_by": "fake"}
            for name in names
        ]
        return {"object": "list", "data": data}

    def count(self, tokens: int) -> Any:
        return {"object": "response.input_tokens", "input_tokens": tokens}


class OpenAIResponses(_OpenAI):
    name = "openai-responses"

    def __init__(self) -> None:
        self._number = 0

    def has_schema(self, body: Mapping[str, Any]) -> bool:
        return "format" in (body.get("text") or {})

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        value = {"type": kind, "sequence_number": self._number, **fields}
        return b"event: " + kind.encode() + b"\n" + _data(value)

    def _response(self, answer: Answer, model: str, status: str) -> dict[str, Any]:
        response: dict[str, Any] = {
            "id": "resp_fake",
            "object": "response",
            "created_at": 1_760_000_000,
            "model": model,
            "status": status,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "error": None,
            "incomplete_details": None,
        }
        if status != "in_progress" and answer.input_tokens is not None:
            response["usage"] = {
                "input_tokens": answer.input_tokens,
                "input_tokens_details": {"cached_tokens": answer.cached_tokens},
                "output_tokens": answer.output_tokens,
                "output_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
                "total_tokens": answer.input_tokens + answer.output_tokens,
            }
        return response

    def opening(self, answer: Answer, model: str) -> Iterator[bytes]:
        started = self._response(answer, model, "in_progress")
        yield self._event("response.created", response=started)
        yield self._event("response.in_progress", response=started)
        if answer.thinking:
            where = {"item_id": "rs_fake", "output_index": 0, "summary_index": 0}
            kind = "response.reasoning_summary_text.delta"
            yield self._event(kind, delta=answer.thinking, **where)
        item = {"id": "msg_fake", "type": "message", "role": "assistant", "status": "in_progress"}
        item["content"] = []
        yield self._event("response.output_item.added", output_index=0, item=item)
        part = {"type": "output_text", "text": "", "annotations": []}
        where = {"item_id": "msg_fake", "output_index": 0, "content_index": 0}
        yield self._event("response.content_part.added", part=part, **where)

    def delta(self, text: str) -> bytes:
        where = {"item_id": "msg_fake", "output_index": 0, "content_index": 0}
        return self._event("response.output_text.delta", delta=text, logprobs=[], **where)

    def closing(self, answer: Answer, model: str) -> Iterator[bytes]:
        where = {"item_id": "msg_fake", "output_index": 0, "content_index": 0}
        if answer.stop == "refusal":
            yield self._event("response.refusal.delta", delta="I can't help with that.", **where)
        done = {"text": answer.text, "logprobs": []}
        yield self._event("response.output_text.done", **done, **where)
        reason = {"length": "max_output_tokens", "filtered": "content_filter"}.get(answer.stop)
        reason = reason if answer.finish is None else answer.finish or None
        status = "incomplete" if reason else "completed"
        response = self._response(answer, model, status)
        if reason:
            response["incomplete_details"] = {"reason": reason}
        yield self._event(f"response.{status}", response=response)

    def error_frame(self) -> bytes:
        return self._event("error", code="server_error", message="The server broke.", param=None)

    def whole(self, answer: Answer, model: str) -> Any:
        response = self._response(answer, model, "completed")
        content = [{"type": "output_text", "text": answer.text, "annotations": []}]
        item = {"id": "msg_fake", "type": "message", "role": "assistant", "status": "completed"}
        return {**response, "output": [{**item, "content": content}]}


class OpenAIChat(_OpenAI):
    name = "openai-chat"

    _STOP: ClassVar = {
        "end": "stop",
        "length": "length",
        "refusal": "stop",
        "filtered": "content_filter",
    }

    def has_schema(self, body: Mapping[str, Any]) -> bool:
        return "response_format" in body

    def _chunk(self, model: str, choices: Sequence[Any], **extra: Any) -> bytes:
        value = {
            "id": "chatcmpl-fake",
            "object": "chat.completion.chunk",
            "created": 1_760_000_000,
            "model": model,
            "choices": choices,
            **extra,
        }
        return _data(value)

    def _choice(self, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "finish_reason": finish}

    def _usage(self, answer: Answer) -> dict[str, Any]:
        return {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": (answer.input_tokens or 0) + answer.output_tokens,
            "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
        }

    def opening(self, answer: Answer, model: str) -> Iterator[bytes]:
        yield self._chunk(model, [self._choice({"role": "assistant", "content": ""})])
        if answer.thinking:
            yield self._chunk(model, [self._choice({"reasoning_content": answer.thinking})])

    def delta(self, text: str) -> bytes:
        return self._chunk("fake", [self._choice({"content": text})])

    def closing(self, answer: Answer, model: str) -> Iterator[bytes]:
        if answer.stop == "refusal":
            yield self._chunk(model, [self._choice({"refusal": "I can't help with that."})])
        yield self._chunk(model, [self._choice({}, answer.finish_word(self._STOP))])
        if answer.input_tokens is not None:
            yield self._chunk(model, [], usage=self._usage(answer))
        yield b"data: [DONE]\n\n"

    def error_frame(self) -> bytes:
        return _data({"error": {"message": "The server broke.", "type": "server_error"}})

    def whole(self, answer: Answer, model: str) -> Any:
        message = {"role": "assistant", "content": answer.text}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_word(self._STOP)}
        return {
            "id": "chatcmpl-fake",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": model,
            "choices": [choice],
            "usage": self._usage(answer),
        }


class Gemini:
    name = "google"
    provider = "google"

    _STOP: ClassVar = {"end": "STOP", "length": "MAX_TOKENS", "filtered": "SAFETY"}
    _STATUS: ClassVar = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        503: "UNAVAILABLE",
    }

    def model(self, path: str, body: Mapping[str, Any]) -> str:
        return path.rsplit("/", 1)[-1].partition(":")[0]

    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool:
        return path.endswith(":streamGenerateContent")

    def has_schema(self, body: Mapping[str, Any]) -> bool:
        config = body.get("generationConfig") or {}
        return "responseJsonSchema" in config or "responseSchema" in config

    def _frame(self, parts: Sequence[Any], **extra: Any) -> dict[str, Any]:
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
        finish = extra.pop("finishReason", None)
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "responseId": "gem-fake", **extra}

    def _usage(self, answer: Answer) -> dict[str, Any]:
        if answer.input_tokens is None:
            return {}
        usage = {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": answer.output_tokens,
            "totalTokenCount": answer.input_tokens + answer.output_tokens,
        }
        if answer.cached_tokens:
            usage["cachedContentTokenCount"] = answer.cached_tokens
        if answer.thinking_tokens:
            usage["thoughtsTokenCount"] = answer.thinking_tokens
        return {"usageMetadata": usage}

    def opening(self, answer: Answer, model: str) -> Iterator[bytes]:
        if answer.thinking:
            yield _data(self._frame([{"text": answer.thinking, "thought": True}]))

    def delta(self, text: str) -> bytes:
        return _data(self._frame([{"text": text}]))

    def closing(self, answer: Answer, model: str) -> Iterator[bytes]:
        usage = self._usage(answer)
        if answer.stop == "refusal":
            feedback = {"blockReason": "PROHIBITED_CONTENT"}
            yield _data({"promptFeedback": feedback, "modelVersion": model, **usage})
            return
        finish = answer.finish_word(self._STOP)
        frame = self._frame([{"text": ""}], finishReason=finish, modelVersion=model, **usage)
        yield _data(frame)

    def ping(self) -> bytes:
        return _data(self._frame([{"text": "Hm.", "thought": True}]))

    def error_frame(self) -> bytes:
        return _data({"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}})

    def whole(self, answer: Answer, model: str) -> Any:
        parts = [{"text": answer.text}]
        finish = self._STOP.get(answer.stop, "SAFETY")
        usage = self._usage(answer)
        return self._frame(parts, finishReason=finish, modelVersion=model, **usage)

    def error(self, status: int, code: str | None, text: str) -> Any:
        error: dict[str, Any] = {"code": status, "message": text}
        error["status"] = self._STATUS.get(status, "UNKNOWN")
        if code:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            error["details"] = [{"@type": kind, "reason": code, "domain": "googleapis.com"}]
        return {"error": error}

    def models(self, names: Sequence[str]) -> Any:
        models = [
            {
                "name": f"models/{name}",
                "displayName": name,
                "inputTokenLimit": 1_000_000,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            }
            for name in names
        ]
        return {"models": models}

    def count(self, tokens: int) -> Any:
        return {"totalTokens": tokens}
