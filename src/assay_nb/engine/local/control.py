"""The local control: keys, members, workspaces, models and budget, on the vault in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync

from assay_nb.connections.names import check_kind, check_new_name, check_placement
from assay_nb.connections.presets import preset_of
from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import parse_endpoint
from assay_nb.engine.control import (
    BudgetFacts,
    CallFacts,
    Diagnosis,
    KeyCheck,
    KeyFacts,
    MemberFacts,
    Mode,
    ModelFacts,
    Removal,
    Setup,
    Standing,
    WorkspaceFacts,
    about_gone_workspace,
)
from assay_nb.engine.facts import read_call_facts, read_key_facts, read_model_facts
from assay_nb.engine.key_checks import not_stored, untested
from assay_nb.engine.local.credentials import (
    find_credential,
    find_destinations,
    missing_key,
)
from assay_nb.engine.local.key_test import check_key, list_models
from assay_nb.engine.local.operator import OperatorControl
from assay_nb.engine.local.practice import (
    hold_key,
    is_practice,
    no_workspace,
)
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.engine.resolve import ALL_MODELS, choose_model
from assay_nb.errors import AssayError, WrongUsage, workspace_gone
from assay_nb.messages import PROVIDERS, Destination, Kind, ProviderId
from assay_nb.models import catalog
from assay_nb.providers.keys import place_key
from assay_nb.providers.setup import SETUP

if TYPE_CHECKING:
    from assay_nb.workspaces.membership import Workspace


class LocalControl(OperatorControl):
    """What one person may do with the vault in this process.

    Everything here is synchronous inside and runs in a worker thread, so that a slow disk or a locked
    database never holds up the loop that streams replies.
    """

    mode: Mode = "solo"

    def __init__(self, resources: Resources, user: str) -> None:
        super().__init__(resources, user)
        self.selected: str | None = None

    # --- status

    async def standing(self) -> Standing:
        return await run_sync(self._standing)

    def _standing(self) -> Standing:
        from assay_nb._version import read_version

        workspace = self._find_active()
        vault = self._resources.vault
        keys = self._keys(workspace) if workspace else []
        return Standing(
            mode=self.mode,
            version=read_version(),
            user=self._user,
            vault=vault.state().name,
            vault_place=self._resources.database.name,
            master_key_place=self._resources.keystore.describe(),
            workspace=self._facts(workspace, workspace) if workspace else None,
            keys=keys,
            model=self._model_in_use(workspace, keys) if workspace else None,
            budget=self._budget(),
        )

    # --- workspaces and members

    async def workspaces(self) -> list[WorkspaceFacts]:
        def run() -> list[WorkspaceFacts]:
            active = self._find_active()
            return [self._facts(one, active) for one in self._resources.workspaces.list(self._user)]

        return await run_sync(run)

    async def use_workspace(self, name: str) -> WorkspaceFacts:
        def run() -> Workspace:
            found = self._resources.find_workspace(self._user, name)
            return self._resources.workspaces.use(self._user, found.id)

        workspace = await run_sync(run)
        self.selected = workspace.id.hex()
        return self._facts(workspace, workspace)

    async def create_workspace(self, name: str) -> WorkspaceFacts:
        return self._facts(
            await run_sync(self._resources.workspaces.create, name, self._user), None
        )

    async def show_workspace(self, name: str | None) -> WorkspaceFacts:
        def run() -> WorkspaceFacts:
            workspace = self._workspace(name)
            return self._facts(workspace, self._find_active())

        return await run_sync(run)

    async def rename_workspace(self, name: str, new_name: str) -> WorkspaceFacts:
        renamed = await run_sync(self._resources.workspaces.rename, self._user, name, new_name)
        return await self.show_workspace(renamed.id.hex())

    async def delete_workspace(self, name: str) -> None:
        def run() -> None:
            deleted = self._resources.workspaces.delete(self._user, name)
            self._resources.vault.remove_workspace(deleted.id, actor=self._user)
            self._part_from(deleted)

        await run_sync(run)

    async def leave_workspace(self, name: str) -> None:
        self._part_from(await run_sync(self._resources.workspaces.leave, self._user, name))

    async def members(self, workspace: str | None) -> list[MemberFacts]:
        def run() -> list[MemberFacts]:
            where = self._workspace(workspace)
            members = self._resources.workspaces.members(self._user, where.id)
            return [MemberFacts(user=m.user, role=m.role, source=m.source) for m in members]

        return await run_sync(run)

    async def add_member(self, workspace: str | None, user: str, role: str) -> None:
        await self._on_members(self._resources.workspaces.add_member, workspace, user, role)

    async def remove_member(self, workspace: str | None, user: str) -> None:
        await self._on_members(self._resources.workspaces.remove_member, workspace, user)

    async def set_role(self, workspace: str | None, user: str, role: str) -> None:
        await self._on_members(self._resources.workspaces.set_role, workspace, user, role)

    async def _on_members(self, act: Callable[..., Any], workspace: str | None, *args: str) -> None:
        await run_sync(lambda: act(self._user, self._workspace(workspace).id, *args))

    # --- keys

    async def keys(self, workspace: str | None) -> list[KeyFacts]:
        return await run_sync(lambda: self._keys(self._workspace(workspace)))

    async def set_key(
        self,
        workspace: str | None,
        connection: str,
        key: bytearray,
        *,
        endpoint: str | None,
        check: bool,
        kind: Kind | None = None,
        placement: str | None = None,
    ) -> KeyCheck:
        from assay_nb.vault.sealed_keys import accept_key
        from assay_nb.vault.secret import SecretBytes

        where = await run_sync(self._authorized, workspace)
        asked = await run_sync(self._place, where, connection, endpoint, kind, placement)
        with SecretBytes(key) as typed, accept_key(typed) as secret:
            destination = place_key(asked, secret.reveal())
            outcome = untested(destination)
            if check:
                with not_stored(destination):
                    entered = Credential(destination, lambda: nullcontext(secret.reveal()))
                    outcome = await check_key(self._resources, entered)
            await run_sync(
                lambda: self._resources.vault.save_key(
                    where.id,
                    destination,
                    secret,
                    added_by=self._user,
                    verified=outcome.outcome == "accepted",
                )
            )
        self._resources.own_practice.forget(where.id, connection)
        return replace(outcome, connection=connection)

    def use_own_practice(
        self, workspace: str, key: bytes, endpoints: Mapping[ProviderId, str]
    ) -> None:
        """Have this process's calls in the practice workspace go to its own server, and work there.

        Args:
            workspace: The practice workspace's id.
            key: What the server accepts.
            endpoints: Its base URL for each provider.
        """
        credentials: dict[str, Credential] = {
            provider: hold_key(self._destination(provider, url), key)
            for provider, url in endpoints.items()
        }
        self._resources.own_practice.begin(bytes.fromhex(workspace), credentials)
        self.selected = workspace

    async def test_key(self, workspace: str | None, connection: str) -> KeyCheck:
        where = await run_sync(self._workspace, workspace)
        there = (await run_sync(find_destinations, self._resources, where.id)).get(connection)
        if there is None:
            raise await run_sync(missing_key, self._resources, where, connection)
        stored = await run_sync(self._resources.vault.find_key, where.id, connection)
        outcome = await check_key(
            self._resources, find_credential(self._resources, where.id, there)
        )
        if outcome.outcome == "accepted" and stored is not None and not stored.verified:
            await run_sync(
                lambda: self._resources.vault.mark_verified(
                    where.id, connection, actor=self._user, row_version=stored.row_version
                )
            )
        return replace(outcome, connection=connection)

    async def remove_key(self, workspace: str | None, connection: str) -> Removal:
        where = await run_sync(self._authorized, workspace)
        self._resources.own_practice.forget(where.id, connection)
        stored = await run_sync(self._resources.vault.find_key, where.id, connection)
        if stored is None:
            raise await run_sync(missing_key, self._resources, where, connection)
        # From really opening it: a row that was edited to hold none talks nobody out of revoking its key.
        known = {fact.connection: fact for fact in await run_sync(self._keys, where)}
        removal = await run_sync(
            lambda: self._resources.vault.remove_key(where.id, connection, actor=self._user)
        )
        there = stored.destination
        preset = preset_of(there.endpoint)
        opens_nothing = known[connection].keyless or is_practice(there)
        revoke_url = "" if opens_nothing else preset.keys_url if preset else there.origin
        return Removal(
            provider=there.provider,
            connection=connection,
            scrubbed=removal.scrubbed,
            revoke_url=revoke_url,
        )

    async def rename_connection(
        self, workspace: str | None, connection: str, new_name: str
    ) -> None:
        where = await run_sync(self._authorized, workspace)
        check_new_name(connection, new_name)

        def run() -> None:
            self._resources.vault.rename_key(where.id, connection, new_name, actor=self._user)
            model = where.model
            if model is not None and catalog.parse_model(model)[0] == connection:
                renamed = f"{new_name}/{catalog.parse_model(model)[1]}"
                self._resources.workspaces.set_model(self._user, where.id, renamed)

        await run_sync(run)

    # --- models, budget, log

    async def model(self, workspace: str | None) -> str | None:
        return await run_sync(lambda: self._workspace(workspace).model)

    async def set_model(self, workspace: str | None, model: str | None) -> str | None:
        def run() -> str | None:
            where = self._workspace(workspace)
            full = None if model is None else "/".join(catalog.parse_model(model))
            return self._resources.workspaces.set_model(self._user, where.id, full).model

        return await run_sync(run)

    async def models(self, workspace: str | None, *, ask: bool) -> list[ModelFacts]:
        if not ask:
            return [read_model_facts(model) for model in catalog.MODELS.values()]
        where = await run_sync(self._workspace, workspace)
        facts: list[ModelFacts] = []
        for name, there in (await run_sync(find_destinations, self._resources, where.id)).items():
            credential = find_credential(self._resources, where.id, there)
            facts += [
                ModelFacts(
                    name=one.id,
                    provider=name,
                    context=one.context,
                    max_output=one.max_output,
                )
                for one in await list_models(self._resources, credential)
            ]
        return facts

    async def budget(self) -> BudgetFacts:
        return await run_sync(self._budget)

    async def calls(self, workspace: str | None, limit: int) -> list[CallFacts]:
        def run() -> list[CallFacts]:
            where = self._workspace(workspace)
            return [
                read_call_facts(record) for record in self._resources.calls.recent(where.id, limit)
            ]

        return await run_sync(run)

    # --- help

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
        about = SETUP[provider]
        return Setup(
            provider=provider,
            name=about.label,
            key_url=about.keys_url,
            revoke_url=about.keys_url,
            looks_like=about.looks_like,
            cost=about.to_begin,
            note=about.caution,
        )

    def known_models(self) -> list[str]:
        return list(ALL_MODELS)

    # --- within

    def _workspace(self, name: str | None) -> Workspace:
        if name and name != self.selected:
            return self._resources.find_workspace(self._user, name)
        active = self._find_active()
        if active is None:
            own = self._resources.own_practice.workspace_id
            practised = own is not None and self.selected == own.hex()
            raise no_workspace() if practised else workspace_gone()
        return active

    def _find_active(self) -> Workspace | None:
        """Return where calls go that name no workspace, for showing it; None if that one is gone."""
        workspaces = self._resources.workspaces
        if self.selected is None:
            return workspaces.find_active(self._user)
        mine = workspaces.list(self._user)
        return next((one for one in mine if one.id.hex() == self.selected), None)

    def _part_from(self, workspace: Workspace) -> None:
        """Forget that this process works in a workspace that its person has left or deleted."""
        if self.selected == workspace.id.hex():
            self.selected = None

    def _authorized(self, name: str | None) -> Workspace:
        return self._resources.workspaces.authorize(
            self._user, self._workspace(name).id, "manage_keys"
        )

    def _place(
        self,
        where: Workspace,
        connection: str,
        endpoint: str | None,
        kind: Kind | None,
        placement: str | None,
    ) -> Destination:
        """Return where a connection's key may be sent from now on: what is said, else what is stored."""
        stored = self._resources.vault.find_key(where.id, connection)
        before = stored.destination if stored and connection not in PROVIDERS else None
        check_placement(placement)
        provider = check_kind(connection, kind or (before.kind if before else None))
        if provider is None:
            raise missing_key(self._resources, where, connection)
        if before is not None and not before.keyless and placement is None:
            placement = before.placement
        if before is not None and endpoint is None:
            endpoint = before.endpoint
        if endpoint is None and connection not in PROVIDERS:
            raise WrongUsage(
                f"A new connection '{connection}' needs an address.", hint="Add --endpoint URL."
            )
        return parse_endpoint(
            provider,
            endpoint,
            policy=self._resources.policy,
            connection=connection,
            kind=kind or (before.kind if before else None),
            placement=placement,
        )

    def _destination(self, provider: ProviderId, endpoint: str | None) -> Destination:
        return parse_endpoint(provider, endpoint, policy=self._resources.policy)

    def _facts(self, workspace: Workspace, active: Workspace | None) -> WorkspaceFacts:
        return WorkspaceFacts(
            id=workspace.id.hex(),
            name=workspace.name,
            kind=workspace.kind,
            role=workspace.role,
            model=workspace.model,
            active=active is not None and workspace.id == active.id,
        )

    def _keys(self, workspace: Workspace) -> list[KeyFacts]:
        return read_key_facts(self._resources, workspace.id, self._user)

    def _model_in_use(self, workspace: Workspace, keys: list[KeyFacts]) -> str | None:
        stored = [key.connection for key in keys if key.state != "missing"]
        return choose_model(None, workspace.model, stored, self._resources.usable_models)

    def _budget(self) -> BudgetFacts:
        provider, _ = catalog.parse_model(catalog.DEMO_MODEL)
        if self._resources.vault.find_key(PLATFORM, provider, mode="demo") is None:
            return BudgetFacts(granted=0, left=0)
        budget = self._resources.budget
        return BudgetFacts(granted=budget.granted, left=budget.left(self._user))
