"""The upstream connections of requests that are passed through: one session, and the key put on last.

aiohttp's own client, since what an SDK's HTTP library costs per request would be most of what the gateway
does. A request leaves without a key; when its connection is established, its head is written with
the key in it, and the header is taken off again before anything else happens.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from anyio.to_thread import run_sync
from yarl import URL

from assay_nb.egress import faults
from assay_nb.egress.credential import Credential
from assay_nb.egress.echo import EchoScanner
from assay_nb.egress.key_header import (
    put_key,
    take_header,
    take_header_off_loop,
    used_twice,
)
from assay_nb.egress.origins import Policy, check_destination
from assay_nb.egress.proxy import Proxy
from assay_nb.egress.resolver import Vet
from assay_nb.egress.setting_names import OPERATOR
from assay_nb.errors import AssayError, ProviderUnavailable
from assay_nb.messages import Destination
from assay_nb.providers.transport import Egress
from assay_nb.providers.wording import name_connection

_KEEP = 30.0
_CONNECT = 10.0
_DESTINATIONS = 10_000


@dataclass(slots=True)
class UpstreamRequest:
    """One request to a provider, and what it may carry.

    Attributes:
        credential: The key's destination, and how to open it.
        off_loop: Whether opening it may take long, as a database elsewhere does: then a thread opens it.
        echo: What recognises the key in the response. It is armed when the key is sent.
        sent: Whether the request's head was about to be written, with the key if there is one.
        failure: What went wrong on our side while the request was written. aiohttp wraps it in errors
            of its own.
    """

    credential: Credential
    off_loop: bool = False
    echo: EchoScanner = field(default_factory=EchoScanner)
    sent: bool = False
    failure: AssayError | None = None

    @property
    def destination(self) -> Destination:
        return self.credential.destination

    def take_header(self) -> tuple[bytes, bytes] | None:
        """Open the key and return the header that carries it, to be written at once; None if there is none."""
        return take_header(self)

    async def take_header_off_loop(self) -> tuple[bytes, bytes] | None:
        """Do what `take_header` does, in a thread if it may take long."""
        return await take_header_off_loop(self) if self.off_loop else take_header(self)

    def watch_for(self, key: bytes | bytearray | memoryview) -> None:
        """Look for this key, which is about to be sent, in what comes back."""
        if self.sent:
            raise used_twice()
        self.echo.arm(key)
        self.sent = True


_current: ContextVar[UpstreamRequest] = ContextVar("upstream_request")


class KeyedRequest(aiohttp.ClientRequest):
    """A request that has its key for as long as its head takes to write.

    `send` is called when the connection is established, TLS and all. A proxy's CONNECT
    request is of another class.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        request = _current.get()
        if request.sent:
            # aiohttp sends a GET again where a kept connection turns out to be closed. The key is not put on
            # twice, so that is a connection that was cut.
            raise aiohttp.ServerDisconnectedError
        name = await put_key(request, self.headers, off_loop=request.off_loop)
        try:
            return await super().send(conn)
        finally:
            if name is not None:
                del self.headers[name]


class VettedResolver(AbstractResolver):
    """Resolves a host once, and gives back all of its addresses only if each may be connected to."""

    def __init__(self, vet: Vet) -> None:
        self._vet = vet

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._vet(host, port)
        ]

    async def close(self) -> None:
        """Do nothing: it holds nothing."""


class Upstream:
    """The gateway's connections to providers, shared by everything that is passed through.

    Args:
        policy: Where keys may be sent. It is asked of every stored destination.
        vet: Resolves and judges hosts.
        egress: Knows which destinations are reached by the operator's proxy, and which authorities are trusted.
        connections: Connections that may be open at a time.
    """

    def __init__(self, *, policy: Policy, vet: Vet, egress: Egress, connections: int) -> None:
        self._policy = policy
        self._vet = vet
        self._egress = egress
        self._connections = connections
        self._direct: aiohttp.ClientSession | None = None
        self._proxied: aiohttp.ClientSession | None = None
        self._allowed: set[Destination] = set()

    async def open(self) -> ssl.SSLContext:
        """Make the one TLS context, which is returned, and the sessions. Done at start: it takes 20 to 40 ms.

        Raises:
            WrongUsage: If the proxy or the file of authorities is set wrongly.
        """
        proxy = self._egress.proxies.read()
        tls = await run_sync(self._egress.make_tls_context)
        self._direct = self._session(
            aiohttp.TCPConnector(
                ssl=tls,
                limit=self._connections,
                use_dns_cache=False,
                resolver=VettedResolver(self._vet),
                keepalive_timeout=_KEEP,
            )
        )
        if proxy is not None:
            self._proxied = self._session(
                aiohttp.TCPConnector(ssl=tls, limit=self._connections, keepalive_timeout=_KEEP)
            )
        return tls

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._direct, self._proxied):
            if session is not None:
                await session.close()

    async def send(
        self,
        request: UpstreamRequest,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Any,
    ) -> aiohttp.ClientResponse:
        """Send a request and return its response. Give it to `end`, however far it was read.

        Raises:
            EndpointRefused: If the key may not be sent there.
            ProviderUnavailable: If there is no response.
        """
        await self.check(request.destination)
        return await self._request(request, method, url, headers, body)

    def end(self, request: UpstreamRequest, response: aiohttp.ClientResponse) -> None:
        """Close the connection at once, unless the response was read to its end; forget the key's traces."""
        if not response.content.at_eof():
            response.close()
        response.release()
        request.echo.disarm()

    async def _request(
        self, request: UpstreamRequest, method: str, url: str, headers: Mapping[str, str], body: Any
    ) -> aiohttp.ClientResponse:
        proxy = self._egress.proxies.find(request.destination)
        session = self._direct if proxy is None else self._proxied
        assert session is not None, "not open"
        token = _current.set(request)
        try:
            return await session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                proxy=None if proxy is None else proxy.url,
            )
        except AssayError as error:
            raise _bare(error) from None
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _bare(request.failure or explain(request.destination, error, proxy)) from None
        finally:
            _current.reset(token)

    def is_proxied(self, destination: Destination) -> bool:
        """Say whether a destination is reached by the operator's proxy."""
        return self._egress.proxies.find(destination) is not None

    def is_checked(self, destination: Destination) -> bool:
        """Say whether `check` has let a destination pass."""
        return destination in self._allowed

    async def check(self, destination: Destination) -> None:
        """Refuse what the operator's list no longer has, and addresses, which nobody resolves.

        The list is fixed for the life of this process, so each destination is checked once.

        Raises:
            EndpointRefused: If the key may not be sent there.
        """
        if destination in self._allowed:
            return
        check_destination(destination, self._policy)
        host = URL(destination.origin).raw_host or ""
        if ":" in host or host.rpartition(".")[2].isdigit():
            await self._vet(host, URL(destination.origin).port or 0)
        if len(self._allowed) < _DESTINATIONS:
            self._allowed.add(destination)

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        # The watchdog keeps the time: it counts silence in both directions.
        return aiohttp.ClientSession(
            connector=connector,
            request_class=KeyedRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Content-Type"),
        )


def explain(
    destination: Destination,
    error: BaseException,
    proxy: Proxy | None = None,
    *,
    is_unreached: bool = False,
) -> ProviderUnavailable:
    """Return our own words for a failure of the connection. The library's own may quote a header.

    Args:
        destination: Where the request was to go.
        error: What was raised.
        proxy: The proxy that the connection was to go by, where there was none yet.
        is_unreached: Whether there was no connection; known of aiohttp's errors by their kind.
    """
    place = faults.name_host(destination.origin)
    fault = faults.find_tls_fault(error, place, OPERATOR)
    if fault is None and proxy is not None:
        fault = _find_proxy_fault(proxy, place, error)
    if fault is not None:
        return fault.to_error(destination)
    label, hint = name_connection(destination), "Try again."
    if isinstance(error, TimeoutError):
        text = f"{label} did not answer in time."
    elif is_unreached or isinstance(error, aiohttp.ClientConnectorError):
        text = f"{destination.origin} cannot be reached."
        hint = "Ask the gateway's operator whether its network is up."
    else:
        text = f"The connection to {label} was cut."
    return ProviderUnavailable(text, hint=hint, provider=destination.provider)


def _find_proxy_fault(proxy: Proxy, place: str, error: BaseException) -> faults.Fault | None:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return faults.refused(proxy, place, error.status, OPERATOR)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return faults.unreachable(proxy, OPERATOR)
    return None


def _bare(error: AssayError) -> AssayError:
    """Return an error without the frames that it came through: they hold what was being written."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
