"""Responses of the gateway: JSON, and errors as `{"error": {code, message, hint}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from assay_nb.errors import AssayError
from assay_nb.gateway.http.safe_headers import SAFE_HEADERS as SAFE_HEADERS


class NotSignedIn(AssayError):
    """The hub does not know the token, or there is none."""

    code = "not_signed_in"
    http_status = 401


class HubUnavailable(AssayError):
    """The hub cannot be asked who a caller is, so nobody is let in."""

    code = "hub_unavailable"
    http_status = 503


class TooLarge(AssayError):
    """The request is larger than any that makes sense."""

    code = "too_large"
    http_status = 413


class BadHead(AssayError):
    """What was sent does not begin as an HTTP request does."""

    code = "bad_request"
    http_status = 400


class HeadTooLarge(BadHead):
    """The head of a request is larger than any that makes sense."""

    code = "too_large"
    http_status = 431


class HeadTooSlow(BadHead):
    """The head of a request did not come in time."""

    code = "too_slow"
    http_status = 408


class NoWebSocket(AssayError):
    """A WebSocket is asked for where there is none. Clients that can do without one go by this status."""

    code = "no_websocket"
    http_status = 426


class NotFound(AssayError):
    """Nothing is at this address."""

    code = "not_found"
    http_status = 404


class WrongMethod(AssayError):
    """The address is right and the method is not."""

    code = "wrong_method"
    http_status = 405


class Broken(AssayError):
    """An error of the gateway itself; its log has more under the same number."""

    code = "internal"
    http_status = 500


def json_answer(
    data: Mapping[str, Any] | Sequence[Any], *, status: int = 200, **headers: str
) -> web.Response:
    """Return data as a JSON response."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return web.Response(text=text, status=status, content_type="application/json", headers=headers)


def error_answer(error: AssayError) -> web.Response:
    """Return an error as a JSON response with its status."""
    headers = error_headers(error)
    return json_answer({"error": error.to_dict()}, status=error.http_status, **headers)


def error_headers(error: AssayError) -> dict[str, str]:
    """Return the headers that an error has beyond those of every JSON answer."""
    headers: dict[str, str] = {}
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, round(retry_after)))
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def add_safe_headers(response: web.StreamResponse) -> None:
    """Put the headers of `SAFE_HEADERS` on a response that has not begun."""
    if not response.prepared:
        for name, value in SAFE_HEADERS.items():
            response.headers.setdefault(name, value)
