"""Origins: where a key may be sent.

The destination is sealed together with the key, so this is decided once, when the key is saved, and
checked again on every request. Most keys that gateways lost were not decrypted by anybody: they were
sent, on request, to a host that the caller chose.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from assay_nb.connections.keyway import wanting
from assay_nb.connections.presets import PRESETS, path_at_host_of, preset_of
from assay_nb.egress.operations import find_operation
from assay_nb.errors import EndpointRefused, KeyStep
from assay_nb.messages import PROVIDERS, Destination, Kind, ProviderId, first_kind

OFFICIAL: dict[ProviderId, str] = {one: PRESETS[one].endpoint for one in PROVIDERS}
"""Each provider's own endpoint, as its SDK takes a base URL."""

PLACEMENT: dict[ProviderId, str] = {
    "anthropic": "bearer",
    "openai": "bearer",
    "google": "x-goog-api-key",
}
"""How each provider takes its key."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")

_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata services of most clouds
        "192.0.0.0/24",  # 192.0.0.192 is a metadata service
        "100.100.100.200/32",  # and so is this one
        "168.63.129.16/32",  # and this one
        "192.0.2.0/24",  # for documentation, as are the next two
        "198.51.100.0/24",
        "203.0.113.0/24",
        "192.31.196.0/24",  # AS112, which answers for names that nobody has; so does 192.175.48.0/24
        "192.175.48.0/24",
        "192.52.193.0/24",  # multicast by tunnel
        "192.88.99.0/24",  # relays of 6to4
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4 in disguise, as it was once written; `::1` alone is this machine
        "::ffff:0:0/96",  # the same, as it is written now
        "64:ff9b::/96",  # the same, by NAT64
        "64:ff9b:1::/48",
        "100::/64",  # what is sent there is dropped
        "100:0:0:1::/64",  # nobody's
        "2001::/32",  # Teredo
        "2001:db8::/32",  # for documentation, as is the next
        "3fff::/20",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "5f00::/16",  # segments of a route
        "fd00:ec2::254/128",  # a metadata service
        "fe80::/10",
        "fec0::/10",  # what fc00::/7 replaced
        "ff00::/8",
    )
) + tuple(
    # Protocols beside Teredo: ORCHID, benchmarks, relays, and whatever comes next.
    ipaddress.IPv6Network("2001::/23").address_exclude(ipaddress.IPv6Network("2001::/32"))
)
"""Addresses that no key is ever sent to: the blocks of IANA's registries of special addresses, but for those that
a person's own servers have. `is_global` is true of several of them, and older Pythons know only some.

198.18.0.0/15 (benchmarks) is not among them: proxies that capture all traffic of a machine give such addresses to
every name, and the certificate says who answers. A hub refuses it where its operator has not listed the origin.
"""

_WHOLE = "Write the whole base URL, such as https://llm.example.org/v1."

_THIS_MACHINE = ipaddress.IPv6Address("::1")


class Policy(Protocol):
    """Decides which origins a key may be bound to."""

    def check_origin(self, origin: str, host: str, scheme: str) -> None:
        """Raise `EndpointRefused` unless keys may go there."""
        ...

    def check_address(self, origin: str, host: str, address: Address) -> None:
        """Raise `EndpointRefused` unless `host` may resolve to this address."""
        ...


@dataclass(frozen=True, slots=True)
class SoloPolicy:
    """One person, their own key: whatever they type, except where a key would surely be lost."""

    def check_origin(self, origin: str, host: str, scheme: str) -> None:
        if scheme != "https" and not is_loopback(host):
            raise EndpointRefused(
                "Plain http would show prompts, and the key, to everybody on the way.",
                hint="Use https. Plain http is for servers on this machine: http://localhost:PORT. "
                f"`ssh -L PORT:localhost:PORT {host}` brings a server elsewhere to one.",
            )

    def check_address(self, origin: str, host: str, address: Address) -> None:
        if _is_never(address):
            raise _refused_address(host)


@dataclass(frozen=True, slots=True)
class OperatorPolicy:
    """A hub: the providers' own endpoints, and the very origins on the operator's list."""

    allow_origins: frozenset[str] = frozenset()

    @classmethod
    def from_urls(cls, urls: Iterable[str]) -> OperatorPolicy:
        """Return the policy for a configured list such as `["https://llm.example.org:8443"]`."""
        return cls(frozenset(_listed_origin(url) for url in urls))

    def check_origin(self, origin: str, host: str, scheme: str) -> None:
        if origin not in self.allow_origins and origin not in OFFICIAL_ORIGINS:
            raise EndpointRefused(
                f"This hub does not send keys to {origin}.",
                hint="Ask its operator to add that origin to `allow_origins`.",
            )

    def check_address(self, origin: str, host: str, address: Address) -> None:
        is_listed = origin in self.allow_origins
        if address.is_loopback and is_listed and is_loopback(host):
            return
        if _is_never(address) or address.is_loopback:
            raise _refused_address(host)
        if not is_listed and not address.is_global:
            raise _refused_address(host)


def parse_endpoint(
    provider: ProviderId,
    url: str | None = None,
    *,
    policy: Policy | None = None,
    connection: str = "",
    kind: Kind | None = None,
    placement: str | None = None,
) -> Destination:
    """Return the destination for a base URL as the provider's SDK takes it; None is the official one.

    Args:
        provider: Whose SDK speaks to it.
        url: The base URL. It is kept as it is written.
        policy: Who decides; a person alone by default.
        connection: The connection's name; the provider's by default.
        kind: What is spoken there; by default what the provider speaks at this origin.
        placement: How the key is put on a request; by default as the provider takes it. A provider's own
            endpoint takes it in no other way.

    Raises:
        EndpointRefused: If keys must not go there, or the URL reads differently to different programs.
    """
    endpoint = (url or OFFICIAL[provider]).strip()
    if found := find_operation(provider, endpoint):
        raise EndpointRefused(
            f"The endpoint ends in {found.operation}, which is one operation: a base URL is wanted.",
            hint=found.advice,
        )
    origin = _read_origin(endpoint, policy)
    return Destination(
        provider,
        endpoint,
        origin,
        PLACEMENT[provider] if placement is None or origin in OFFICIAL_ORIGINS else placement,
        connection or provider,
        kind or first_kind(provider, origin),
    )


def _read_origin(endpoint: str, policy: Policy | None) -> str:
    parts = _split(endpoint)
    host = _check_host(parts.hostname or "")
    port = _check_port(parts, host)
    origin = _write_origin(parts.scheme, host, port)
    (policy or SoloPolicy()).check_origin(origin, host, parts.scheme)
    return origin


def check_destination(destination: Destination, policy: Policy) -> None:
    """Raise unless a stored destination is still allowed: the policy may have become stricter."""
    if _read_origin(destination.endpoint, policy) != destination.origin:
        error = EndpointRefused(
            "The stored endpoint and the origin it is bound to do not belong together."
        )
        raise wanting(error, KeyStep("replace", destination.connection, destination.endpoint))
    check_placement(destination)


def check_placement(destination: Destination) -> None:
    """Raise if a provider's own endpoint would be called without a key."""
    if destination.keyless and is_official(destination):
        error = EndpointRefused(
            f"{destination.origin} needs a key, and this workspace is set to call it without one."
        )
        raise wanting(error, KeyStep("add", destination.connection))


def vet_addresses(origin: str, host: str, addresses: Sequence[str], *, policy: Policy) -> list[str]:
    """Return the addresses that `host` resolved to, or raise if a single one of them is bad.

    Connect to what this returns and to nothing else: a second look-up may answer differently.
    """
    if not addresses:
        raise EndpointRefused(
            f"The host {host} has no address.", hint="Check how the endpoint's host is spelled."
        )
    for text in addresses:
        policy.check_address(origin, host, ipaddress.ip_address(text))
    return list(addresses)


def is_official(destination: Destination) -> bool:
    """Say whether the provider's own service is meant."""
    return destination.origin in OFFICIAL_ORIGINS


def is_loopback(host: str) -> bool:
    """Say whether a host, as written, can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_KIND_HINT = "Connect it again as what it speaks at this address: `--kind {kind}`."


def path_hint(destination: Destination) -> str | None:
    """Return what is probably wrong with an endpoint's path, or None.

    The SDKs disagree on whether a base URL ends in the version, and a 404 is all one sees.
    """
    if found := find_operation(destination.provider, destination.endpoint):
        return found.advice  # stored before such endpoints were refused
    path = urlsplit(destination.endpoint).path.rstrip("/")
    known = path_at_host_of(destination.endpoint, destination.kind)
    if known is not None:  # a service's own path, whatever others have
        better = destination.origin.removesuffix(":443") + known
        if path == known.rstrip("/"):
            return None
        return f"Save it again with {better}: that is this service's address."
    service = preset_of(destination.endpoint)
    if service is not None and urlsplit(service.endpoint).path.rstrip("/") == path:
        return _KIND_HINT.format(kind=service.kind)
    if destination.provider == "openai" and not re.search(r"/v\d", path):
        better = destination.endpoint.rstrip("/") + "/v1"
        return f"Save it again with {better}: OpenAI-compatible endpoints usually end in /v1."
    if destination.provider != "openai" and re.search(r"/v\d\w*$", path):
        better = re.sub(r"/v\d\w*/?$", "", destination.endpoint)
        return f"Save it again with {better}: the SDK adds the version itself."
    return None


def _split(endpoint: str) -> SplitResult:
    if not endpoint.isascii():
        raise EndpointRefused(
            "The endpoint holds a letter outside ASCII, so it may not be the host that it looks like.",
            hint="Write an international host name in its `xn--` form.",
        )
    if re.search(r"[\x00-\x20\x7f\\]", endpoint):
        raise EndpointRefused(
            "The endpoint holds a space, a control character or a backslash.", hint=_WHOLE
        )
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        raise EndpointRefused("The endpoint is not a URL.", hint=_WHOLE) from None
    if parts.scheme not in {"https", "http"}:
        raise EndpointRefused(
            "The endpoint does not begin with https:// or http://.", hint=_advise_scheme(endpoint)
        )
    if "@" in parts.netloc:
        raise EndpointRefused(
            "The endpoint holds a user name or a password.",
            hint="Leave it out: a key is entered by itself, never inside a URL.",
        )
    if "?" in endpoint or "#" in endpoint:
        raise EndpointRefused(
            "The endpoint holds a query or a fragment, and a base URL has none.",
            hint="Leave out what comes after ? or #; API versions and keys are not set there.",
        )
    if re.search(r"(^|/)(\.|%2e){1,2}(/|$)|%2f|%5c", parts.path, re.IGNORECASE):
        raise EndpointRefused(
            "The endpoint's path goes upwards.",
            hint="Write the path that is meant, without `..` in it.",
        )
    return parts


def _advise_scheme(endpoint: str) -> str:
    """Return how an address is written whole that was typed without its scheme."""
    host = re.split(r"[:/]", endpoint, maxsplit=1)[0]
    if not re.fullmatch(r"[\w.-]+(:\d{1,5})?(/[\w./-]*)?", endpoint) or not (
        "." in host or is_loopback(host)
    ):
        return _WHOLE
    return f"Write it whole: {'http' if is_loopback(host) else 'https'}://{endpoint}"


def _check_host(host: str) -> str:
    if ":" in host:
        return _check_ipv6(host)
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise EndpointRefused("The endpoint's host is not written as hosts are.", hint=_WHOLE)
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return host
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise EndpointRefused(
            "The endpoint's host is an address in disguise.",
            hint="Write the address in full, such as 127.0.0.1.",
        ) from None
    if _is_never(address):
        raise _refused_address(host)
    return host


def _check_ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise EndpointRefused(
            "The endpoint's host is not written as hosts are.", hint=_WHOLE
        ) from None
    if _is_never(address) or address.scope_id:
        raise _refused_address(host)
    return address.compressed


def _check_port(parts: SplitResult, host: str) -> int:
    try:
        port = parts.port
    except ValueError:
        raise EndpointRefused(
            "The endpoint's port is not a port number.", hint="Write a number from 1 to 65535."
        ) from None
    if port is None:
        return 443 if parts.scheme == "https" else 80
    if port < 1024 and port not in {80, 443}:
        raise EndpointRefused(
            f"Port {port} belongs to another protocol.",
            hint="Use 443, 80 or a port from 1024 on; those below are not called.",
        )
    return port


def _write_origin(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _listed_origin(url: str) -> str:
    parts = _split(url.strip())
    if parts.path not in {"", "/"}:
        raise EndpointRefused(
            "An allowed origin is scheme, host and port.", hint="Leave the path out."
        )
    host = _check_host(parts.hostname or "")
    SoloPolicy().check_origin("", host, parts.scheme)
    return _write_origin(parts.scheme, host, _check_port(parts, host))


def _is_never(address: Address) -> bool:
    if address == _THIS_MACHINE:
        return False  # each policy decides on it
    return any(address in network for network in _NEVER if network.version == address.version)


def _is_every_address(host: str) -> bool:
    """Say whether a host is what servers print that listen on every address of a machine: `0.0.0.0`."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _refused_address(host: str) -> EndpointRefused:
    hint = "Use the server's own address."
    if _is_every_address(host):
        hint = "Use http://localhost:PORT: a server that listens on every address of this machine is there too."
    return EndpointRefused(
        f"The host {host} is at an address that keys are never sent to.", hint=hint
    )


OFFICIAL_ORIGINS = frozenset(
    f"{parts.scheme}://{parts.hostname}:443" for parts in map(urlsplit, OFFICIAL.values())
)
