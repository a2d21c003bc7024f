"""The local control of connections: their keys are entered, tested, renamed and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from assay_nb.connections.names import check_kind, check_new_name, check_placement
from assay_nb.connections.presets import preset_of
from assay_nb.egress.credential import Credential
from assay_nb.egress.origins import parse_endpoint
from assay_nb.engine.control import KeyCheck, KeyFacts, Removal
from assay_nb.engine.facts import read_key_facts
from assay_nb.engine.key_checks import not_stored, untested
from assay_nb.engine.local import models
from assay_nb.engine.local.credentials import find_credential, find_destinations, missing_key
from assay_nb.engine.local.key_test import check_key
from assay_nb.engine.local.keyways import find_keyway, guided
from assay_nb.engine.local.practice import hold_key, is_practice
from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDERS, Destination, Kind, ProviderId
from assay_nb.models import catalog
from assay_nb.providers.keys import place_key

if TYPE_CHECKING:
    from assay_nb.connections.keyway import Keyway
    from assay_nb.providers.base import ListedModel
    from assay_nb.workspaces.membership import Workspace
from assay_nb.engine.local.workspace_control import WorkspaceControl


class ConnectionControl(WorkspaceControl):
    """What one person may do with the connections of a workspace; see `Control`."""

    selected: str | None

    async def keys(self, workspace: str | None) -> list[KeyFacts]:
        return await run_sync(lambda: self._keys(self._workspace(workspace)))

    async def keyway(self, workspace: str | None) -> Keyway:
        def run() -> Keyway:
            return find_keyway(self._resources, self._workspace(workspace), self._user)

        return await run_sync(run)

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
        listed: Sequence[ListedModel] = ()
        with SecretBytes(key) as typed, accept_key(typed) as secret:
            destination = place_key(asked, secret.reveal())
            outcome = untested(destination)
            if check:
                with not_stored(destination):
                    entered = Credential(destination, lambda: nullcontext(secret.reveal()))
                    outcome, listed = await check_key(self._resources, entered)
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
        await models.keep_facts(self._resources, where.id, destination, listed)
        return replace(outcome, connection=connection)

    async def test_key(self, workspace: str | None, connection: str) -> KeyCheck:
        where = await run_sync(self._workspace, workspace)
        there = (await run_sync(find_destinations, self._resources, where.id)).get(connection)
        if there is None:
            raise await run_sync(missing_key, self._resources, where, self._user, connection)
        stored = await run_sync(self._resources.vault.find_key, where.id, connection)
        async with guided(self._resources, where):
            outcome, listed = await check_key(
                self._resources, find_credential(self._resources, where.id, there)
            )
        await models.keep_facts(self._resources, where.id, there, listed)
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
            raise await run_sync(missing_key, self._resources, where, self._user, connection)
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

    async def connection_names(self, workspace: str | None) -> list[str]:
        def run() -> list[str]:
            stored = find_destinations(self._resources, self._workspace(workspace).id)
            return [*PROVIDERS, *sorted(set(stored).difference(PROVIDERS))]

        return await run_sync(run)

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
        spoken = kind or (before.kind if before else None)
        provider = check_kind(connection, spoken)
        if provider is None:
            raise missing_key(self._resources, where, self._user, connection)
        if before is not None and before.kind == spoken and not before.keyless:
            placement = placement or before.placement  # another protocol has a header of its own
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
            kind=spoken,
            placement=placement,
        )

    def _destination(self, provider: ProviderId, endpoint: str | None) -> Destination:
        return parse_endpoint(provider, endpoint, policy=self._resources.policy)

    def _keys(self, workspace: Workspace) -> list[KeyFacts]:
        return read_key_facts(self._resources, workspace.id, self._user)
