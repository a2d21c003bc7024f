"""The gateway's vault, workspaces and way out, and the engine that runs a member's call on them."""

from __future__ import annotations

import os
from typing import Any

from assay_nb.accounting.allowances import Allowances, Taken
from assay_nb.config import Config
from assay_nb.egress.origins import OperatorPolicy, check_destination
from assay_nb.egress.resolver import HubEgress
from assay_nb.engine.call import Call
from assay_nb.engine.lazy import once
from assay_nb.engine.local.engine import Account, LocalEngine, Plan
from assay_nb.engine.local.resources import Resources
from assay_nb.errors import PermissionDenied
from assay_nb.gateway.journal import SureCallLog
from assay_nb.gateway.process.logs import CallsUnwritten, Log
from assay_nb.gateway.settings import Settings
from assay_nb.instruments.base import Instrument
from assay_nb.providers.transport import Egress, Limits
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores.base import KeyStore
from assay_nb.vault.keystores.key_file import KeyFile


class _GivenKeyFile(KeyFile):
    """A key file that may be somebody else's to write, as a service manager's credentials are."""

    def describe(self) -> str:
        return "the gateway's key file"  # members read this, whom its place does not concern

    def put(self, vault_id: bytes, master: MasterKey) -> None:
        if self.find(vault_id, master.mk_id) is None:
            super().put(vault_id, master)


class GatewayResources(Resources):
    """What stands behind the gateway. Proxy, authorities and allowed origins are the operator's alone."""

    def __init__(self, settings: Settings, log: Log | None = None) -> None:
        config = Config(
            home=settings.home,
            master_key_file=settings.master_key_file,
            database_url=settings.database_url,
        )
        policy = OperatorPolicy.from_urls(settings.allow_origins)
        super().__init__(config, say=lambda line: None, policy=policy)
        self.settings = settings
        self._log = log or Log(lambda line: None)

    def tell_unwritten(self, count: int) -> None:
        """Let the operator know that the calls log cannot be written."""
        self._log(CallsUnwritten(count))

    @once
    def calls(self) -> SureCallLog:
        return SureCallLog(self.database, self.tell_unwritten)

    @once
    def allowances(self) -> Allowances:
        return Allowances(self.database)

    @once
    def keystore(self) -> KeyStore:
        path = self.settings.master_key_file or self.settings.home / "master.key"
        beside = os.access(path.parent, os.W_OK)
        mark_path = None if beside else self.settings.home / "master.epoch"
        return _GivenKeyFile(path, mark_path=mark_path, is_shared=True)

    @once
    def egress(self) -> Egress:
        settings = self.settings
        return HubEgress(
            self.policy,
            proxy=settings.proxy,
            no_proxy=settings.no_proxy,
            ca_file=settings.ca_file,
            limits=Limits(total=settings.limits.call_seconds),
        )


class GatewayEngine(LocalEngine):
    """A local engine that also keeps to what the operator allows, and a team's admin. It runs one call."""

    def __init__(self, backing: GatewayResources, user: str) -> None:
        super().__init__(backing, user)
        self._settings = backing.settings
        self._calls = backing.calls
        self._allowances = backing.allowances
        self._taken: Taken | None = None

    def _plan(self, call: Call, instrument: Instrument[Any]) -> Plan:
        self._calls.check()
        plan = super()._plan(call, instrument)
        if plan.mode == "byok":
            check_model(self._settings, plan.provider, plan.model)
            check_destination(plan.destination, self._backing.policy)
            self._taken = self._allowances.take(plan.workspace.id, self._user)
        return plan

    def _write_up(
        self, plan: Plan, call: Call, account: Account, error: BaseException | None
    ) -> None:
        super()._write_up(plan, call, account, error)
        if self._taken is not None:
            unknown = self._settings.limits.unpriced_call
            self._allowances.settle(self._taken, account.provenance().cost, unknown=unknown)


def check_model(settings: Settings, provider: str, model: str) -> None:
    """Refuse a model that the operator's lists do not have.

    Raises:
        PermissionDenied: If it is not on them.
    """
    check_provider(settings, provider)
    if not settings.is_model_allowed(provider, model):
        raise PermissionDenied(
            f"This hub does not use the model {provider}/{model}.",
            hint=f"It uses {', '.join(settings.allow_models)}.",
        )


def check_provider(settings: Settings, provider: str) -> None:
    """Refuse a provider that the operator's list does not have.

    Raises:
        PermissionDenied: If it is not on it.
    """
    if provider not in settings.allow_providers:
        raise PermissionDenied(
            f"This hub does not use the provider {provider}.",
            hint=f"It uses {', '.join(settings.allow_providers)}.",
        )
