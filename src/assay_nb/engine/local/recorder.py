"""The recorder: what is noted of a call, and when."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from assay_nb.engine.call import Call
from assay_nb.engine.local.account import Account
from assay_nb.engine.local.planner import CallPlan
from assay_nb.engine.local.resources import Resources
from assay_nb.errors import AssayError, ProviderError

if TYPE_CHECKING:
    from assay_nb.store.call_rows import CallRecord


class Recorder(Protocol):
    """Notes calls."""

    def running(self) -> AbstractContextManager[None]:
        """Enclose a call, from before it is planned until after it is recorded."""
        ...

    async def record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        """Settle what was reserved for a call that has ended, and log it.

        Raises:
            StoreUnavailable: If the database cannot be written.
        """
        ...

    async def aclose(self) -> None:
        """Write what waits."""
        ...


class CallWriter:
    """Settles the demo budget and writes the log: what solo mode and the gateway do alike.

    Args:
        resources: The budget and the log.
        user: Whose calls they are.
    """

    def __init__(self, resources: Resources, user: str) -> None:
        self._resources = resources
        self._user = user

    def write(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        """Settle the demo call, if one was reserved, and log the call."""
        if plan.demo is not None:
            budget = self._resources.budget
            unbilled = (
                isinstance(error, ProviderError)
                and error.status is not None
                and not account.text_came
            )
            (budget.release if unbilled else budget.settle)(plan.demo)
        self._resources.calls.record(self.make_record(plan, call, account, error))

    def make_record(
        self, plan: CallPlan, call: Call, account: Account, error: BaseException | None
    ) -> CallRecord:
        """Return the line of a call that ends now."""
        from assay_nb.accounting.call_log import make_record

        source = account.provenance()
        free = plan.practice and self._resources.has_practice
        cost = 0.0 if free else source.cost
        return make_record(
            workspace_id=plan.workspace.id,
            user=self._user,
            instrument=call.instrument,
            provider=plan.connection,
            model=plan.model,
            funding="demo" if plan.mode == "demo" else "workspace",
            status=_status(error),
            input_tokens=account.known(source.usage.input_tokens),
            output_tokens=account.known(source.usage.output_tokens),
            cost_micros=account.known(None if cost is None else round(cost * 1_000_000)),
            milliseconds=round((source.seconds or 0) * 1000),
        )


def _status(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return error.code if isinstance(error, AssayError) else "stopped"
