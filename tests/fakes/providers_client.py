"""The caller's side of a provider, for tests: credentials, one implementation per wire, and collecting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import parse_endpoint
from assay_nb.messages import (
    Destination,
    Message,
    ProviderEvent,
    ProviderId,
    Request,
    Stopped,
    TextDelta,
    UsageReport,
)
from assay_nb.providers.adapter import Adapter
from assay_nb.providers.anthropic import Anthropic
from assay_nb.providers.base import Provider
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.failures import Errors
from assay_nb.providers.google import Google
from assay_nb.providers.ladder import Rungs, Shape
from assay_nb.providers.openai import OpenAI
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import Egress
from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders

WIRES = ("anthropic", "openai-responses", "openai-chat", "google")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"score": {"type": "integer"}},
    "required": ["score"],
    "additionalProperties": False,
}


def provider_of(wire: str) -> ProviderId:
    if wire == "anthropic":
        return "anthropic"
    return "google" if wire == "google" else "openai"


async def _no_sleep(seconds: float) -> None:
    """Wait for nothing: tests of waiting look at what was announced."""


def make_provider(
    wire: str, egress: Egress, fake: FakeProviders, retry: Retry | None = None
) -> Provider:
    """Return the implementation for a wire, with waits that take no time."""
    retry = retry or Retry(sleep=_no_sleep)
    if wire == "anthropic":
        return Anthropic(egress, retry=retry)
    if wire == "google":
        return Google(egress, retry=retry)
    return (Responses if wire == "openai-responses" else OpenAI)(egress, retry=retry)


class Responses(OpenAI):
    """OpenAI where every connection is of the kind that speaks Responses, at whichever address."""

    def stream(self, request: Request, *, model: str, credential: Credential) -> Any:
        return super().stream(request, model=model, credential=_as_responses(credential))

    async def list_models(self, credential: Credential) -> Any:
        return await super().list_models(_as_responses(credential))

    async def count_tokens(self, request: Request, *, model: str, credential: Credential) -> Any:
        credential = _as_responses(credential)
        return await super().count_tokens(request, model=model, credential=credential)


def _as_responses(credential: Credential) -> Credential:
    return replace(credential, destination=replace(credential.destination, kind="openai-responses"))


class Scripted(Adapter):
    """An adapter whose attempts are those of a script, which needs no server."""

    id = "anthropic"
    errors = Errors("anthropic", (), {}, lambda exc: None)

    def __init__(self, start: Callable[[], AsyncGenerator[Any, None]], retry: Retry | None) -> None:
        super().__init__(Egress(), retry=retry)
        self._start = start
        self.shapes_tried: list[str] = []

    def rungs(self, request: Request, model: str, credential: Credential) -> Rungs:
        return Rungs({"tuned": (True, False)})

    def events(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        self.shapes_tried.append("best" if shape.tuned else "plainer")
        return self._start()


def run_script(
    start: Callable[[], AsyncGenerator[Any, None]], retry: Retry | None = None
) -> AsyncGenerator[Any, None]:
    """Return what an adapter yields when each of its attempts is `start()`."""
    credential = make_credential(parse_endpoint("anthropic"))
    stream = Scripted(start, retry).stream(make_request(), model="m", credential=credential)
    return cast("AsyncGenerator[Any, None]", stream)


class Opened:
    """A key as a vault hands it out: a buffer per request, overwritten on leaving."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self.buffers: list[bytearray] = []

    @contextmanager
    def open(self) -> Generator[bytearray]:
        buffer = bytearray(self._key)
        self.buffers.append(buffer)
        try:
            yield buffer
        finally:
            buffer[:] = bytes(len(buffer))


def make_credential(destination: Destination, key: str | None = None) -> Credential:
    return Credential(
        destination, Opened(make_canary(destination.provider) if key is None else key).open
    )


def make_request(text: str = "Hello?", **options: Any) -> Request:
    return Request(messages=(Message("user", text),), **options)


async def collect(events: AsyncIterator[ProviderEvent]) -> list[ProviderEvent]:
    return [event async for event in events]


def text_of(events: Iterable[ProviderEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def usage_of(events: Iterable[ProviderEvent]) -> Any:
    reports = [event.usage for event in events if isinstance(event, UsageReport)]
    return reports[-1] if reports else None


def stop_of(events: list[ProviderEvent]) -> Stopped:
    assert isinstance(events[-1], Stopped)
    return events[-1]
