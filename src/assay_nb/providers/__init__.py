"""Anthropic, OpenAI and Google, each through its official SDK, none of which ever sees a key.

`setup` is data and costs nothing to import. An SDK is imported by
the first call to its provider, in a thread, since that takes up to a second.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, cast

from assay_nb.extras import needing

if TYPE_CHECKING:
    from assay_nb.messages import ProviderId
    from assay_nb.providers.base import ListedModel, Provider
    from assay_nb.providers.exchange import Limits
    from assay_nb.providers.retry import Retry
    from assay_nb.providers.transport import Egress

__all__ = ["ListedModel", "Provider", "get_provider", "make_egress", "warm_up"]

_CLASSES = {
    "anthropic": ("assay_nb.providers.anthropic", "Anthropic"),
    "openai": ("assay_nb.providers.openai", "OpenAI"),
    "google": ("assay_nb.providers.google", "Google"),
}

_ready: set[str] = set()


async def get_provider(
    provider: ProviderId, egress: Egress, *, retry: Retry | None = None
) -> Provider:
    """Return the provider, loading its SDK at the first call, beside the event loop."""
    if provider not in _ready:
        await asyncio.to_thread(warm_up, provider)
    module, name = _CLASSES[provider]
    make = getattr(importlib.import_module(module), name)
    return cast("Provider", make(egress, retry=retry))


def make_egress(
    *,
    proxy: str | None = None,
    no_proxy: str | None = None,
    ca_file: str | None = None,
    limits: Limits | None = None,
) -> Egress:
    """Return the connections that all providers of this process share. See `Egress`."""
    from assay_nb.providers.transport import Egress

    return Egress(proxy=proxy, no_proxy=no_proxy, ca_file=ca_file, limits=limits)


def warm_up(provider: ProviderId) -> None:
    """Import a provider's SDK, which takes up to a second. Safe in any thread."""
    with needing("sdk"):
        importlib.import_module(_CLASSES[provider][0])
    _ready.add(provider)
