"""How old a key is, on the pages of its workspace."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.gateway.browsing import Browser

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("remind", "said"), [(180, True), (500, False), (0, False)])
async def test_old_key_is_said_to_be_old_on_its_pages(
    make_stage: Any, monkeypatch: pytest.MonkeyPatch, remind: int, said: bool
) -> None:
    stage = await make_stage(remind_key_days=remind)
    ada = await Browser.sign_in(stage, "ada")
    team = await ada.make_team("research")
    await stage.store_key(team.rpartition("/")[2], "anthropic")
    monkeypatch.setattr("assay_nb.engine.facts._now", lambda: int(time.time() + 400.5 * 86_400))

    workspace = await ada.open(team)
    own = await ada.open(f"{team}/keys/anthropic")

    assert ("added 400 days ago" in workspace.text.lower()) is said
    assert ("added 400 days ago" in own.text.lower()) is said
