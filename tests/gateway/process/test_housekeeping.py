from __future__ import annotations

import time

import pytest
from anyio.to_thread import run_sync

from assay_nb.gateway.process.housekeeping import clean_up
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio


async def test_a_workspace_is_gone_for_good_when_its_grace_is_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspaces = stage.services.resources.workspaces
    team = await run_sync(workspaces.create, "team", "olga")
    await stage.store_key(team.id.hex())
    await run_sync(workspaces.delete, "olga", team.id)
    assert await run_sync(clean_up, stage.services.resources) == []

    later = time.time() + 31 * 86_400
    monkeypatch.setattr(time, "time", lambda: later)

    assert await run_sync(clean_up, stage.services.resources) == [team.id]
    assert await run_sync(stage.services.resources.vault.find_keys, team.id) == []
    assert await run_sync(clean_up, stage.services.resources) == []
