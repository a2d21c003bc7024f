"""Endpoints that users name, judged for the faces, which do not know any provider's address."""

from __future__ import annotations

from collections.abc import Iterable

from assay_nb.connections.presets import PRESETS, Preset, preset_of
from assay_nb.engine.control import KeyFacts
from assay_nb.messages import ProviderId


def find_service(provider: ProviderId, endpoint: str | None) -> Preset | None:
    """Return the service that an endpoint belongs to, which gives out keys and takes no call without one.

    Args:
        provider: Whose SDK speaks to it.
        endpoint: The base URL, however it is written; None or empty is the provider's own.

    Returns:
        Its preset, or None for a server of somebody's own: it decides about its keys, or needs none.

    Raises:
        EndpointRefused: If no key may be bound to the endpoint.
    """
    from assay_nb.egress.origins import is_official, parse_endpoint

    if not endpoint:
        return PRESETS[provider]
    there = parse_endpoint(provider, endpoint)
    return PRESETS[provider] if is_official(there) else preset_of(there.endpoint)


def is_own_server(provider: ProviderId, endpoint: str | None) -> bool:
    """Say whether an endpoint is a server of somebody's own: it decides about its keys, or needs none.

    No endpoint is the provider's own, and so is the provider's own URL, however it is written.

    Raises:
        EndpointRefused: If no key may be bound to it.
    """
    return find_service(provider, endpoint) is None


def usual_placement(provider: ProviderId) -> str:
    """Return how a server takes its key that a provider's SDK speaks to, unless something else is said."""
    from assay_nb.egress.origins import PLACEMENT

    return PLACEMENT[provider]


def would_lose_key(facts: Iterable[KeyFacts], connection: str) -> bool:
    """Say whether a stored key is gone once the connection is called without one.

    A script whose variable is not set sends an empty key, and must not lose the stored one by it.
    """
    stored = next((fact for fact in facts if fact.connection == connection), None)
    return stored is not None and stored.state != "missing" and not stored.keyless
