"""The gateway's engine: a local engine that keeps to the operator's lists and a team's allowances."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from anyio.to_thread import run_sync

from assay_nb.egress.origins import check_destination
from assay_nb.engine.call import Call
from assay_nb.engine.local.account import Account
from assay_nb.engine.local.charges import estimate_call
from assay_nb.engine.local.engine import LocalEngine
from assay_nb.engine.local.keyways import guide_member
from assay_nb.engine.local.planner import CallPlan, CallPlanner
from assay_nb.engine.local.recorder import CallWriter
from assay_nb.errors import AssayError
from assay_nb.gateway.policy import check_model
from assay_nb.gateway.resources import GatewayResources
from assay_nb.instruments.base import Instrument


def make_engine(
    resources: GatewayResources, user: str, planned: Callable[[CallPlan], None] | None = None
) -> LocalEngine:
    """Return an engine that makes calls for a member.

    Args:
        resources: What the gateway works with.
        user: The member.
        planned: Told what each call becomes, before anything is sent.
    """
    planner = GatewayPlanner(resources, user, planned)
    return LocalEngine(resources, planner, GatewayRecorder(resources, user))


class GatewayPlanner:
    """Decides each call by itself, and keeps to what the operator and a team's admin allow."""

    def __init__(
        self,
        resources: GatewayResources,
        user: str,
        planned: Callable[[CallPlan], None] | None = None,
    ) -> None:
        self._resources = resources
        self._user = user
        self._planner = CallPlanner(resources, user)
        self._planned = planned

    async def plan(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        plan = await run_sync(self._plan, call, instrument)
        if self._planned is not None:
            self._planned(plan)
        return plan

    def _plan(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        resources = self._resources
        resources.calls.check()
        plan = self._planner.decide(call, instrument)
        if plan.mode != "byok":
            return plan
        check_model(resources.settings, plan.destination, plan.model)
        try:
            check_destination(plan.destination, resources.policy)
        except AssayError as error:
            guide_member(error, resources, plan.workspace)
            raise
        model = f"{plan.connection}/{plan.model}"
        reservation = resources.allowances.reserve(
            plan.workspace.id, self._user, (model,), estimate_call(plan, call)
        )
        return replace(plan, allowance=reservation)


class GatewayRecorder:
    """Notes each call when it ends, and adds what it cost to what its member has used."""

    def __init__(self, resources: GatewayResources, user: str) -> None:
        self._resources = resources
        self._writer = CallWriter(resources, user)

    def running(self) -> AbstractContextManager[None]:
        return nullcontext()

    def begin(self, plan: CallPlan, call: Call, account: Account) -> None:
        self._writer.begin(plan, call, account)

    async def record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        await run_sync(self._write, plan, call, account, error)

    def _write(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        self._writer.write(plan, call, account, error)
        if plan.allowance is not None:
            unknown = self._resources.settings.limits.unpriced_call
            charged = self._writer.charge(plan, call, account)
            self._resources.allowances.settle(
                plan.allowance, charged.counted, unknown=unknown, made=charged.made
            )

    async def aclose(self) -> None:
        """Leave it: every call was written when it ended."""
