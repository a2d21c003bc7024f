"""The operator's side of a control: the master key, and the platform keys of the demo."""

from __future__ import annotations

from datetime import timedelta

from anyio.to_thread import run_sync

from assay_nb.egress.origins import parse_endpoint
from assay_nb.engine.control import MasterFacts
from assay_nb.engine.facts import read_master_facts
from assay_nb.engine.local.resources import PLATFORM, Resources
from assay_nb.messages import ProviderId
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

    async def set_platform_key(self, provider: ProviderId, key: bytearray) -> None:
        from assay_nb.vault.sealed_keys import accept_key
        from assay_nb.vault.secret import SecretBytes

        def run() -> None:
            with SecretBytes(key) as typed, accept_key(typed) as secret:
                destination = place_key(
                    parse_endpoint(provider, None, policy=self._resources.policy), secret.reveal()
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
