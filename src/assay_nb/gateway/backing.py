"""The gateway's vault, workspaces and way out, and the engine that runs a member's call on them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from assay_nb.config import Config
from assay_nb.engine.backing import Backing
from assay_nb.engine.call import Call
from assay_nb.engine.local import LocalEngine, Plan
from assay_nb.errors import PermissionDenied
from assay_nb.gateway.egress import make_vet
from assay_nb.gateway.settings import Settings
from assay_nb.instruments.base import Instrument
from assay_nb.providers.origins import OperatorPolicy, check_destination
from assay_nb.providers.transport import Egress, Limits


class GatewayBacking(Backing):
    """What stands behind the gateway. Proxy, authorities and allowed origins are the operator's alone."""

    def __init__(self, settings: Settings) -> None:
        config = Config(
            home=settings.home,
            master_key_file=settings.master_key_file,
            database_url=settings.database_url,
        )
        policy = OperatorPolicy.from_urls(settings.allow_origins)
        super().__init__(config, say=lambda line: None, policy=policy)
        self.settings = settings

    @cached_property
    def egress(self) -> Egress:
        settings = self.settings
        return Egress(
            proxy=settings.proxy,
            no_proxy=settings.no_proxy,
            ca_file=settings.ca_file,
            limits=Limits(total=settings.limits.call_seconds),
            vet=make_vet(self.policy),
        )


class GatewayEngine(LocalEngine):
    """A local engine that also keeps to what the operator allows."""

    def __init__(self, backing: GatewayBacking, user: str) -> None:
        super().__init__(backing, user)
        self._settings = backing.settings

    def _plan(self, call: Call, instrument: Instrument[Any]) -> Plan:
        plan = super()._plan(call, instrument)
        if plan.mode == "byok":
            check_model(self._settings, plan.provider, plan.model)
            check_destination(plan.destination, self._backing.policy)
        return plan


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
