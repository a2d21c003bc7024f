"""Who answers, and what that costs: resolved once, before a thousand calls depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay_nb.engine.local.practice import is_practice_url
from assay_nb.engine.resolve import choose_model
from assay_nb.messages import Usage

if TYPE_CHECKING:
    from assay_nb.engine.control import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model in one workspace.

    Attributes:
        workspace: The workspace's id.
        workspace_name: Its name.
        provider: The connection; None where the workspace has no key yet, and a call will say so.
        model: Its name.
        endpoint: Where its key leads.
        rates: What input and output cost there, in dollars per million tokens; None where nobody knows.
    """

    workspace: str
    workspace_name: str
    provider: str | None
    model: str
    endpoint: str = ""
    rates: tuple[float, float] | None = None

    @property
    def name(self) -> str | None:
        """`connection/model`, as a call takes it."""
        return f"{self.provider}/{self.model}" if self.provider else None

    @property
    def practice(self) -> bool:
        """Whether it is the practice provider, which is no model and costs nothing."""
        return is_practice_url(self.endpoint)

    def price(self, input_tokens: float, output_tokens: float) -> float | None:
        """Return about how many dollars so many tokens cost; None where prices are not known."""
        if self.practice:
            return 0.0
        if self.provider is None:
            return None
        if self.rates is not None:
            return (input_tokens * self.rates[0] + output_tokens * self.rates[1]) / 1e6
        from assay_nb.models.prices import estimate_cost

        usage = Usage(round(input_tokens), round(output_tokens))
        cost = estimate_cost(self.model, usage, endpoint=self.endpoint)
        return None if cost is None else cost.dollars


async def find_target(control: Control, workspace: str | None, model: str | None) -> Target:
    """Return who would answer a call with this workspace and model."""
    where = await control.show_workspace(workspace)
    keys = [key for key in await control.keys(workspace) if key.state != "missing"]
    stored = [key.connection for key in keys]
    wanted = choose_model(model, where.model, stored, control.known_models)
    if wanted is None:
        return Target(workspace=where.id, workspace_name=where.name, provider=None, model="")
    from assay_nb.models.catalog import parse_model

    provider, name = parse_model(wanted)
    endpoint = next((key.endpoint for key in keys if key.connection == provider), "")
    facts = await control.about_model(workspace, wanted)
    rates = facts.input_price, facts.output_price
    return Target(
        workspace=where.id,
        workspace_name=where.name,
        provider=provider,
        model=name,
        endpoint=endpoint,
        rates=None if rates[0] is None or rates[1] is None else (rates[0], rates[1]),
    )


async def find_judge(control: Control, target: Target, model: str | None) -> Target:
    """Return who judges: another provider than the one that is judged, where there is a key for one.

    A model prefers what reads like its own writing, so the default is a judge of another family.
    """
    if model is not None:
        return await find_target(control, target.workspace, model)
    keys = [key for key in await control.keys(target.workspace) if key.state == "ready"]
    others = [key for key in keys if key.connection != target.provider]
    stored = [key.connection for key in others]
    chosen = choose_model(None, None, stored, control.known_models)
    return await find_target(control, target.workspace, chosen or target.name)
