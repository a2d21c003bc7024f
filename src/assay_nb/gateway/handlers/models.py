"""Models: what is known of them, and what the servers of a workspace list when they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.engine.control import Listing, ModelFacts
from assay_nb.engine.local.credentials import find_destinations
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import TEXT, listed, schema_of
from assay_nb.gateway.policy import is_model_allowed
from assay_nb.gateway.settings import Settings
from assay_nb.messages import Destination


async def list_models(context: RequestContext) -> web.Response:
    """List the models that are known, as far as the operator's lists have them; no server is asked.

    With `model=CONNECTION/MODEL` it tells what is known of that one, whether it is listed or not. The list
    needs no active workspace: without one it is the table that ships with the package.
    """
    control, named = context.control, context.request.query.get("model")
    there: Mapping[str, Destination] = {}
    if named is None:
        where = None if context.workspace is None else await _authorize(context)
        facts = list(await control.models(where, ask=False))
    else:
        where = await _authorize(context)
        facts = [await control.about_model(where, named)]
        there = await _find_places(context, where)
    settings = context.services.settings
    return json_answer([one.to_dict() for one in facts if _is_allowed(settings, one, there)])


async def ask_servers(context: RequestContext) -> web.Response:
    """Ask each of a workspace's servers for its models, and tell which ones did not list theirs, and why."""
    where, services = await _authorize(context), context.services
    with services.limiter.slot(context.user):
        listing = await context.control.models(where, ask=True)
    there = await _find_places(context, where)
    allowed = [one for one in listing if _is_allowed(services.settings, one, there)]
    return json_answer(replace(listing, models=allowed).to_dict())


async def _authorize(context: RequestContext) -> str:
    where = await context.services.authorize(context.user, context.workspace, "view")
    return where.id.hex()


async def _find_places(context: RequestContext, where: str) -> Mapping[str, Destination]:
    resources = context.services.resources
    return await run_sync(find_destinations, resources, bytes.fromhex(where))


def _is_allowed(settings: Settings, model: ModelFacts, there: Mapping[str, Destination]) -> bool:
    """Say whether the operator's lists have a model: where its connection leads, else by its provider."""
    destination = there.get(model.provider)
    if destination is None:
        return settings.is_model_allowed(model.provider, model.name)
    return is_model_allowed(settings, destination, model.name)


_ONE = "api/v1/workspaces/{workspace}"

ROUTES = (
    Route(
        method="GET",
        path=f"{_ONE}/models",
        who="member",
        action="view",
        handler=list_models,
        summary="The models that are known and may be used; no server is asked",
        query={"model": TEXT},
        reply=listed(schema_of(ModelFacts)),
        errors=(409,),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/listing",
        who="member",
        action="view",
        handler=ask_servers,
        summary="The models that the workspace's servers list, and which ones did not answer",
        reply=schema_of(Listing),
        errors=(409, 429, 502, 503),
    ),
)
