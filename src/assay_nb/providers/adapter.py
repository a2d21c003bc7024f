"""Adapter: what the three providers' classes share, the attempt loop and the filter on its events.

Not every server takes a schema, an effort or a ceiling, and a listing does not say so. A request therefore
goes out in its best form; when that is refused, which costs nothing, in the next one of its `ladder`. What
a model turned out to take is remembered in `Egress.learned`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from dataclasses import replace
from functools import partial
from typing import ClassVar, TypeAlias

from assay_nb.connections.values import as_model
from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import is_official
from assay_nb.errors import BadReply, ProviderUnavailable
from assay_nb.messages import (
    ProviderEvent,
    ProviderId,
    Request,
    Stopped,
    TextDelta,
    ThoughtDelta,
)
from assay_nb.providers import log_muting
from assay_nb.providers.base import ListedModel
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.failures import Errors, Failed, refuse
from assay_nb.providers.ladder import Ladder, Rungs, Shape
from assay_nb.providers.learned import Place
from assay_nb.providers.listing import NotListed
from assay_nb.providers.retry import Retry
from assay_nb.providers.shaping import check_knobs
from assay_nb.providers.transport import Egress
from assay_nb.text.thoughts import Piece, ThoughtSplitter, splitter_for


class Adapter:
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

    def rungs(self, request: Request, model: str, credential: Credential) -> Rungs:
        """Return the forms that a request can have."""
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
    ) -> AsyncGenerator[ProviderEvent, None]:
        check_knobs(request, model, official=is_official(credential.destination))
        return self._stream(request, model, credential)

    async def list_models(self, credential: Credential) -> list[ListedModel]:
        async def ask() -> list[ListedModel]:
            async with self._egress.exchange(credential) as exchange:
                with self.errors.mapped(exchange):
                    try:
                        return await self.models(exchange)
                    except NotListed as not_listed:
                        failed = refuse(exchange, {"error": not_listed.error})
                    raise failed

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
        """Yield an attempt's events. The SDKs are muted in each step, and not in the consumer's."""
        with log_muting.muted():
            attempt, events = await self._begin(request, model, credential)
        try:
            while events:
                for event in events:
                    yield event
                with log_muting.muted():
                    events = await attempt.next()
        finally:
            with log_muting.muted():
                await attempt.aclose()

    async def _begin(self, request: Request, model: str, credential: Credential) -> Answer:
        """Return the attempt that the provider answers, with its first events.

        Which form it has, and how often it is retried, is decided here: before anything is handed on.
        """
        there = credential.destination
        place = Place(credential.owner, there.connection, there.endpoint, model)
        learned = self._egress.learned
        ladder = Ladder(
            self.rungs(request, model, credential),
            request,
            official=is_official(there),
            known=learned.recall(place),
        )
        shape = ladder.shape
        blanks: dict[Shape, Answer] = {}
        while True:
            remembered = ladder.remembered
            retry = replace(self._retry, attempts=1) if ladder.is_guess else self._retry
            attempt = partial(self._try, request, model, credential, ladder, shape, blanks)
            try:
                answer = await retry.value(attempt, partial(ladder.after_retries, shape))
            except ProviderUnavailable:
                if (
                    ladder.remembered and not shape.streamed
                ):  # too long to come in one piece, perhaps
                    await learned.forget(place)
                raise
            if not isinstance(answer, Shape):
                if answer[1] and (facts := ladder.learned(shape)):
                    await learned.keep(place, facts)
                return answer
            if remembered and not ladder.remembered:
                await learned.forget(place)
            shape = answer

    async def _try(
        self,
        request: Request,
        model: str,
        credential: Credential,
        ladder: Ladder,
        shape: Shape,
        blanks: dict[Shape, Answer],
    ) -> Answer | Shape:
        """Make one attempt; return it with its first events, or the form to try after its refusal.

        A failure that no other form helps is raised, for `Retry` to decide on. A stream in which nothing came is
        kept in `blanks`, and is the answer after all where the reply is not readable in one piece either.
        """
        try:
            attempt, first = await self._attempt(request, model, credential, shape)
        except Failed as failed:
            if shape in blanks and isinstance(failed.error, BadReply):
                return blanks[shape]
            lower = ladder.after(shape, failed.refusal) if failed.refusal else None
            if lower is None or not self._retry.may_send():
                raise
            return lower
        whole = ladder.after_blank(shape) if attempt.is_blank else None
        if whole is None or not self._retry.may_send():
            return attempt, first
        await attempt.aclose()
        blanks[whole] = attempt, first
        return whole

    async def _attempt(
        self, request: Request, model: str, credential: Credential, shape: Shape
    ) -> Answer:
        """Make one attempt and read its first events, or close it and raise `Failed`."""
        async with AsyncExitStack() as stack:
            exchange = await stack.enter_async_context(self._egress.exchange(credential))
            events = self.events(request, model, exchange, shape)
            await stack.enter_async_context(aclosing(events))
            mapped = partial(self.errors.mapped, exchange, model, request)
            attempt = Attempt(exchange, events, mapped, splitter_for(request))
            first = await attempt.read()
            attempt.opened = stack.pop_all()
            return attempt, first


class Attempt:
    """One request's events as the caller gets them: thoughts apart, without the key, and nothing empty.

    Attributes:
        opened: The adapter's events and the exchange, in the order in which they are closed.
    """

    def __init__(
        self,
        exchange: Exchange,
        events: AsyncGenerator[ProviderEvent, None],
        mapped: Callable[[], AbstractContextManager[None]],
        splitter: ThoughtSplitter,
    ) -> None:
        self._exchange = exchange
        self._events = events
        self._mapped = mapped
        self._splitter = splitter
        self._blank = True
        self._thought = False
        self.opened = AsyncExitStack()

    @property
    def is_blank(self) -> bool:
        """Whether the reply was to be streamed, and ended without a single part of it and without an error."""
        return self._exchange.is_blank

    async def read(self) -> Sequence[ProviderEvent]:
        """Return what comes next; nothing at the end. Raises `Failed`."""
        with self._mapped():
            async for event in self._events:
                if passed := self._filter(event):
                    return passed
        return ()

    async def next(self) -> Sequence[ProviderEvent]:
        """Return what comes next; nothing at the end. What was handed on is never repeated."""
        try:
            return await self.read()
        except Failed as exc:
            failed = exc.bare()
        # Outside of `except`: our error does not drag the SDK's along as its context.
        raise failed.error

    async def aclose(self) -> None:
        await self.opened.aclose()

    def _filter(self, event: ProviderEvent) -> Sequence[ProviderEvent]:
        """Return the event with its text cleared; a reply that ended well without text is `empty`."""
        match event:
            case TextDelta(text):
                return self._pieces(self._splitter.feed(text))
            case ThoughtDelta(text):
                self._thought = True
                self._splitter.note_thoughts()
                return self._thoughts(text)
            case Stopped():
                return self._last(event)
            case _:
                return (event,)

    def _last(self, stopped: Stopped) -> Sequence[ProviderEvent]:
        pieces = self._pieces(self._splitter.flush())
        thoughts = self._exchange.flush_thought()
        rest = self._text(self._exchange.flush_text())
        # What is not a model's name is left out: nobody has checked it, and it is shown and logged.
        model, thought = as_model(stopped.model), stopped.thought or self._thought
        stopped = replace(stopped, model=model, thought=thought)
        if self._blank and stopped.reason == "end":
            stopped = replace(stopped, reason="empty")
        return (*pieces, *([ThoughtDelta(thoughts)] if thoughts else ()), *rest, stopped)

    def _pieces(self, pieces: Sequence[Piece]) -> Sequence[ProviderEvent]:
        """Return the pieces of a reply whose server sends thoughts within the text."""
        passed: list[ProviderEvent] = []
        for piece in pieces:
            if isinstance(piece, TextDelta):
                passed.extend(self._text(self._exchange.clear_text(piece.text)))
                continue
            self._thought = self._thought or piece.so_far or bool(piece.text.strip())
            if piece.so_far:
                passed.extend(self._text(self._exchange.flush_text()))
                passed.append(ThoughtDelta("", so_far=True))
                self._blank = True
            passed.extend(self._thoughts(piece.text))
        return passed

    def _text(self, text: str) -> Sequence[ProviderEvent]:
        self._blank = self._blank and not text.strip()
        return (TextDelta(text),) if text else ()

    def _thoughts(self, text: str) -> Sequence[ProviderEvent]:
        shown = self._exchange.clear_thought(text)
        return (ThoughtDelta(shown),) if shown else ()


Answer: TypeAlias = tuple[Attempt, Sequence[ProviderEvent]]
"""An attempt that the provider answers, with its first events."""
