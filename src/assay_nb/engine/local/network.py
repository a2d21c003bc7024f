"""Network: what `doctor` says of proxy, certificates and connections. It tries them, and sends no key."""

from __future__ import annotations

from collections.abc import Iterator

from assay_nb import config
from assay_nb.engine.control import Diagnosis
from assay_nb.engine.local.resources import Resources
from assay_nb.messages import Destination

_UNREAD_PROXIES = ("ALL_PROXY", "all_proxy")
_UNREAD_AUTHORITIES = ("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that other software reads, for what `HTTPS_PROXY` and `SSL_CERT_FILE` are here."""


def proxy(resources: Resources) -> Iterator[Diagnosis]:
    """Say which proxy is used, and whether it can be reached."""
    from assay_nb.engine.local.connectivity import find_proxy_obstacle

    proxies = resources.egress.proxies
    name = proxies.names.proxy
    if proxies.unread:
        yield Diagnosis(
            level="warning",
            subject="proxy",
            text=f"{proxies.names.no_proxy} contains {proxies.unread[0]!r}, which matches no host.",
            hint="Use a host, .domain, 10.0.0.0/8, [::1] or HOST:PORT, separated by commas.",
        )
    used = proxies.read()
    if used is None:
        yield from _unread("proxy", _UNREAD_PROXIES, name, "http://HOST:PORT, if a proxy is needed")
        return
    if fault := find_proxy_obstacle(used, resources.egress):
        yield Diagnosis(level="problem", subject="proxy", text=fault.text, hint=fault.hint)
        return
    login = ", with a user name and a password" if used.auth else ""
    yield Diagnosis(
        level="ok",
        subject="proxy",
        text=f"{name} is {used}{login}. It answers, and is used for https destinations only: "
        "the tunnel hides the key from it.",
    )


def certificates(resources: Resources) -> Iterator[Diagnosis]:
    """Say which authorities are trusted, having loaded them."""
    ca_file = resources.config.ca_file
    if ca_file is None:
        step = "the PEM file of your network's authorities, if it has its own"
        yield from _unread("certificates", _UNREAD_AUTHORITIES, "SSL_CERT_FILE", step)
        return
    context = resources.egress.make_tls_context()
    many = context.cert_store_stats()["x509"]
    yield Diagnosis(
        level="info",
        subject="certificates",
        text=f"{ca_file} is trusted in place of the system's authorities. Certificates in it: {many}.",
    )


def connection(resources: Resources) -> Iterator[Diagnosis]:
    """Try each endpoint that a key of ours opens for; one that was edited is proven wrong, and left alone."""
    from assay_nb.engine.local.connectivity import find_obstacles
    from assay_nb.engine.local.practice import is_practice

    destinations: dict[str, Destination] = {
        key.destination.origin: key.destination
        for workspace in resources.own_workspaces()
        for key in resources.vault.list_keys(workspace.id)
        if key.state == "ready" and not is_practice(key.destination)
    }
    tried = [destinations[origin] for origin in sorted(destinations)]
    found = find_obstacles(tried, resources.egress)
    for destination, fault in zip(tried, found, strict=True):
        if fault is not None:
            yield Diagnosis(level="warning", subject="connection", text=fault.text, hint=fault.hint)
            continue
        used = resources.egress.proxies.find(destination)
        how = f" through the proxy {used}" if used else ""
        yield Diagnosis(
            level="ok",
            subject="connection",
            text=f"{destination.origin} can be reached{how}. No key was sent.",
        )


def _unread(subject: str, names: tuple[str, ...], instead: str, value: str) -> Iterator[Diagnosis]:
    """Point out variables that are set and not read, where the one that is read is not set."""
    present = [name for name in names if config.is_set(name)]
    if present:
        yield Diagnosis(
            level="info",
            subject=subject,
            text=f"{', '.join(present)} set here: not read by assay_nb.",
            hint=f"Set {instead} to {value}.",
        )
