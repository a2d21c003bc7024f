"""Charges of an instrument's call: what it may cost before it is made, and what it counts for afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from assay_nb.engine.call import Call
from assay_nb.engine.local.account import Account
from assay_nb.engine.local.planner import CallPlan
from assay_nb.messages import Usage
from assay_nb.models.estimates import bound_usage, dearest

_OWN_WORDS = 6_000
"""Bytes that an instrument says beside the prompt: its task, its rubric and the form of the reply."""
_OUTPUT = 16_000
"""Tokens of all replies of an instrument's call together: more than nearly any has."""


@dataclass(frozen=True, slots=True)
class CallCharge:
    """What a call is charged with.

    Attributes:
        cost: US dollars, where the provider has counted the tokens and a price is known.
        counted: US dollars that it counts for: its cost, or an estimate.
        made: Whether a provider did anything for it.
    """

    cost: float | None
    counted: float
    made: bool = True


def estimate_call(plan: CallPlan, call: Call) -> float:
    """Return what a call may cost, in US dollars, before it is made."""
    size = _OWN_WORDS + len(call.prompt) + sum(len(str(value)) for value in call.options.values())
    return _at_some_price(plan, bound_usage(size, plan.model, _OUTPUT))


def charge_call(plan: CallPlan, call: Call, account: Account, *, is_free: bool) -> CallCharge:
    """Return what a call that has ended is charged with.

    Args:
        plan: What it was to do.
        call: The call.
        account: What it has used.
        is_free: Whether nobody takes money for it: it is practice.
    """
    if is_free:
        return CallCharge(0.0, 0.0)
    if not account.was_billed:
        return CallCharge(0.0, 0.0, made=False)
    source = account.provenance()
    if source.cost is not None:
        return CallCharge(source.cost, source.cost)
    if source.usage.input_tokens is not None and source.usage.output_tokens is not None:
        return CallCharge(None, _at_some_price(plan, source.usage))
    return CallCharge(None, max(estimate_call(plan, call), _at_some_price(plan, account.so_far)))


def _at_some_price(plan: CallPlan, usage: Usage) -> float:
    cost = plan.known.cost(usage)
    return dearest(usage) if cost is None else cost.dollars
