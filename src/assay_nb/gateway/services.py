"""The services of a gateway process: its parts, made once at the start and shared by all handlers."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.engine.lazy import once
from assay_nb.engine.local.engine import LocalEngine
from assay_nb.errors import AssayError, PermissionDenied, StoreUnavailable, WorkspaceNotFound
from assay_nb.gateway.auth.caller import Caller
from assay_nb.gateway.auth.ended_sessions import EndedSessions
from assay_nb.gateway.auth.identity import Hub, Identity, Person
from assay_nb.gateway.auth.run_tokens import RunTokens, revoked
from assay_nb.gateway.auth.sessions import Sessions
from assay_nb.gateway.auth.signing import Signer
from assay_nb.gateway.calls.engine import Engines, Planned
from assay_nb.gateway.calls.idempotency import IdempotencyCache
from assay_nb.gateway.calls.inflight import ActiveCalls, taken_out
from assay_nb.gateway.calls.limits import Limiter
from assay_nb.gateway.calls.lookup import Lookup
from assay_nb.gateway.control import GatewayControl
from assay_nb.gateway.http.responses import Broken, HubUnavailable, NotSignedIn
from assay_nb.gateway.process.logs import Answered, CallsEnded, Log, WentWrong
from assay_nb.gateway.process.metrics import Metrics
from assay_nb.gateway.resources import GatewayResources
from assay_nb.gateway.settings import Settings
from assay_nb.store.workspace_rows import Workspace
from assay_nb.workspaces.roles import Action, check_allowed

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


@dataclass
class Services:
    """The parts of one gateway process.

    Attributes:
        settings: What the operator set.
        resources: Vault, workspaces, budget, call log, outbound connections.
        hub: The hub's REST API.
        identity: Turns tokens into people.
        signer: Signs cookies and run tokens with the service's own token, which every replica has.
        sessions: Browsers' cookies.
        limiter: Limits the calls of one person.
        active_calls: The calls that run now.
        idempotency: The calls with an idempotency key.
        metrics: Counters for Prometheus.
        log: The structured log.
    """

    settings: Settings
    resources: GatewayResources
    hub: Hub
    identity: Identity
    signer: Signer
    sessions: Sessions
    limiter: Limiter
    active_calls: ActiveCalls = field(default_factory=ActiveCalls)
    idempotency: IdempotencyCache = field(default_factory=IdempotencyCache)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)

    @once
    def run_tokens(self) -> RunTokens:
        """The tokens that the workers of a run show, and other programs."""
        return RunTokens(self.resources.database, self.signer, changes=self.resources.changes)

    @property
    def public_origin(self) -> str | None:
        """The origin under which browsers reach this gateway, if the operator set the hub's address."""
        return self.settings.public_origin

    @once
    def ended_sessions(self) -> EndedSessions:
        """The browsers' sessions that people have ended."""
        return EndedSessions(self.resources.database)

    async def has_session_ended(self, hub_token: str) -> bool:
        """Say whether a browser's session has ended, at whichever replica."""
        return await run_sync(lambda: self.ended_sessions.has_ended(hub_token))

    async def end_session(self, caller: Caller) -> None:
        """Refuse the token of a browser's session from now on, here and at every replica."""
        await run_sync(lambda: self.ended_sessions.end(caller.token))
        self.identity.forget(caller.token)

    def control(self, user: str) -> GatewayControl:
        """Return the control of a person: what they may see and change."""
        return GatewayControl(self.resources, user)

    @once
    def engines(self) -> Engines:
        """Makes the engines of all members."""
        return Engines(self.resources)

    @once
    def memberships(self) -> Lookup[tuple[str, str | None], Workspace]:
        """Which workspace a person means by a name or an id; by None the active one."""
        return Lookup(self.resources, lambda asked: self._find_workspace(*asked))

    def engine(self, user: str, planned: Planned | None = None) -> LocalEngine:
        """Return an engine that makes calls for a person.

        Args:
            user: Whose calls they are.
            planned: Told what each call becomes, before anything is sent.
        """
        return self.engines.make(user, planned)

    async def find_workspace_id(self, user: str, workspace: str | None) -> bytes:
        """Return the id of a person's workspace by its name or id; None is the active one.

        Raises:
            WorkspaceNotFound: If they are not a member of such a workspace.
        """
        return (await self.memberships.find((user, workspace))).id

    async def authorize(self, user: str, workspace: str | None, action: Action) -> Workspace:
        """Return a person's workspace if their role in it allows the action; None is the active one."""
        where = await self.memberships.find((user, workspace))
        check_allowed(where.role, action)
        return where

    def went_wrong(self, error: BaseException) -> Broken:
        """Log an internal error, and return the error for the caller, which has only its number."""
        number = os.urandom(4).hex()
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        self.log(WentWrong(number, type(error).__name__, where))
        return Broken(
            f"The gateway failed with an internal error (number {number}).",
            hint="Tell the hub's operator the number; the gateway's log has it.",
        )

    def note_answer(
        self,
        route: str | None,
        method: str,
        caller: Caller | None,
        status: int,
        code: str,
        seconds: float,
    ) -> None:
        """Count an answer and log it.

        Args:
            route: The pattern of the table that it was asked at; None for an address that has none.
            method: The request's method.
            caller: Who asked, if they were let in.
            status: The answer's status; 499 if the caller hung up before there was one.
            code: The error's code; empty if it is none.
            seconds: How long it took.
        """
        name = route if route is not None else "(none)"
        method = method if route is not None and method in _METHODS else "(other)"
        self.metrics.note_answer(name, method, status, seconds)
        if status == 401:
            self.metrics.refused.inc()
            self.log.count_refusal()
        elif name != "health" and route is not None:
            who = (caller.user, caller.via) if caller else ("", "")
            self.log(Answered(name, method, status, round(seconds * 1000, 1), *who, error=code))

    async def holds(self, caller: Caller, workspace_id: bytes) -> AssayError | None:
        """Say why a person may no longer call in a workspace, or None while they may."""
        try:
            await self.identity.identify(caller.token)
            await self.memberships.find((caller.user, workspace_id.hex()))
            if caller.run and not await run_sync(self.run_tokens.is_kept, caller.run.digest):
                raise revoked()
        except WorkspaceNotFound:
            reason: AssayError = taken_out()
        except (NotSignedIn, PermissionDenied, HubUnavailable) as error:
            reason = error
        except StoreUnavailable:
            return None  # a locked database ends no membership; the next check decides
        else:
            return None
        self.log(CallsEnded(caller.user, workspace_id.hex(), 1, reason.code))
        return reason

    def _find_workspace(self, user: str, workspace: str | None) -> Workspace:
        workspaces = self.resources.workspaces
        return workspaces.get(user, workspace) if workspace else workspaces.active(user)


def make_services(
    settings: Settings, session: aiohttp.ClientSession, api_token: str, log: Log | None = None
) -> Services:
    """Return the services of a gateway. Nothing is opened and the hub is not asked yet.

    Args:
        settings: What the operator set.
        session: The HTTP client for the hub's API.
        api_token: The service's own token at the hub.
        log: Where the log goes; standard error by default.
    """
    log = log or Log()
    resources = GatewayResources(settings, log)
    hub = Hub(session, settings.hub.api_url, api_token)

    async def joined(person: Person) -> None:
        await run_sync(_sync_groups, resources, person)

    async def ended(token: str) -> bool:
        return await run_sync(lambda: EndedSessions(resources.database).has_ended(token))

    fresh = settings.hub.cache_seconds
    signer = Signer(api_token.encode())
    return Services(
        settings=settings,
        resources=resources,
        hub=hub,
        identity=Identity(
            hub.ask,
            service=settings.hub.service,
            ended=ended,
            joined=joined,
            fresh=fresh,
            longest=60.0,
        ),
        signer=signer,
        sessions=Sessions(
            signer,
            path=settings.prefix,
            secure=(settings.hub.public_url or "").startswith("https:"),
        ),
        limiter=Limiter(settings.limits),
        log=log,
    )


def _sync_groups(resources: GatewayResources, person: Person) -> None:
    if person.kind == "user":
        resources.workspaces.sync_groups(
            person.name,
            person.groups,
            resources.bindings,
            hub_admin=person.admin,
            owners=resources.owners,
        )


SERVICES = web.AppKey("services", Services)
