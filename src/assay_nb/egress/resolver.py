"""Vetted name resolution: a host is resolved once, every address judged, and one of those connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from assay_nb.egress.origins import Policy, vet_addresses
from assay_nb.errors import EndpointRefused, ProviderUnavailable

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host and port."""

Vet = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host and returns the addresses that may be connected to, or raises `EndpointRefused`."""


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


def make_vet(policy: Policy, resolve: Resolve = resolve) -> Vet:
    """Return the check that runs before each connection.

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
