"""The one way out: checks the destination, writes the key's header last, and reads back with care.

The SDKs are built with a placeholder. Each request of theirs carries a ticket that names a running
exchange; the transport takes the ticket off, compares the URL with the destination sealed with the key,
keeps the headers on a short list and drops the rest, and sends. The key is opened when the connection
stands (proxy tunnel, TLS and all) and the headers are about to be written; when they are written it is
gone again. So no client object, request, exception, traceback or log of theirs ever holds it, and
no environment variable that steers an SDK can steer a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import ipaddress
import secrets
import ssl
import time
import weakref
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2

from assay_nb.errors import (
    AssayError,
    EndpointRefused,
    ProviderError,
    ProviderUnavailable,
    WrongUsage,
)
from assay_nb.messages import Destination
from assay_nb.providers import logs
from assay_nb.providers.base import Credential
from assay_nb.providers.echo import EchoScanner
from assay_nb.providers.setup import label_of

PLACEHOLDER = "assay-placeholder"
"""What the SDKs are given for a key."""

TICKET = "x-assay-ticket"

_SENT = frozenset({
    "accept", "anthropic-beta", "anthropic-version", "content-length", "content-type", "host",
    "transfer-encoding", "user-agent", "x-goog-api-client",
})  # fmt: skip
_RECEIVED = frozenset({"content-type", "request-id", "retry-after", "x-request-id"})

_HEADER_SAFE = frozenset(range(0x21, 0x7F))

Vet = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host and returns the addresses that may be connected to, or raises `EndpointRefused`."""


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

    def writer(self, origin: tuple[bytes, bytes, int | None]) -> _HeaderWriter:
        return _HeaderWriter(self, self._credential, origin, self._arm)

    def _arm(self, key: bytes | bytearray | memoryview) -> None:
        self._wire_echo.arm(key)
        self._text_echo.arm(key)

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
        return _GuardedBody(self, body, cap, _decoder_for(encoding), self._wire_echo)

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


class _HeaderWriter:
    """Puts the key on a request while its headers are written, and takes it off again.

    It is called by httpcore's `trace` extension. A proxy's CONNECT request runs through the same
    events and must not get the key, hence the look at method and origin.
    """

    def __init__(
        self,
        exchange: Exchange,
        credential: Credential,
        origin: tuple[bytes, bytes, int | None],
        arm: Callable[[bytes | bytearray | memoryview], None],
    ) -> None:
        self._exchange = exchange
        self._credential = credential
        self._origin = origin
        self._arm = arm
        self._headers: list[tuple[bytes, bytes]] | None = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self._write(info["request"])
        elif event.startswith("http11.send_request_headers."):
            self._erase()

    def _write(self, request: Any) -> None:
        url = request.url
        if request.method == b"CONNECT" or (url.scheme, url.host, url.port) != self._origin:
            return
        if self._exchange.sent:
            raise self._exchange.refuse(EndpointRefused("A key is put on one request, not on two."))
        try:
            with self._credential.open() as key:
                check_header_safe(key)
                self._arm(key)
                request.headers.append(_header_for(self._credential.destination, key))
        except AssayError as error:
            raise self._exchange.refuse(error) from None
        self._headers = request.headers
        self._exchange.sent = True

    def _erase(self) -> None:
        if self._headers is not None:
            self._headers.pop()
            self._headers = None


def _header_for(
    destination: Destination, key: bytes | bytearray | memoryview
) -> tuple[bytes, bytes]:
    if destination.placement == "bearer":
        return b"Authorization", b"Bearer " + key
    if destination.placement == "x-goog-api-key":
        return b"x-goog-api-key", bytes(key)
    raise EndpointRefused("The key is to be sent in a way that is not known here.")


def check_header_safe(key: bytes | bytearray | memoryview) -> None:
    """Raise unless the key can stand in a header. h11 would print all of it in its own complaint."""
    if not key or not _HEADER_SAFE.issuperset(key):
        raise EndpointRefused(
            "The stored key holds a space, a line break or a character that no key has.",
            hint="Enter it again: `assay-nb keys set`.",
        )


class _GuardedBody(httpx2.AsyncByteStream):
    """A response's body: decoded, counted, timed and scanned."""

    def __init__(
        self,
        exchange: Exchange,
        body: httpx2.AsyncByteStream,
        cap: int,
        decoder: _Inflate | None,
        echo: EchoScanner,
    ) -> None:
        self._exchange = exchange
        self._body = body
        self._left = cap
        self._decoder = decoder
        self._echo = echo

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Closed by hand, or a broken-off body would stay in memory until the collector finds it.
        async with contextlib.aclosing(cast("AsyncGenerator[bytes]", aiter(self._body))) as pieces:
            async for piece in pieces:
                if passed := self._checked(piece):
                    yield passed
        if rest := self._echo.flush():
            yield rest

    def _checked(self, piece: bytes) -> bytes:
        data = self._decoded(piece)
        self._left -= len(data)
        if self._left < 0:
            raise self._exchange.refuse(self._exchange.too_much("more than a reply can be"))
        if time.monotonic() > self._exchange.deadline:
            raise self._exchange.refuse(self._exchange.too_much("too slowly for too long"))
        return self._exchange.check_echo(self._echo.feed(data))

    def _decoded(self, piece: bytes) -> bytes:
        if self._decoder is None:
            return piece
        try:
            return self._decoder.decode(piece, self._left + 1)
        except zlib.error:
            error = self._exchange.too_much("a damaged response")
        raise self._exchange.refuse(error)

    async def aclose(self) -> None:
        await self._body.aclose()


class _Inflate:
    """Undoes gzip and deflate without ever making more than is asked for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def decode(self, piece: bytes, most: int) -> bytes:
        return self._inflate.decompress(piece, most)


def _decoder_for(encoding: str) -> _Inflate | None:
    """Return a decoder for what we did not ask for but some gateways send all the same."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _Inflate()
    raise ProviderUnavailable(
        "The response is compressed in a way that was not asked for.",
        hint="A proxy in between may do that.",
    )


class Transport(httpx2.AsyncBaseTransport):
    """What the SDKs' HTTP client sends through."""

    def __init__(self, egress: Egress, pool: _Pool) -> None:
        self._egress = egress
        self._pool = pool

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        exchange = self._egress.find(request.headers.get(TICKET))
        if exchange is None:
            raise httpx2.UnsupportedProtocol("Only a running call may send a request.")
        try:
            return await self._send(request, exchange)
        except AssayError as error:
            refusal = exchange.refuse(error)
        except BaseException as error:
            # The frames below hold what was being written, the key's header included.
            error.__cause__ = error.__context__ = None
            raise error.with_traceback(None) from None
        raise refusal

    async def _send(self, request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        check_destination(request.url, exchange.destination)
        try:
            with anyio.fail_after(max(0.0, exchange.deadline - time.monotonic())):
                response = await self._connect(_outbound(request), exchange)
        except TimeoutError:
            raise httpx2.ReadTimeout("The provider took too long.") from None
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        try:
            headers = exchange.take_head(response)
            encoding = response.headers.get("content-encoding", "")
            body = exchange.guard(response.stream, encoding)
        except BaseException:
            await response.aclose()
            raise
        return httpx2.Response(response.status_code, headers=headers, stream=body)

    async def _connect(self, outbound: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        """Send to the first address that answers. A host may have one that is not reached from here."""
        pool = self._pool.for_host(exchange.destination, self._egress)
        addresses = await self._egress.addresses(outbound.url, exchange)
        for address in addresses[:-1]:
            with contextlib.suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                request = self._egress.aim(outbound, exchange, address)
                return await pool.handle_async_request(request)
        request = self._egress.aim(outbound, exchange, addresses[-1])
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        """Do nothing: an SDK that closes its client must not close everybody's connections."""


def check_destination(url: httpx2.URL, destination: Destination) -> None:
    """Raise unless the URL lies at the origin that the key is bound to."""
    port = url.port or (443 if url.scheme == "https" else 80)
    host = f"[{url.host}]" if ":" in url.host else url.host
    if f"{url.scheme}://{host}:{port}" != destination.origin or url.userinfo:
        raise EndpointRefused(
            "A request was about to leave for another place than the key is bound to, and was stopped.",
            hint="If the provider's address changed, save the key again with `--endpoint`.",
        )


def _outbound(request: httpx2.Request) -> httpx2.Request:
    """Return our own request: the SDK's, with listed headers only."""
    headers = [(name, value) for name, value in request.headers.items() if name in _SENT]
    headers.append(("accept-encoding", "identity"))
    assert isinstance(request.stream, httpx2.AsyncByteStream)
    return httpx2.Request(request.method, request.url, headers=headers, stream=request.stream)


@dataclass
class _Pool:
    """The connections of one event loop, and the SDK clients that use them."""

    direct: httpx2.AsyncHTTPTransport
    proxied: httpx2.AsyncHTTPTransport | None
    client: httpx2.AsyncClient = field(init=False)
    sdk: dict[object, Any] = field(default_factory=dict[object, Any])

    def for_host(self, destination: Destination, egress: Egress) -> httpx2.AsyncHTTPTransport:
        if self.proxied is not None and egress.goes_by_proxy(destination):
            return self.proxied
        return self.direct

    async def aclose(self) -> None:
        await self.client.aclose()
        await self.direct.aclose()
        if self.proxied is not None:
            await self.proxied.aclose()


class Egress:
    """The connections to providers, shared by every key, provider and call of this process.

    One TLS context for all, one pool per event loop. Nothing is read from the environment: proxy and
    certificate authorities are arguments, and `SSLKEYLOGFILE`, `.netrc` and cookies have no effect.

    Attributes:
        limits: How much and how long.
        learnt: What endpoints and models turned out to take, kept by the adapters.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        no_proxy: str | None = None,
        ca_file: Path | str | None = None,
        limits: Limits | None = None,
        vet: Vet | None = None,
    ) -> None:
        """Remember how to reach providers; nothing is opened yet.

        Args:
            proxy: An HTTP proxy for https destinations. The tunnel hides the key from it.
            no_proxy: Hosts reached without it, separated by commas; `.corp` and `corp` cover subdomains.
            ca_file: Certificate authorities to trust, as a PEM file, in place of the system's.
            limits: How much and how long.
            vet: Resolves and judges a host's addresses; connections then go to those very addresses. Not
                asked where a proxy is in between, since that resolves by itself.
        """
        self.limits = limits or Limits()
        self.learnt: dict[object, Any] = {}
        self._proxy = proxy
        self._no_proxy = [
            part.strip().lower() for part in (no_proxy or "").split(",") if part.strip()
        ]
        self._ca_file = str(ca_file) if ca_file else None
        self._vet = vet
        self._tls: ssl.SSLContext | None = None
        self._pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = (
            weakref.WeakKeyDictionary()
        )
        self._running: dict[str, Exchange] = {}

    # --- for the providers

    @contextlib.asynccontextmanager
    async def exchange(self, credential: Credential) -> AsyncGenerator[Exchange]:
        """Let one request out with this credential, within the block."""
        exchange = Exchange(credential, self.limits)
        self._running[exchange.ticket] = exchange
        try:
            yield exchange
        finally:
            del self._running[exchange.ticket]
            await exchange.close()

    async def sdk(self, key: object, make: Callable[[httpx2.AsyncClient], Any]) -> Any:
        """Return the SDK client for `key` on this event loop, made at the first call.

        SDK clients hold no key, so one serves all. A Google client costs 40 ms to make.
        """
        pool = await self._pool()
        if key not in pool.sdk:
            pool.sdk[key] = make(pool.client)
        return pool.sdk[key]

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    async def __aenter__(self) -> Egress:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # --- for the transport

    def find(self, ticket: str | None) -> Exchange | None:
        return self._running.get(ticket) if ticket else None

    def goes_by_proxy(self, destination: Destination) -> bool:
        """Say whether the proxy is used: for https only, and not for hosts that are exempt."""
        url = httpx2.URL(destination.origin)
        return (
            self._proxy is not None
            and url.scheme == "https"
            and not any(_is_exempt(url.host, rule) for rule in self._no_proxy)
        )

    async def addresses(self, url: httpx2.URL, exchange: Exchange) -> Sequence[str | None]:
        """Return the vetted addresses of a URL's host; None stands for whatever its name resolves to."""
        if self._vet is None or self.goes_by_proxy(exchange.destination):
            return [None]
        return await self._vet(url.host, url.port or (443 if url.scheme == "https" else 80))

    def aim(
        self, outbound: httpx2.Request, exchange: Exchange, address: str | None
    ) -> httpx2.Request:
        """Return the request for one address, with what writes the key attached."""
        url = outbound.url
        extensions: dict[str, Any] = {"timeout": self._timeout()}
        if address is not None:
            extensions["sni_hostname"] = url.host
            url = url.copy_with(host=address)
        extensions["trace"] = exchange.writer((url.raw_scheme, url.raw_host, url.port))
        assert isinstance(outbound.stream, httpx2.AsyncByteStream)
        return httpx2.Request(
            outbound.method,
            url,
            headers=outbound.headers,
            stream=outbound.stream,
            extensions=extensions,
        )

    def _timeout(self) -> dict[str, float | None]:
        timeout = httpx2.Timeout(self.limits.idle, connect=self.limits.connect)
        return timeout.as_dict()

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            if self._tls is None:
                # 20 to 40 ms of reading certificates, which would hold up every other stream.
                self._tls = await asyncio.to_thread(make_tls_context, self._ca_file)
            pool = self._pools.setdefault(loop, self._make_pool(self._tls))
        return pool

    def _make_pool(self, tls: ssl.SSLContext) -> _Pool:
        pool = _Pool(self._connections(tls, None), None)
        if self._proxy is not None:
            pool.proxied = self._connections(tls, httpx2.Proxy(self._proxy))
        pool.client = httpx2.AsyncClient(
            transport=Transport(self, pool), trust_env=False, follow_redirects=False
        )
        logs.install()  # httpcore's loggers exist by now
        return pool

    def _connections(
        self, tls: ssl.SSLContext, proxy: httpx2.Proxy | None
    ) -> httpx2.AsyncHTTPTransport:
        limits = httpx2.Limits(
            max_connections=self.limits.connections,
            max_keepalive_connections=32,
            keepalive_expiry=30.0,
        )
        return httpx2.AsyncHTTPTransport(
            verify=tls, trust_env=False, http2=False, limits=limits, proxy=proxy
        )


def make_tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return a TLS context that verifies, speaks 1.2 at least, and writes no key log.

    Not `ssl.create_default_context`, which obeys `SSLKEYLOGFILE`.
    """
    if ca_file is None:
        context = httpx2.create_ssl_context(verify=True, trust_env=False)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError:
            raise WrongUsage(
                f"The certificate file {ca_file} cannot be read, or is not in PEM form.",
                hint="`SSL_CERT_FILE` names it, or `ca_file` in the gateway's configuration.",
            ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


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


def _is_exempt(host: str, rule: str) -> bool:
    if rule == "*":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
    name = rule.lstrip("*").lstrip(".")
    return host == name or host.endswith(f".{name}")
