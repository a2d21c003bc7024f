"""The pool of connections to providers, by where they lead.

A connection is made to an address that the vetted resolver has judged, with the one TLS context. It carries one
exchange at a time, and is kept for the next for half a minute.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import NamedTuple

from yarl import URL

from assay_nb.egress.resolver import Vet
from assay_nb.gateway.proxy.upstream_protocol import UpstreamConnection

KEEP = 30.0
"""Seconds that an idle connection is kept."""

CONNECT = 10.0
"""Seconds that connecting may take, TLS and all."""

_ONE_OF_MANY = 2.5
"""Seconds for one of several addresses: the next is tried after it."""


class NotConnected(ConnectionError):
    """No connection was established; the cause is the last reason."""


class Place(NamedTuple):
    """Where an origin is, and how it is named in a head.

    Attributes:
        origin: The origin.
        host: Its host.
        port: Its port.
        tls: Whether TLS is spoken there.
        name: What a `Host` header says.
    """

    origin: str
    host: str
    port: int
    tls: bool
    name: str


@lru_cache(1024)
def find_place(origin: str) -> Place:
    """Return where an origin is."""
    url = URL(origin)
    host, port = url.raw_host or "", url.port or 0
    shown = f"[{host}]" if ":" in host else host
    name = shown if url.is_default_port() else f"{shown}:{port}"
    return Place(origin, host, port, url.scheme == "https", name)


def find_path(url: str) -> str:
    """Return what is asked for at an origin: path and query, as they are written."""
    return url[url.index("/", len("https://")) :]


class UpstreamPool:
    """All connections to providers that are not aiohttp's.

    Args:
        vet: Resolves and judges hosts.
        most: Connections that may be open at a time. Calls have a limit of their own; this one is for what is idle.
    """

    def __init__(self, vet: Vet, most: int) -> None:
        self._vet = vet
        self._most = most
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[str, dict[UpstreamConnection, None]] = {}
        self._open: set[UpstreamConnection] = set()
        self._is_closed = False

    def use(self, tls: ssl.SSLContext) -> None:
        """Use this TLS context for all connections."""
        self._tls = tls

    def __len__(self) -> int:
        return len(self._open)

    @property
    def idle(self) -> int:
        """How many connections wait for a next exchange."""
        return sum(map(len, self._idle.values()))

    def take(self, place: Place) -> UpstreamConnection | None:
        """Return an idle connection, the one that was used last; None if there is none."""
        waiting = self._idle.get(place.origin)
        while waiting:
            connection, _ = waiting.popitem()
            if connection.is_open:
                return connection
        return None

    async def connect(self, place: Place) -> UpstreamConnection:
        """Return a new connection.

        Raises:
            EndpointRefused: If one of the host's addresses is one that no key is sent to.
            ProviderUnavailable: If the host is not found.
            NotConnected: If there is no connection at any of its addresses.
            TimeoutError: If that took too long.
        """
        addresses = await self._vet(place.host, place.port)
        async with asyncio.timeout(CONNECT):
            reason: Exception | None = None
            for number, address in enumerate(addresses, 1):
                limit = CONNECT if number == len(addresses) else _ONE_OF_MANY
                try:
                    async with asyncio.timeout(limit):
                        return await self._connect(place, address)
                except (OSError, TimeoutError, ValueError) as error:
                    reason = error
        raise NotConnected from reason

    async def _connect(self, place: Place, address: str) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: UpstreamConnection(place.origin, self._forget),
            address,
            place.port,
            ssl=self._tls if place.tls else None,
            server_hostname=place.host.rstrip(".") if place.tls else None,
        )
        if self._is_closed:
            connection.drop()
            raise NotConnected
        self._open.add(connection)
        if not connection.is_open:  # lost while it was being made
            self._open.discard(connection)
            raise NotConnected
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next exchange, or close it if it cannot carry one."""
        connection.release()
        if self._is_closed or not (connection.keep and connection.is_open):
            connection.drop()
            return
        connection.used = True
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.setdefault(connection.origin, {})[connection] = None
        if len(self._open) > self._most:
            self._drop_oldest()

    def return_unused(self, connection: UpstreamConnection) -> None:
        """Keep a connection that was taken, or made, and that nothing was sent on."""
        connection.keep = True
        self.give_back(connection)

    def sweep(self) -> None:
        """Close the connections that nobody has used for too long."""
        before = asyncio.get_running_loop().time() - KEEP
        for origin, waiting in list(self._idle.items()):
            for connection in list(waiting):
                if connection.idle_since > before:
                    break
                del waiting[connection]
                connection.drop()
            if not waiting:
                del self._idle[origin]

    def close(self) -> None:
        """Close every connection."""
        self._is_closed = True
        for connection in list(self._open):
            connection.drop()

    def _drop_oldest(self) -> None:
        for waiting in self._idle.values():
            if waiting:
                oldest = next(iter(waiting))
                del waiting[oldest]
                oldest.drop()
                return

    def _forget(self, connection: UpstreamConnection) -> None:
        self._open.discard(connection)
        waiting = self._idle.get(connection.origin)
        if waiting is not None:
            waiting.pop(connection, None)
