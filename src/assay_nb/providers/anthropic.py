"""Anthropic: the Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import httpx2

from assay_nb.egress.credential import Credential
from assay_nb.messages import (
    ProviderEvent,
    Request,
    Stopped,
    StopReason,
    Usage,
    UsageReport,
)
from assay_nb.models.catalog import find_model
from assay_nb.providers.adapter import Adapter
from assay_nb.providers.base import ListedModel
from assay_nb.providers.counts import read_anthropic
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.failures import Errors, Kind
from assay_nb.providers.ladder import Rungs, Shape
from assay_nb.providers.listing import read_listing
from assay_nb.providers.parts import read_message
from assay_nb.providers.shaping import (
    effort_for,
    fit_to_shape,
    is_tunable,
    plain_rungs,
    sampling_of,
)
from assay_nb.providers.stops import read_stop
from assay_nb.providers.transport import PLACEHOLDER

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


class Anthropic(Adapter):
    """Claude models."""

    id = "anthropic"
    errors = Errors(
        "anthropic",
        (anthropic.AnthropicError,),
        KINDS,
        lambda exc: getattr(exc, "body", None),
    )

    def rungs(self, request: Request, model: str, credential: Credential) -> Rungs:
        return plain_rungs(request, tuned=is_tunable(model, credential))

    async def events(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        client = await self._client(exchange)
        request = fit_to_shape(request, shape)
        usage, is_over = Usage(), False
        reason: StopReason = "incomplete"
        answered: str | None = None
        exchange.dialect = "anthropic"
        stream = await client.messages.create(
            **_body(request, model),
            **_settings(request, model, exchange, shape),
            extra_headers={**exchange.headers, **_version(request)},
            stream=True,
        )
        async for event in stream:
            for part in read_message(event):
                yield part
            if event.type == "message_start":
                message = getattr(event, "message", None)
                answered = getattr(message, "model", None)
                usage = read_anthropic(getattr(message, "usage", None), usage)
                yield UsageReport(usage)
            elif event.type == "message_delta":
                said = getattr(getattr(event, "delta", None), "stop_reason", None)
                reason = read_stop(said, reason)
                usage = read_anthropic(getattr(event, "usage", None), usage)
                yield UsageReport(usage)
            elif event.type == "message_stop":
                is_over = True
        reason = reason if is_over else "incomplete"
        yield Stopped(reason, answered, exchange.request_id)

    async def models(self, exchange: Exchange) -> list[ListedModel]:
        client = await self._client(exchange)
        # Not by the SDK's typed page, which fails on a listing that is shaped otherwise.
        listed = await client.get(
            "/v1/models",
            cast_to=object,
            options={"headers": exchange.headers, "params": {"limit": 1000}},
        )
        return read_listing(listed)

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
        "max_tokens": request.ceiling,
        "messages": [{"role": turn.role, "content": turn.text} for turn in request.messages],
    }
    if request.system:
        body["system"] = request.system
    return body


def _settings(request: Request, model: str, exchange: Exchange, shape: Shape) -> dict[str, Any]:
    output: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if shape.schema == "json_schema" and request.schema is not None:
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
    # Whole or not, the SDK gets a stream: a body that comes whole is told as one.
    whole = {} if shape.streamed else {"stream": False}
    if extra := {**sampling_of(request), **whole}:
        settings["extra_body"] = extra
    return settings


def _version(request: Request) -> dict[str, str]:
    return {"anthropic-version": _SAMPLING_VERSION} if sampling_of(request) else {}
