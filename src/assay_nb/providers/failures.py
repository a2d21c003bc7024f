"""Failures of a call: what an SDK or the network raised, as our own errors in our own words.

A provider's text is never passed on: providers quote keys and prompts in theirs. What decides is the HTTP
status and the provider's machine-readable code, both from closed sets.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from assay_nb.egress.origins import is_official, path_hint
from assay_nb.errors import (
    AssayError,
    BadReply,
    ProviderAuthError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from assay_nb.messages import ProviderId, Request
from assay_nb.models.catalog import suggest_model
from assay_nb.providers.exchange import Exchange
from assay_nb.providers.setup import SETUP
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

GARBLED = (ValueError, AttributeError, AssertionError, RuntimeError)
"""What the SDKs' parsers raise on frames that make no sense: no SDK wraps all of these."""

_STATUS_OF_CODE: dict[str, int] = {
    # Anthropic
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    "enforced_spend_limit_reached": 402,
    # OpenAI, and those that speak like it
    "invalid_api_key": 401,
    "account_deactivated": 401,
    "insufficient_quota": 402,
    "billing_hard_limit_reached": 402,
    "billing_not_active": 402,
    "model_not_found": 404,
    "context_length_exceeded": 413,
    "exceed_context_size_error": 413,
    "string_above_max_length": 413,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    # Google
    "API_KEY_INVALID": 401,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": 401,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})


class Failed(Exception):
    """One attempt failed. `again` says whether another one may be made; `retry` unwraps it."""

    def __init__(self, error: AssayError, *, again: bool) -> None:
        super().__init__()
        self.error = error
        self.again = again

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
        code_of: Reads the machine-readable code from an exception: never a text for people.
    """

    provider: ProviderId
    root: tuple[type[Exception], ...]
    kinds: Mapping[str, Kind]
    code_of: Callable[[Exception], str | int | None]

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
        status = effective_status(exchange.status, self.code_of(exc))
        if kind is Kind.STATUS and status >= 400:
            return Failed(for_status(exchange, status, model, request), again=status in _RETRIED)
        if kind in {Kind.CONNECTION, Kind.TIMEOUT}:
            error = exchange.obstacle or _broken(exchange, kind)
            return Failed(error, again=not exchange.sent)
        return Failed(_garbled(exchange), again=False)


def kind_of(exc: Exception, kinds: Mapping[str, Kind]) -> Kind:
    """Return what the exception's nearest listed ancestor says."""
    for ancestor in type(exc).__mro__:
        if ancestor.__name__ in kinds:
            return kinds[ancestor.__name__]
    return Kind.GARBLED


def first_known(*codes: object) -> str | None:
    """Return the first of these that is a code which says something; None where none does."""
    return next((code for code in codes if isinstance(code, str) and code in _STATUS_OF_CODE), None)


def effective_status(status: int | None, code: str | int | None) -> int:
    """Return the status that counts: the code's, where HTTP's says less.

    An error within a stream comes with status 200, a bad Google key as 400, and an account without
    credit as 429.
    """
    if status is not None and status not in {200, 400, 429}:
        return status
    if isinstance(code, str):
        code = _STATUS_OF_CODE.get(code)
    return code or (500 if status is None or status == 200 else status)


def for_status(
    exchange: Exchange, status: int, model: str | None = None, request: Request | None = None
) -> ProviderError:
    """Return our error for a provider's error status."""
    if exchange.is_page and status in {401, 403, 407, 511}:
        return _page(exchange, status)
    if exchange.destination.keyless and status in {401, 402, 403}:
        return _error(ProviderAuthError, exchange, status, *_key_wanted(exchange))
    if status == 401:
        return _error(ProviderAuthError, exchange, status, *_key_refused(exchange))
    if status == 403:
        return _error(ProviderAuthError, exchange, status, *_not_allowed(exchange, model))
    if status == 402:
        return _error(ProviderError, exchange, status, *_no_credit(exchange))
    if status == 404:
        return _error(ProviderError, exchange, status, *_not_found(exchange, model))
    if status == 413:
        return _error(ProviderError, exchange, status, *_too_long(exchange, model))
    if status == 429:
        return _error(RateLimited, exchange, status, *_limited(exchange))
    if status >= 500 or status in {408, 409}:
        return _error(ProviderUnavailable, exchange, status, *_down(exchange, status))
    return _error(ProviderError, exchange, status, *_refused(exchange, status, model, request))


def _error(
    kind: type[ProviderError],
    exchange: Exchange,
    status: int | None,
    message: str,
    hint: str | None,
) -> ProviderError:
    return kind(
        message,
        hint=hint,
        provider=exchange.destination.provider,
        status=status,
        request_id=exchange.request_id,
        retry_after=exchange.retry_after,
    )


def _key_refused(exchange: Exchange) -> tuple[str, str]:
    provider = exchange.destination.provider
    hint = (
        f"It was revoked, or belongs elsewhere: `assay-nb keys set {provider}` replaces it; "
        f"{SETUP[provider].keys_url} shows which keys are valid."
    )
    return f"{_who(exchange)} does not accept the workspace's key.", hint


def _key_wanted(exchange: Exchange) -> tuple[str, str]:
    there = exchange.destination
    hint = f"Enter one: `assay-nb keys set {there.provider} --endpoint {there.endpoint}`."
    return f"{there.origin} asks for a key, and none is stored for it.", hint


def _not_allowed(exchange: Exchange, model: str | None) -> tuple[str, str]:
    what = f"use {model}" if model else "do this"
    hint = (
        "`assay-nb models` lists what it can see; "
        f"{SETUP[exchange.destination.provider].keys_url} shows what it may do."
    )
    return f"{_who(exchange)} accepts the workspace's key, but the key may not {what}.", hint


def _no_credit(exchange: Exchange) -> tuple[str, str]:
    return (
        f"The {exchange.label} account behind the workspace's key has run out of credit.",
        f"See {SETUP[exchange.destination.provider].billing_url}.",
    )


def _not_found(exchange: Exchange, model: str | None) -> tuple[str, str]:
    if hint := path_hint(exchange.destination):
        return f"{exchange.destination.endpoint} has no such page.", hint
    if model is None:
        return f"{_who(exchange)} has no such page.", "Check the endpoint: `assay-nb keys list`."
    near = suggest_model(model, exchange.destination.provider)
    nearest = f"Nearest known name: `{near}`. " if near and not near.endswith(f"/{model}") else ""
    if exchange.destination.keyless:
        hint = f"{nearest}`assay-nb models --ask` lists those that it has."
        return f"{_who(exchange)} knows no model {model!r}.", hint
    return (
        f"{_who(exchange)} knows no model {model!r}, or the key may not use it.",
        f"{nearest}`assay-nb models` lists those that the key can see.",
    )


def _too_long(exchange: Exchange, model: str | None) -> tuple[str, str]:
    return (
        f"The prompt is longer than {model or 'the model'} takes.",
        "Shorten it, or choose a model with a larger context: `assay-nb models`.",
    )


def _limited(exchange: Exchange) -> tuple[str, str]:
    wait = exchange.retry_after
    when = f"Try again in {describe_wait(wait)}." if wait else "Try again in a minute."
    if exchange.destination.keyless:
        return f"{_who(exchange)} takes no more requests just now.", when
    return f"The limit of the {exchange.label} account behind the workspace's key is reached.", when


def _down(exchange: Exchange, status: int) -> tuple[str, str]:
    what = "is overloaded" if status in {503, 529} else f"failed to answer (status {status})"
    return f"{_who(exchange)} {what}.", "Nothing is wrong with the prompt or the key; try again."


def _refused(
    exchange: Exchange, status: int, model: str | None, request: Request | None
) -> tuple[str, str | None]:
    what = f" for {model}" if model else ""
    if request is not None and request.knobs:
        names = ", ".join(sorted(request.knobs))
        return (
            f"{_who(exchange)} refused the request{what} (status {status}), which set {names}.",
            f"Leave {names} out: current models refuse such settings, even at their default values.",
        )
    return (
        f"{_who(exchange)} refused the request{what} (status {status}).",
        "Another model may take it: `assay-nb models`.",
    )


def _page(exchange: Exchange, status: int) -> ProviderError:
    return _error(
        ProviderUnavailable,
        exchange,
        status,
        f"A web page with status {status} came instead of {exchange.label}'s answer.",
        "A proxy or a network log-in page is in between; `assay-nb doctor` shows which proxy is used.",
    )


def _broken(exchange: Exchange, kind: Kind) -> ProviderError:
    if kind is Kind.TIMEOUT:
        return _error(
            ProviderUnavailable,
            exchange,
            exchange.status,
            f"{_who(exchange)} has not sent a byte for {describe_wait(exchange.limits.idle)}."
            if exchange.sent
            else f"{_who(exchange)} could not be reached in time.",
            "Try again; `assay-nb doctor` tests the connection.",
        )
    if exchange.sent:
        what, hint = "closed the connection before the reply was whole.", "Try again."
    else:
        what, hint = "cannot be reached.", "`assay-nb doctor` tests the connection."
    return _error(ProviderUnavailable, exchange, exchange.status, f"{_who(exchange)} {what}", hint)


def _garbled(exchange: Exchange) -> ProviderError:
    return _error(
        BadReply,
        exchange,
        exchange.status,
        f"{_who(exchange)} sent something that is not {exchange.label}'s protocol.",
        path_hint(exchange.destination) or "Something in between may change responses; try again.",
    )


def _who(exchange: Exchange) -> str:
    destination = exchange.destination
    return exchange.label if is_official(destination) else destination.origin


def describe_wait(seconds: float) -> str:
    """Return a wait for people: `20 seconds`, or `3 minutes (14:05)`."""
    if seconds < 90:
        return count(math.ceil(seconds), "second")
    at = time.strftime("%H:%M", time.localtime(time.time() + seconds))
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minutes (at {at})" if minutes < 180 else count(round(minutes / 60), "hour")
