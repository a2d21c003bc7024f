"""Usage: what a workspace's calls used and cost, and the limits that its admins set."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import EVERYBODY, Allowance
from assay_nb.engine.local.usage import check_parts
from assay_nb.engine.usage import LimitFacts, UsageFacts, UsageLine
from assay_nb.errors import WrongUsage
from assay_nb.gateway import actions
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import OPTIONAL_TEXT, exactly, listed, schema_of
from assay_nb.workspaces.roles import is_allowed

_DOLLARS = {"type": ["number", "null"], "minimum": 0, "maximum": 10**6}
_CALLS = {"type": ["integer", "null"], "minimum": 0, "maximum": 10**12}
_FIGURES = {
    "calls_per_day": _CALLS,
    "dollars_per_day": _DOLLARS,
    "calls_per_month": _CALLS,
    "dollars_per_month": _DOLLARS,
}


async def show_usage(context: RequestContext) -> web.Response:
    """Show what calls used and cost: the caller's own, or everybody's for an admin."""
    query = context.request.query
    by, of = query.get("by", "day"), query.get("of", "own")
    if of not in {"own", "all"}:
        raise WrongUsage("'of' must be 'own' or 'all'.")
    found = await context.control.usage(
        context.workspace,
        by=check_parts(by.split(",") if by else ()),
        begin=query.get("from"),
        end=query.get("to"),
        everyone=of == "all",
    )
    return json_answer(found.to_dict())


async def list_allowances(context: RequestContext) -> web.Response:
    """List what members may use. A member sees their own, everybody's and what all share."""
    services, user = context.services, context.user
    where = await services.authorize(user, context.workspace, "view")
    sees_all = is_allowed(where.role, "manage_members")
    allowances = services.resources.allowances
    set_here = await run_sync(allowances.list, where.id)
    shown = [one for one in set_here if sees_all or one.user in (EVERYBODY, user)]
    used = await run_sync(allowances.used, where.id, user)
    limits = await run_sync(services.resources.list_limits, where.id, user)
    return json_answer(
        {
            "allowances": [_show_allowance(one) for one in shown],
            "used_today": asdict(used),
            "limits": [one.to_dict() for one in limits],
        }
    )


async def set_allowance(context: RequestContext) -> web.Response:
    """Set what a member, each member or all together may use; without figures, no limit."""
    fields = await context.json(
        user=(str, None),
        calls_per_day=(int, None),
        dollars_per_day=(int, float, None),
        calls_per_month=(int, None),
        dollars_per_month=(int, float, None),
        model=(str, None),
        together=(bool, None),
    )
    allowance = await actions.set_allowance(
        context,
        Allowance(
            fields.get("user") or EVERYBODY,
            fields.get("calls_per_day"),
            actions.in_micros(fields.get("dollars_per_day")),
            fields.get("calls_per_month"),
            actions.in_micros(fields.get("dollars_per_month")),
            fields.get("model") or "",
            together=fields.get("together") or False,
        ),
    )
    return json_answer(_show_allowance(allowance))


def _show_allowance(allowance: Allowance) -> dict[str, Any]:
    return {
        "user": allowance.user or None,
        "model": allowance.model or None,
        "together": allowance.together,
        "calls_per_day": allowance.calls_per_day,
        "dollars_per_day": _in_dollars(allowance.micros_per_day),
        "calls_per_month": allowance.calls_per_month,
        "dollars_per_month": _in_dollars(allowance.micros_per_month),
    }


def _in_dollars(micros: int | None) -> float | None:
    return None if micros is None else micros / 1_000_000


_ALLOWANCE = exactly(
    user=OPTIONAL_TEXT,
    model=OPTIONAL_TEXT,
    together={"type": ["boolean", "null"]},
    **_FIGURES,
    optional=("user", "model", "together", *_FIGURES),
)
_LIMIT, _LINE = schema_of(LimitFacts), schema_of(UsageLine)
_DAY = {"type": "string", "format": "date"}
_ONE = "api/v1/workspaces/{workspace}"

ROUTES = (
    Route(
        method="GET",
        path=f"{_ONE}/usage",
        who="member",
        action="view",
        handler=show_usage,
        summary="What calls used and cost: one's own, or everybody's for an admin",
        query={
            "by": {"type": "string"},
            "from": _DAY,
            "to": _DAY,
            "of": {"enum": ["own", "all"]},
        },
        reply=schema_of(UsageFacts),
    ),
    Route(
        method="GET",
        path=f"{_ONE}/allowances",
        who="member",
        action="view",
        handler=list_allowances,
        summary="What members may use, and what is counted of what the caller may",
        reply=exactly(
            allowances=listed(_ALLOWANCE),
            used_today=exactly(
                calls={"type": "integer"},
                micros={"type": "integer"},
                reserved={"type": "integer"},
            ),
            limits=listed(_LIMIT),
        ),
    ),
    Route(
        method="PUT",
        path=f"{_ONE}/allowances",
        who="session",
        action="manage_members",
        handler=set_allowance,
        summary="Set what a member, each member, or all together may use in a day or a month",
        body=_ALLOWANCE,
        reply=_ALLOWANCE,
    ),
)
