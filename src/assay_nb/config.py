"""What the surroundings say: the only module that reads the process's environment.

There is no variable that carries a provider key. Variables that other software reads, such as
`ANTHROPIC_BASE_URL` or `OPENAI_CUSTOM_HEADERS`, have no effect here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
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
        https_proxy: A proxy for https destinations, where the call path honours one (solo only).
        no_proxy: Hosts that are reached without it.
        ca_file: Extra certificate authorities, as a PEM file (solo only).
    """

    home: Path
    master_key_file: Path | None = None
    gateway_url: str | None = None
    database_url: str | None = None
    https_proxy: str | None = None
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
    return Config(
        home=Path(home).expanduser().absolute() if home else _default_home(),
        master_key_file=Path(master).expanduser().absolute() if master else None,
        gateway_url=_get("ASSAY_GATEWAY_URL"),
        database_url=_get("ASSAY_DATABASE_URL"),
        https_proxy=_get("HTTPS_PROXY") or _get("https_proxy"),
        no_proxy=_get("NO_PROXY") or _get("no_proxy"),
        ca_file=Path(ca) if ca else None,
    )


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
