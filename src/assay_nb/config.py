"""What the surroundings say: the only module that reads the process's environment.

There is no variable that carries a provider key. Variables that other software reads, such as
`ANTHROPIC_BASE_URL` or `OPENAI_CUSTOM_HEADERS`, have no effect here.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOCAL_USER = "me"
"""The one user of a solo vault. Rows of a hub's vault name hub users instead."""


@dataclass(frozen=True, slots=True)
class Config:
    """Where things are, for one process.

    Attributes:
        home: The solo vault's directory.
        master_key_file: A file that holds the master key, or None to use the OS keyring.
        gateway_url: The gateway's base URL; setting it chooses hub mode.
        database_url: The gateway's SQLAlchemy URL; None means SQLite in `home`.
        https_proxy: A proxy for https destinations (solo only). It may hold a password.
        proxy_variable: The variable that names the proxy.
        no_proxy: Hosts that are reached without it.
        ca_file: Certificate authorities to trust in place of the system's, as a PEM file (solo only).
    """

    home: Path
    master_key_file: Path | None = None
    gateway_url: str | None = None
    database_url: str | None = None
    https_proxy: str | None = field(default=None, repr=False)
    proxy_variable: str = "HTTPS_PROXY"
    no_proxy: str | None = None
    ca_file: Path | None = None


def load_config() -> Config:
    """Read the environment once and return what it says.

    Empty variables count as unset, so that `ASSAY_HOME= assay-nb doctor` does not make a vault in the
    current directory.
    """
    home = _get("ASSAY_HOME")
    master = _get("ASSAY_MASTER_KEY_FILE")
    ca = _get("SSL_CERT_FILE")
    proxy_variable = "HTTPS_PROXY" if _get("HTTPS_PROXY") else "https_proxy"
    return Config(
        home=Path(home).expanduser().absolute() if home else _default_home(),
        master_key_file=Path(master).expanduser().absolute() if master else None,
        gateway_url=_get("ASSAY_GATEWAY_URL"),
        database_url=_get("ASSAY_DATABASE_URL"),
        https_proxy=_get(proxy_variable),
        proxy_variable=proxy_variable if _get(proxy_variable) else "HTTPS_PROXY",
        no_proxy=_get("NO_PROXY") or _get("no_proxy"),
        ca_file=Path(ca) if ca else None,
    )


@dataclass(frozen=True, slots=True)
class HubEnvironment:
    """What a JupyterHub tells a service that it starts, and what a service manager hands over.

    Attributes:
        api_url: The hub's REST API.
        api_token: The service's token at the hub.
        service: The service's name.
        base_url: The hub's path under its public address.
        service_url: Where the service is to listen.
        public_url: The service's public address.
        public_hub_url: The hub's, which differs where each service has a subdomain.
        credentials: The directory of systemd's credentials.
    """

    api_url: str | None = None
    api_token: str | None = field(default=None, repr=False)
    service: str | None = None
    base_url: str | None = None
    service_url: str | None = None
    public_url: str | None = None
    public_hub_url: str | None = None
    credentials: Path | None = None


def load_hub_environment() -> HubEnvironment:
    """Read what a hub or a service manager has put into a service's environment."""
    credentials = _get("CREDENTIALS_DIRECTORY")
    return HubEnvironment(
        api_url=_get("JUPYTERHUB_API_URL"),
        api_token=_get("JUPYTERHUB_API_TOKEN"),
        service=_get("JUPYTERHUB_SERVICE_NAME"),
        base_url=_get("JUPYTERHUB_BASE_URL"),
        service_url=_get("JUPYTERHUB_SERVICE_URL"),
        public_url=_get("JUPYTERHUB_PUBLIC_URL"),
        public_hub_url=_get("JUPYTERHUB_PUBLIC_HUB_URL"),
        credentials=Path(credentials) if credentials else None,
    )


def hub_token() -> str | None:
    """Return the token that the hub gave this kernel's server. It may call, and manage nothing."""
    return _get("JUPYTERHUB_API_TOKEN")


def is_on_hub() -> bool:
    """Say whether a gateway holds the keys, and not this process's own vault."""
    return _get("ASSAY_GATEWAY_URL") is not None


def is_smart_terminal() -> bool:
    """Say whether the terminal, if there is one, knows sequences that move the cursor and erase."""
    return _get("TERM") not in ("dumb", "unknown")


def set_variables(values: Mapping[str, str]) -> None:
    """Set environment variables of this process, for other software in it to read."""
    os.environ.update(values)


def pass_token() -> str | None:
    """Return the token for the pass-through that `env` has set here, for programs to show as their key."""
    return _get("ASSAY_TOKEN")


def names_holding(names: Collection[str], values: Collection[str]) -> list[str]:
    """Return those of these variables that hold exactly one of these values."""
    return [name for name in names if os.environ.get(name) in values]


def replace_values(old: str, new: str) -> None:
    """Put a value in the place of another, in every environment variable of this process that holds it."""
    os.environ.update({name: new for name, value in os.environ.items() if value == old})


def remove_variables(names: Collection[str]) -> None:
    """Take environment variables out of this process."""
    for name in names:
        os.environ.pop(name, None)


def unset_variables(names: Collection[str], *, holding: Collection[str]) -> list[str]:
    """Remove those of these variables that hold exactly one of these values; return their names."""
    held = names_holding(names, holding)
    remove_variables(held)
    return held


def names_of_values(beginning: str) -> list[str]:
    """Return the names of the variables whose value begins like this; the values stay where they are."""
    return sorted(name for name, value in os.environ.items() if value.startswith(beginning))


def keep_only(names: Collection[str], prefixes: tuple[str, ...] = ()) -> None:
    """Take every variable out of this process's environment, but for these."""
    for name in list(os.environ):
        if name not in names and not name.startswith(prefixes):
            del os.environ[name]


def is_set(name: str) -> bool:
    """Say whether an environment variable is there, without reading its value (`doctor` asks)."""
    return name in os.environ


def take_variable(name: str) -> bytes | None:
    """Return an environment variable's value as bytes, for `keys set --from-env`; None when unset.

    The variable stays where it is: only the shell that set it can forget it.
    """
    value = os.environ.get(name)
    return value.encode() if value else None


def _get(name: str) -> str | None:
    return os.environ.get(name) or None


def _default_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("assay_nb", appauthor=False)
