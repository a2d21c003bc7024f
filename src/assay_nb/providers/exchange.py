"""The exchange: one request and its response, between an SDK and the connection that carries it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

import anyio
import httpx2

from assay_nb.egress.checks import ResponseHead, echoed
from assay_nb.egress.credential import Credential
from assay_nb.egress.echo import EchoScanner
from assay_nb.egress.setting_names import SOLO, SettingNames
from assay_nb.errors import AssayError, ProviderError, ProviderUnavailable
from assay_nb.messages import Destination, Kind, label_of
from assay_nb.providers.streaming.reader import StreamReader
from assay_nb.providers.waits import keep_headers
from assay_nb.providers.wording import who_is

TICKET = "x-assay-ticket"
"""The header that names a running exchange. It never leaves the process."""


LOG_IN = "log in to the network, or check the proxy in between: `assay-nb doctor` shows which one is used"
"""What to do where a web page comes in the place of an answer."""

_AT_ONCE = 2.0
"""Seconds within which news of a closed connection arrives, from the other side of the world too."""

_NO_TEXT = ("audio/", "font/", "image/", "video/")
"""Beginnings of labels of what cannot be a reply. Under any other label a body is read for what it is:
servers stream events and JSON as `text/plain`, as octets, or under a name of their own."""


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
        dialect: The dialect of the stream that the request asks for; None where it asks for plain JSON.
        reader: What reads the response as a stream; None where it is not one.
        status: The response's status; None while there is none. An error within a stream may say it better.
        request_id: The provider's id of the request.
        waits: The response's headers that say how long to wait.
        is_page: An HTML page came instead of an answer.
        sent: The request's headers, and so the key, have been written.
        reused: The connection had served an earlier request.
        unheard: The server had closed the connection before the request arrived.
        failure: What the transport itself refused. It explains whatever the SDK made of it.
        obstacle: Why there was no connection, where more is known than that. A further attempt may help.
        names: What the settings are called, and whether a hub's operator has them.
    """

    def __init__(self, credential: Credential, limits: Limits, names: SettingNames = SOLO) -> None:
        self.credential = credential
        self.names = names
        self.destination: Destination = credential.destination
        self.ticket = secrets.token_urlsafe(12)
        self.dialect: Kind | None = None
        self.reader: StreamReader | None = None
        self.status: int | None = None
        self.request_id: str | None = None
        self.waits: dict[str, str] = {}
        self.is_page = False
        self.sent = False
        self.reused = True
        self.unheard = False
        self.failure: AssayError | None = None
        self.obstacle: AssayError | None = None
        self.limits = limits
        self.deadline = time.monotonic() + limits.total
        self._sent_at = 0.0
        self._wire_echo = EchoScanner()
        self._text = _Shown()
        self._thoughts = _Shown()
        self._body: httpx2.AsyncByteStream | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The header that an SDK's request must carry to be let out."""
        return {TICKET: self.ticket}

    @property
    def is_blank(self) -> bool:
        """Whether the response is a stream in which no part of a reply and no error has come."""
        return self.reader is not None and self.reader.is_blank

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
        return self._clear(self._text, text)

    def flush_text(self) -> str:
        return self._text.flush()

    def clear_thought(self, text: str) -> str:
        """Return as much of a piece of thought as may be shown by now; `flush_thought` returns the rest."""
        return self._clear(self._thoughts, text)

    def flush_thought(self) -> str:
        return self._thoughts.flush()

    def _clear(self, shown: _Shown, text: str) -> str:
        passed = shown.feed(text)
        if passed is None:
            raise self._echoed()
        return passed

    async def close(self) -> None:
        """Close the connection unless the response was read to its end, and forget the key's traces."""
        self._wire_echo.disarm()
        self._text.echo.disarm()
        self._thoughts.echo.disarm()
        body, self._body = self._body, None
        if body is not None:
            with anyio.CancelScope(shield=True):
                await body.aclose()

    # --- the request

    def watch_for(self, key: bytes | bytearray | memoryview) -> None:
        """Look for this key, which is about to be sent, in what comes back."""
        self._wire_echo.arm(key)
        self._text.echo.arm_like(self._wire_echo)
        self._thoughts.echo.arm_like(self._wire_echo)
        self.sent = True
        self._sent_at = time.monotonic()

    def note_silence(self) -> None:
        """Note that the connection ended without an answer, and whether anybody can have read the request.

        A server may close a connection that it had kept open for a next request, at the very moment when
        that one arrives; llama.cpp's does it after each reply that it streams. Nobody has read it then. Who
        closed it later may have worked on it, and bills for that.
        """
        self.unheard = self.reused and time.monotonic() - self._sent_at < _AT_ONCE

    # --- the response

    def take_head(self, response: httpx2.Response) -> ResponseHead:
        """Read and check status and headers."""
        head = ResponseHead(self.destination, response.status_code, response.headers)
        # Every 2xx is one: an SDK takes 200 alone for a stream, and what is in it is read all the same.
        self.status = 200 if 200 <= head.status < 300 else head.status
        head.check_echo(self._wire_echo, response.headers.raw)
        self.request_id = head.request_id
        self.waits = keep_headers(head.headers)
        self.is_page = head.is_page
        head.check_redirect("If the endpoint moved, save the key again with its new address.")
        if head.status < 400 and (head.is_page or head.media_type.startswith(_NO_TEXT)):
            raise head.not_a_reply(self.names.advise(LOG_IN))
        return head

    def page_instead(self) -> ProviderError:
        """Return the error for a web page that came in the place of a stream, under another label."""
        head = ResponseHead(self.destination, self.status or 200, {"content-type": "text/html"})
        return head.not_a_reply(self.names.advise(LOG_IN))

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
            f"{who_is(self.destination)} sent {what}, so the connection was closed.",
            provider=self.destination.provider,
            status=self.status,
            request_id=self.request_id,
        )

    def _echoed(self) -> ProviderError:
        return echoed(self.destination, self.status)


class _Shown:
    """A text on its way to people: free of the key, and with its surrogate pairs whole."""

    def __init__(self) -> None:
        self.echo = EchoScanner()
        self._half = ""

    def feed(self, text: str) -> str | None:
        """Return what may be shown by now, or None when the key is in it."""
        whole = self._half + text
        # A model that sends an emoji as two tokens spreads its two halves over two pieces.
        self._half = whole[-1:] if "\ud800" <= whole[-1:] <= "\udbff" else ""
        passed = self.echo.feed(_encode(whole[: len(whole) - len(self._half)]))
        return None if passed is None else passed.decode("utf-8", "replace")

    def flush(self) -> str:
        """Return what was held back; half of a pair that stayed alone is shown as U+FFFD."""
        alone, self._half = "\ufffd" if self._half else "", ""
        return self.echo.flush().decode("utf-8", "replace") + alone


def _encode(text: str) -> bytes:
    """Return text as UTF-8, its surrogate pairs joined, and U+FFFD for half of one, which nothing can write."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
