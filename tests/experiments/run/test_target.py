"""Who answers a run: what is known of a named connection before a thousand calls depend on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.config import Config
from assay_nb.engine.session import Session
from assay_nb.experiments.run.target import Target, find_target
from assay_nb.messages import Kind
from tests.canaries import make_canary
from tests.fakes.migrated import put_migrated

HERE = "http://127.0.0.1:11434/v1"
THERE = "https://api.openai.com/v1"


@pytest.fixture
def session(home: Path) -> Iterator[Session]:
    put_migrated(home / "vault" / "vault.sqlite")
    session = Session(Config(home=home / "vault"), say=lambda _: None)
    yield session
    session.close()


def connect(session: Session, name: str, endpoint: str, kind: Kind) -> None:
    async def save() -> None:
        key = bytearray(make_canary("openai").encode())
        await session.control.set_key(None, name, key, endpoint=endpoint, check=False, kind=kind)

    session.portal.call(save)


def target(session: Session, model: str) -> Target:
    return session.portal.call(find_target, session.control, None, model)


def test_second_account_of_a_provider_has_its_prices(session: Session) -> None:
    connect(session, "second", THERE, "openai-responses")

    found = target(session, "second/gpt-6-luna")
    first = Target(
        workspace="", workspace_name="", provider="openai", model="gpt-6-luna", endpoint=THERE
    )

    assert (found.name, found.endpoint) == ("second/gpt-6-luna", THERE)
    assert found.price(1000, 1000) == first.price(1000, 1000)
    assert (found.price(1000, 1000) or 0) > 0


def test_price_of_a_server_of_somebodys_own_is_unknown_and_not_zero(session: Session) -> None:
    connect(session, "local", HERE, "openai-chat")

    assert target(session, "local/gpt-6-luna").price(1000, 1000) is None


def test_connection_that_there_is_not_has_no_price(session: Session) -> None:
    found = target(session, "nowhere/gpt-6-luna")

    assert (found.endpoint, found.price(1, 1)) == ("", None)
