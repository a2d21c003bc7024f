"""The operator's side of a control: the master key, and the platform keys of the demo."""

from __future__ import annotations

from datetime import timedelta

from anyio.to_thread import run_sync

from assay_nb.egress.origins import parse_endpoint
from assay_nb.engine.control import KeyCheck, KeyFacts, MasterFacts
from assay_nb.engine.facts import about_stored, read_master_facts
from assay_nb.engine.local.credentials import find_credential
from assay_nb.engine.local.key_test import check_key
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.errors import ProviderAuthError, ProviderKeyMissing
from assay_nb.messages import ProviderId, label_of
from assay_nb.providers.keys import place_key


class OperatorControl:
    """What an operator may do with the vault in this process; see `Control`."""

    def __init__(self, resources: Resources, user: str) -> None:
        self._resources = resources
        self._user = user

    async def master_status(self) -> list[MasterFacts]:
        def run() -> list[MasterFacts]:
            return [read_master_facts(one) for one in self._resources.vault.master_status()]

        return await run_sync(run)

    async def rotate_master(self) -> MasterFacts:
        def run() -> MasterFacts:
            self._resources.vault.rotate_master(actor=self._user)
            return next(
                read_master_facts(one)
                for one in self._resources.vault.master_status()
                if one.state == "active"
            )

        return await run_sync(run)

    async def purge_master(self, older_than_days: int) -> list[MasterFacts]:
        def run() -> list[MasterFacts]:
            gone = self._resources.vault.purge_master(
                timedelta(days=older_than_days), actor=self._user
            )
            return [read_master_facts(one) for one in gone]

        return await run_sync(run)

    async def accept_restore(self) -> None:
        await run_sync(lambda: self._resources.vault.accept_restore(actor=self._user))

    async def platform_keys(self) -> list[KeyFacts]:
        def run() -> list[KeyFacts]:
            stored = self._resources.vault.list_keys(PLATFORM)
            sealed = self._resources.vault.state().name == "sealed"
            return [about_stored(one, self._resources, sealed=sealed) for one in stored]

        return await run_sync(run)

    async def test_platform_key(self, provider: ProviderId) -> KeyCheck:
        vault = self._resources.vault
        stored = await run_sync(lambda: vault.find_key(PLATFORM, provider, mode="demo"))
        if stored is None:
            raise ProviderKeyMissing(
                f"There is no platform key for {label_of(provider)}.",
                hint=f"Store one: `assay-nb-operator platform-key set {provider}`.",
            )
        credential = find_credential(self._resources, PLATFORM, stored.destination, mode="demo")
        try:
            check, _ = await check_key(self._resources, credential)
        except ProviderAuthError as error:
            raise _refused(provider, error) from None
        if check.outcome == "accepted" and not stored.verified:
            await run_sync(
                lambda: vault.mark_verified(
                    PLATFORM,
                    provider,
                    mode="demo",
                    actor=self._user,
                    row_version=stored.row_version,
                )
            )
        return check

    async def set_platform_key(
        self, provider: ProviderId, key: bytearray, *, endpoint: str | None = None
    ) -> None:
        from assay_nb.vault.sealed_keys import accept_key
        from assay_nb.vault.secret import SecretBytes

        def run() -> None:
            with SecretBytes(key) as typed, accept_key(typed) as secret:
                destination = place_key(
                    parse_endpoint(provider, endpoint, policy=self._resources.policy),
                    secret.reveal(),
                )
                self._resources.vault.save_key(
                    PLATFORM, destination, secret, added_by=self._user, verified=False, mode="demo"
                )

        await run_sync(run)

    async def remove_platform_key(self, provider: ProviderId) -> None:
        await run_sync(
            lambda: self._resources.vault.remove_key(
                PLATFORM, provider, actor=self._user, mode="demo"
            )
        )


def _refused(provider: ProviderId, error: ProviderAuthError) -> ProviderAuthError:
    """Return the error with the operator's next step: the members' leads to a workspace's key."""
    return ProviderAuthError(
        f"The platform key for {label_of(provider)} is not accepted.",
        hint=f"Make a new one at the provider, then `assay-nb-operator platform-key set {provider}`.",
        provider=error.provider,
        status=error.status,
        request_id=error.request_id,
        reason=error.reason,
    )
