"""How the practice provider reads requests and writes replies, one class per provider.

Each speaks just the part of the protocol that the official SDKs use here: a streamed text reply, the
listing of models, and errors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from assay_nb.messages import ProviderId, Usage

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks, in no provider's own terms.

    Attributes:
        texts: What the user turns say, oldest first.
        schema: The properties of the reply's JSON Schema; empty when plain text is asked for.
        model: The model's name.
    """

    texts: tuple[str, ...]
    schema: Mapping[str, Any]
    model: str


class Wire(Protocol):
    """One provider's protocol."""

    provider: ProviderId

    def parse(self, path: str, body: Body) -> Asked: ...
    def stream(self, asked: Asked, pieces: Sequence[str], usage: Usage) -> Iterator[bytes]: ...
    def models(self, names: Sequence[str]) -> Any: ...
    def error(self, status: int, message: str) -> Any: ...


class Anthropic:
    """Messages, streamed."""

    provider: ProviderId = "anthropic"

    def parse(self, path: str, body: Body) -> Asked:
        schema = _at(body, "output_config", "format", "schema")
        return Asked(_turns(body.get("messages")), _fields(schema), str(body.get("model")))

    def stream(self, asked: Asked, pieces: Sequence[str], usage: Usage) -> Iterator[bytes]:
        message: dict[str, Any] = {
            "id": "msg_practice",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": usage.input_tokens, "output_tokens": 1},
        }
        yield self._event({"type": "message_start", "message": message})
        block = {"type": "text", "text": ""}
        yield self._event({"type": "content_block_start", "index": 0, "content_block": block})
        for piece in pieces:
            delta = {"type": "text_delta", "text": piece}
            yield self._event({"type": "content_block_delta", "index": 0, "delta": delta})
        yield self._event({"type": "content_block_stop", "index": 0})
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        spent = {"output_tokens": usage.output_tokens}
        yield self._event({"type": "message_delta", "delta": end, "usage": spent})
        yield self._event({"type": "message_stop"})

    def models(self, names: Sequence[str]) -> Any:
        made = "2026-01-01T00:00:00Z"
        data = [
            {"type": "model", "id": name, "display_name": name, "created_at": made}
            for name in names
        ]
        return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}

    def error(self, status: int, message: str) -> Any:
        kind = "authentication_error" if status == 401 else "invalid_request_error"
        return {"type": "error", "error": {"type": kind, "message": message}}

    def _event(self, value: Mapping[str, Any]) -> bytes:
        return b"event: " + str(value["type"]).encode() + b"\n" + _frame(value)


class OpenAI:
    """Chat Completions, streamed: what every OpenAI-compatible server speaks."""

    provider: ProviderId = "openai"

    def parse(self, path: str, body: Body) -> Asked:
        schema = _at(body, "response_format", "json_schema", "schema")
        return Asked(_turns(body.get("messages")), _fields(schema), str(body.get("model")))

    def stream(self, asked: Asked, pieces: Sequence[str], usage: Usage) -> Iterator[bytes]:
        yield self._chunk(asked, {"role": "assistant", "content": ""})
        for piece in pieces:
            yield self._chunk(asked, {"content": piece})
        yield self._chunk(asked, {}, finish="stop")
        counted = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": (usage.input_tokens or 0) + (usage.output_tokens or 0),
        }
        yield self._chunk(asked, None, usage=counted)
        yield b"data: [DONE]\n\n"

    def models(self, names: Sequence[str]) -> Any:
        made = 1_767_225_600
        data = [
            {"id": name, "object": "model", "created": made, "owned_by": "practice"}
            for name in names
        ]
        return {"object": "list", "data": data}

    def error(self, status: int, message: str) -> Any:
        code = "invalid_api_key" if status == 401 else "invalid_request_error"
        return {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": None,
                "code": code,
            }
        }

    def _chunk(
        self,
        asked: Asked,
        delta: Mapping[str, Any] | None,
        *,
        finish: str | None = None,
        **more: Any,
    ) -> bytes:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
        return _frame(
            {
                "id": "chatcmpl-practice",
                "object": "chat.completion.chunk",
                "created": 1_767_225_600,
                "model": asked.model,
                "choices": choices,
                **more,
            }
        )


class Google:
    """Gemini's `streamGenerateContent`."""

    provider: ProviderId = "google"

    def parse(self, path: str, body: Body) -> Asked:
        model = path.rpartition("/models/")[2].partition(":")[0]
        schema = _at(body, "generationConfig", "responseJsonSchema") or _at(
            body, "generationConfig", "responseSchema"
        )
        turns = [turn for turn in body.get("contents") or () if turn.get("role") != "model"]
        texts = [
            "".join(str(part.get("text", "")) for part in turn.get("parts", ())) for turn in turns
        ]
        return Asked(tuple(texts), _fields(schema), model)

    def stream(self, asked: Asked, pieces: Sequence[str], usage: Usage) -> Iterator[bytes]:
        for piece in pieces:
            yield self._chunk(asked, piece)
        counted = {
            "promptTokenCount": usage.input_tokens,
            "candidatesTokenCount": usage.output_tokens,
            "totalTokenCount": (usage.input_tokens or 0) + (usage.output_tokens or 0),
        }
        yield self._chunk(asked, "", finish="STOP", usage=counted)

    def models(self, names: Sequence[str]) -> Any:
        can = ["generateContent", "countTokens"]
        return {
            "models": [
                {"name": f"models/{name}", "supportedGenerationMethods": can} for name in names
            ]
        }

    def error(self, status: int, message: str) -> Any:
        word = "UNAUTHENTICATED" if status == 401 else "INVALID_ARGUMENT"
        return {"error": {"code": status, "message": message, "status": word}}

    def _chunk(
        self, asked: Asked, text: str, *, finish: str | None = None, usage: Any = None
    ) -> bytes:
        candidate: dict[str, Any] = {
            "index": 0,
            "content": {"role": "model", "parts": [{"text": text}]},
        }
        if finish:
            candidate["finishReason"] = finish
        value: dict[str, Any] = {"candidates": [candidate], "modelVersion": asked.model}
        if usage:
            value["usageMetadata"] = usage
        return _frame(value)


WIRES: dict[ProviderId, Wire] = {"anthropic": Anthropic(), "openai": OpenAI(), "google": Google()}


def _frame(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _at(body: Any, *path: str) -> Any:
    for name in path:
        body = cast("Body", body).get(name) if isinstance(body, Mapping) else None
    return body


def _fields(schema: Any) -> Mapping[str, Any]:
    return _at(schema, "properties") or {}


def _turns(messages: Any) -> tuple[str, ...]:
    return tuple(
        _said(turn.get("content")) for turn in messages or () if turn.get("role") == "user"
    )


def _said(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or ())
