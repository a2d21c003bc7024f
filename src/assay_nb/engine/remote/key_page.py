"""The key page of a hub, where keys are entered: on the gateway's own page, never in a kernel or a notebook's page."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from assay_nb.config import Config, hub_token
from assay_nb.engine.remote.client import GatewayClient
from assay_nb.errors import AssayError


def find_key_page(config: Config) -> str | None:
    """Return the key page's address as a browser reaches it; None in solo mode.

    Servers may reach the gateway by an address of their own, past the hub's proxy, so the gateway is
    asked. Where it does not know its public host, its answer is a path on the hub's.
    """
    if config.gateway_url is None:
        return None
    try:
        return _ask(config.gateway_url, config.ca_file)
    except AssayError:
        return config.gateway_url


@lru_cache(maxsize=8)
def _ask(gateway_url: str, ca_file: Path | None) -> str:
    return str(GatewayClient(gateway_url, hub_token(), ca_file).ask_now("api/v1/me")["page"])
