"""Anthropic: the Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2

from assay_nb.egress.credential import Credential
from assay_nb.messages import (
    ProviderEvent,
    Request,
    Stopped,
    StopReason,
    TextDelta,
    Usage,
    UsageReport,
)
from assay_nb.models.catalog import find_model
from assay_nb.providers.adapter import (
    Adapter,
    effort_for,
    is_tunable,
    sampling_of,
    with_schema_in_prompt,
)
from assay_nb.providers.base import ListedModel
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.failures import Errors, Kind
from assay_nb.providers.transport import PLACEHOLDER

# A word that is not here (`pause_turn`, `tool_use`: no tool is ever offered) means that it is not whole.
_STOPS: dict[str, StopReason] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
"""Kinds of blocks that hold thoughts; the words of some come sealed, or not at all."""

_SAMPLING_VERSION = "2023-06-01"
"""The API version under which models that know `temperature` still take it."""

KINDS: dict[str, Kind] = {
    "APIStatusError": Kind.STATUS,
    "APITimeoutError": Kind.TIMEOUT,
    "APIConnectionError": Kind.CONNECTION,
    "APIResponseValidationError": Kind.GARBLED,
    "APIError": Kind.STATUS,
    "AnthropicError": Kind.GARBLED,
    "APIWebhookValidationError": Kind.UNUSED,
    "RetryableError": Kind.UNUSED,
    "CredentialsError": Kind.UNUSED,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of the API is used: the schema as a parameter, and thinking turned down."""

    schema: bool
    tuned: bool


class Anthropic(Adapter[Shape]):
    """Claude models."""

    id = "anthropic"
    errors = Errors(
        "anthropic",
        (anthropic.AnthropicError,),
        KINDS,
        lambda exc: getattr(exc, "error_code", None) or getattr(exc, "type", None),
    )

    def shapes(self, request: Request, model: str, credential: Credential) -> Sequence[Shape]:
        schema, tuned = request.schema is not None, is_tunable(model, credential)
        return list(
            dict.fromkeys((Shape(schema, tuned), Shape(schema, False), Shape(False, False)))
        )

    async def events(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        client = await self._client(exchange)
        if not shape.schema:
            request = with_schema_in_prompt(request)
        usage, is_over, thought = Usage(), False, False
        reason: StopReason = "incomplete"
        answered: str | None = None
        stream = await client.messages.create(
            **_body(request, model),
            **_settings(request, model, exchange, shape),
            extra_headers={**exchange.headers, **_version(request)},
            stream=True,
        )
        async for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                yield TextDelta(event.delta.text)
            elif event.type == "content_block_start":
                thought = thought or event.content_block.type in _THOUGHTS
            elif event.type == "message_start":
                answered = event.message.model
                usage = _usage(event.message, usage)
                yield UsageReport(usage)
            elif event.type == "message_delta":
                reason = _STOPS.get(event.delta.stop_reason or "", "incomplete")
                usage = _usage(event, usage)
                yield UsageReport(usage)
            elif event.type == "message_stop":
                is_over = True
        reason = reason if is_over else "incomplete"
        yield Stopped(reason, answered, exchange.request_id, thought)

    async def models(self, exchange: Exchange) -> list[ListedModel]:
        client = await self._client(exchange)
        page = await client.models.list(limit=1000, extra_headers=exchange.headers)
        return [
            ListedModel(
                model.id,
                getattr(model, "display_name", None),
                getattr(model, "max_input_tokens", None),
                getattr(model, "max_tokens", None),
                model.model_dump(warnings=False),
            )
            for model in page.data
        ]

    async def count(self, request: Request, model: str, exchange: Exchange) -> int | None:
        client = await self._client(exchange)
        body = _body(request, model)
        del body["max_tokens"]
        counted = await client.messages.count_tokens(**body, extra_headers=exchange.headers)
        return counted.input_tokens

    async def _client(self, exchange: Exchange) -> anthropic.AsyncAnthropic:
        endpoint = exchange.destination.endpoint

        def make(http: httpx2.AsyncClient) -> anthropic.AsyncAnthropic:
            return anthropic.AsyncAnthropic(
                api_key=PLACEHOLDER,
                base_url=endpoint,
                http_client=http,
                max_retries=0,
                timeout=exchange.limits.total,
                open_telemetry=False,
            )

        return await self._egress.sdk(("anthropic", endpoint), make)


def _body(request: Request, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_output_tokens,
        "messages": [{"role": turn.role, "content": turn.text} for turn in request.messages],
    }
    if request.system:
        body["system"] = request.system
    return body


def _settings(request: Request, model: str, exchange: Exchange, shape: Shape) -> dict[str, Any]:
    output: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if shape.schema and request.schema is not None:
        output["format"] = {"type": "json_schema", "schema": dict(request.schema)}
    known = find_model(model)
    on_request = known is not None and known.parameters.thinking == "on request"
    if shape.tuned and on_request and "effort" not in request.knobs:
        settings["thinking"] = {"type": "disabled"}
    if (shape.tuned or "effort" in request.knobs) and (
        effort := effort_for(request, model, exchange)
    ):
        output["effort"] = effort
    if output:
        settings["output_config"] = output
    if sampling := sampling_of(request):
        settings["extra_body"] = sampling
    return settings


def _version(request: Request) -> dict[str, str]:
    return {"anthropic-version": _SAMPLING_VERSION} if sampling_of(request) else {}


def _usage(event: Any, before: Usage) -> Usage:
    """Return the count so far. Anthropic leaves cached tokens out of `input_tokens`; we count them in."""
    usage = getattr(event, "usage", None)
    if usage is None:
        return before
    read = getattr(usage, "cache_read_input_tokens", None)
    written = getattr(usage, "cache_creation_input_tokens", None) or 0
    fresh = getattr(usage, "input_tokens", None)
    return Usage(
        before.input_tokens if fresh is None else fresh + (read or 0) + written,
        before.output_tokens if usage.output_tokens is None else usage.output_tokens,
        before.cached_tokens if read is None else read,
    )
