"""One gateway for all clients of a worker, and a home directory for each test's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clients.staging import ASIDE, HOSTS, WORKSPACE, Place
from tests.fakes.providers import Answer, FakeProviders
from tests.fakes.providers_tls import Authority, FakeProxy
from tests.gateway.threaded import open_hub


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clients")
    authority, aside = Authority(folder), sorted(frozenset().union(*ASIDE.values()) - {*HOSTS})
    with (
        open_hub(folder, limits={"calls_per_minute": 10_000}) as hub,
        FakeProviders(tls=authority.context(*HOSTS, *aside)) as elsewhere,
        FakeProxy(to=elsewhere.port) as proxy,
    ):
        made = hub.ask("POST", "api/v1/workspaces", {"name": WORKSPACE})["id"]
        keys = {
            one: hub.wait(hub.stage.store_key(made, one))
            for one in ("anthropic", "openai", "google")
        }
        yield Place(hub, keys, elsewhere, proxy, authority, folder)


@pytest.fixture
def place(stage: Place, home: Path) -> Place:
    """A terminal in an empty home; every model says the same."""
    said = Answer(chunks=("Better ", "said."))
    stage.fake.answer_by(lambda call: said)
    stage.elsewhere.answer_by(
        lambda call: said if call.headers["host"] in HOSTS else Answer(status=404)
    )
    for fake in (stage.fake, stage.elsewhere):
        fake.forget()
    stage.proxy.heads.clear()
    return replace(stage, home=home, settings={})
