"""Headers of a request that is passed through, and of its response: what is kept of either."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from assay_nb.egress import headers

_SENT = tuple(sorted((*headers.SENT, "Idempotency-Key", "OpenAI-Beta", "X-Client-Request-Id")))

_RECEIVED = headers.RECEIVED | {
    "content-disposition", "openai-processing-ms", "openai-version", "retry-after-ms", "x-should-retry",
}  # fmt: skip
_RECEIVED_PREFIXES = ("anthropic-ratelimit-", "x-ratelimit-")


def request_headers(request: web.Request) -> dict[str, str]:
    """Return the headers to send to the provider. The key is not among them yet."""
    kept = {name: request.headers[name] for name in _SENT if name in request.headers}
    kept["Accept-Encoding"] = "identity"
    length = request.content_length
    if length is not None and request.body_exists:
        kept["Content-Length"] = str(length)
    return kept


def response_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the provider's headers that the caller may see."""
    return {name: value for name, value in response.headers.items() if is_received(name.lower())}


def is_received(lower: str) -> bool:
    """Say whether the caller may see a header of the provider's, by its name in lower case."""
    return lower in _RECEIVED or lower.startswith(_RECEIVED_PREFIXES)
