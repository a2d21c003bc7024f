"""The model that answers a call: one rule for the engine, the status and the plans of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.models.catalog import DEFAULT_MODEL, MODELS

ALL_MODELS: tuple[str, ...] = tuple(f"{model.provider}/{model.id}" for model in MODELS.values())
"""Every model of the table, as `provider/model`."""


def choose_model(
    asked: str | None,
    workspace_model: str | None,
    connections: Iterable[str],
    usable: Callable[[], Sequence[str]],
) -> str | None:
    """Return the model that answers, or None where nobody names one and no key leads to a usable one.

    What the call asks for comes first, then the workspace's model. Otherwise it is the first provider with a
    key, in a fixed order, so that a call does not depend on chance: its default model, or its first usable one.
    A connection of another name has no default: what its server has is the server's own affair.

    Args:
        asked: The model that the call names, if it does.
        workspace_model: The model that the workspace has chosen, if it has.
        connections: The names of the connections that the workspace has.
        usable: Returns the known models that may be used, as `provider/model`. An operator's list can be
            shorter than the table. It is called only when nobody names a model: a hub kernel sends a request.
    """
    if wanted := asked or workspace_model:
        return wanted
    present = _in_order(connections)
    models = usable() if present else ()
    for provider in present:
        mine = [name for name in models if name.startswith(f"{provider}/")]
        if mine:
            default = default_model(provider)
            return default if default in mine else mine[0]
    return None


def first_default(providers: Iterable[str]) -> str | None:
    """Return the default model of the first provider with a key, whether it may be used or not."""
    return next((default_model(provider) for provider in _in_order(providers)), None)


def default_model(provider: ProviderId) -> str:
    """Return a provider's default model, as `provider/model`."""
    return f"{provider}/{DEFAULT_MODEL[provider]}"


def _in_order(providers: Iterable[str]) -> list[ProviderId]:
    present = set(providers)
    return [provider for provider in PROVIDERS if provider in present]
