"""Connections of a workspace by name: listing them, and in a browser session making, testing, renaming, removing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from aiohttp import web

from assay_nb.connections.names import PLACEMENTS
from assay_nb.connections.presets import PRESETS, Preset, find_preset
from assay_nb.engine.control import Facts, KeyCheck, KeyFacts, Removal
from assay_nb.errors import WrongUsage
from assay_nb.gateway import actions
from assay_nb.gateway.actions import Place
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import DONE, OPTIONAL_TEXT, TEXT, exactly, listed, schema_of
from assay_nb.gateway.policy import is_preset_open
from assay_nb.messages import PROVIDER_OF_KIND, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetFacts(Facts):
    """A preset, as programs read it; see `connections.presets.Preset`.

    Attributes:
        parts: The names of the holes in `endpoint`, each written there in braces.
        open: Whether the operator's lists let a connection be made from it, as far as its address tells.
    """

    name: str
    label: str
    kind: Kind
    endpoint: str
    parts: Sequence[str]
    placement: str
    key: Literal["required", "optional", "none"]
    keys_url: str
    billing_url: str
    looks_like: str
    to_begin: str
    caution: str
    tried: Literal["run", "read"]
    open: bool


async def list_connections(context: RequestContext) -> web.Response:
    """List the connections that a workspace has, with where they lead. Their keys are not listed."""
    keys = await context.control.keys(context.workspace)
    return json_answer([one.to_dict() for one in keys if one.state != "missing"])


async def set_connection(context: RequestContext) -> web.Response:
    """Test a key with the server's free listing call, and store it for a connection, which may be new.

    An empty key means that the server needs none. A preset says what the body leaves out.
    """
    fields = await context.json(
        key=str,
        preset=(str, None),
        parts=(dict, None),
        endpoint=(str, None),
        kind=(str, None),
        placement=(str, None),
        check=(bool, None),
    )
    key, connection = fields.pop("key"), context.connection
    place = _read_place(fields, key)
    if not key.strip():
        await actions.check_nothing_lost(context, connection)
    outcome = await actions.save_key(
        context, connection, key, place, check=fields.get("check") is not False
    )
    return json_answer(outcome.to_dict())


def _read_place(fields: dict[str, Any], key: str) -> Place:
    place = Place(
        endpoint=fields.get("endpoint") or None,
        kind=cast(
            "Kind | None", fields.get("kind") or None
        ),  # an unknown one is refused further down
        placement=fields.get("placement") or None,
    )
    preset = fields.get("preset")
    parts = cast("dict[str, Any]", fields.get("parts") or {})
    if not all(isinstance(value, str) for value in parts.values()):
        raise WrongUsage("The field 'parts' has a value that is not a text.")
    if preset is not None:
        return actions.place_by_preset(find_preset(preset), parts, place, key)
    if parts:
        raise WrongUsage(
            "The field 'parts' fills the address of a preset, and the body names none.",
            hint="Name one in `preset`, or send the whole address as `endpoint`.",
        )
    return place


async def rename_connection(context: RequestContext) -> web.Response:
    """Give a connection another name, without entering its key again."""
    fields = await context.json(name=str)
    await actions.rename_connection(context, context.connection, fields["name"])
    return json_answer({"done": True})


async def test_connection(context: RequestContext) -> web.Response:
    """Open a connection's key and ask its server for its list of models."""
    return json_answer((await actions.test_key(context, context.connection)).to_dict())


async def remove_connection(context: RequestContext) -> web.Response:
    """Delete a connection and its key; only revoking the key at the provider ends it."""
    return json_answer((await actions.remove_key(context, context.connection)).to_dict())


async def list_presets(context: RequestContext) -> web.Response:
    """List the presets, with what each needs and whether this hub is open to it."""
    settings = context.services.settings
    facts = [_read_preset(one, is_open=is_preset_open(settings, one)) for one in PRESETS.values()]
    return json_answer([one.to_dict() for one in facts])


def _read_preset(preset: Preset, *, is_open: bool) -> PresetFacts:
    return PresetFacts(
        name=preset.name,
        label=preset.label,
        kind=preset.kind,
        endpoint=preset.endpoint,
        parts=preset.holes,
        placement=preset.placement,
        key=preset.key,
        keys_url=preset.keys_url,
        billing_url=preset.billing_url,
        looks_like=preset.looks_like,
        to_begin=preset.to_begin,
        caution=preset.caution,
        tried=preset.tried,
        open=is_open,
    )


_ALL = "api/v1/workspaces/{workspace}/connections"
_ONE = f"{_ALL}/{{name}}"
_TEST_ERRORS = (409, 429, 502, 503)

ROUTES = (
    Route(
        method="GET",
        path="api/v1/presets",
        who="member",
        handler=list_presets,
        summary="The presets of connections: address, protocol, how to get a key",
        reply=listed(schema_of(PresetFacts)),
    ),
    Route(
        method="GET",
        path=_ALL,
        who="member",
        action="view",
        handler=list_connections,
        summary="The workspace's connections, with where they lead: never their keys",
        reply=listed(schema_of(KeyFacts)),
    ),
    Route(
        method="PUT",
        path=_ONE,
        who="session",
        action="manage_keys",
        handler=set_connection,
        summary="Test a key and store it for a connection; an empty one for a server that needs none",
        body=exactly(
            key=TEXT,
            preset={"enum": [*PRESETS, None]},
            parts={"type": ["object", "null"], "additionalProperties": TEXT},
            endpoint=OPTIONAL_TEXT,
            kind={"enum": [*PROVIDER_OF_KIND, None]},
            placement={"enum": [*PLACEMENTS, None]},
            check={"type": ["boolean", "null"]},
            optional=("preset", "parts", "endpoint", "kind", "placement", "check"),
        ),
        reply=schema_of(KeyCheck),
        errors=_TEST_ERRORS,
    ),
    Route(
        method="PATCH",
        path=_ONE,
        who="session",
        action="manage_keys",
        handler=rename_connection,
        summary="Rename a connection",
        body=exactly(name=TEXT),
        reply=DONE,
        errors=(409,),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        who="session",
        action="manage_keys",
        handler=remove_connection,
        summary="Remove a connection and its key",
        reply=schema_of(Removal),
        errors=(409,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/test",
        who="session",
        action="manage_keys",
        handler=test_connection,
        summary="Ask a connection's server whether its key works",
        reply=schema_of(KeyCheck),
        errors=_TEST_ERRORS,
    ),
)
