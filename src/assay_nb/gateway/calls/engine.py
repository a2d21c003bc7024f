"""The gateway's engine: a local engine that keeps to the operator's lists and a team's allowances.

Deciding and noting a call takes threads and statements that cost more than the provider's SDK does. So what
was decided is good as long as nobody changes the database, and calls that end together are noted together.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from anyio.to_thread import run_sync

from assay_nb.egress.origins import check_destination
from assay_nb.engine.call import Call
from assay_nb.engine.local.account import Account
from assay_nb.engine.local.charges import estimate_call
from assay_nb.engine.local.engine import LocalEngine
from assay_nb.engine.local.keyways import guide_member
from assay_nb.engine.local.planner import CallPlan, CallPlanner
from assay_nb.engine.local.recorder import CallWriter, SharedLog
from assay_nb.errors import AssayError
from assay_nb.gateway.calls.lookup import Lookup
from assay_nb.gateway.policy import check_model
from assay_nb.gateway.resources import GatewayResources
from assay_nb.instruments.base import Instrument
from assay_nb.store.allowance_rows import applying

Planned: TypeAlias = Callable[[CallPlan], None]

_Asked: TypeAlias = "tuple[str, str | None, str | None]"
"""A person, the workspace and the model that their call names."""


class Engines:
    """Makes the engines of all members, and keeps what their calls share.

    Args:
        resources: What the gateway works with.
    """

    def __init__(self, resources: GatewayResources) -> None:
        self._resources = resources
        self._plans: Lookup[_Asked, CallPlan | None] = Lookup(resources, self._find_own)
        self._limits: Lookup[tuple[bytes, str], bool] = Lookup(resources, self._is_limited)
        self._log = SharedLog(resources)

    def make(self, user: str, planned: Planned | None = None) -> LocalEngine:
        """Return an engine that makes calls for a member.

        Args:
            user: The member.
            planned: Told what each call becomes, before anything is sent.
        """
        planner = GatewayPlanner(self, self._resources, user, planned)
        return LocalEngine(
            self._resources, planner, GatewayRecorder(self._resources, user, self._log)
        )

    async def find_own(self, user: str, call: Call) -> CallPlan | None:
        """Return what a call with its workspace's own keys will do; None where it has no key at all.

        Raises:
            AssayError: If the person is not a member there, or the operator's lists do not allow it.
        """
        return await self._plans.find((user, call.workspace, call.model))

    async def is_limited(self, workspace_id: bytes, user: str) -> bool:
        """Say whether an admin has limited what a member may use."""
        return await self._limits.find((workspace_id, user))

    def check(self, plan: CallPlan) -> None:
        """Refuse a call that the operator's lists do not allow.

        Raises:
            PermissionDenied: If the model or its provider is on none.
            EndpointRefused: If the place is not.
        """
        check_model(self._resources.settings, plan.destination, plan.model)
        try:
            check_destination(plan.destination, self._resources.policy)
        except AssayError as error:
            guide_member(error, self._resources, plan.workspace)
            raise

    def _find_own(self, asked: _Asked) -> CallPlan | None:
        user, workspace, model = asked
        plan = CallPlanner(self._resources, user).find_own(workspace, model)
        if plan is not None:
            self.check(plan)
        return plan

    def _is_limited(self, asked: tuple[bytes, str]) -> bool:
        workspace_id, user = asked
        listed = self._resources.allowances.list(workspace_id)
        return any(True for _ in applying(listed, user))


class GatewayPlanner:
    """Decides calls of one member, and keeps to what the operator and a team's admin allow."""

    def __init__(
        self,
        engines: Engines,
        resources: GatewayResources,
        user: str,
        planned: Planned | None = None,
    ) -> None:
        self._engines = engines
        self._resources = resources
        self._user = user
        self._planned = planned

    async def plan(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        plan = await self._engines.find_own(self._user, call)
        self._resources.calls.check_room()
        if plan is None:  # a demo call is reserved for this call alone
            plan = await run_sync(self._decide, call, instrument)
        if plan.mode == "byok":
            plan = await self._count(plan, call)
        if self._planned is not None:
            self._planned(plan)
        return plan

    def _decide(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        plan = CallPlanner(self._resources, self._user).decide(call, instrument)
        if plan.mode == "byok":
            self._engines.check(plan)
        return plan

    async def _count(self, plan: CallPlan, call: Call) -> CallPlan:
        """Count a call against what an admin lets its member use."""
        where = plan.workspace.id
        if not await self._engines.is_limited(where, self._user):
            return plan
        model = f"{plan.connection}/{plan.model}"
        estimate = estimate_call(plan, call)
        reserve = partial(self._resources.allowances.reserve, where, self._user, (model,), estimate)
        return replace(plan, allowance=await run_sync(reserve))


class GatewayRecorder:
    """Notes each call when it ends, and adds what it cost to what its member has used."""

    def __init__(self, resources: GatewayResources, user: str, log: SharedLog) -> None:
        self._resources = resources
        self._writer = CallWriter(resources, user)
        self._log = log

    def running(self) -> AbstractContextManager[None]:
        return self._log.running()

    def begin(self, plan: CallPlan, call: Call, account: Account) -> None:
        self._writer.begin(plan, call, account)

    async def record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        try:
            if plan.demo is not None or plan.allowance is not None:
                await run_sync(self._settle, plan, call, account, error)
        finally:
            await self._log.note(self._writer.make_record(plan, call, account, error))

    def _settle(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        self._writer.settle(plan, account, error)
        if plan.allowance is not None:
            unknown = self._resources.settings.limits.unpriced_call
            charged = self._writer.charge(plan, call, account)
            self._resources.allowances.settle(
                plan.allowance, charged.counted, unknown=unknown, made=charged.made
            )

    async def aclose(self) -> None:
        """Leave the log open: the engines of others write to it too."""
