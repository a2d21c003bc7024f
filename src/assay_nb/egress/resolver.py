"""The hub's way out: a host is resolved once, every address judged, and one of those connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx2

from assay_nb.egress.origins import Policy, check_destination, vet_addresses
from assay_nb.errors import EndpointRefused, ProviderUnavailable
from assay_nb.providers.transport import Egress, Exchange, Vet

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system's resolver gives them, each once."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise ProviderUnavailable(
            f"The host {host} is not found.", hint="Is the endpoint right, and the network up?"
        ) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HubEgress(Egress):
    """The way out of a gateway: the operator's policy is asked before every request.

    A key that was saved before the list of origins became shorter is no longer sent, also where a proxy
    resolves the name and nobody here sees its addresses.
    """

    def __init__(self, policy: Policy, *, vet: Vet | None = None, **options: Any) -> None:
        super().__init__(vet=vet or make_vet(policy), **options)
        self._policy = policy

    async def addresses(self, url: httpx2.URL, exchange: Exchange) -> Sequence[str | None]:
        check_destination(exchange.destination, self._policy)
        return await super().addresses(url, exchange)


def make_vet(policy: Policy, resolve: Resolve = resolve) -> Vet:
    """Return what `Egress` asks before each connection.

    The policy is asked about the origin too. A single bad address among good ones refuses the host,
    since a second look-up could pick it.
    """

    async def vet(host: str, port: int) -> Sequence[str]:
        origin = _check_listed(policy, host, port)
        try:
            addresses: Sequence[str] = [ipaddress.ip_address(host).compressed]
        except ValueError:
            addresses = await resolve(host, port)
        return vet_addresses(origin, host, addresses, policy=policy)

    return vet


def _check_listed(policy: Policy, host: str, port: int) -> str:
    """Return the origin at this host and port that the policy lets keys go to, or raise.

    One port speaks either https or http, so the scheme that the policy knows is the one that is meant.
    """
    name = f"[{host}]" if ":" in host else host
    try:
        policy.check_origin(f"https://{name}:{port}", host, "https")
        return f"https://{name}:{port}"
    except EndpointRefused:
        policy.check_origin(f"http://{name}:{port}", host, "http")
        return f"http://{name}:{port}"
