"""Proxies: the one that is set, parsed once, and the destinations that it is used for.

A value is taken as curl takes it: `host:port` is `http://host:port`. What is wrong with one is said without
quoting it, since it may hold a password, and is said by the first call that would use it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urlsplit

from assay_nb.egress.no_proxy import Exemption, parse_no_proxy
from assay_nb.egress.setting_names import SOLO, SettingNames
from assay_nb.errors import WrongUsage
from assay_nb.messages import Destination

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_REMEMBERED = 1_024


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, which opens tunnels for https and so sees a host's name and no key.

    Attributes:
        scheme: How the proxy itself is spoken to: `http` or `https`.
        host: Its host, without brackets.
        port: Its port.
        user: The user name it is told, or nothing.
        password: The password it is told, or nothing.
    """

    scheme: str
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """Return its address for people and logs: without user name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def auth(self) -> tuple[str, str] | None:
        """User name and password, if it is told any."""
        return (self.user, self.password) if self.user or self.password else None

    @property
    def url(self) -> str:
        """Its address with user name and password, for an HTTP client and nobody else."""
        if self.auth is None:
            return str(self)
        login = ":".join(quote(part, safe="") for part in self.auth)
        return str(self).replace("://", f"://{login}@", 1)


def parse_proxy(text: str, names: SettingNames = SOLO) -> Proxy:
    """Return the proxy that a variable or a setting names.

    Raises:
        WrongUsage: If it is not the address of an HTTP proxy. The text is not quoted.
    """
    text = text.strip()
    if _BLANK.search(text):
        raise _wrong(names, "it holds a space or a control character")
    parts = _split(text if "://" in text else f"http://{text}", names)
    if parts.scheme.startswith("socks"):
        raise WrongUsage(
            f"{names.proxy} names a SOCKS proxy, and only HTTP proxies are supported.",
            hint=f"Set {names.proxy} to an HTTP proxy, such as http://HOST:PORT.",
        )
    if parts.scheme not in _PORTS:
        raise _wrong(names, "it does not begin with http:// or https://")
    if "@" in parts.path + parts.query + parts.fragment:
        raise _wrong(names, "write /, ?, # and @ in its password as %2F, %3F, %23 and %40")
    port = _read_port(parts, names)
    host = _read_host(parts, names)
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise _wrong(names, "it has a path, a query or a fragment")
    login = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.scheme, host, port or _PORTS[parts.scheme], *login)


class Proxies:
    """Which destinations are reached by a proxy, and by which.

    Attributes:
        names: What the settings are called.
        exemptions: The hosts that are reached without it.
        unread: What in the list of these hosts matches nothing, as it is written.
    """

    def __init__(
        self, proxy: str | None = None, no_proxy: str | None = None, names: SettingNames = SOLO
    ) -> None:
        self.names = names
        self.exemptions: tuple[Exemption, ...]
        self.exemptions, self.unread = parse_no_proxy(no_proxy or "")
        self._proxy: Proxy | WrongUsage | None = None
        if proxy is not None and proxy.strip():
            try:
                self._proxy = parse_proxy(proxy, names)
            except WrongUsage as error:
                self._proxy = error.with_traceback(None)
        self._find = lru_cache(_REMEMBERED)(self._is_used_for)

    def read(self) -> Proxy | None:
        """Return the proxy that is set, if one is.

        Raises:
            WrongUsage: If what is set is not a proxy's address.
        """
        if isinstance(self._proxy, WrongUsage):
            raise WrongUsage(self._proxy.message, hint=self._proxy.hint)
        return self._proxy

    def find(self, destination: Destination) -> Proxy | None:
        """Return the proxy for a destination: for https only, and not for hosts that are exempt.

        Raises:
            WrongUsage: If one would be used, and what is set is not a proxy's address.
        """
        if self._proxy is None or not self._find(destination.origin):
            return None
        return self.read()

    def _is_used_for(self, origin: str) -> bool:
        url = urlsplit(origin)
        host, port = url.hostname or "", url.port or _PORTS["https"]
        exempt = any(exemption.covers(host, port) for exemption in self.exemptions)
        return url.scheme == "https" and not exempt


def _split(text: str, names: SettingNames) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise _wrong(names, "its host is not written as hosts are") from None


def _read_port(parts: SplitResult, names: SettingNames) -> int | None:
    fault = "its port is not a number from 1 to 65535"
    try:
        port = parts.port
    except ValueError:
        raise _wrong(names, fault) from None
    if port == 0 or parts.netloc.endswith(":"):
        raise _wrong(names, fault)
    return port


def _read_host(parts: SplitResult, names: SettingNames) -> str:
    host = parts.hostname or ""
    if not host:
        raise _wrong(names, "it names no host")
    if ":" not in host:
        if _HOST.fullmatch(host):
            return host
        raise _wrong(names, "its host is not written as hosts are")
    try:
        return ipaddress.IPv6Address(host).compressed
    except ValueError:
        raise _wrong(names, "its host is not written as hosts are") from None


def _wrong(names: SettingNames, fault: str) -> WrongUsage:
    return WrongUsage(
        f"{names.proxy} is not the address of a proxy: {fault}.",
        hint=f"Set {names.proxy} to http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT.",
    )
