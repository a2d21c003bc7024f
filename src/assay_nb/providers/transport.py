"""The transport under the SDKs: checks the destination, writes the key's header last, reads back with care.

The SDKs are built with a placeholder. Each request of theirs carries a ticket that names a running
exchange; the transport takes the ticket off, compares the URL with the destination sealed with the key,
keeps the headers on a short list and drops the rest, and sends. The key is opened when the connection
is established (proxy tunnel, TLS and all) and the headers are about to be written; when they are written it is
gone again. So no client object, request, exception, traceback or log of theirs ever holds it, and
no environment variable that steers an SDK can steer a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2

from assay_nb.connections.keyway import wanting
from assay_nb.egress import faults, headers
from assay_nb.egress.credential import Credential
from assay_nb.egress.key_header import HeaderWriter
from assay_nb.egress.origins import check_placement
from assay_nb.egress.proxy import Proxies, Proxy
from assay_nb.egress.resolver import Vet
from assay_nb.egress.setting_names import SOLO, SettingNames
from assay_nb.egress.tls import make_tls_context
from assay_nb.errors import AssayError, EndpointRefused, KeyStep
from assay_nb.messages import Destination
from assay_nb.providers import log_muting
from assay_nb.providers.body import GuardedBody, decoder_for, reader_for
from assay_nb.providers.exchange import TICKET, Exchange, Limits
from assay_nb.providers.learned import Learned
from assay_nb.providers.pool import EXPIRY, ConnectionPool

Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""What httpcore tells of each step of a request."""

PLACEHOLDER = "assay-placeholder"
"""What the SDKs are given for a key."""

_SENT = {name.lower().encode() for name in headers.SENT} | {
    b"content-length", b"host", b"transfer-encoding",
}  # fmt: skip
"""What is kept of an SDK's request headers: the listed ones, and the framing."""


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
            refusal = self._explained(error, exchange)
            # The frames below hold what was being written, the key's header included.
            error.__cause__ = error.__context__ = None
            if refusal is None:
                raise error.with_traceback(None) from None
        raise refusal

    def _explained(self, error: BaseException, exchange: Exchange) -> Exception | None:
        """Keep why there was no connection; return what the SDK is told where trying again is of no use."""
        if not isinstance(error, httpx2.TransportError):
            return None
        if exchange.sent:
            exchange.note_silence()
            return None
        fault = self._egress.explain(error, exchange.destination)
        if fault is None:
            return None
        exchange.obstacle = fault.to_error(exchange.destination)
        return exchange.refuse(exchange.obstacle) if fault.lasting else None

    async def _send(self, request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        check_destination(request.url, exchange.destination)
        try:
            with anyio.fail_after(max(0.0, exchange.deadline - time.monotonic())):
                response = await self._connect(request, exchange)
        except TimeoutError:
            raise httpx2.ReadTimeout("The provider took too long.") from None
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        try:
            head = exchange.take_head(response)
            exchange.attach(response.stream)
            reader = reader_for(exchange)
            body = GuardedBody(exchange, response.stream, decoder_for(head), reader)
        except BaseException:
            await response.aclose()
            raise
        kept = {name: value for name, value in head.headers.items() if name in headers.RECEIVED}
        # The SDKs choose how they read a body by its label, which servers get wrong.
        if reader is not None:
            kept["content-type"] = "text/event-stream; charset=utf-8"
        elif not head.is_page:
            kept["content-type"] = "application/json"
        return httpx2.Response(exchange.status or head.status, headers=kept, stream=body)

    async def _connect(self, request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        """Send to the first address that answers. A host may have one that is not reached from here."""
        pool = self._pool.for_proxy(self._egress.proxies.find(exchange.destination))
        addresses = await self._egress.addresses(request.url, exchange)
        for address in addresses[:-1]:
            with contextlib.suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                outbound = self._egress.aim(request, exchange, address)
                return await pool.handle_async_request(outbound)
        outbound = self._egress.aim(request, exchange, addresses[-1])
        return await pool.handle_async_request(outbound)

    async def aclose(self) -> None:
        """Do nothing: an SDK that closes its client must not close everybody's connections."""


def check_destination(url: httpx2.URL, destination: Destination) -> None:
    """Raise unless the URL lies at the origin that the key is bound to, and may be called this way."""
    check_placement(destination)
    port = url.port or (443 if url.scheme == "https" else 80)
    host = f"[{url.host}]" if ":" in url.host else url.host
    if f"{url.scheme}://{host}:{port}" != destination.origin or url.userinfo:
        error = EndpointRefused(
            "A request was about to leave for another place than the key is bound to, and was stopped."
        )
        lead = "If the provider's address changed, the key has to be bound to the new one."
        raise wanting(error, KeyStep("replace", destination.connection, lead=lead))


@dataclass
class _Pool:
    """The connections of one event loop, and the SDK clients that use them.

    Attributes:
        open: Makes connections that go by a proxy, or by none.
        direct: Those without one.
        proxied: Those by the proxy, since a first destination wanted it.
    """

    open: Callable[[Proxy | None], ConnectionPool]
    direct: ConnectionPool
    proxied: ConnectionPool | None = None
    client: httpx2.AsyncClient = field(init=False)
    sdk: dict[object, Any] = field(default_factory=dict[object, Any])

    def for_proxy(self, proxy: Proxy | None) -> ConnectionPool:
        if proxy is None:
            return self.direct
        if self.proxied is None:
            self.proxied = self.open(proxy)
        return self.proxied

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
        learned: What endpoints and models turned out not to take, kept by the adapters.
        proxies: Which destinations are reached by the proxy.
    """

    def __init__(
        self,
        *,
        proxy: str | None = None,
        no_proxy: str | None = None,
        ca_file: Path | str | None = None,
        limits: Limits | None = None,
        vet: Vet | None = None,
        learned: Learned | None = None,
        names: SettingNames = SOLO,
    ) -> None:
        """Remember how to reach providers; nothing is opened yet.

        Args:
            proxy: An HTTP proxy for https destinations, as `parse_proxy` takes it. The tunnel hides the
                key from it. A wrong one is reported by the first call that would use it.
            no_proxy: Hosts reached without it, as `parse_no_proxy` takes them.
            ca_file: Certificate authorities to trust, as a PEM file, in place of the system's.
            limits: How much and how long.
            vet: Resolves and judges a host's addresses; connections then go to those very addresses. Not
                asked where a proxy is in between, since that resolves by itself.
            learned: What is known of servers, and where it is kept; this process's memory by default.
            names: What these settings are called where they come from.
        """
        self.limits = limits or Limits()
        self._timeout = httpx2.Timeout(self.limits.idle, connect=self.limits.connect).as_dict()
        self.learned = learned or Learned()
        self.proxies = Proxies(proxy, no_proxy, names)
        self._ca_file = str(ca_file) if ca_file else None
        self._names = names
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
        exchange = Exchange(credential, self.limits, self._names)
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
        return self.proxies.find(destination) is not None

    def explain(
        self, error: httpx2.TransportError, destination: Destination
    ) -> faults.Fault | None:
        """Return why a connection was not established; None where nothing more is known than that."""
        return faults.explain(error, destination, self.proxies.find(destination), self._names)

    def make_tls_context(self) -> ssl.SSLContext:
        """Return a context that trusts the authorities which these connections trust."""
        return make_tls_context(self._ca_file, self._names.ca_file)

    async def addresses(self, url: httpx2.URL, exchange: Exchange) -> Sequence[str | None]:
        """Return the vetted addresses of a URL's host; None means whatever its name resolves to."""
        if self._vet is None or self.goes_by_proxy(exchange.destination):
            return [None]
        return await self._vet(url.host, url.port or (443 if url.scheme == "https" else 80))

    def aim(
        self, request: httpx2.Request, exchange: Exchange, address: str | None
    ) -> httpx2.Request:
        """Return our own request for one address: the SDK's, with listed headers only and what writes the key."""
        url = request.url
        extensions: dict[str, Any] = {}
        if address is not None:
            extensions["sni_hostname"] = url.host
            url = url.copy_with(host=address)
        origin = (url.raw_scheme, url.raw_host, url.port)
        writer = ConnectionWatch(HeaderWriter(exchange, origin), exchange)
        extensions["timeout"], extensions["trace"] = self._timeout, writer
        if self.goes_by_proxy(exchange.destination):
            timeout = dict(self._timeout)
            extensions["timeout"], extensions["trace"] = timeout, TunnelClock(writer, timeout)
        kept = [pair for pair in request.headers.raw if pair[0].lower() in _SENT]
        kept.append((b"accept-encoding", b"identity"))
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        return httpx2.Request(
            request.method, url, headers=kept, stream=request.stream, extensions=extensions
        )

    async def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            if self._tls is None:
                # 20 to 40 ms of reading certificates, which would hold up every other stream.
                self._tls = await asyncio.to_thread(self.make_tls_context)
            pool = self._pools.setdefault(loop, self._make_pool(self._tls))
        return pool

    def _make_pool(self, tls: ssl.SSLContext) -> _Pool:
        pool = _Pool(partial(self._connections, tls), self._connections(tls, None))
        pool.client = httpx2.AsyncClient(
            transport=Transport(self, pool), trust_env=False, follow_redirects=False
        )
        log_muting.install()  # httpcore's loggers exist by now
        return pool

    def _connections(self, tls: ssl.SSLContext, proxy: Proxy | None) -> ConnectionPool:
        open_one = partial(
            httpx2.AsyncHTTPTransport,
            verify=tls,
            trust_env=False,
            http2=False,
            limits=httpx2.Limits(max_keepalive_connections=1, keepalive_expiry=EXPIRY),
            proxy=None if proxy is None else _for_client(proxy, tls),
        )
        return ConnectionPool(open_one, most=self.limits.connections)


class ConnectionWatch:
    """Notes when a request was written, and whether its connection had served an earlier one."""

    def __init__(self, writer: Trace, exchange: Exchange) -> None:
        self._writer = writer
        self._exchange = exchange

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.startswith("connection.connect_"):
            self._exchange.reused = False
        await self._writer(event, info)


class TunnelClock:
    """Gives a proxy as long to open a tunnel as a connection may take, and then the reply its own time.

    httpcore waits for both by one limit, which is minutes for a thinking model: a port where no proxy
    listens would hold a call up as long.
    """

    def __init__(self, writer: Trace, timeout: dict[str, float | None]) -> None:
        self._writer = writer
        self._timeout = timeout
        self._idle = timeout["read"]
        timeout["read"] = timeout["connect"]

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started" and info["request"].method != b"CONNECT":
            self._timeout["read"] = self._idle
        await self._writer(event, info)


def _for_client(proxy: Proxy, tls: ssl.SSLContext) -> httpx2.Proxy:
    """Return a proxy as httpx2 takes it. One that speaks TLS is verified as a provider is."""
    ssl_context = tls if proxy.scheme == "https" else None
    return httpx2.Proxy(str(proxy), auth=proxy.auth, ssl_context=ssl_context)
