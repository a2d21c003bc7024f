"""One server for the tests of this folder, on a vault whose keys lead to a scripted provider."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.kernel.stage import Stage, open_stage
from tests.labserver.serving import Server, serve

_numbers = count(1)


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labserver")


@pytest.fixture(scope="package")
def shared_stage(place: Path) -> Iterator[Stage]:
    with open_stage(place / "vault", empty=True) as stage:
        yield stage


@pytest.fixture(scope="package")
def server(place: Path, shared_stage: Stage) -> Iterator[Server]:
    vault = ("ASSAY_HOME", str(shared_stage.home))
    with serve("jupyter_server", place / "notebooks", environment=[vault]) as server:
        yield server


@pytest.fixture
def stage(shared_stage: Stage) -> Stage:
    """The vault, with the provider's script as new."""
    shared_stage.fake.forget()
    shared_stage.fake.answers()
    shared_stage.fake.keys = set(shared_stage.keys.values())
    return shared_stage


@pytest.fixture(autouse=True)
def workspace(stage: Stage) -> str:
    """The id of a new workspace, which has the keys and is the active one."""
    session = stage.session()

    async def make() -> str:
        made = await session.control.create_workspace(f"team-{next(_numbers)}")
        for provider, key in stage.keys.items():
            typed, endpoint = bytearray(key.encode()), stage.fake.endpoint(provider)
            await session.control.set_key(made.id, provider, typed, endpoint=endpoint, check=False)
        return (await session.control.use_workspace(made.id)).id

    try:
        return session.portal.call(make)
    finally:
        session.close()
