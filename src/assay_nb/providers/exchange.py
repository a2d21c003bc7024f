"""The exchange: one request and its response, between an SDK and the connection that carries it."""

from __future__ import annotations

import contextlib
import email.utils
import secrets
import time
from dataclasses import dataclass

import anyio
import httpx2

from assay_nb.egress.checks import ResponseHead, echoed
from assay_nb.egress.credential import Credential
from assay_nb.egress.echo import EchoScanner
from assay_nb.errors import AssayError, ProviderError, ProviderUnavailable
from assay_nb.messages import Destination, label_of

TICKET = "x-assay-ticket"
"""The header that names a running exchange. It never leaves the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a provider may send, and how long it may take.

    Attributes:
        connect: Seconds until the connection is established.
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
        credential: The right to use the key.
        destination: Where it goes.
        status: The response's status; None while there is none.
        request_id: The provider's id of the request.
        retry_after: Seconds that the provider asks to wait.
        is_page: An HTML page came instead of an answer.
        sent: The request's headers, and so the key, have been written.
        failure: What the transport itself refused. It explains whatever the SDK made of it.
        obstacle: Why there was no connection, where more is known than that. A further attempt may help.
    """

    def __init__(self, credential: Credential, limits: Limits) -> None:
        self.credential = credential
        self.destination: Destination = credential.destination
        self.ticket = secrets.token_urlsafe(12)
        self.status: int | None = None
        self.request_id: str | None = None
        self.retry_after: float | None = None
        self.is_page = False
        self.sent = False
        self.failure: AssayError | None = None
        self.obstacle: AssayError | None = None
        self.limits = limits
        self.deadline = time.monotonic() + limits.total
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

    # --- the request

    def watch_for(self, key: bytes | bytearray | memoryview) -> None:
        """Look for this key, which is about to be sent, in what comes back."""
        self._wire_echo.arm(key)
        self._text_echo.arm_like(self._wire_echo)
        self.sent = True

    # --- the response

    def take_head(self, response: httpx2.Response) -> ResponseHead:
        """Read and check status and headers."""
        head = ResponseHead(self.destination, response.status_code, response.headers)
        self.status = head.status
        head.check_echo(self._wire_echo, response.headers.raw)
        self.request_id = head.request_id
        self.retry_after = parse_retry_after(head.headers.get("retry-after"))
        self.is_page = head.is_page
        head.check_redirect("If the endpoint moved, save the key again with its new address.")
        if head.status < 400 and not _is_reply(head.media_type):
            raise head.not_a_reply("; `assay-nb doctor` shows which proxy is used")
        return head

    def attach(self, body: httpx2.AsyncByteStream) -> None:
        """Keep the response's body, so that `close` closes it."""
        self._body = body

    @property
    def cap(self) -> int:
        """Bytes that the response's body may have, decoded."""
        is_error = self.status is not None and self.status >= 400
        return self.limits.error_body if is_error else self.limits.body

    def clear_bytes(self, piece: bytes) -> bytes:
        """Return as much of a piece of body as may be read by now; `flush_bytes` returns the rest."""
        passed = self._wire_echo.feed(piece)
        if passed is None:
            raise self.refuse(self._echoed())
        return passed

    def flush_bytes(self) -> bytes:
        return self._wire_echo.flush()

    def too_much(self, what: str) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"{self.label} sent {what}, so the connection was closed.",
            provider=self.destination.provider,
            status=self.status,
            request_id=self.request_id,
        )

    def _echoed(self) -> ProviderError:
        return echoed(self.destination, self.status)


def _is_reply(media_type: str) -> bool:
    return not media_type or media_type.endswith("json") or media_type == "text/event-stream"


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
