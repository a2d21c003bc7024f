"""Prices that a workspace sets for its models, which go before those of the operator and of any list."""

from __future__ import annotations

from aiohttp import web

from assay_nb.engine.control import ModelFacts
from assay_nb.errors import WrongUsage
from assay_nb.gateway import actions
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import TEXT, exactly, schema_of

_DOLLARS = {"type": ["number", "null"], "minimum": 0, "maximum": 10_000}


async def set_price(context: RequestContext) -> web.Response:
    """Set what a million tokens of a model cost in the workspace; null forgets what was set."""
    fields = await context.json(model=str, input=(int, float, None), output=(int, float, None))
    into, out = fields.get("input"), fields.get("output")
    if (into is None) != (out is None):
        raise WrongUsage(
            "A price has two parts, `input` and `output`.",
            hint="Give both, or neither to forget it.",
        )
    price = None if into is None or out is None else (float(into), float(out))
    return json_answer((await actions.set_price(context, fields["model"], price)).to_dict())


ROUTES = (
    Route(
        method="PUT",
        path="api/v1/workspaces/{workspace}/prices",
        who="member",
        action="set_model",
        handler=set_price,
        summary="Set what a model costs in the workspace",
        body=exactly(model=TEXT, input=_DOLLARS, output=_DOLLARS, optional=("input", "output")),
        reply=schema_of(ModelFacts),
    ),
)
