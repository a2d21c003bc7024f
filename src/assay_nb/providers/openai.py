"""OpenAI: the Responses API at OpenAI itself, Chat Completions everywhere else.

Chat Completions is the one thing that all servers speak which call themselves OpenAI-compatible.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx2
import openai

from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import OFFICIAL_ORIGINS
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
from assay_nb.providers.failures import (
    Errors,
    Failed,
    Kind,
    effective_status,
    first_known,
    for_status,
)
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import PLACEHOLDER, Egress

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

_CHAT_STOPS: dict[str, StopReason] = {
    # Whole: OpenAI's word, then what Together, text-generation-inference and proxies say for it.
    "stop": "end",
    "eos": "end",
    "eos_token": "end",
    "stop_sequence": "end",
    "end_turn": "end",
    # Not whole. A word that stands nowhere here (`error`, `abort`, `tool_calls`: no tool is ever
    # offered) means that generation broke off.
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "filtered",
    "sensitive": "filtered",
    "safety": "filtered",
    "refusal": "refusal",
}
_INCOMPLETE: dict[str, StopReason] = {
    "max_output_tokens": "length",
    "content_filter": "filtered",
}
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Where servers put a model's thoughts, beside `content`."""


def _code_of(exc: Exception) -> str | None:
    """Return the error's code, or its type: of llama.cpp's server the code is a number, and the type says it."""
    return first_known(getattr(exc, "code", None), getattr(exc, "type", None))


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of the API is used.

    Attributes:
        schema: The schema goes as a parameter.
        tuned: Reasoning is turned down (Responses), or token counts are asked for (Chat).
        limit: What Chat calls the ceiling on the reply; newer models refuse the older name.
    """

    schema: bool
    tuned: bool
    limit: str = "max_tokens"


class OpenAI(Adapter[Shape]):
    """GPT models, and whatever else is served in OpenAI's way."""

    id = "openai"
    errors = Errors("openai", (openai.OpenAIError,), KINDS, _code_of)

    def __init__(
        self,
        egress: Egress,
        *,
        retry: Retry | None = None,
        responses_at: frozenset[str] = OFFICIAL_ORIGINS,
    ) -> None:
        """Speak Responses at the origins in `responses_at`, and Chat Completions elsewhere."""
        super().__init__(egress, retry=retry)
        self._responses_at = responses_at

    def shapes(self, request: Request, model: str, credential: Credential) -> Sequence[Shape]:
        schema = request.schema is not None
        if credential.destination.origin in self._responses_at:
            tuned = is_tunable(model, credential)
            best = (Shape(schema, tuned), Shape(schema, False), Shape(False, False))
        else:
            newer = "max_completion_tokens"
            best = (Shape(schema, True), Shape(schema, True, newer), Shape(False, False))
        return list(dict.fromkeys(best))

    def events(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        if not shape.schema:
            request = with_schema_in_prompt(request)
        if exchange.destination.origin in self._responses_at:
            return self._responses(request, model, exchange, shape)
        return self._chat(request, model, exchange, shape)

    async def models(self, exchange: Exchange) -> list[ListedModel]:
        client = await self._client(exchange)
        page = await client.models.list(extra_headers=exchange.headers)
        return [
            ListedModel(model.id, extra=model.model_dump(warnings=False)) for model in page.data
        ]

    async def count(self, request: Request, model: str, exchange: Exchange) -> int | None:
        if exchange.destination.origin not in self._responses_at:
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
        refused = thought = False
        stream = await client.responses.create(
            model=model,
            input=_input(request),
            max_output_tokens=request.max_output_tokens,
            store=False,
            stream=True,
            extra_headers=exchange.headers,
            **_responses_settings(request, model, exchange, shape),
        )
        async for event in cast("openai.AsyncStream[Any]", stream):
            if event.type == "response.output_text.delta":
                yield TextDelta(event.delta)
            elif event.type == "response.refusal.delta":
                refused = True
            elif event.type.startswith("response.reasoning"):
                thought = True
            elif event.type == "error":
                raise _in_band(event.code, exchange, model, request)
            elif event.type == "response.failed":
                error = getattr(event.response, "error", None)
                raise _in_band(getattr(error, "code", None), exchange, model, request)
            elif event.type in {"response.completed", "response.incomplete"}:
                answered = event.response.model
                reason = "refusal" if refused else _responses_stop(event)
                thought = thought or _reasoned(event.response.usage, "output_tokens_details")
                if usage := _responses_usage(event.response):
                    yield UsageReport(usage)
        yield Stopped(reason, answered, exchange.request_id, thought)

    async def _chat(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        client = await self._client(exchange)
        reason: StopReason = "incomplete"
        answered: str | None = None
        refused = thought = False
        stream = await client.chat.completions.create(
            model=model,
            messages=cast(Any, _turns(request)),
            stream=True,
            extra_headers=exchange.headers,
            **_chat_settings(request, shape),
        )
        async for chunk in cast("openai.AsyncStream[Any]", stream):
            answered = chunk.model or answered
            for choice in chunk.choices or ():
                delta = choice.delta
                if delta is not None and delta.content:
                    yield TextDelta(delta.content)
                if delta is not None and getattr(delta, "refusal", None):
                    refused = True
                thought = thought or any(getattr(delta, name, None) for name in _THOUGHTS)
                if choice.finish_reason:
                    reason = _CHAT_STOPS.get(str(choice.finish_reason).lower(), "incomplete")
            if chunk.usage is not None:
                thought = thought or _reasoned(chunk.usage, "completion_tokens_details")
                yield UsageReport(_chat_usage(chunk.usage))
        yield Stopped("refusal" if refused else reason, answered, exchange.request_id, thought)

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


def _in_band(code: Any, exchange: Exchange, model: str, request: Request) -> Failed:
    status = effective_status(exchange.status, code if isinstance(code, str) else None)
    return Failed(for_status(exchange, status, model, request), again=status >= 429)


def _input(request: Request) -> Any:
    return [{"role": turn.role, "content": turn.text} for turn in request.messages]


def _turns(request: Request) -> list[dict[str, str]]:
    turns = [{"role": turn.role, "content": turn.text} for turn in request.messages]
    return [{"role": "system", "content": request.system}, *turns] if request.system else turns


def _responses_settings(
    request: Request, model: str, exchange: Exchange, shape: Shape
) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if request.system:
        settings["instructions"] = request.system
    if shape.schema and request.schema is not None:
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
    settings: dict[str, Any] = {shape.limit: request.max_output_tokens}
    if shape.tuned:
        settings["stream_options"] = {"include_usage": True}
    if shape.schema and request.schema is not None:
        schema = {"name": request.schema_name, "schema": dict(request.schema), "strict": True}
        settings["response_format"] = {"type": "json_schema", "json_schema": schema}
    if "effort" in request.knobs:
        settings["reasoning_effort"] = str(request.knobs["effort"])
    return settings | sampling_of(request)


def _responses_stop(event: Any) -> StopReason:
    if event.type == "response.completed":
        status = getattr(event.response, "status", None)
        return "end" if status in {None, "completed"} else "incomplete"
    details = getattr(event.response, "incomplete_details", None)
    return _INCOMPLETE.get(str(getattr(details, "reason", None)), "incomplete")


def _reasoned(usage: Any, details: str) -> bool:
    """Return whether tokens went into thoughts, which are counted also where none is sent."""
    return bool(getattr(getattr(usage, details, None), "reasoning_tokens", None))


def _responses_usage(response: Any) -> Usage | None:
    usage = getattr(response, "usage", None)
    if usage is None:
        return None
    details = getattr(usage, "input_tokens_details", None)
    return Usage(usage.input_tokens, usage.output_tokens, getattr(details, "cached_tokens", None))


def _chat_usage(usage: Any) -> Usage:
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        usage.prompt_tokens, usage.completion_tokens, getattr(details, "cached_tokens", None)
    )
