"""Resources of the gateway: vault, workspaces, allowances, call log, outbound connections."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from assay_nb.accounting.allowances import Allowances
from assay_nb.accounting.budget_levels import Level
from assay_nb.accounting.call_log import CallLog
from assay_nb.config import Config
from assay_nb.egress.origins import OperatorPolicy, Policy, check_destination
from assay_nb.egress.resolver import Vet, make_vet
from assay_nb.egress.setting_names import OPERATOR
from assay_nb.engine.lazy import once
from assay_nb.engine.local.resources import Resources
from assay_nb.engine.usage import LimitFacts
from assay_nb.errors import StoreUnavailable
from assay_nb.gateway.process.logs import CallsUnwritten, Log
from assay_nb.gateway.settings import Settings
from assay_nb.models.prices import Price
from assay_nb.providers.exchange import Exchange, Limits
from assay_nb.providers.transport import Egress
from assay_nb.vault.cached import CachedVault
from assay_nb.vault.hierarchy import MasterKey
from assay_nb.vault.keystores.base import KeyStore
from assay_nb.vault.keystores.key_file import KeyFile
from assay_nb.vault.vault import Vault
from assay_nb.workspaces.teams import Teams


class _GivenKeyFile(KeyFile):
    """A key file that may be somebody else's to write, as a service manager's credentials are."""

    def describe(self) -> str:
        return "the gateway's key file"  # members read this, whom its place does not concern

    def put(self, vault_id: bytes, master: MasterKey) -> None:
        if self.find(vault_id, master.mk_id) is None:
            super().put(vault_id, master)


class HubEgress(Egress):
    """The connections of a gateway: the operator's policy is asked before every request.

    A key that was saved before the list of origins became shorter is no longer sent, also where a proxy
    resolves the name and nobody here sees its addresses.
    """

    def __init__(self, policy: Policy, *, vet: Vet | None = None, **options: Any) -> None:
        super().__init__(vet=vet or make_vet(policy), **options)
        self._policy = policy

    async def addresses(self, url: httpx2.URL, exchange: Exchange) -> Sequence[str | None]:
        check_destination(exchange.destination, self._policy)
        return await super().addresses(url, exchange)


class GatewayResources(Resources):
    """What the gateway works with. Proxy, authorities and allowed origins are the operator's alone.

    Attributes:
        settings: What the operator set.
        bindings: Hub group to the name of its workspace, from the settings.
        owners: Who is named as an owner by hub group, from the settings.

    Args:
        settings: What the operator set.
        log: The gateway's log; nowhere by default.
        key_copy: A copy of a master key that a service manager hands over, to rotate in: the epoch of that one
            is noted in `home`, so this one's is too.
    """

    def __init__(
        self, settings: Settings, log: Log | None = None, *, key_copy: Path | None = None
    ) -> None:
        config = Config(
            home=settings.home,
            master_key_file=settings.master_key_file,
            database_url=settings.database_url,
        )
        policy = OperatorPolicy.from_urls(settings.allow_origins)
        super().__init__(config, say=lambda line: None, policy=policy)
        self.settings = settings
        self.bindings = {group: team.workspace for group, team in settings.teams.items()}
        self.owners = {group: team.owners for group, team in settings.teams.items()}
        self._key_copy = key_copy
        self._log = log or Log(lambda line: None)

    @property
    def key_page(self) -> str:
        """The address below which a browser finds the workspaces' pages."""
        return self.settings.public_page

    def tell_unwritten(self, count: int, error: StoreUnavailable) -> None:
        """Let the operator know that the calls log cannot be written."""
        self._log(CallsUnwritten(count))

    @once
    def vault(self) -> Vault:
        return CachedVault(self.database, self.keystore, self.changes, lately=True)

    @once
    def calls(self) -> CallLog:
        return CallLog(
            self.database, on_failure="refuse", tell=self.tell_unwritten, changes=self.changes
        )

    def usable_models(self) -> Sequence[str]:
        """Return the known models that the operator's lists allow, as `provider/model`."""
        allowed = self.settings.is_model_allowed
        return [name for name in super().usable_models() if allowed(*name.split("/", 1))]

    def find_price(self, provider: str, model: str) -> Price | None:
        """Return what the operator says that a model costs, whatever a list says."""
        halves = self.settings.find_price(provider, model)
        if halves is None:
            return None
        return Price(read=halves[0], written=halves[1], source="set by the operator")

    @property
    def remind_key_days(self) -> int:
        """Days after which a stored key is said to be old, as the operator has set."""
        return self.settings.remind_key_days

    @once
    def teams(self) -> Teams:
        return Teams(self.database, self.bindings, self.owners)

    @once
    def allowances(self) -> Allowances:
        return Allowances(self.database, changes=self.changes)

    def list_limits(self, workspace_id: bytes, user: str) -> Sequence[LimitFacts]:
        """Return the limits that a member's calls count against, with how much of each is counted."""
        return [_show_level(one) for one in self.allowances.levels(workspace_id, user)]

    @once
    def keystore(self) -> KeyStore:
        path = self.settings.master_key_file or self.settings.home / "master.key"
        beside = self._key_copy is None and os.access(path.parent, os.W_OK)
        mark_path = None if beside else self.settings.home / "master.epoch"
        path = self._key_copy or path
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
            names=OPERATOR,
            learned=self.learned,
        )


def _show_level(level: Level) -> LimitFacts:
    is_money = level.unit == "micros"

    def in_units(amount: int) -> float:
        return amount / 1_000_000 if is_money else amount

    return LimitFacts(
        unit="dollars" if is_money else "calls",
        counted=in_units(level.counted),
        limit=in_units(level.limit),
        left=in_units(max(0, level.limit - level.counted)),
        period=level.period,
        model=level.model,
        together=level.together,
        is_near=level.is_near,
        text=level.say(),
    )
