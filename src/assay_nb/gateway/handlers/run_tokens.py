"""Making and ending run tokens, for runs whose calls are made by workers elsewhere."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.errors import WrongUsage
from assay_nb.gateway.auth.run_tokens import LONGEST
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import DONE, TEXT, exactly
from assay_nb.gateway.process.logs import Changed

_USUAL = 900


async def issue_run_token(context: RequestContext) -> web.Response:
    """Make a run token: calls in one workspace, as the caller, for a while."""
    fields = await context.json(seconds=(int, None))
    services, caller = context.services, context.caller
    where = await services.authorize(caller.user, context.workspace, "call")
    with services.limiter.slot(caller.user):
        issued = await run_sync(
            services.run_tokens.issue, caller.user, where.id, caller.token, _read_seconds(fields)
        )
    services.log(Changed("run token issued", caller.user, where.id.hex()))
    answer = {"id": issued.id, "token": issued.token, "expires_at": issued.expires_at}
    return json_answer(answer, status=201)


async def revoke_run_token(context: RequestContext) -> web.Response:
    """End one of the caller's run tokens, and within seconds the calls that run with it."""
    services, caller = context.services, context.caller
    where = await services.authorize(caller.user, context.workspace, "call")
    digest = _read_id(context.part("id"))
    await run_sync(services.run_tokens.revoke, caller.user, where.id, digest)
    services.log(Changed("run token revoked", caller.user, where.id.hex()))
    return json_answer({"done": True})


def _read_seconds(fields: dict[str, Any]) -> int:
    seconds = fields.get("seconds")
    if seconds is None:
        return _USUAL
    if not 1 <= seconds <= LONGEST:
        raise WrongUsage(f"A run token is good for 1 to {LONGEST:,} seconds.")
    return seconds


def _read_id(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise WrongUsage("That is not the id of a run token.")
    return digest


_TOKENS = "api/v1/workspaces/{workspace}/run-tokens"

ROUTES = (
    Route(
        method="POST",
        path=_TOKENS,
        who="member",
        action="call",
        handler=issue_run_token,
        summary="Make a token for the workers of one run: calls in this workspace alone",
        body=exactly(
            seconds={"type": ["integer", "null"], "minimum": 1, "maximum": LONGEST},
            optional=("seconds",),
        ),
        reply=exactly(id=TEXT, token=TEXT, expires_at={"type": "integer"}),
        status=201,
        errors=(429,),
    ),
    Route(
        method="DELETE",
        path=f"{_TOKENS}/{{id}}",
        who="member",
        action="call",
        handler=revoke_run_token,
        summary="End one of the caller's run tokens early",
        reply=DONE,
    ),
)
