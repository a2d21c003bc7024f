"""What the three adapters have in common: the order of attempts, and what to do when one is refused.

Not every model takes a schema or an effort, and a listing does not say so. A request therefore goes out
in its best shape; when that is refused with 400, which costs nothing, in a plainer one. What a model
turned out to take is remembered for as long as the process lives.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from assay_nb.egress.origins import is_official
from assay_nb.errors import ProviderError, WrongUsage
from assay_nb.messages import ProviderEvent, ProviderId, Request, Stopped, TextDelta
from assay_nb.models.catalog import find_model
from assay_nb.providers import log_muting
from assay_nb.providers.base import Credential, ListedModel
from assay_nb.providers.failures import Errors
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import Egress, Exchange

Shape = TypeVar("Shape")

KNOBS = frozenset({"effort", "temperature", "top_p"})


class Adapter(Generic[Shape]):
    """A provider through its SDK. A subclass says how one attempt is made.

    Attributes:
        id: The provider's id.
        errors: How the SDK's exceptions are read.
    """

    id: ClassVar[ProviderId]
    errors: ClassVar[Errors]

    def __init__(self, egress: Egress, *, retry: Retry | None = None) -> None:
        self._egress = egress
        self._retry = retry or Retry()
        log_muting.install()

    # --- what a subclass says

    def shapes(self, request: Request, model: str, credential: Credential) -> Sequence[Shape]:
        """Return the shapes to try, the best one first."""
        raise NotImplementedError

    def events(
        self, request: Request, model: str, exchange: Exchange, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        """Make one attempt."""
        raise NotImplementedError

    async def models(self, exchange: Exchange) -> list[ListedModel]:
        raise NotImplementedError

    async def count(self, request: Request, model: str, exchange: Exchange) -> int | None:
        raise NotImplementedError

    # --- what everybody calls

    def stream(
        self, request: Request, *, model: str, credential: Credential
    ) -> AsyncIterator[ProviderEvent]:
        check_knobs(request, model, official=is_official(credential.destination))
        return log_muting.mute(self._stream(_fitted(request, model), model, credential))

    async def list_models(self, credential: Credential) -> list[ListedModel]:
        async def ask() -> list[ListedModel]:
            async with self._egress.exchange(credential) as exchange:
                with self.errors.mapped(exchange):
                    return await self.models(exchange)

        with log_muting.muted():
            return await self._retry.value(ask)

    async def count_tokens(
        self, request: Request, *, model: str, credential: Credential
    ) -> int | None:
        async def ask() -> int | None:
            async with self._egress.exchange(credential) as exchange:
                with self.errors.mapped(exchange, model, request):
                    return await self.count(request, model, exchange)

        with log_muting.muted():
            return await self._retry.value(ask)

    async def _stream(
        self, request: Request, model: str, credential: Credential
    ) -> AsyncGenerator[ProviderEvent, None]:
        schema = request.schema_name if request.schema is not None else None
        known = (self.id, credential.destination.endpoint, model, schema)
        shapes = list(self.shapes(request, model, credential))
        taken: Shape | None = self._egress.learnt.get(known)
        if taken in shapes:
            del shapes[: shapes.index(taken)]
        while True:
            shape = shapes.pop(0)
            try:
                async with aclosing(self._retried(request, model, credential, shape)) as events:
                    async for event in events:
                        self._egress.learnt[known] = shape
                        yield event
                return
            except ProviderError as exc:
                if not shapes or exc.status not in {400, 422} or type(exc) is not ProviderError:
                    raise
                if not self._retry.may_send():
                    raise

    async def _retried(
        self, request: Request, model: str, credential: Credential, shape: Shape
    ) -> AsyncGenerator[ProviderEvent, None]:
        async def attempt() -> AsyncGenerator[ProviderEvent, None]:
            async with self._egress.exchange(credential) as exchange:
                with self.errors.mapped(exchange, model, request):
                    async with aclosing(self.events(request, model, exchange, shape)) as events:
                        async for event in _checked(events, exchange):
                            yield event

        async with aclosing(self._retry.events(attempt)) as events:
            async for event in events:
                yield event


async def _checked(
    events: AsyncIterator[ProviderEvent], exchange: Exchange
) -> AsyncIterator[ProviderEvent]:
    """Yield the same events, their text cleared and nothing empty among it; and say of a reply that is empty."""
    blank = True
    async for event in events:
        if isinstance(event, TextDelta):
            if text := exchange.clear_text(event.text):
                blank = blank and not text.strip()
                yield TextDelta(text)
            continue
        if isinstance(event, Stopped):
            if rest := exchange.flush_text():
                blank = blank and not rest.strip()
                yield TextDelta(rest)
            if blank and event.reason == "end":
                event = replace(event, reason="empty")
        yield event


def with_schema_in_prompt(request: Request) -> Request:
    """Return the request with its schema written out, for models that take none."""
    if request.schema is None:
        return request
    demand = (
        "Reply with one JSON object and nothing else: no introduction, no code fence. "
        f"It follows this JSON Schema:\n{json.dumps(request.schema)}"
    )
    system = f"{request.system}\n\n{demand}" if request.system else demand
    return replace(request, system=system, schema=None)


def check_knobs(request: Request, model: str, *, official: bool) -> None:
    """Raise `WrongUsage` for a setting that is unknown, or that the model is known to refuse."""
    if unknown := set(request.knobs) - KNOBS:
        raise WrongUsage(
            f"There is no setting {min(unknown)!r}.",
            hint=f"Known are: {', '.join(sorted(KNOBS))}.",
        )
    known = find_model(model) if official else None
    sampling = {"temperature", "top_p"} & set(request.knobs)
    if known and known.temperature == "refused" and sampling:
        raise WrongUsage(
            f"{model} takes no {' and no '.join(sorted(sampling))}.",
            hint="Leave it out; `effort` is what current models are steered with.",
        )


def effort_for(request: Request, model: str, exchange: Exchange) -> str | None:
    """Return the effort to ask for: what the user set, or little where the model is known to think.

    A model that thinks unasked takes its thoughts from the same `max_output_tokens`, on the same bill.
    """
    if "effort" in request.knobs:
        return str(request.knobs["effort"])
    known = find_model(model) if is_official(exchange.destination) else None
    return "low" if known and known.thinking in {"adaptive", "always"} else None


def is_tunable(model: str, credential: Credential) -> bool:
    """Say whether parameters beyond the plainest are sent: the model and its endpoint are known."""
    return is_official(credential.destination) and find_model(model) is not None


def as_float(value: Any) -> float:
    """Return a knob as a number, or raise `WrongUsage`."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise WrongUsage(f"{str(value)[:40]!r} is no number.") from None


def _fitted(request: Request, model: str) -> Request:
    """Return the request with no more output asked for than the model can give."""
    known = find_model(model)
    if known is None or request.max_output_tokens <= known.max_output:
        return request
    return replace(request, max_output_tokens=known.max_output)
