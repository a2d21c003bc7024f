"""The operator's policy: which providers and models a hub may use."""

from __future__ import annotations

from assay_nb.errors import PermissionDenied
from assay_nb.gateway.settings import Settings


def check_model(settings: Settings, provider: str, model: str) -> None:
    """Refuse a model that is not on the operator's lists.

    Raises:
        PermissionDenied: If it is missing from either.
    """
    check_provider(settings, provider)
    if not settings.is_model_allowed(provider, model):
        raise PermissionDenied(
            f"This hub does not allow the model {provider}/{model}.",
            hint=f"Use one of {', '.join(settings.allow_models)}.",
        )


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
