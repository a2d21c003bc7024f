from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.stage import Stage, open_stage


@pytest.fixture
async def make_stage(tmp_path: Path, fake: FakeProviders) -> AsyncIterator[Callable[..., Any]]:
    """A factory of gateways: `await make_stage(teams={"g": Team("w")})`, any setting by its name."""
    stages: list[Stage] = []

    async def make(**settings: Any) -> Stage:
        stage = await open_stage(tmp_path, fake, FakeHub(), **settings)
        stages.append(stage)
        return stage

    yield make
    for stage in stages:
        await stage.close()


@pytest.fixture
async def stage(make_stage: Callable[..., Any]) -> Stage:
    """A running gateway with a fake hub and fake providers."""
    return await make_stage()
