"""Checks of single settings: what cannot be meant is refused with the setting's name and its value."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from assay_nb.errors import AssayError, WrongUsage
from assay_nb.gateway.teams import Team
from assay_nb.messages import PROVIDERS

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")
_BASE = re.compile(r"/?([A-Za-z0-9._~@%+-]+(/[A-Za-z0-9._~@%+-]+)*/?)?")
_DATABASE = re.compile(r"(sqlite:////|postgresql(\+psycopg)?://)[^\s/]")
_LONGEST = 80


def parse_listen(text: str) -> tuple[str, int]:
    """Return the host and the port of `HOST:PORT`.

    Raises:
        WrongUsage: If it is not.
    """
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    digits = port.isascii() and port.isdigit() and len(port) < 6
    # Colons are an IPv6 address's, which has to stand in brackets; `http:8790` has lost its host.
    named = bool(_HOST.fullmatch(bare)) and (":" in bare) == (bare != host)
    if not (named and digits and int(port) < 65_536):
        raise WrongUsage(
            f"listen = '{quoted(text)}' is not HOST:PORT.", hint="Write it like 127.0.0.1:8790."
        )
    return bare, int(port)


def check_api_url(url: str) -> None:
    """Refuse an address that cannot be the REST API of a JupyterHub. None at all is said later.

    Raises:
        WrongUsage: With the address, unless that holds a password.
    """
    parts = _split(url)
    if parts is None or parts.query or parts.fragment:
        raise _not_meant("hub.api_url", url, "is not an http address")
    if not parts.path.rstrip("/").endswith("/hub/api"):
        raise _not_meant("hub.api_url", url, "does not end in /hub/api")


def check_public_url(url: str) -> None:
    """Refuse a public address that is more than a scheme and a host.

    Raises:
        WrongUsage: With the address, unless that holds a password.
    """
    parts = _split(url)
    if parts is None or parts.path.strip("/") or parts.query or parts.fragment:
        raise WrongUsage(
            f"hub.public_url = '{quoted(url)}' must be only a scheme and a host.",
            hint="Write it like https://hub.example.org; put the path into hub.base_url.",
        )


def check_subdomains(public_url: str | None, service: str) -> None:
    """Refuse subdomains without the address that they are made from, or for a name that JupyterHub rewrites.

    Raises:
        WrongUsage: With what is missing.
    """
    if public_url is None:
        raise WrongUsage(
            "hub.subdomains needs hub.public_url, from which the gateway's own address is made.",
            hint="Set it to c.JupyterHub.subdomain_host, such as https://hub.example.org.",
        )
    if not re.fullmatch("[a-z0-9]+", service):
        raise WrongUsage(
            f"hub.service = '{quoted(service)}' cannot be the beginning of a host as it is.",
            hint="With hub.subdomains, name the service with lower-case letters and digits, such as assay.",
        )


def check_service(name: str) -> None:
    """Refuse a service's name that cannot stand in an address.

    Raises:
        WrongUsage: With the name.
    """
    if not _SERVICE.fullmatch(name):
        raise WrongUsage(
            f"hub.service = '{quoted(name)}' cannot be the name of a service: it is part of an address.",
            hint="Use the name in c.JupyterHub.services, such as assay.",
        )


def check_base_url(path: str) -> None:
    """Refuse a base URL that is not a path.

    Raises:
        WrongUsage: With the path.
    """
    if not _BASE.fullmatch(path) or ".." in path.split("/"):
        raise WrongUsage(
            f"hub.base_url = '{quoted(path)}' is not a path.",
            hint="Use c.JupyterHub.base_url, such as / or /jupyter/.",
        )


def check_database_url(url: str) -> None:
    """Refuse a URL that names no SQLite file and no PostgreSQL server. It may hold a password.

    Raises:
        WrongUsage: Without the URL, but for what stands before its first colon.
    """
    if not _DATABASE.match(url):
        raise WrongUsage(
            f"database_url = '{quoted(url.partition(':')[0])}:…' is not a URL of a database.",
            hint="Use sqlite:////absolute/path.db or postgresql://user@host/name.",
        )


def check_providers(names: Sequence[str]) -> None:
    """Refuse a list of providers with an unknown one, or with none.

    Raises:
        WrongUsage: With the unknown one.
    """
    if not names:
        raise WrongUsage(
            "allow_providers = [] allows no provider, so no call could be made.",
            hint=f"Use {', '.join(PROVIDERS)}, or leave the setting out.",
        )
    for name in names:
        if name not in PROVIDERS:
            raise WrongUsage(
                f"allow_providers contains '{quoted(name)}', which is not a provider.",
                hint=f"Use {', '.join(PROVIDERS)}.",
            )


def check_models(patterns: Sequence[str], origins: Sequence[str]) -> None:
    """Refuse a pattern of models that matches nothing.

    Args:
        patterns: `PROVIDER/MODEL`; at a listed origin also `CONNECTION/MODEL`.
        origins: The listed origins: where there is none, only providers stand before the slash.

    Raises:
        WrongUsage: With the pattern.
    """
    for pattern in patterns:
        provider, slash, model = pattern.partition("/")
        if not (slash and provider and model) or re.search(r"\s", pattern):
            raise WrongUsage(
                f"allow_models contains '{quoted(pattern)}', which is not PROVIDER/MODEL.",
                hint="Write it like anthropic/claude-*.",
            )
        if not origins and not any(fnmatch.fnmatchcase(one, provider) for one in PROVIDERS):
            raise WrongUsage(
                f"allow_models contains '{quoted(pattern)}', and '{quoted(provider)}' is not a provider.",
                hint=f"Begin it with {', '.join(PROVIDERS)} or *; names of connections need an origin in "
                "allow_origins.",
            )


def check_origins(urls: Sequence[str]) -> None:
    """Refuse what is not an origin that keys may go to.

    Raises:
        WrongUsage: With the origin, unless that holds a password.
    """
    from assay_nb.egress.origins import OperatorPolicy

    for url in urls:
        try:
            OperatorPolicy.from_urls([url])
        except AssayError as error:
            raise WrongUsage(
                f"allow_origins contains '{quoted(url)}'. {error.message}",
                hint=error.hint or "Write it like https://llm.example.org:8443.",
            ) from None


def check_proxy(proxy: str | None, no_proxy: str | None) -> None:
    """Refuse a proxy that cannot be used, and hosts that match none.

    Raises:
        WrongUsage: Without the proxy's address, which may hold a password.
    """
    from dataclasses import replace

    from assay_nb.egress.proxy import Proxies
    from assay_nb.egress.setting_names import OPERATOR

    proxies = Proxies(proxy, no_proxy, replace(OPERATOR, by_operator=False))
    proxies.read()
    if proxies.unread:
        raise WrongUsage(
            f"no_proxy contains '{quoted(proxies.unread[0])}', which matches no host.",
            hint="Use a host, .domain, 10.0.0.0/8, [::1] or HOST:PORT.",
        )


def check_number(name: str, value: float, *, least: float = 0, most: float | None = None) -> None:
    """Refuse a number that is not above a bound, infinite, or too large.

    Raises:
        WrongUsage: With the number.
    """
    finite = value == value and abs(value) != float("inf")
    if not finite or value <= least or (most is not None and value > most):
        bound = f" and at most {most:g}" if most is not None else ""
        raise WrongUsage(f"{name} = {value:g} must be a number above {least:g}{bound}.")


def check_teams(teams: Mapping[str, Team]) -> None:
    """Refuse a team whose workspace or owners cannot have these names: nobody of its group could sign in.

    Raises:
        WrongUsage: With the group.
    """
    from assay_nb.workspaces.names import check_group, check_user, parse_name

    for group, team in teams.items():
        try:
            check_group(group)
            name = parse_name(team.workspace)
            for owner in team.owners:
                check_user(owner)
        except WrongUsage as error:
            owners = f", owners {', '.join(team.owners)}" if team.owners else ""
            raise WrongUsage(
                f"teams.'{quoted(group)}' = '{quoted(team.workspace)}'{quoted(owners)}: {error.message}",
                hint=error.hint or 'Write it like history = "history-lab".',
            ) from None
        if name != team.workspace:
            raise WrongUsage(
                f"teams.'{quoted(group)}' = '{quoted(team.workspace)}' has space around it, or letters in an "
                "unusual form.",
                hint="Type the name again.",
            )


def quoted(text: str) -> str:
    """Return a value as a message repeats it: visible, not too long, and without what may be a password."""
    if "@" in text:
        return f"…{text[text.rindex('@') :]}"[:_LONGEST]
    visible = "".join(letter if letter.isprintable() else "�" for letter in text)
    return visible if len(visible) <= _LONGEST else f"{visible[:_LONGEST]}…"


def _split(url: str) -> SplitResult | None:
    """Return the parts of an http address; None if it is not one that a client could use."""
    if re.search(r"[\s\\]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    right = parts.scheme in {"http", "https"} and bool(_HOST.fullmatch(host))
    return parts if right and port != 0 and "@" not in parts.netloc else None


def _not_meant(name: str, url: str, why: str) -> WrongUsage:
    return WrongUsage(
        f"{name} = '{quoted(url)}' {why}.",
        hint="Write it like http://127.0.0.1:8081/hub/api.",
    )
