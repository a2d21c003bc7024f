"""Google: Gemini's generateContent, which keeps nothing at the provider."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, cast

import httpx2
from google import genai
from google.genai import errors as genai_errors
from google.genai import types

from assay_nb.egress.credential import Credential
from assay_nb.messages import (
    ProviderEvent,
    Request,
    Stopped,
    StopReason,
    UsageReport,
)
from assay_nb.providers.adapter import Adapter
from assay_nb.providers.base import ListedModel
from assay_nb.providers.counts import read_gemini
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.failures import Errors, Kind, refuse
from assay_nb.providers.ladder import Rungs, Shape
from assay_nb.providers.listing import read_listing
from assay_nb.providers.parts import read_candidate
from assay_nb.providers.shaping import (
    effort_for,
    fit_to_shape,
    is_tunable,
    plain_rungs,
    sampling_of,
)
from assay_nb.providers.stops import read_stop
from assay_nb.providers.transport import PLACEHOLDER
from assay_nb.providers.unstreamed import as_responses

API_VERSION = "v1beta"
"""Pinned, since an environment variable can change the SDK's own choice."""

KINDS: dict[str, Kind] = {
    "APIError": Kind.STATUS,
    "ClientError": Kind.STATUS,
    "ServerError": Kind.STATUS,
    "UnknownApiResponseError": Kind.GARBLED,
    "UnknownFunctionCallArgumentError": Kind.UNUSED,
    "UnsupportedFunctionError": Kind.UNUSED,
    "FunctionInvocationError": Kind.UNUSED,
    "ContinuationInterruptedError": Kind.UNUSED,
}


def _body_of(exc: Exception) -> object:
    """Return an error's body. The SDK puts the status of the response in where a body has none."""
    return getattr(exc, "details", None)


class Google(Adapter):
    """Gemini models."""

    id = "google"
    errors = Errors("google", (genai_errors.APIError,), KINDS, _body_of)

    def rungs(self, request: Request, model: str, credential: Credential) -> Rungs:
        return plain_rungs(request, tuned=is_tunable(model, credential), ceiling="maxOutputTokens")

    async def events(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        client = await self._client(exchange)
        request = fit_to_shape(request, shape)
        reason: StopReason = "incomplete"
        answered: str | None = None
        thought = False
        models = cast(Any, client.aio.models)  # its signature is partly untyped
        exchange.dialect = "gemini" if shape.streamed else None
        ask = models.generate_content_stream if shape.streamed else models.generate_content
        reply = await ask(
            model=model,
            contents=_contents(request),
            config=_config(request, model, exchange, shape),
        )
        async for chunk in as_responses(reply):
            answered = chunk.model_version or answered
            if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
                reason = "refusal"
            for candidate in chunk.candidates or ():
                for part in read_candidate(candidate):
                    yield part
                if candidate.finish_reason:
                    reason = read_stop(candidate.finish_reason.value, reason)
            if chunk.usage_metadata:
                thought = thought or bool(chunk.usage_metadata.thoughts_token_count)
                if counted := read_gemini(chunk.usage_metadata):
                    yield UsageReport(counted)
        yield Stopped(reason, answered, exchange.request_id, thought)

    async def models(self, exchange: Exchange) -> list[ListedModel]:
        # Not by the SDK, which takes any answer with status 200 for a list, and fails at fields of a new kind.
        http = await self._egress.sdk("http", _itself)
        endpoint = exchange.destination.endpoint.rstrip("/")
        response = await http.get(
            f"{endpoint}/{API_VERSION}/models",
            params={"pageSize": "1000"},
            headers=exchange.headers,
            timeout=exchange.limits.total,
        )
        body = response.json()
        if response.is_error:
            raise refuse(exchange, body)
        return [
            replace(model, id=model.id.removeprefix("models/"))
            for model in read_listing(body)
            if _generates(model)
        ]

    async def count(self, request: Request, model: str, exchange: Exchange) -> int | None:
        client = await self._client(exchange)
        turns = _contents(request)
        if request.system:
            # The Gemini API counts no system instruction; as a turn it weighs the same.
            turns = [types.Content(role="user", parts=[types.Part(text=request.system)]), *turns]
        options = types.HttpOptions(headers=exchange.headers)
        models = cast(Any, client.aio.models)
        config = types.CountTokensConfig(http_options=options)
        counted = await models.count_tokens(model=model, contents=turns, config=config)
        return counted.total_tokens

    async def _client(self, exchange: Exchange) -> genai.Client:
        endpoint = exchange.destination.endpoint

        def make(http: httpx2.AsyncClient) -> genai.Client:
            # The SDK makes TLS contexts for clients that are not used here, which takes 20 ms each and
            # obeys SSLKEYLOGFILE and SSL_CERT_FILE. It takes this one instead, which trusts nobody.
            nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return genai.Client(
                api_key=PLACEHOLDER,
                vertexai=False,
                debug_config=genai.client.DebugConfig(
                    client_mode=None, replays_directory=None, replay_id=None
                ),
                http_options=types.HttpOptions(
                    base_url=endpoint,
                    api_version=API_VERSION,
                    timeout=int(exchange.limits.total * 1000),
                    httpx_client=_no_sync_client(),
                    httpx_async_client=http,
                    client_args={"verify": nobody},
                    async_client_args={"verify": nobody, "ssl": nobody},
                ),
            )

        return await self._egress.sdk(("google", endpoint), make)


def _refuse_sync(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.UnsupportedProtocol("Requests are sent asynchronously only.", request=request)


def _no_sync_client() -> httpx2.Client:
    """Return a client that sends nothing: without one, the SDK makes its own, with a TLS context."""
    return httpx2.Client(transport=httpx2.MockTransport(_refuse_sync), trust_env=False)


def _contents(request: Request) -> list[types.Content]:
    return [
        types.Content(
            role="model" if turn.role == "assistant" else "user",
            parts=[types.Part(text=turn.text)],
        )
        for turn in request.messages
    ]


def _config(
    request: Request, model: str, exchange: Exchange, shape: Shape
) -> types.GenerateContentConfig:
    fields: dict[str, Any] = {
        "max_output_tokens": None if shape.ceiling == "none" else request.ceiling,
        "system_instruction": request.system,
        "automatic_continuation": False,
        "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True),
        "http_options": types.HttpOptions(headers=exchange.headers),
    }
    if shape.schema == "json_schema" and request.schema is not None:
        fields["response_mime_type"] = "application/json"
        fields["response_json_schema"] = dict(request.schema)
    fields.update(sampling_of(request))
    if (shape.tuned or "effort" in request.knobs) and (
        effort := effort_for(request, model, exchange)
    ):
        level = types.ThinkingLevel(effort.upper())
        fields["thinking_config"] = types.ThinkingConfig(thinking_level=level)
    return types.GenerateContentConfig(**fields)


def _itself(http: httpx2.AsyncClient) -> httpx2.AsyncClient:
    return http


def _generates(model: ListedModel) -> bool:
    """Return whether a model answers calls of ours; one that does not say is taken to."""
    actions: Any = model.extra.get("supportedGenerationMethods")
    return not isinstance(actions, list) or not actions or "generateContent" in actions
