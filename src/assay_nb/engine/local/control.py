"""The local control: status, models, budget and log, on the vault in this process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from assay_nb.connections.presets import PRESETS
from assay_nb.engine.control import (
    BudgetFacts,
    CallFacts,
    Diagnosis,
    KeyFacts,
    Listing,
    Mode,
    ModelFacts,
    Setup,
    Standing,
    about_gone_workspace,
)
from assay_nb.engine.facts import read_call_facts
from assay_nb.engine.local import models
from assay_nb.engine.local.credentials import find_destinations, missing_key, parse_model
from assay_nb.engine.local.keyways import read_budget
from assay_nb.engine.resolve import ALL_MODELS, choose_model
from assay_nb.errors import AssayError
from assay_nb.messages import PROVIDERS, Destination, ProviderId

if TYPE_CHECKING:
    from assay_nb.engine.usage import UsageFacts, UsagePart
    from assay_nb.workspaces.membership import Workspace
from assay_nb.engine.local.connection_control import ConnectionControl


class LocalControl(ConnectionControl):
    """What one person may do with the vault in this process.

    Everything here is synchronous inside and runs in a worker thread, so that a slow disk or a locked
    database never holds up the loop that streams replies.
    """

    mode: Mode = "solo"

    async def standing(self) -> Standing:
        return await run_sync(self._standing)

    def _standing(self) -> Standing:
        from assay_nb._version import read_version

        workspace = self._find_active()
        vault = self._resources.vault
        keys = self._keys(workspace) if workspace else []
        model = self._model_in_use(workspace, keys) if workspace else None
        return Standing(
            mode=self.mode,
            version=read_version(),
            user=self._user,
            vault=vault.find_state().name,
            vault_place=self._resources.database.name,
            master_key_place=self._resources.keystore.describe(),
            workspace=self._facts(workspace, workspace) if workspace else None,
            keys=keys,
            model=model,
            budget=self._budget(),
            warnings=[
                *models.warnings_of(self._resources, workspace, model),
                *self._budget_warnings(workspace),
            ],
        )

    def _budget_warnings(self, workspace: Workspace | None) -> list[str]:
        """Return what the status says of limits of which four fifths are counted."""
        if workspace is None:
            return []
        limits = self._resources.list_limits(workspace.id, self._user)
        return [one.text for one in limits if one.is_near]

    async def model(self, workspace: str | None) -> str | None:
        return await run_sync(lambda: self._workspace(workspace).model)

    async def set_model(self, workspace: str | None, model: str | None) -> str | None:
        def run() -> str | None:
            where = self._workspace(workspace)
            full = None if model is None else self._full_name(where, model)
            return self._resources.workspaces.set_model(self._user, where.id, full).model

        return await run_sync(run)

    def _full_name(self, where: Workspace, model: str) -> str:
        """Return `connection/model` for a model that a workspace may name: its key may come later."""
        stored = find_destinations(self._resources, where.id)
        connection, name = parse_model(stored, model)
        if connection not in {*PROVIDERS, *stored}:
            raise missing_key(self._resources, where, self._user, connection, model)
        return f"{connection}/{name}"

    async def models(self, workspace: str | None, *, ask: bool) -> Listing:
        if not ask:
            find = (lambda: self._workspace(workspace)) if workspace else self._find_active
            known = await run_sync(models.list_known, self._resources, await run_sync(find))
            return Listing(models=known)
        where = await run_sync(self._workspace, workspace)
        places = await run_sync(self._places_to_ask, where)
        return await models.ask_servers(self._resources, where, places)

    def _places_to_ask(self, where: Workspace) -> Sequence[Destination]:
        """Return where a workspace's connections lead, each of which may be asked for its models."""
        stored = find_destinations(self._resources, where.id)
        names = [*PROVIDERS, *sorted(set(stored).difference(PROVIDERS))]
        return [stored[name] for name in names if name in stored]

    async def about_model(self, workspace: str | None, model: str) -> ModelFacts:
        where = await run_sync(self._workspace, workspace)
        return await run_sync(models.about_model, self._resources, where.id, model)

    async def set_price(
        self, workspace: str | None, model: str, price: tuple[float, float] | None
    ) -> ModelFacts:
        def run() -> ModelFacts:
            where = self._workspace(workspace)
            full = self._full_name(where, model)
            return models.set_price(self._resources, self._user, where.id, full, price)

        return await run_sync(run)

    async def budget(self) -> BudgetFacts:
        return await run_sync(self._budget)

    async def calls(self, workspace: str | None, limit: int) -> list[CallFacts]:
        def run() -> list[CallFacts]:
            where = self._workspace(workspace)
            return [
                read_call_facts(record) for record in self._resources.calls.recent(where.id, limit)
            ]

        return await run_sync(run)

    async def usage(
        self,
        workspace: str | None,
        *,
        by: Sequence[UsagePart] = ("day",),
        begin: str | None = None,
        end: str | None = None,
        everyone: bool = False,
    ) -> UsageFacts:
        from assay_nb.engine.local.usage import Question, read_usage

        def run() -> UsageFacts:
            asked = Question(tuple(by), begin, end, everyone)
            return read_usage(self._resources, self._user, self._workspace(workspace), asked)

        return await run_sync(run)

    async def doctor(self) -> list[Diagnosis]:
        from assay_nb.engine.local.doctor import examine

        def run() -> list[Diagnosis]:
            findings = examine(self._resources)
            # A database that cannot be read is among the findings already.
            with suppress(AssayError):
                if self._find_active() is None:
                    findings.append(about_gone_workspace())
            return findings

        return await run_sync(run)

    def setup(self, provider: ProviderId) -> Setup:
        return Setup.of(PRESETS[provider])

    def known_models(self) -> list[str]:
        return list(ALL_MODELS)

    def _model_in_use(self, workspace: Workspace, keys: list[KeyFacts]) -> str | None:
        stored = [key.connection for key in keys if key.state != "missing"]
        return choose_model(None, workspace.model, stored, self._resources.usable_models)

    def _budget(self) -> BudgetFacts:
        return read_budget(self._resources, self._user)
