"""Making, extending and ending run tokens, for a run's workers elsewhere and for programs of others."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.errors import WrongUsage
from assay_nb.gateway.auth.run_tokens import LONGEST, RunToken
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import NotFound, NotSignedIn, json_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import DONE, TEXT, exactly
from assay_nb.gateway.process.logs import Changed
from assay_nb.gateway.services import Services
from assay_nb.gateway.settings import Settings
from assay_nb.store.run_token_rows import Purpose

_USUAL = 900


async def issue_run_token(context: RequestContext) -> web.Response:
    """Make a run token: calls in one workspace, as the caller, for a while."""
    fields = await context.json(seconds=(int, None), purpose=(str, None))
    services, caller = context.services, context.caller
    purpose = _read_purpose(fields)
    where = await services.authorize(caller.user, context.workspace, "call")
    seconds = _read_seconds(fields, purpose, services.settings)
    with services.limiter.slot(caller.user):
        issued = await run_sync(
            services.run_tokens.issue, caller.user, where.id, caller.token, seconds, purpose
        )
    services.log(Changed("run token issued", caller.user, where.id.hex()))
    answer = {"id": issued.id, "token": issued.token, "expires_at": issued.expires_at}
    return json_answer(answer, status=201)


async def extend_run_token(context: RequestContext) -> web.Response:
    """Extend one of the caller's tokens for the pass-through: what was started with it goes on."""
    token = (await context.json(token=str))["token"]
    services, caller = context.services, context.caller
    found = await run_sync(_find_own, services, caller.user, token)
    await services.authorize(caller.user, found.workspace_id.hex(), "call")
    seconds = _read_seconds({}, found.purpose, services.settings)
    with services.limiter.slot(caller.user):
        later = await run_sync(
            services.run_tokens.extend, caller.user, token, caller.token, seconds
        )
    answer = {"id": later.digest.hex(), "workspace": later.workspace_id.hex()}
    return json_answer({**answer, "expires_at": later.expires_at})


async def revoke_run_token(context: RequestContext) -> web.Response:
    """End one of the caller's run tokens, and within seconds the calls that run with it."""
    services, caller = context.services, context.caller
    where = await services.authorize(caller.user, context.workspace, "call")
    digest = _read_id(context.part("id"))
    await run_sync(services.run_tokens.revoke, caller.user, where.id, digest)
    services.log(Changed("run token revoked", caller.user, where.id.hex()))
    return json_answer({"done": True})


async def end_run_token(context: RequestContext) -> web.Response:
    """End one of the caller's tokens for the pass-through, known by itself, and say whether it was good until now."""
    token = (await context.json(token=str))["token"]
    services, caller = context.services, context.caller
    try:
        found = await run_sync(services.run_tokens.find, token)
    except NotSignedIn:
        return json_answer({"ended": False})
    _check_own(found, caller.user)
    await run_sync(services.run_tokens.revoke, caller.user, found.workspace_id, found.digest)
    services.log(Changed("run token revoked", caller.user, found.workspace_id.hex()))
    return json_answer({"ended": True})


def _find_own(services: Services, user: str, token: str) -> RunToken:
    try:
        found = services.run_tokens.find(token)
    except NotSignedIn as error:
        raise NotFound(error.message, hint=error.hint) from None
    _check_own(found, user)
    return found


def _check_own(found: RunToken, user: str) -> None:
    if found.user != user or found.purpose != "pass-through":
        raise NotFound("No token of yours for the pass-through is like this one.")


def _read_purpose(fields: dict[str, Any]) -> Purpose:
    named = fields.get("purpose") or "calls"
    for purpose in LONGEST:
        if purpose == named:
            return purpose
    raise WrongUsage("No run token is for that.", hint=f"Use one of {', '.join(LONGEST)}.")


def _read_seconds(fields: dict[str, Any], purpose: Purpose, settings: Settings) -> int:
    most = LONGEST[purpose]
    if purpose == "pass-through":
        most = min(most, max(1, round(settings.limits.passthrough_hours * 3600)))
    seconds = fields.get("seconds")
    if seconds is None:
        return most if purpose == "pass-through" else _USUAL
    if not 1 <= seconds <= most:
        raise WrongUsage(f"A run token is good for 1 to {most:,} seconds.")
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
        summary="Make a token for a run's workers, or for programs: for this workspace alone",
        body=exactly(
            seconds={"type": ["integer", "null"], "minimum": 1, "maximum": max(LONGEST.values())},
            purpose={"enum": [*LONGEST, None]},
            optional=("seconds", "purpose"),
        ),
        reply=exactly(id=TEXT, token=TEXT, expires_at={"type": "integer"}),
        status=201,
        errors=(429,),
    ),
    Route(
        method="POST",
        path="api/v1/run-tokens/extend",
        who="member",
        handler=extend_run_token,
        summary="Extend one of the caller's tokens for the pass-through by as long as a new one lasts",
        body=exactly(token=TEXT),
        reply=exactly(id=TEXT, workspace=TEXT, expires_at={"type": "integer"}),
        errors=(404, 429),
    ),
    Route(
        method="POST",
        path="api/v1/run-tokens/end",
        who="member",
        handler=end_run_token,
        summary="End one of the caller's tokens for the pass-through, and say whether it was valid until now",
        body=exactly(token=TEXT),
        reply=exactly(ended={"type": "boolean"}),
        errors=(404,),
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
