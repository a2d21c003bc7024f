"""Faults of a connection: why there is none, in our own words, with the next step.

A call, a request that is passed through and `doctor` meet the same faults and say the same of them. What a
proxy or a library wrote is not quoted: it may hold a password.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

import httpx2

from assay_nb import certificates
from assay_nb.egress.proxy import Proxy
from assay_nb.egress.setting_names import SettingNames
from assay_nb.errors import UNREACHED, ProviderUnavailable
from assay_nb.messages import Destination


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a connection was not established.

    Attributes:
        text: What happened, as a sentence.
        hint: The next step, as a sentence.
        lasting: Whether trying again is of no use before somebody changed something.
    """

    text: str
    hint: str
    lasting: bool = True

    def to_error(self, destination: Destination) -> ProviderUnavailable:
        """Return it as the error of a call."""
        reason = None if self.lasting else UNREACHED
        return ProviderUnavailable(
            self.text, hint=self.hint, provider=destination.provider, reason=reason
        )


def name_host(origin: str) -> str:
    """Return an origin for people: its host, and its port unless that is the usual one for https."""
    return origin.partition("://")[2].removesuffix(":443")


def find_tls_fault(
    error: BaseException, place: str, names: SettingNames, other: Proxy | None = None
) -> Fault | None:
    """Return the fault if TLS was the reason for an error; None for every other reason.

    Args:
        error: What was raised, with what it came from.
        place: Whose certificate was looked at, such as `api.openai.com`.
        names: What the settings are called.
        other: A proxy that speaks TLS itself, so that the fault may be its own.
    """
    fault = certificates.find_fault(error)
    if isinstance(fault, ssl.SSLCertVerificationError):
        also = f", or of the proxy {other}," if other else ""
        return Fault(
            f"TLS certificate of {place}{also} is not trusted: {certificates.describe_distrust(fault)}.",
            names.advise(certificates.advise(fault, names.ca_file)),
        )
    if fault is None or isinstance(fault, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return None  # a connection that was cut, as others are
    also, setting = (f", or the proxy {other},", f" or {names.proxy}") if other else ("", "")
    return Fault(
        f"{place}{also} does not speak TLS as it should.",
        names.advise(f"check whether the endpoint{setting} begins with http://, and its port"),
    )


def explain(
    error: httpx2.TransportError,
    destination: Destination,
    proxy: Proxy | None,
    names: SettingNames,
) -> Fault | None:
    """Return why a connection was not established; None where nothing more is known than that.

    Args:
        error: What the HTTP client raised before the request was sent.
        destination: Where it should have gone.
        proxy: The proxy that was used.
        names: What the settings are called.
    """
    place = name_host(destination.origin)
    speaks_tls = proxy if proxy is not None and proxy.scheme == "https" else None
    if fault := find_tls_fault(error, place, names, speaks_tls):
        return fault
    if proxy is None:
        return None
    match error:
        case httpx2.ProxyError():
            return refused(proxy, place, _read_status(str(error)), names)
        case httpx2.ConnectError() | httpx2.ConnectTimeout() if not _is_cut(error):
            return unreachable(proxy, names)
        case httpx2.ReadTimeout():
            return silent(proxy, place, names)
        case httpx2.RemoteProtocolError():
            return no_proxy_at_all(proxy, names)
        case _:
            return cut(proxy, place, names)


def refused(proxy: Proxy, place: str, status: int | None, names: SettingNames) -> Fault:
    """Return the fault of a proxy that did not open a tunnel.

    Args:
        proxy: The proxy.
        place: The host that the tunnel was to lead to.
        status: What the proxy answered; None where that is not known.
        names: What the settings are called.
    """
    whom = f"The proxy {proxy}"
    if status == 407:
        if proxy.auth:
            text = f"{whom} does not accept the user name and the password in {names.proxy}."
        else:
            text = f"{whom} wants a user name and a password."
        login = "http://USER:PASSWORD@HOST:PORT, with special characters percent-encoded"
        return Fault(text, names.advise(f"set {names.proxy} to {login}"))
    if status is not None and status >= 500:
        return Fault(
            f"{whom} cannot reach {place} (status {status}).",
            names.advise("try again; if this persists, ask whoever runs the proxy"),
            lasting=False,
        )
    if status in {400, 404, 405, 501}:
        return no_proxy_at_all(proxy, names, status)
    said = f" (status {status})" if status is not None else ""
    return Fault(
        f"{whom} does not let requests through to {place}{said}.",
        names.advise(
            f"ask whoever runs the proxy to allow {place}, or add it to {names.no_proxy} "
            "if it is reached without the proxy"
        ),
    )


def unreachable(proxy: Proxy, names: SettingNames, why: str = "cannot be reached") -> Fault:
    """Return the fault of a proxy that nothing was heard from."""
    return Fault(
        f"The proxy {proxy} {why}.",
        names.advise(f"check the host and the port in {names.proxy}, and the network"),
        lasting=False,
    )


def silent(proxy: Proxy, place: str, names: SettingNames) -> Fault:
    """Return the fault of a proxy that takes a connection and does not answer."""
    return Fault(
        f"The proxy {proxy} did not answer in time when asked for {place}.",
        names.advise(f"check whether the port in {names.proxy} is the port of an HTTP proxy"),
        lasting=False,
    )


def cut(proxy: Proxy, place: str, names: SettingNames) -> Fault:
    """Return the fault of a tunnel that was closed before anything went through it."""
    return Fault(
        f"The proxy {proxy} closed the connection to {place}.",
        names.advise("try again; if this persists, ask whoever runs the proxy"),
        lasting=False,
    )


def no_proxy_at_all(proxy: Proxy, names: SettingNames, status: int | None = None) -> Fault:
    """Return the fault of an address where something else answers than an HTTP proxy."""
    said = f" (status {status})" if status is not None else ""
    return Fault(
        f"{proxy} does not answer as an HTTP proxy does{said}.",
        names.advise(f"check the port in {names.proxy}; SOCKS proxies are not supported"),
    )


def _read_status(text: str) -> int | None:
    """Return the status that httpcore writes before a proxy's own words."""
    found = re.match(r"[1-5]\d\d\b", text)
    return int(found[0]) if found else None


def _is_cut(error: BaseException) -> bool:
    """Say whether a connection was there, and was closed in the middle of the TLS handshake."""
    return not any(isinstance(one, OSError) for one in certificates.chain(error)) and not (
        isinstance(error, httpx2.ConnectTimeout)
    )
