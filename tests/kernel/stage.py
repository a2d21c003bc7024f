"""A vault whose keys lead to a scripted provider, and a search for those keys."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assay_nb.config import LOCAL_USER, Config
from assay_nb.engine.local.control import LocalControl
from assay_nb.engine.local.resources import Resources
from assay_nb.engine.local.solo import make_solo_engine
from assay_nb.engine.session import Session
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.providers.exchange import Limits
from assay_nb.providers.transport import Egress
from assay_nb.store.database import Database
from tests.canaries import find_canary, find_in_tree, make_canary
from tests.fakes.migrated import put_migrated
from tests.fakes.providers import FakeProviders


@dataclass
class Stage:
    """What a test of the whole way plays on.

    Attributes:
        fake: The provider behind every key.
        home: The vault's directory.
        keys: One canary per provider: stored in the personal workspace, and all that `fake` accepts.
    """

    fake: FakeProviders
    home: Path
    keys: dict[ProviderId, str] = field(
        repr=False,
        default_factory=lambda: {provider: make_canary(provider) for provider in PROVIDERS},
    )

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the provider's script and the calls that came; only the stage's own keys are accepted."""
        self.fake.answers("A reply.")
        self.fake.forget()
        self.fake.keys = set(self.keys.values())

    def store_keys(self, only: Iterable[ProviderId] = PROVIDERS) -> None:
        """Seal the keys in the personal workspace, unasked."""
        session = self.session()
        for provider in only:
            store_key(session, provider, self.keys[provider], self.fake.endpoint(provider))
        session.close()

    def session(
        self, *, say: Callable[[str], None] = lambda _: None, hasty: bool = False
    ) -> Session:
        """Return a session on the vault.

        Args:
            say: Gets the lines that a person must see.
            hasty: Give up on silent providers and locked databases at once.
        """
        config = Config(home=self.home)
        session = Session(config, say)
        if hasty:
            resources = Resources(config, say)
            resources.egress = Egress(limits=Limits(idle=0.5, connect=5))
            resources.database = Database.open(self.home / "vault.sqlite", busy_timeout=0.2)
            # Neither is a setting of a session's, so its seams are put in from outside.
            session.__dict__["_seams"] = (
                make_solo_engine(resources),
                LocalControl(resources, LOCAL_USER),
            )
        return session

    def traces_in(self, blob: bytes | str) -> dict[str, list[str]]:
        """Return the keys that `blob` holds in any form: `{}` when there is no leak."""
        return {name: forms for name, key in self.keys.items() if (forms := find_canary(blob, key))}

    def traces_under(self, root: Path) -> dict[str, dict[str, list[str]]]:
        """Return the keys that files under `root` hold, by provider and file."""
        return {name: hits for name, key in self.keys.items() if (hits := find_in_tree(root, key))}


@contextmanager
def open_stage(home: Path, *, empty: bool = False) -> Generator[Stage]:
    """Start the provider and store the keys; with `empty`, leave the vault to be made."""
    with FakeProviders() as fake:
        stage = Stage(fake, home)
        if not empty:
            put_migrated(home / "vault.sqlite")
            stage.store_keys()
        yield stage


def store_key(session: Session, provider: ProviderId, key: str, endpoint: str) -> None:
    async def save() -> None:
        await session.control.set_key(
            None, provider, bytearray(key.encode()), endpoint=endpoint, check=False
        )

    session.portal.call(save)
