"""OpenAI: the Responses API or Chat Completions, as the connection's kind says.

Chat Completions is the one thing that all servers speak which call themselves OpenAI-compatible.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import httpx2
import openai

from assay_nb.egress.credential import Credential
from assay_nb.messages import (
    ProviderEvent,
    Request,
    Stopped,
    StopReason,
    UsageReport,
)
from assay_nb.models.catalog import find_model
from assay_nb.providers.adapter import Adapter
from assay_nb.providers.base import ListedModel
from assay_nb.providers.counts import read_chat, read_responses, read_tokens
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.failures import Errors, Failed, Kind, refuse
from assay_nb.providers.ladder import Rungs, Shape
from assay_nb.providers.listing import read_listing
from assay_nb.providers.parts import ChatReply, ResponsesReply
from assay_nb.providers.shaping import (
    SYSTEM_PLACES,
    effort_for,
    fit_to_shape,
    is_tunable,
    plain_rungs,
    sampling_of,
)
from assay_nb.providers.stops import read_stop
from assay_nb.providers.streaming.in_band import as_error
from assay_nb.providers.transport import PLACEHOLDER
from assay_nb.providers.unstreamed import as_chunks, as_events

KINDS: dict[str, Kind] = {
    "APIStatusError": Kind.STATUS,
    "APITimeoutError": Kind.TIMEOUT,
    "APIConnectionError": Kind.CONNECTION,
    "APIResponseValidationError": Kind.GARBLED,
    "APIError": Kind.STATUS,
    "OpenAIError": Kind.GARBLED,
    "SubjectTokenProviderError": Kind.UNUSED,
    "OAuthError": Kind.UNUSED,
    "LengthFinishReasonError": Kind.UNUSED,
    "ContentFilterFinishReasonError": Kind.UNUSED,
    "InvalidWebhookSignatureError": Kind.UNUSED,
    "WebSocketConnectionClosedError": Kind.UNUSED,
    "WebSocketQueueFullError": Kind.UNUSED,
}

RESPONSES = "openai-responses"
"""The kind of server that is asked by the Responses API."""


def _body_of(exc: Exception) -> object:
    """Return an error's body: whole where a response had one, since the SDK keeps its `error` alone."""
    body = getattr(exc, "body", None)
    try:
        return exc.response.json() if isinstance(exc, openai.APIStatusError) else body
    except (ValueError, httpx2.StreamError):
        return body


class OpenAI(Adapter):
    """GPT models, and whatever else is served in OpenAI's way."""

    id = "openai"
    errors = Errors("openai", (openai.OpenAIError,), KINDS, _body_of)

    def rungs(self, request: Request, model: str, credential: Credential) -> Rungs:
        if credential.destination.kind != RESPONSES:
            return _chat_rungs(request)
        tuned = is_tunable(model, credential)
        return plain_rungs(request, tuned=tuned, ceiling="max_output_tokens")

    def events(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        request = fit_to_shape(request, shape)
        if exchange.destination.kind == RESPONSES:
            return self._responses(request, model, exchange, shape)
        return self._chat(request, model, exchange, shape)

    async def models(self, exchange: Exchange) -> list[ListedModel]:
        client = await self._client(exchange)
        # Not by the SDK's typed page, which fails on a listing that is shaped otherwise.
        listed = await client.get("/models", cast_to=object, options={"headers": exchange.headers})
        return read_listing(listed)

    async def count(self, request: Request, model: str, exchange: Exchange) -> int | None:
        if exchange.destination.kind != RESPONSES:
            return None
        client = await self._client(exchange)
        counted = await client.responses.input_tokens.count(
            model=model,
            input=_input(request),
            instructions=request.system,
            extra_headers=exchange.headers,
        )
        return counted.input_tokens

    async def _responses(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        client = await self._client(exchange)
        reason: StopReason = "incomplete"
        answered: str | None = None
        thought = False
        reply = ResponsesReply()
        exchange.dialect = "openai-responses" if shape.streamed else None
        stream = await client.responses.create(
            model=model,
            input=_input(request),
            store=False,
            stream=shape.streamed,
            extra_headers=exchange.headers,
            **_responses_settings(request, model, exchange, shape),
        )
        async for event in as_events(stream):
            for part in reply.read(event):
                yield part
            if event.type == "error":
                raise _in_band(event, exchange, model, request)
            elif event.type == "response.failed":
                error = getattr(getattr(event, "response", None), "error", None)
                raise _in_band(error, exchange, model, request)
            elif event.type in {"response.completed", "response.incomplete"}:
                response = getattr(event, "response", None)
                answered = getattr(response, "model", None)
                reason = "refusal" if reply.refused else _responses_stop(event)
                usage = getattr(response, "usage", None)
                thought = _reasoned(usage, "output_tokens_details")
                if counted := read_responses(usage):
                    yield UsageReport(counted)
        yield Stopped(reason, answered, exchange.request_id, thought)

    async def _chat(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        client = await self._client(exchange)
        answered: str | None = None
        thought = False
        reply = ChatReply()
        exchange.dialect = "openai-chat" if shape.streamed else None
        stream = await client.chat.completions.create(
            model=model,
            messages=cast(Any, _turns(request)),
            stream=shape.streamed,
            extra_headers=exchange.headers,
            **_chat_settings(request, shape),
        )
        async for chunk in as_chunks(stream):
            if error := getattr(chunk, "error", None):
                raise refuse(exchange, {"error": as_error(error)}, model, request)
            answered = getattr(chunk, "model", None) or answered
            for part in reply.read(chunk):
                yield part
            usage = getattr(chunk, "usage", None)
            thought = thought or _reasoned(usage, "completion_tokens_details")
            if counted := read_chat(usage):
                yield UsageReport(counted)
        yield Stopped(reply.stop, answered, exchange.request_id, thought)

    async def _client(self, exchange: Exchange) -> openai.AsyncOpenAI:
        endpoint = exchange.destination.endpoint

        def make(http: httpx2.AsyncClient) -> openai.AsyncOpenAI:
            return openai.AsyncOpenAI(
                api_key=PLACEHOLDER,
                admin_api_key="",
                organization="",
                project="",
                webhook_secret="",
                base_url=endpoint,
                http_client=http,
                max_retries=0,
                timeout=exchange.limits.total,
            )

        return await self._egress.sdk(("openai", endpoint), make)


def _chat_rungs(request: Request) -> Rungs:
    """Return what a Chat Completions server may take. Nothing is known of it, and `max_tokens` is oldest."""
    forms = ("json_schema", "json_object_schema", "json_object", "prompt")
    named = ("max_tokens", "max_completion_tokens")
    return Rungs(
        {
            "schema": forms if request.schema is not None else ("prompt",),
            "usage": (True, False),
            # Some servers count the ceiling against the context, others ramble up to it: it is sent
            # only where somebody set it, and then it is never dropped.
            "ceiling": ("none",) if request.max_output_tokens is None else named,
            "streamed": (True, False),
            "system": SYSTEM_PLACES,
        },
        order=("schema", "usage", "ceiling"),
    )


def _in_band(error: Any, exchange: Exchange, model: str, request: Request) -> Failed:
    if isinstance(error, (str, Mapping)):  # a whole body may hold anything
        return refuse(exchange, {"error": as_error(cast("object", error))}, model, request)
    said = {name: getattr(error, name, None) for name in ("code", "message", "param")}
    return refuse(exchange, said, model, request)


def _input(request: Request) -> Any:
    return [{"role": turn.role, "content": turn.text} for turn in request.messages]


def _turns(request: Request) -> list[dict[str, str]]:
    turns = [{"role": turn.role, "content": turn.text} for turn in request.messages]
    return [{"role": "system", "content": request.system}, *turns] if request.system else turns


def _responses_settings(
    request: Request, model: str, exchange: Exchange, shape: Shape
) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if shape.ceiling != "none":
        settings["max_output_tokens"] = request.ceiling
    if request.system:
        settings["instructions"] = request.system
    if shape.schema == "json_schema" and request.schema is not None:
        schema = {"type": "json_schema", "name": request.schema_name, "strict": True}
        settings["text"] = {"format": {**schema, "schema": dict(request.schema)}}
    settings.update(sampling_of(request))
    known = find_model(model)
    without = known is not None and known.parameters.sampling == "without reasoning"
    if without and sampling_of(request):
        settings["reasoning"] = {"effort": "none"}
    elif (shape.tuned or "effort" in request.knobs) and (
        effort := effort_for(request, model, exchange)
    ):
        settings["reasoning"] = {"effort": effort}
    return settings


def _chat_settings(request: Request, shape: Shape) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if shape.ceiling != "none":
        settings[shape.ceiling] = request.ceiling
    if shape.usage and shape.streamed:
        settings["stream_options"] = {"include_usage": True}
    if request.schema is not None:
        settings["response_format"] = _response_format(request, dict(request.schema), shape)
    if "effort" in request.knobs:
        settings["reasoning_effort"] = str(request.knobs["effort"])
    return settings | sampling_of(request)


def _response_format(request: Request, schema: dict[str, Any], shape: Shape) -> dict[str, Any]:
    if shape.schema == "json_object":
        return {"type": "json_object"}
    if shape.schema == "json_object_schema":
        return {"type": "json_object", "schema": schema}
    named = {"name": request.schema_name, "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": named}


def _responses_stop(event: Any) -> StopReason:
    if event.type == "response.completed":
        status = getattr(getattr(event, "response", None), "status", None)
        return "end" if status in {None, "completed"} else "incomplete"
    details = getattr(getattr(event, "response", None), "incomplete_details", None)
    reason = read_stop(getattr(details, "reason", None))
    return "incomplete" if reason == "end" else reason


def _reasoned(usage: Any, details: str) -> bool:
    """Return whether tokens went into thoughts, which are counted also where none is sent."""
    return bool(read_tokens(getattr(getattr(usage, details, None), "reasoning_tokens", None)))
