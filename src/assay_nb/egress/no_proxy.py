"""Exemptions: the hosts that are reached without the proxy, as `NO_PROXY` lists them."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import dataclass

_SEPARATORS = re.compile(r"[\s,]+")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_WITH_PORT = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>\d{1,5})")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of the list.

    Attributes:
        name: A host, which covers its subdomains too; empty where a network is meant, `*` for every host.
        network: The addresses that are meant.
        port: The one port that is meant; any if None.
    """

    name: str = ""
    network: Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int) -> bool:
        """Say whether a host, without brackets, is reached without the proxy at this port."""
        if self.port not in {None, port}:
            return False
        if self.name == "*":
            return True
        if self.network is None:
            host = host.lower().rstrip(".")
            return host == self.name or host.endswith(f".{self.name}")
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(host) in self.network
        return False


def parse_no_proxy(text: str) -> tuple[tuple[Exemption, ...], tuple[str, ...]]:
    """Return the entries of a list, and those of its words that match nothing.

    Entries are separated by commas or spaces: `corp.example`, `.corp.example` and `*.corp.example` cover a
    domain with its subdomains; `10.0.0.0/8` a network, `[::1]` an address, `*` everything. `:8443` at the
    end of a host or an address means this port alone.
    """
    read: list[Exemption] = []
    unread: list[str] = []
    for word in filter(None, _SEPARATORS.split(text.lower())):
        exemption = _parse(word)
        if exemption is None:
            unread.append(word.rpartition("@")[2])  # before an @ there may be a password
        else:
            read.append(exemption)
    return tuple(read), tuple(unread)


def _parse(word: str) -> Exemption | None:
    if word == "*":
        return Exemption("*")
    host, port = word, None
    if with_port := _WITH_PORT.fullmatch(word):
        host, port = with_port["host"], int(with_port["port"])
        if not 0 < port < 65_536:
            return None
    with contextlib.suppress(ValueError):
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        return Exemption(network=ipaddress.ip_network(bare, strict=False), port=port)
    name = host.removeprefix("*").removeprefix(".").removesuffix(".")
    return Exemption(name, port=port) if _NAME.fullmatch(name) else None
