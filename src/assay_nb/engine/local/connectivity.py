"""Connectivity: whether a provider or a proxy can be reached, by a connection without a request or a key."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import urlsplit

from assay_nb.egress import faults
from assay_nb.egress.faults import Fault
from assay_nb.egress.proxy import Proxy
from assay_nb.errors import AssayError
from assay_nb.messages import Destination
from assay_nb.providers.transport import Egress

PATIENCE = 5.0
"""Seconds for each step of a connection. `doctor` is waited for, and all are tried side by side."""

_SLACK = 1.0
"""Seconds more for all of it, so that the step that took too long can say which it was."""

_HEAD = 65_536
_LINE = re.compile(rb"HTTP/1\.[01] (?P<status>[1-5]\d\d)\b")

T = TypeVar("T")


def find_obstacles(
    destinations: Iterable[Destination], egress: Egress, patience: float = PATIENCE
) -> list[Fault | None]:
    """Return what prevents a connection to each destination; None where it succeeds.

    Through a proxy, a tunnel is opened and the provider's certificate looked at in it.

    Args:
        destinations: Where to connect to.
        egress: What knows the proxy and the authorities that are trusted.
        patience: Seconds for each step, and little more for all, which are tried side by side.
    """
    trials = [_Trial(each, egress, patience) for each in destinations]
    outcomes = _side_by_side([trial.run for trial in trials], patience)
    return [trial.explain(outcome) for trial, outcome in zip(trials, outcomes, strict=True)]


def find_proxy_obstacle(proxy: Proxy, egress: Egress, patience: float = PATIENCE) -> Fault | None:
    """Return what prevents a connection to the proxy itself; None where it succeeds."""
    (outcome,) = _side_by_side([lambda: _reach_proxy(proxy, egress, patience).close()], patience)
    return None if outcome is None else _explain_proxy(proxy, outcome, egress, patience)


class _ProxyStage(Exception):
    """The proxy itself could not be reached; the cause says why."""


class _NoTunnel(Exception):
    """The proxy answered, and opened no tunnel. Its status, or None where it spoke no HTTP."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


class _Trial:
    """A connection to one destination, through the proxy where one is used, as far as TLS."""

    def __init__(self, destination: Destination, egress: Egress, patience: float) -> None:
        url = urlsplit(destination.origin)
        self._host = url.hostname or ""
        self._is_tls = url.scheme == "https"
        self._port = url.port or (443 if self._is_tls else 80)
        self._destination = destination
        self._egress = egress
        self._patience = patience
        self._proxy: Proxy | None = None

    def run(self) -> None:
        """Connect, look at the certificate, and hang up."""
        proxy = self._proxy = self._egress.proxies.find(self._destination)
        if proxy is None:
            there = (self._host, self._port)
            connection = socket.create_connection(there, timeout=self._patience)
        else:
            try:
                connection = _reach_proxy(proxy, self._egress, self._patience)
            except OSError as error:
                raise _ProxyStage from error
        with connection:
            if proxy is not None:
                _open_tunnel(connection, proxy, self._host, self._port)
            if self._is_tls:
                _shake_hands(connection, self._egress.make_tls_context(), self._host)

    def explain(self, outcome: BaseException | None) -> Fault | None:
        """Return what `run` met, in our own words; None where it met nothing."""
        if outcome is None:
            return None
        if isinstance(outcome, AssayError):  # a setting that is wrong
            return Fault(outcome.message, outcome.hint or "")
        names = self._egress.proxies.names
        place = faults.name_host(self._destination.origin)
        if self._proxy is not None:
            return self._explain_by_proxy(self._proxy, outcome, place)
        return faults.find_tls_fault(outcome, place, names) or Fault(
            f"{self._destination.origin} {_obstacle(outcome, self._patience)}.",
            names.advise("check the endpoint's host and port, and the network"),
        )

    def _explain_by_proxy(self, proxy: Proxy, outcome: BaseException, place: str) -> Fault:
        names = self._egress.proxies.names
        match outcome:
            case _ProxyStage():
                return _explain_proxy(proxy, outcome, self._egress, self._patience)
            case _NoTunnel(status=None):
                return faults.no_proxy_at_all(proxy, names)
            case _NoTunnel():
                return faults.refused(proxy, place, outcome.status, names)
            case TimeoutError():
                return faults.silent(proxy, place, names)
            case _:
                fault = faults.find_tls_fault(outcome, place, names)
                return fault or faults.cut(proxy, place, names)


def _explain_proxy(proxy: Proxy, error: BaseException, egress: Egress, patience: float) -> Fault:
    """Return why the proxy itself could not be reached."""
    names = egress.proxies.names
    if isinstance(error, AssayError):
        return Fault(error.message, error.hint or "")
    if fault := faults.find_tls_fault(error, f"the proxy {proxy}", names):
        return fault
    reason = error.__cause__ if isinstance(error, _ProxyStage) else error
    return faults.unreachable(proxy, names, _obstacle(reason, patience))


def _reach_proxy(proxy: Proxy, egress: Egress, patience: float) -> socket.socket:
    connection = socket.create_connection((proxy.host, proxy.port), timeout=patience)
    if proxy.scheme == "http":
        return connection
    try:
        return egress.make_tls_context().wrap_socket(connection, server_hostname=proxy.host)
    except BaseException:
        connection.close()
        raise


def _open_tunnel(connection: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Ask the proxy for a tunnel. It is told its own user name and password, and nothing else."""
    name = f"[{host}]" if ":" in host else host
    lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}"]
    if proxy.auth is not None:
        login = base64.b64encode(":".join(proxy.auth).encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {login}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    found = _LINE.match(_read_head(connection))
    if found is None:
        raise _NoTunnel(None)
    status = int(found["status"])
    if not 200 <= status < 300:
        raise _NoTunnel(status)


def _read_head(connection: socket.socket) -> bytes:
    """Return what comes up to an empty line. A tunnel's first byte is the client's, so none is lost."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD:
        piece = connection.recv(4_096)
        if not piece:
            break
        head += piece
    return head


def _shake_hands(connection: socket.socket, context: ssl.SSLContext, host: str) -> None:
    """Shake hands in TLS, which verifies the certificate; also within the TLS of a proxy."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            piece = connection.recv(_HEAD)
            if not piece:
                raise ConnectionResetError(None, "it was closed in the TLS handshake") from None
            incoming.write(piece)
        else:
            connection.sendall(outgoing.read())
            return


def _obstacle(error: BaseException | None, patience: float) -> str:
    """Return what prevented a connection, as the end of a sentence."""
    match error:
        case socket.gaierror():
            return "has a name that cannot be resolved here"
        case TimeoutError():
            return f"does not answer within {patience:g} seconds"
        case ConnectionRefusedError():
            return "refuses the connection: nothing listens there"
        case OSError():
            return f"cannot be reached ({error.strerror or 'no reason was given'})"
        case _:
            return "cannot be reached"


def _side_by_side(tries: list[Callable[[], None]], patience: float) -> list[BaseException | None]:
    """Return what each raised, or None; a `TimeoutError` for what is not done in time.

    In threads that nobody waits for at the end: looking up a name takes as long as the resolver likes.
    """
    outcomes: list[BaseException | None] = [TimeoutError() for _ in tries]

    def run(number: int) -> None:
        try:
            tries[number]()
        except Exception as error:
            outcomes[number] = error
        else:
            outcomes[number] = None

    threads = [
        threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(tries))
    ]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + patience + _SLACK
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return list(outcomes)
