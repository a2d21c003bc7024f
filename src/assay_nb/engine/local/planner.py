"""The planner: what a call becomes (workspace, model, key, limits), decided before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from assay_nb.egress.origins import is_official
from assay_nb.engine.call import Call
from assay_nb.engine.known import Known
from assay_nb.engine.local.credentials import (
    find_destinations,
    missing_key,
    parse_model,
)
from assay_nb.engine.local.keyways import find_keyway
from assay_nb.engine.local.models import find_known
from assay_nb.engine.local.practice import is_practice
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.engine.resolve import choose_model, first_default
from assay_nb.errors import DemoExhausted, ProviderKeyMissing, WrongUsage
from assay_nb.instruments.base import Instrument
from assay_nb.messages import Destination, ProviderId
from assay_nb.models import catalog

if TYPE_CHECKING:
    from assay_nb.accounting.allowances import AllowanceReservation
    from assay_nb.accounting.demo_budget import DemoReservation
    from assay_nb.workspaces.membership import Workspace

Funder = Literal["byok", "demo"]


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What a call will do, decided before anything is sent.

    Attributes:
        workspace: The workspace that the call belongs to.
        model: The model that answers.
        destination: Where the request goes, as bound to the key.
        known: What is known of the model there.
        mode: Which key is used: the workspace's own, or the operator's for the demo.
        demo: The demo call that pays for it, if one does.
        allowance: The call that was counted against what an admin allows, if any was.
        funding: Who pays, in words.
    """

    workspace: Workspace
    model: str
    destination: Destination
    known: Known
    mode: Funder = "byok"
    demo: DemoReservation | None = None
    allowance: AllowanceReservation | None = None
    funding: str = "workspace"

    @property
    def provider(self) -> ProviderId:
        """Whose SDK makes the call."""
        return self.destination.provider

    @property
    def connection(self) -> str:
        """The name of the connection that it goes through."""
        return self.destination.connection

    @property
    def budget(self) -> str:
        """A sentence on the limit that is nearest to its end, if four fifths of it are counted."""
        level = self.allowance.level if self.allowance is not None else None
        return level.say() if level is not None and level.is_near else ""

    @property
    def practice(self) -> bool:
        return is_practice(self.destination)

    @property
    def ends_lists(self) -> bool:
        """Whether the model is known to end a list: one of the catalogue at its provider, or practice.

        A server of one's own says any name, and a small model there writes a list without an end.
        """
        known = is_official(self.destination) and catalog.find_model(self.model) is not None
        return known or self.practice


class Planner(Protocol):
    """Decides what a call becomes."""

    async def plan(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        """Return what a call will do.

        Raises:
            AssayError: If it cannot be made. Everything that can fail before sending fails here.
        """
        ...


class CallPlanner:
    """Whose key pays, which model answers and where: what solo mode and the gateway decide alike.

    It reads the database, so it belongs in a thread.

    Args:
        resources: The vault, the workspaces and the budget.
        user: Whose calls they are.
    """

    def __init__(self, resources: Resources, user: str) -> None:
        self._resources = resources
        self._user = user

    def decide(self, call: Call, instrument: Instrument[Any]) -> CallPlan:
        """Return what a call will do, as far as keys and models decide it."""
        workspace = self._find_workspace(call.workspace)
        plan = self._find_own(workspace, call.model)
        if plan is None and instrument.demo:
            plan = self._plan_demo(workspace, call)
        if plan is not None:
            return plan
        wanted, connection, _ = self._choose(workspace, call.model, {})
        raise self._missing(workspace, call.model, wanted, connection)

    def find_own(self, name: str | None, model: str | None) -> CallPlan | None:
        """Return what a call with the workspace's own keys will do; None where it has no key at all.

        Args:
            name: The workspace, by name or id; None for the active one.
            model: The model that the call names, if any.
        """
        return self._find_own(self._find_workspace(name), model)

    def _find_workspace(self, name: str | None) -> Workspace:
        if name:
            return self._resources.find_workspace(self._user, name)
        return self._resources.workspaces.active(self._user)

    def _find_own(self, workspace: Workspace, model: str | None) -> CallPlan | None:
        resources = self._resources
        stored = find_destinations(resources, workspace.id)
        wanted, connection, name = self._choose(workspace, model, stored)
        if connection is not None and connection in stored:
            there = stored[connection]
            known = find_known(resources, workspace.id, there, name)
            return CallPlan(workspace, name, there, known)
        if not stored:
            return None
        raise self._missing(workspace, model, wanted, connection)

    def _choose(
        self, workspace: Workspace, model: str | None, stored: Mapping[str, Destination]
    ) -> tuple[str, str | None, str]:
        """Return the model that is wanted, as it is written, and its two halves."""
        wanted = choose_model(model, workspace.model, stored, self._resources.usable_models)
        # Where the operator allows none of them, the default is refused in the operator's own words.
        wanted = wanted or first_default(stored)
        if wanted is None:
            return "", None, ""
        return wanted, *parse_model(stored, wanted)

    def _missing(
        self, workspace: Workspace, model: str | None, wanted: str, connection: str | None
    ) -> ProviderKeyMissing:
        chosen = model is None
        return missing_key(
            self._resources, workspace, self._user, connection, wanted, chosen=chosen
        )

    def _plan_demo(self, workspace: Workspace, call: Call) -> CallPlan | None:
        """Reserve a demo call, where the operator has stored a platform key."""
        provider, model = catalog.parse_model(catalog.DEMO_MODEL)
        platform = self._resources.vault.find_key(PLATFORM, provider, mode="demo")
        if platform is None:
            return None
        budget = self._resources.budget
        try:
            reservation = budget.reserve(self._user, call.idempotency_key)
        except DemoExhausted as exc:
            way = find_keyway(self._resources, workspace)
            raise DemoExhausted(exc.message, hint=way.say_start()) from None
        if reservation.repeated:
            raise WrongUsage(
                "This demo call was made already.", hint="Run the cell again to make another."
            )
        number = budget.granted - budget.left(self._user)
        return CallPlan(
            workspace,
            model,
            platform.destination,
            find_known(self._resources, None, platform.destination, model),
            mode="demo",
            demo=reservation,
            funding=f"demo call {number} of {budget.granted}",
        )
