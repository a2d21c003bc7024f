"""Resources of a local engine: vault, workspaces, call log, outbound connections.

Opened lazily and once per process. Looking at workspaces needs no master key; only a stored key does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assay_nb.config import LOCAL_USER, Config
from assay_nb.egress.origins import Policy, SoloPolicy
from assay_nb.engine.lazy import once
from assay_nb.engine.local.practice import WORKSPACE, OwnServer, no_workspace
from assay_nb.engine.resolve import ALL_MODELS
from assay_nb.errors import StoreUnavailable, WorkspaceNotFound

if TYPE_CHECKING:
    from assay_nb.accounting.call_log import CallLog
    from assay_nb.accounting.demo_budget import DemoBudget
    from assay_nb.accounting.reports import Reports
    from assay_nb.engine.local.live_facts import LiveFacts
    from assay_nb.engine.usage import LimitFacts
    from assay_nb.models.prices import Price
    from assay_nb.providers.learned import Learned
    from assay_nb.providers.transport import Egress
    from assay_nb.store.changes import Changes
    from assay_nb.store.database import Database
    from assay_nb.vault.keystores.base import KeyStore
    from assay_nb.vault.vault import Vault
    from assay_nb.workspaces.membership import Workspace, Workspaces

PLATFORM = bytes(16)
"""The id that the operator's platform keys are sealed under. No workspace can have it: ids are random."""

REMIND_KEY_DAYS = 180
"""Days after which a stored key is said to be old, unless a hub's operator says otherwise."""

_DATABASE = "vault.sqlite"


def has_vault(config: Config) -> bool:
    """Say whether there is a database, without opening or making one."""
    return bool(config.database_url) or (config.home / _DATABASE).exists()


@dataclass
class Resources:
    """The parts that `LocalEngine` and `LocalControl` share.

    Attributes:
        config: Where things are.
        say: Shows one line, where a person must know of something before it is done.
        policy: Which destinations a key may be bound to.
        own_practice: The practice server of this process.
    """

    config: Config
    say: Callable[[str], None]
    policy: Policy = field(default_factory=SoloPolicy)
    own_practice: OwnServer = field(default_factory=OwnServer)

    @property
    def has_practice(self) -> bool:
        """Whether one may practise here. On a hub a workspace that is named so is a team's."""
        return isinstance(self.policy, SoloPolicy)

    @property
    def remind_key_days(self) -> int:
        """Days after which a stored key is said to be old; 0 never says so."""
        return REMIND_KEY_DAYS

    @property
    def key_page(self) -> str:
        """The address below which a browser finds the workspaces' pages, on a hub; `""` elsewhere."""
        return ""

    @once
    def database(self) -> Database:
        from assay_nb.store.database import Database

        return Database.open(self.config.database_url or self.config.home / _DATABASE)

    @once
    def changes(self) -> Changes:
        """Tells whether the database was changed: what was read stays good as long as it was not."""
        from assay_nb.store.changes import Changes

        return Changes(self.database)

    @once
    def keystore(self) -> KeyStore:
        from assay_nb.vault.keystores.choose import choose_keystore

        return choose_keystore(self.config, say=self.say)

    @once
    def vault(self) -> Vault:
        from assay_nb.vault.cached import CachedVault

        return CachedVault(self.database, self.keystore, self.changes)

    @once
    def workspaces(self) -> Workspaces:
        from assay_nb.workspaces.membership import Workspaces

        return Workspaces(self.database)

    @once
    def budget(self) -> DemoBudget:
        from assay_nb.accounting.demo_budget import DemoBudget

        return DemoBudget(self.database)

    @once
    def calls(self) -> CallLog:
        from assay_nb.accounting.call_log import CallLog

        return CallLog(self.database, tell=self.say_unlogged, changes=self.changes)

    @once
    def reports(self) -> Reports:
        from assay_nb.accounting.reports import Reports

        return Reports(self.database, self.calls)

    @once
    def facts(self) -> LiveFacts:
        from assay_nb.engine.local.live_facts import LiveFacts

        return LiveFacts(self.database, self.changes)

    @once
    def learned(self) -> Learned:
        """Tells what servers turned out not to take."""
        from assay_nb.engine.local.learned_facts import LearnedFacts
        from assay_nb.providers.learned import Learned

        return Learned(LearnedFacts(self.facts))

    @once
    def egress(self) -> Egress:
        from assay_nb.egress.setting_names import SOLO
        from assay_nb.providers.transport import Egress

        config = self.config
        return Egress(
            proxy=config.https_proxy,
            no_proxy=config.no_proxy,
            ca_file=config.ca_file,
            names=replace(SOLO, proxy=config.proxy_variable),
            learned=self.learned,
        )

    def say_unlogged(self, count: int, error: StoreUnavailable) -> None:
        """Say how many calls are missing from the log, and why."""
        what = "This call is" if count == 1 else f"{count} calls are"
        self.say(f"{what} not in the log of calls. {error.message}")

    def find_price(self, provider: str, model: str) -> Price | None:
        """Return what the operator has set that a model costs. A person alone sets it in the workspace."""
        return None

    def list_limits(self, workspace_id: bytes, user: str) -> Sequence[LimitFacts]:
        """Return the limits that a member's calls count against. A person alone has none."""
        return ()

    def usable_models(self) -> Sequence[str]:
        """Return the known models that may be used, as `provider/model`."""
        return ALL_MODELS

    def own_workspaces(self) -> Sequence[Workspace]:
        """Return the workspaces of whoever runs this process; none on a hub, where an operator has none."""
        return self.workspaces.list(LOCAL_USER) if self.has_practice else ()

    def find_workspace(self, user: str, name: str) -> Workspace:
        """Return a workspace that the person is in.

        Raises:
            WorkspaceNotFound: If there is none. About the practice workspace it says how to start practice.
        """
        try:
            return self.workspaces.get(user, name)
        except WorkspaceNotFound:
            if self.has_practice and self._is_practice(name):
                raise no_workspace() from None
            raise

    def _is_practice(self, name: str) -> bool:
        own = self.own_practice.workspace_id
        return name == WORKSPACE or (own is not None and name == own.hex())

    async def aclose(self) -> None:
        """Close what is open: this event loop's connections to providers, and the database's."""
        if "egress" in vars(self):
            await self.egress.aclose()
        if "changes" in vars(self):
            self.changes.close()
        if "database" in vars(self):
            self.database.close()
