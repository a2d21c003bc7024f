"""Provider keys: what is known of them, and in a browser session setting, testing and removing them."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from assay_nb.connections.keyway import Keyway
from assay_nb.engine.control import KeyCheck, KeyFacts, Removal, Setup
from assay_nb.gateway import actions
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import OPTIONAL_TEXT, TEXT, exactly, listed, schema_of
from assay_nb.messages import PROVIDERS


async def list_keys(context: RequestContext) -> web.Response:
    """List what is known of a workspace's keys. The keys are not."""
    return json_answer([one.to_dict() for one in await context.control.keys(context.workspace)])


async def show_keyway(context: RequestContext) -> web.Response:
    """Tell the caller how a key gets into a workspace, or whom to ask for it."""
    return json_answer(asdict(await context.control.keyway(context.workspace)))


async def set_key(context: RequestContext) -> web.Response:
    """Test a key with the provider's free listing call, and store it.

    An empty one means that the server at the endpoint needs none.
    """
    fields = await context.json(key=str, endpoint=(str, None), check=(bool, None))
    if not fields["key"].strip():
        await actions.check_nothing_lost(context, context.provider)
    place = actions.Place(endpoint=fields.get("endpoint") or None)
    outcome = await actions.save_key(
        context,
        context.provider,
        fields.pop("key"),
        place,
        check=fields.get("check") is not False,
    )
    return json_answer(outcome.to_dict())


async def test_key(context: RequestContext) -> web.Response:
    """Open a stored key and ask the provider for its list of models."""
    return json_answer((await actions.test_key(context, context.provider)).to_dict())


async def remove_key(context: RequestContext) -> web.Response:
    """Delete a key; only revoking it at the provider ends it."""
    return json_answer((await actions.remove_key(context, context.provider)).to_dict())


async def list_providers(context: RequestContext) -> web.Response:
    """List the providers, with how to get started with each."""
    allowed = context.services.settings.allow_providers
    return json_answer([context.control.setup(p).to_dict() for p in PROVIDERS if p in allowed])


_KEYS = "api/v1/workspaces/{workspace}/keys"

ROUTES = (
    Route(
        method="GET",
        path="api/v1/providers",
        who="member",
        handler=list_providers,
        summary="The providers, and how to get a key of each",
        reply=listed(schema_of(Setup)),
    ),
    Route(
        method="GET",
        path=_KEYS,
        who="member",
        action="view",
        handler=list_keys,
        summary="The state of each provider's key: never the key",
        reply=listed(schema_of(KeyFacts)),
    ),
    Route(
        method="GET",
        path="api/v1/workspaces/{workspace}/keyway",
        who="member",
        action="view",
        handler=show_keyway,
        summary="How a key gets into a workspace: the page for it, and who may open it",
        reply=schema_of(Keyway),
    ),
    Route(
        method="PUT",
        path=f"{_KEYS}/{{provider}}",
        who="session",
        action="manage_keys",
        handler=set_key,
        summary="Test a key and store it; an empty one for a server that needs none",
        body=exactly(
            key=TEXT,
            endpoint=OPTIONAL_TEXT,
            check={"type": ["boolean", "null"]},
            optional=("endpoint", "check"),
        ),
        reply=schema_of(KeyCheck),
        errors=(409, 429, 502, 503),
    ),
    Route(
        method="DELETE",
        path=f"{_KEYS}/{{provider}}",
        who="session",
        action="manage_keys",
        handler=remove_key,
        summary="Remove a key",
        reply=schema_of(Removal),
        errors=(409,),
    ),
    Route(
        method="POST",
        path=f"{_KEYS}/{{provider}}/test",
        who="session",
        action="manage_keys",
        handler=test_key,
        summary="Ask the provider whether a stored key works",
        reply=schema_of(KeyCheck),
        errors=(409, 429, 502, 503),
    ),
)
