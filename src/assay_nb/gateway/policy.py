"""The operator's policy: which providers and models a hub may use, and where.

An admin names a workspace's connections, so a name alone opens nothing: at a provider's own endpoint only
that provider's name counts, whatever the connection is called and whichever protocol it is set to.
"""

from __future__ import annotations

import fnmatch
import re
from urllib.parse import urlsplit

from assay_nb.connections.presets import Preset
from assay_nb.egress.origins import OFFICIAL, parse_endpoint
from assay_nb.errors import PermissionDenied
from assay_nb.gateway.settings import Settings
from assay_nb.messages import PROVIDERS, Destination, ProviderId

_OWNERS: dict[str, ProviderId] = {parse_endpoint(one).origin: one for one in PROVIDERS}
"""Whose each provider's own origin is."""


def check_model(settings: Settings, destination: Destination, model: str) -> None:
    """Refuse a model that is not on the operator's lists.

    Args:
        settings: The lists.
        destination: Where the model would be asked.
        model: Its name there.

    Raises:
        PermissionDenied: If it is missing from either.
    """
    check_place(settings, destination)
    if not is_model_allowed(settings, destination, model):
        raise PermissionDenied(
            f"This hub does not allow the model {_names(destination, model)[0]}.",
            hint=f"Use one of {', '.join(settings.allow_models)}.",
        )


def is_model_allowed(settings: Settings, destination: Destination, model: str) -> bool:
    """Say whether a model is on the operator's lists; `""` asks whether all of a connection's are."""
    return is_place_allowed(settings, destination) and any(
        settings.lists_model(name) for name in _names(destination, model)
    )


def is_place_allowed(settings: Settings, destination: Destination) -> bool:
    """Say whether whose SDK speaks to a destination, and whose own endpoint it is, are on the operator's list."""
    return _providers(destination).issubset(settings.allow_providers)


def check_place(settings: Settings, destination: Destination) -> None:
    """Refuse a destination whose provider is not on the operator's list.

    Raises:
        PermissionDenied: If whose SDK speaks there is missing, or whose own endpoint it is.
    """
    for provider in _providers(destination):
        check_provider(settings, provider)


def check_provider(settings: Settings, provider: str) -> None:
    """Refuse a provider that is not on the operator's list.

    Raises:
        PermissionDenied: If it is missing.
    """
    if provider not in settings.allow_providers:
        raise PermissionDenied(
            f"This hub does not allow the provider {provider}.",
            hint=f"Use one of {', '.join(settings.allow_providers)}.",
        )


def is_preset_open(settings: Settings, preset: Preset) -> bool:
    """Say whether the operator's lists let a connection be made from a preset, as far as its address tells.

    A help for choosing one. What decides is the address that is stored in the end.
    """
    if preset.provider not in settings.allow_providers:
        return False
    if not preset.keys_url:  # a server of somebody's own is wherever the operator says that one is
        return bool(settings.allow_origins)
    wanted = re.sub(r"{\w+}", "*", urlsplit(preset.endpoint).hostname or "")
    own = (OFFICIAL[one] for one in settings.allow_providers if one in OFFICIAL)
    return any(
        fnmatch.fnmatchcase(urlsplit(origin).hostname or "", wanted)
        for origin in (*settings.allow_origins, *own)
    )


def _providers(destination: Destination) -> set[str]:
    """Return who has to be allowed: whose SDK speaks there, and whose own endpoint it is, if anybody's."""
    return {destination.provider, _OWNERS.get(destination.origin, destination.provider)}


def _names(destination: Destination, model: str) -> tuple[str, ...]:
    """Return the names by which a pattern may list a model, the plainest first."""
    owner = _OWNERS.get(destination.origin)
    if owner is not None:
        return (f"{owner}/{model}",)
    return (f"{destination.connection}/{model}", f"{destination.provider}/{model}")
