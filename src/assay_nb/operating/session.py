"""The session of an operator's command: the gateway's own settings, database and key store, in this process."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from assay_nb import config
from assay_nb.commands.outcome import Console, Outcome
from assay_nb.commands.registry import Adder, Handler
from assay_nb.config import Config
from assay_nb.engine.control import Control, Diagnosis
from assay_nb.engine.lazy import once
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage

if TYPE_CHECKING:
    from assay_nb.engine.call import Engine
    from assay_nb.gateway.resources import GatewayResources
    from assay_nb.gateway.settings import Settings

OPERATOR = "(operator)"
"""The name that the audit and a key's "added by" have for whoever runs these commands."""


class OperatorSession(Session):
    """A session on a gateway's database instead of a person's.

    Attributes:
        settings: The gateway's settings.
        key_copy: A copy of the master key to work on, in place of the one that the gateway reads.
    """

    def __init__(self, settings: Settings, key_copy: Path | None = None) -> None:
        super().__init__(
            Config(
                home=settings.home,
                master_key_file=key_copy or settings.master_key_file,
                database_url=settings.database_url,
            )
        )
        self.settings = settings
        self.key_copy = key_copy

    @once
    def resources(self) -> GatewayResources:
        """What the gateway works with. Nothing is opened yet."""
        from assay_nb.operating.resources import OperatorResources

        return OperatorResources(self.settings, key_copy=self.key_copy)

    @once
    def _seams(self) -> tuple[Engine, Control]:
        from assay_nb.gateway.calls.engine import Engines
        from assay_nb.gateway.control import GatewayControl

        engine = Engines(self.resources).make(OPERATOR)
        return engine, GatewayControl(self.resources, OPERATOR)

    def close(self) -> None:
        """Close connections, the background loop, and the database."""
        super().close()
        if "resources" in vars(self) and "database" in vars(self.resources):
            self.resources.database.close()

    def examine(self) -> list[Diagnosis]:
        """Return what `doctor` finds, without looking for a workspace: an operator has none."""
        from assay_nb.engine.local.doctor import examine

        return examine(self.resources)


def open_operator(args: Namespace) -> OperatorSession:
    """Return the session of the gateway that `--config` names.

    Raises:
        WrongUsage: If no gateway is named, or a setting cannot be meant.
    """
    from assay_nb.gateway.process.hardening import settings_of
    from assay_nb.gateway.settings import load_settings

    named = config.is_set("ASSAY_HOME") or config.is_set("ASSAY_DATABASE_URL")
    if args.config is None and not named:
        raise WrongUsage(
            "An operator's command needs to know which gateway it is for.",
            hint="Add the gateway's configuration: `assay-nb operator --config /etc/assay-nb/gateway.toml …`.",
        )
    base = settings_of(config.load_hub_environment())
    settings = load_settings({"config": args.config}, base)
    return OperatorSession(
        settings, Path(args.master_key_copy).absolute() if args.master_key_copy else None
    )


def on_gateway(add: Adder) -> Adder:
    """Return an adder whose commands get the operator's session in place of the person's."""

    def add_one(name: str, text: str, run: Handler | None) -> object:
        made = add(name, text, run and _with_operator(run))
        return on_gateway(made) if run is None else made

    return add_one


def _with_operator(run: Handler) -> Handler:
    def with_operator(session: Session, args: Namespace, desk: Console) -> Outcome:
        operator = open_operator(args)
        try:
            return run(operator, args, desk)
        finally:
            operator.close()

    return with_operator
