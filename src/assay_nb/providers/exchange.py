"""One request and its response, between the SDK that makes it and the connection that carries it."""

from __future__ import annotations

import contextlib
import email.utils
import secrets
import time
from dataclasses import dataclass

import anyio
import httpx2

from assay_nb.egress.echo import EchoScanner
from assay_nb.errors import AssayError, EndpointRefused, ProviderError, ProviderUnavailable
from assay_nb.messages import Destination
from assay_nb.providers.base import Credential, Opening
from assay_nb.providers.body import GuardedBody, decoder_for
from assay_nb.providers.setup import label_of

TICKET = "x-assay-ticket"
"""The header that names a running exchange. It never leaves the process."""

_RECEIVED = frozenset({"content-type", "request-id", "retry-after", "x-request-id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a provider may send, and how long it may take.

    Attributes:
        connect: Seconds until the connection stands.
        idle: Seconds without a byte. A thinking model is silent for minutes.
        total: Seconds for the whole exchange, however it drips.
        body: Bytes of a response, decoded.
        error_body: Bytes of an error's.
        connections: Open connections per event loop.
    """

    connect: float = 10.0
    idle: float = 180.0
    total: float = 1_800.0
    body: int = 64 * 1024 * 1024
    error_body: int = 1024 * 1024
    connections: int = 1024


class Exchange:
    """One request and its response, as the transport saw them.

    Attributes:
        destination: Where it goes.
        status: The response's status; None while there is none.
        request_id: The provider's id of the request.
        retry_after: Seconds that the provider asks to wait.
        is_page: An HTML page came instead of an answer.
        sent: The request's headers, and so the key, have been written.
        failure: What the transport itself refused. It explains whatever the SDK made of it.
    """

    def __init__(self, credential: Credential, limits: Limits) -> None:
        self.destination: Destination = credential.destination
        self.ticket = secrets.token_urlsafe(12)
        self.status: int | None = None
        self.request_id: str | None = None
        self.retry_after: float | None = None
        self.is_page = False
        self.sent = False
        self.failure: AssayError | None = None
        self.limits = limits
        self.deadline = time.monotonic() + limits.total
        self._credential = credential
        self._wire_echo = EchoScanner()
        self._text_echo = EchoScanner()
        self._body: httpx2.AsyncByteStream | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The header that an SDK's request must carry to be let out."""
        return {TICKET: self.ticket}

    @property
    def label(self) -> str:
        """The provider's name, for people."""
        return label_of(self.destination.provider)

    def refuse(self, error: AssayError) -> httpx2.TransportError:
        """Remember why, and return what the SDK is told.

        Without its frames: their variables hold what the provider sent.
        """
        error.__cause__ = error.__context__ = None
        self.failure = error.with_traceback(None)
        return httpx2.ReadError("The exchange was ended.")

    def clear_text(self, text: str) -> str:
        """Return as much of a piece of reply as may be shown by now; `flush_text` returns the rest.

        A model that spells a key out, one token per frame, is not noticed on the wire.
        """
        # A model may emit half of a surrogate pair, which nothing further on could write down.
        passed = self._text_echo.feed(text.encode("utf-8", "surrogatepass"))
        if passed is None:
            raise self._echoed()
        return passed.decode("utf-8", "replace")

    def flush_text(self) -> str:
        return self._text_echo.flush().decode("utf-8", "replace")

    async def close(self) -> None:
        """Close the connection unless the response was read to its end, and forget the key's traces."""
        self._wire_echo.disarm()
        self._text_echo.disarm()
        body, self._body = self._body, None
        if body is not None:
            with anyio.CancelScope(shield=True):
                await body.aclose()

    # --- on the way out

    def opened_key(self) -> Opening:
        """Open the key. Once: an SDK that sends a second request of its own does not get it."""
        if self.sent:
            raise EndpointRefused("A key is put on one request, not on two.")
        return self._credential.open()

    def watch_for(self, key: bytes | bytearray | memoryview) -> None:
        """Look for this key, which is about to be sent, in what comes back."""
        self._wire_echo.arm(key)
        self._text_echo.arm(key)
        self.sent = True

    # --- on the way back

    def take_head(self, response: httpx2.Response) -> dict[str, str]:
        """Read status and headers, and return the headers that the SDK may see."""
        self.status = response.status_code
        if self._wire_echo.has_echo(b"\n".join(b"%s: %s" % pair for pair in response.headers.raw)):
            raise self._echoed()
        kept = {name: value for name, value in response.headers.items() if name in _RECEIVED}
        self.request_id = kept.get("request-id") or kept.get("x-request-id")
        self.retry_after = parse_retry_after(kept.get("retry-after"))
        self._check_status(response.status_code)
        self._check_type(kept.get("content-type", ""), response.status_code)
        return kept

    def _check_status(self, status: int) -> None:
        if 300 <= status < 400:
            raise ProviderError(
                f"{self.destination.origin} answered with a redirect, which a key does not follow.",
                hint="If the endpoint moved, save the key again with its new address.",
                provider=self.destination.provider,
                status=status,
                request_id=self.request_id,
            )

    def _check_type(self, content_type: str, status: int) -> None:
        kind = content_type.partition(";")[0].strip().lower()
        self.is_page = kind in {"text/html", "application/xhtml+xml"}
        if status >= 400 or not kind or kind.endswith("json") or kind == "text/event-stream":
            return
        what = "a web page" if self.is_page else f"content of type {kind[:60]!r}"
        raise ProviderUnavailable(
            f"{self.destination.origin} answered with {what} instead of a model's reply.",
            hint="A network log-in page or a proxy may stand in between; `assay-nb doctor` shows the way out.",
            provider=self.destination.provider,
            status=status,
        )

    def guard(self, body: httpx2.AsyncByteStream, encoding: str) -> httpx2.AsyncByteStream:
        """Return the response's body as the SDK reads it: decoded, bounded and free of the key."""
        self._body = body
        is_error = self.status is not None and self.status >= 400
        cap = self.limits.error_body if is_error else self.limits.body
        return GuardedBody(self, body, cap, decoder_for(encoding), self._wire_echo)

    def too_much(self, what: str) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"{self.label} sent {what}, so the connection was closed.",
            provider=self.destination.provider,
            status=self.status,
            request_id=self.request_id,
        )

    def _echoed(self) -> ProviderError:
        return ProviderError(
            f"The answer from {self.destination.origin} held the key itself, so it was cut off there.",
            hint="Revoke the key at the provider and find out what stands in between: "
            "something on the way shows keys.",
            provider=self.destination.provider,
            status=self.status,
        )

    def check_echo(self, passed: bytes | None) -> bytes:
        if passed is None:
            raise self.refuse(self._echoed())
        return passed


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header means: a number, or a date."""
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(value))
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - time.time())
