"""Endpoints that users name, judged for the faces, which do not know any provider's address."""

from __future__ import annotations

from collections.abc import Iterable

from assay_nb.engine.control import KeyFacts
from assay_nb.messages import ProviderId


def is_own_server(provider: ProviderId, endpoint: str | None) -> bool:
    """Say whether an endpoint is a server of somebody's own: it decides about its keys, or needs none.

    No endpoint is the provider's own, and so is the provider's own URL, however it is written.

    Raises:
        EndpointRefused: If no key may be bound to it.
    """
    from assay_nb.egress.origins import is_official, parse_endpoint

    return bool(endpoint) and not is_official(parse_endpoint(provider, endpoint))


def would_lose_key(facts: Iterable[KeyFacts], connection: str) -> bool:
    """Say whether a stored key is gone once the connection is called without one.

    A script whose variable is not set sends an empty key, and must not lose the stored one by it.
    """
    stored = next((fact for fact in facts if fact.connection == connection), None)
    return stored is not None and stored.state != "missing" and not stored.keyless
