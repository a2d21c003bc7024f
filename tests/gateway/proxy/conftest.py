from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.stage import Stage, open_stage
from tests.gateway.ways import WAYS, Way, choose


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Way:
    """The way that requests go, each in its turn."""
    choose(request.param, monkeypatch)
    return request.param


@pytest.fixture
async def make_stage(
    way: Way, tmp_path: Path, fake: FakeProviders
) -> AsyncIterator[Callable[..., Any]]:
    """A factory of gateways whose requests go one of the two ways."""
    stages: list[Stage] = []

    async def make(**settings: Any) -> Stage:
        stage = await open_stage(tmp_path, fake, FakeHub(), **settings)
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        await stage.close()
