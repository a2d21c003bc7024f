"""Models of a workspace: what is known of each where the workspace's keys lead, read in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
from anyio.to_thread import run_sync

from assay_nb.connections.facts import Facts, group_facts, read_listing
from assay_nb.connections.values import as_price
from assay_nb.egress.origins import is_official, parse_endpoint
from assay_nb.engine.control import Listing, ListingFailure, ModelFacts
from assay_nb.engine.known import Known
from assay_nb.engine.local.credentials import find_credential, find_destinations
from assay_nb.engine.local.key_test import list_models
from assay_nb.engine.local.keyways import guided
from assay_nb.engine.local.live_facts import source_of, this_day
from assay_nb.engine.local.practice import is_practice
from assay_nb.errors import AssayError, StoreUnavailable, WrongUsage
from assay_nb.messages import PROVIDERS, Destination, ProviderId
from assay_nb.models import catalog

if TYPE_CHECKING:
    from assay_nb.engine.local.resources import Resources
    from assay_nb.providers.base import ListedModel
    from assay_nb.workspaces.membership import Workspace

_SIDE_BY_SIDE = 8
"""How many servers are asked for their models at the same time."""


def find_known(
    resources: Resources, workspace_id: bytes | None, there: Destination, model: str
) -> Known:
    """Return what is known of a model where a key leads.

    Args:
        resources: Where facts and the operator's prices are.
        workspace_id: Whose connection it is; None for the operator's own, of which nothing is kept.
        there: Where the key leads.
        model: The model's name.
    """
    live: Facts = {}
    if workspace_id is not None and not is_practice(there):
        live = resources.facts.find(workspace_id, there.connection, model)
    return _known(resources, there, model, live)


def about_model(resources: Resources, workspace_id: bytes, model: str) -> ModelFacts:
    """Return what is known of a model, as `connection/model`, whether there is a key for it or not."""
    connection, name = catalog.parse_model(model)
    there = find_destinations(resources, workspace_id).get(connection) or official_of(connection)
    if there is None:
        return ModelFacts(name=name, provider=connection)
    return find_known(resources, workspace_id, there, name).facts()


def official_of(connection: str) -> Destination | None:
    """Return a provider's own service, for a connection that bears its name; None for any other."""
    provider: ProviderId | None = next((one for one in PROVIDERS if one == connection), None)
    return None if provider is None else parse_endpoint(provider)


def set_price(
    resources: Resources,
    user: str,
    workspace_id: bytes,
    model: str,
    price: tuple[float, float] | None,
) -> ModelFacts:
    """Keep what a member says that a model costs in a workspace, and return what is known of it then.

    Args:
        resources: Where it is kept.
        user: Who says so. Whoever may choose the workspace's model may say what one costs.
        workspace_id: The workspace.
        model: The model, as `connection/model`.
        price: US dollars per million tokens of input and of output; None forgets what was set.

    Raises:
        WrongUsage: If a price is negative, or beyond any that there is.
        PermissionDenied: If the role does not allow it.
    """
    connection, name = catalog.parse_model(model)
    if price is not None and None in (as_price(price[0]), as_price(price[1])):
        raise WrongUsage(
            "A price is given in dollars per million tokens, from 0 to 10,000.",
            hint="Give both, such as --price-in 0.15 --price-out 0.60: 0 where a part is free.",
        )
    resources.workspaces.authorize(user, workspace_id, "set_model")
    resources.facts.set_price(workspace_id, connection, name, price, user=user)
    return about_model(resources, workspace_id, model)


def warn_of(resources: Resources, workspace_id: bytes, model: str | None) -> tuple[str, str] | None:
    """Return a warning that the model in use is about to be shut down, and the next step; None otherwise."""
    if model is None:
        return None
    connection, name = catalog.parse_model(model)
    there = _places(resources, workspace_id).get(connection)
    if there is None:
        return None
    return find_known(resources, workspace_id, there, name).warn(this_day())


def warnings_of(resources: Resources, workspace: Workspace | None, model: str | None) -> list[str]:
    """Return what the status warns of: the shutdown of the model in use."""
    warning = warn_of(resources, workspace.id, model) if workspace else None
    return [" ".join(warning)] if warning else []


async def keep_facts(
    resources: Resources, workspace_id: bytes, there: Destination, listed: Sequence[ListedModel]
) -> None:
    """Keep what a listing says of its models. An empty one says nothing, and nor does practice.

    A database that cannot be written now takes nothing away: the next listing says it again.
    """
    if listed and not is_practice(there):
        with suppress(StoreUnavailable):
            await run_sync(resources.facts.keep_listing, workspace_id, there, _entries(listed))


def list_known(resources: Resources, workspace: Workspace | None) -> list[ModelFacts]:
    """Return the models of the table, with what the workspace's own servers have said of them.

    Args:
        resources: Where facts and the operator's prices are.
        workspace: The workspace; None shows the table alone.
    """
    real: dict[str, Destination] = {}
    said: dict[str, Mapping[str, Facts]] = {}
    if workspace is not None:
        places = _places(resources, workspace.id)
        real = {name: there for name, there in places.items() if not is_practice(there)}
        said = {name: resources.facts.load(workspace.id, name) for name in real}
    facts: list[ModelFacts] = []
    for model in catalog.MODELS.values():
        live = said.get(model.provider, {}).get(model.id, {})
        there = real.get(model.provider) or parse_endpoint(model.provider)
        facts.append(_known(resources, there, model.id, live).facts())
    return facts


async def ask_servers(
    resources: Resources, workspace: Workspace, places: Sequence[Destination]
) -> Listing:
    """Return the models that servers list, with what is known of each. They are asked side by side.

    Raises:
        AssayError: If all of them failed: what the first one failed with.
    """
    came: dict[str, list[ModelFacts]] = {}
    failed: dict[str, AssayError] = {}
    turns = anyio.CapacityLimiter(_SIDE_BY_SIDE)

    async def ask(there: Destination) -> None:
        async with turns:
            try:
                credential = find_credential(resources, workspace.id, there)
                async with guided(resources, workspace):
                    listed = await list_models(resources, credential)
                came[there.connection] = await read_listed(resources, workspace.id, there, listed)
            except AssayError as error:
                failed[there.connection] = error

    async with anyio.create_task_group() as group:
        for there in places:
            group.start_soon(ask, there)
    names = [there.connection for there in places]
    errors = [(name, failed[name]) for name in names if name in failed]
    if errors and not came:
        raise errors[0][1]
    return Listing(
        models=[one for name in names for one in came.get(name, ())],
        failures=tuple(
            ListingFailure(connection=name, message=error.message, hint=error.hint or "")
            for name, error in errors
        ),
    )


async def read_listed(
    resources: Resources, workspace_id: bytes, there: Destination, listed: Sequence[ListedModel]
) -> list[ModelFacts]:
    """Return the models of a listing, with what is known of each, and keep what the listing says."""
    await keep_facts(resources, workspace_id, there, listed)
    return await run_sync(_list_listed, resources, workspace_id, there, listed)


def _list_listed(
    resources: Resources, workspace_id: bytes, there: Destination, listed: Sequence[ListedModel]
) -> list[ModelFacts]:
    kept: Mapping[str, Facts] = {}
    if not is_practice(there):
        kept = resources.facts.load(workspace_id, there.connection)
    fresh = group_facts(read_listing(_entries(listed), source=source_of(there), day=this_day()))
    return [
        _known(resources, there, one.id, {**kept.get(one.id, {}), **fresh.get(one.id, {})}).facts()
        for one in listed
    ]


def _places(resources: Resources, workspace_id: bytes) -> Mapping[str, Destination]:
    """Return where a workspace's keys lead; nowhere if the vault cannot say, which others report."""
    with suppress(AssayError):
        return find_destinations(resources, workspace_id)
    return {}


def _entries(listed: Iterable[ListedModel]) -> dict[str, Mapping[str, Any]]:
    """Return the raw entries of a listing by the model's name, and what its adapter read by itself."""
    return {
        one.id: {
            "context_length": one.context,
            "max_completion_tokens": one.max_output,
            **one.extra,
        }
        for one in listed
    }


def _known(resources: Resources, there: Destination, model: str, live: Facts) -> Known:
    return Known(
        provider=there.connection,
        model=model,
        endpoint=there.endpoint,
        official=is_official(there),
        live=live,
        operator=resources.find_price(there.connection, model),
    )
