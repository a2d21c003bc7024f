"""Failures of a call: what an SDK or the network raised, as our own errors in our own words.

A provider's text is never passed on: providers quote keys and prompts in theirs. What an error's body means
is read in `refusals`, how long to wait in `waits`, and what is said of it stands in `wording`.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx2

from assay_nb.connections.keyway import wanting
from assay_nb.egress.origins import is_official, path_hint
from assay_nb.errors import (
    BROKEN_OFF,
    UNREACHED,
    AssayError,
    BadReply,
    ProviderError,
    ProviderUnavailable,
)
from assay_nb.messages import ProviderId, Request
from assay_nb.providers.exchange import LOG_IN, Exchange
from assay_nb.providers.meanings import CONSEQUENCES, Meaning
from assay_nb.providers.refusals import Refusal, read_refusal
from assay_nb.providers.waits import Wait, read_wait
from assay_nb.providers.wording import account_of, behind, describe_refusal, who_is
from assay_nb.text.english import count


class Kind(enum.Enum):
    """What an SDK's exception class says."""

    STATUS = "the provider answered with an error"
    CONNECTION = "no connection, or it broke"
    TIMEOUT = "too long without a byte"
    GARBLED = "what came is not the provider's protocol"
    UNUSED = "belongs to a part of the SDK that is not used here"


NETWORK: dict[str, Kind] = {
    "TimeoutException": Kind.TIMEOUT,
    "DecodingError": Kind.GARBLED,
    "RemoteProtocolError": Kind.CONNECTION,
    "HTTPError": Kind.CONNECTION,
}
"""httpx2's exceptions, which two of the three SDKs let through mid-stream."""

GARBLED = (ValueError, TypeError, AttributeError, AssertionError, RuntimeError)
"""What the SDKs' parsers raise on frames that make no sense: no SDK wraps all of these."""


class Failed(Exception):
    """One attempt failed; `retry` unwraps it.

    Attributes:
        error: What the caller meets if nothing else is tried.
        again: Whether the same may be sent again.
        refusal: What was refused; None where something else went wrong.
    """

    def __init__(self, error: AssayError, *, again: bool, refusal: Refusal | None = None) -> None:
        super().__init__()
        self.error = error
        self.again = again
        self.refusal = refusal

    def bare(self) -> Failed:
        """Return itself without the SDK's exception, whose frames hold what was sent and received."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


@dataclass(frozen=True, slots=True)
class Errors:
    """How one SDK's exceptions are read.

    Attributes:
        provider: The provider's id.
        root: What all of the SDK's own exceptions derive from, one or several.
        kinds: What each of its classes says, by name; the nearest ancestor in the table counts.
        body_of: Takes the provider's error body out of an exception, decoded; it is matched, never shown.
    """

    provider: ProviderId
    root: tuple[type[Exception], ...]
    kinds: Mapping[str, Kind]
    body_of: Callable[[Exception], object]

    @contextmanager
    def mapped(
        self, exchange: Exchange, model: str | None = None, request: Request | None = None
    ) -> Generator[None]:
        """Raise `Failed`, with an error of ours, for whatever the block raises."""
        try:
            yield
        except (
            *self.root,
            httpx2.HTTPError,
            httpx2.StreamError,
            httpx2.InvalidURL,
            *GARBLED,
        ) as exc:
            failed = self._failed(exc, exchange, model, request)
        except AssayError as exc:
            failed = Failed(exc, again=False)
        else:
            return
        raise failed from None

    def _failed(
        self, exc: Exception, exchange: Exchange, model: str | None, request: Request | None
    ) -> Failed:
        if exchange.failure is not None:
            return Failed(exchange.failure, again=False)
        kind = kind_of(exc, {**NETWORK, **self.kinds})
        if kind is Kind.STATUS:
            return refuse(exchange, self.body_of(exc), model, request)
        if kind in {Kind.CONNECTION, Kind.TIMEOUT}:
            error = exchange.obstacle or _broken(exchange, kind)
            return Failed(error, again=not exchange.sent or exchange.unheard)
        if exchange.status is not None and exchange.status >= 400:
            return refuse(exchange, None, model, request)  # a body that the SDK cannot read
        return Failed(_garbled(exchange), again=False)


def kind_of(exc: Exception, kinds: Mapping[str, Kind]) -> Kind:
    """Return what the exception's nearest listed ancestor says."""
    for ancestor in type(exc).__mro__:
        if ancestor.__name__ in kinds:
            return kinds[ancestor.__name__]
    return Kind.GARBLED


def refuse(
    exchange: Exchange, raw: object, model: str | None = None, request: Request | None = None
) -> Failed:
    """Return the failure of an attempt that was answered with an error, in a response or in its stream."""
    refusal = read_refusal(exchange.status, raw)
    error = for_refusal(exchange, refusal, model, request)
    daily = error.reason == Meaning.DAY_QUOTA
    return Failed(error, again=refusal.again and not daily, refusal=refusal)


def for_refusal(
    exchange: Exchange, refusal: Refusal, model: str | None = None, request: Request | None = None
) -> ProviderError:
    """Return our error for what a provider refused."""
    status = refusal.status
    if exchange.is_page and status in {401, 403, 407, 511}:
        return _page(exchange, status)
    if exchange.is_page and status in _OF_A_PAGE:
        refusal = replace(refusal, meaning=_OF_A_PAGE[status])
    wait = read_wait(status, exchange.waits, refusal.body)
    meaning, step = refusal.meaning, None
    if meaning is Meaning.RATE:
        message, hint = _limited(exchange, wait)
        meaning = Meaning.DAY_QUOTA if wait.daily else meaning
    elif meaning in _PASSING and (model or status != 501):  # a server without a listing
        message, hint = _down(exchange, refusal, wait)
    else:
        said = describe_refusal(exchange.destination, refusal, model, request)
        message, hint, step = said.message, said.hint, said.step
    kind = CONSEQUENCES[meaning].kind
    error = _error(kind, exchange, status, message, hint, wait=wait.seconds, reason=meaning)
    return wanting(error, step) if step else error


def _error(
    kind: type[ProviderError],
    exchange: Exchange,
    status: int | None,
    message: str,
    hint: str | None,
    *,
    wait: float | None = None,
    reason: str | None = None,
) -> ProviderError:
    return kind(
        message,
        hint=hint,
        provider=exchange.destination.provider,
        status=status,
        request_id=exchange.request_id,
        retry_after=wait,
        reason=None if reason is None else str(reason),
    )


def _limited(exchange: Exchange, wait: Wait) -> tuple[str, str]:
    there = exchange.destination
    if wait.daily:
        what = f"Today's quota of the {account_of(there)}{behind(there)} is used up."
        if there.keyless:
            what = f"Today's quota at {who_is(there)} is used up."
        # The only one of the three that documents when a day ends.
        ends = there.provider == "google" and is_official(there)
        when = "at midnight Pacific time" if ends else "tomorrow"
        return what, f"Run it again {when}, or use another model or key: each has its own quota."
    when = "Try again in a minute."
    if wait.seconds:
        when = f"Try again in {describe_wait(wait.seconds)}."
    if there.keyless:
        return f"{who_is(there)} takes no more requests just now.", when
    return f"The limit of the {account_of(there)} behind the workspace's key is reached.", when


_OF_A_PAGE: Mapping[int, Meaning] = {404: Meaning.PAGE_UNKNOWN, 413: Meaning.BODY_TOO_LARGE}
"""What a web server's own page says: no model was looked for, and no tokens were counted."""

_PASSING: Mapping[Meaning, str] = {
    Meaning.BUSY: "is overloaded",
    Meaning.LOADING: "is still loading the model",
    Meaning.DOWN: "failed to answer (status {status})",
}
"""What has nothing to do with the request, and what is said of it."""


def _down(exchange: Exchange, refusal: Refusal, wait: Wait) -> tuple[str, str]:
    what = _PASSING[refusal.meaning].format(status=refusal.status)
    when = f" in {describe_wait(wait.seconds)}" if wait.seconds else ""
    return (
        f"{who_is(exchange.destination)} {what}.",
        f"Nothing is wrong with the prompt or the key; try again{when}.",
    )


def _page(exchange: Exchange, status: int) -> ProviderError:
    return _error(
        ProviderUnavailable,
        exchange,
        status,
        f"A web page with status {status} came instead of the answer of {who_is(exchange.destination)}.",
        exchange.names.advise(LOG_IN),
    )


def _broken(exchange: Exchange, kind: Kind) -> ProviderError:
    if kind is Kind.TIMEOUT:
        return _error(
            ProviderUnavailable,
            exchange,
            exchange.status,
            f"{who_is(exchange.destination)} has not sent a byte for {describe_wait(exchange.limits.idle)}."
            if exchange.sent
            else f"{who_is(exchange.destination)} could not be reached in time.",
            f"Try again. {_persists(exchange)}",
            reason=None if exchange.sent else UNREACHED,
        )
    if exchange.sent:
        what, hint = "closed the connection before the reply was whole.", "Try again."
        if exchange.status is None and exchange.destination.origin.startswith("http://"):
            hint = "Try again; if this persists, check whether the endpoint begins with https://."
    else:
        what, hint = "cannot be reached.", f"Try again. {_persists(exchange)}"
    return _error(
        ProviderUnavailable,
        exchange,
        exchange.status,
        f"{who_is(exchange.destination)} {what}",
        hint,
        reason=BROKEN_OFF if exchange.sent else UNREACHED,
    )


def _persists(exchange: Exchange) -> str:
    if exchange.names.by_operator:
        return "If this persists, tell the hub's operator."
    return "If this persists, run `assay-nb doctor`: it tests the connection."


def _garbled(exchange: Exchange) -> ProviderError:
    return _error(
        BadReply,
        exchange,
        exchange.status,
        f"{who_is(exchange.destination)} sent something that is not {exchange.label}'s protocol.",
        path_hint(exchange.destination) or "Try again; something in between may change responses.",
    )


def describe_wait(seconds: float) -> str:
    """Return a wait for people: `20 seconds`, or `3 minutes (14:05)`."""
    if seconds < 90:
        return count(math.ceil(seconds), "second")
    at = time.strftime("%H:%M", time.localtime(time.time() + seconds))
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minutes (at {at})" if minutes < 180 else count(round(minutes / 60), "hour")
