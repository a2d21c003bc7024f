"""Teams and owners at a running gateway: what the operator's commands add counts without a restart."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.gateway.teams import Team
from assay_nb.store.database import Database
from assay_nb.workspaces.teams import Teams
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio

TEAMS = {"history": Team("history-lab", ("prof",))}


@pytest.fixture
async def stage(make_stage: Any) -> Stage:
    return await make_stage(teams=TEAMS)


async def roles(stage: Stage, token: str) -> dict[str, str]:
    status, listed = await stage.ask("GET", "api/v1/workspaces", token)
    assert status == 200, listed
    return {one["name"]: one["role"] for one in listed if one["kind"] == "team"}


def elsewhere(stage: Stage, act: Any) -> Any:
    """Do what an operator's command does: in another process's database connection."""
    database = Database.open(stage.services.settings.home / "vault.sqlite")
    try:
        return act(Teams(database, {"history": "history-lab"}, {"history": ("prof",)}))
    finally:
        database.close()


async def test_owner_of_the_settings_can_store_a_key(stage: Stage) -> None:
    """A group without a hub admin had no owner, and nobody could ever store a key."""
    carol = stage.token("carol", groups=("history",))
    prof = stage.token("prof", groups=("history",))

    assert await roles(stage, carol) == {"history-lab": "member"}
    assert await roles(stage, prof) == {"history-lab": "owner"}
    assert await roles(stage, stage.token("prof2")) == {}


async def test_owner_that_a_command_names_is_one_at_the_next_request(stage: Stage) -> None:
    carol = stage.token("carol", groups=("history",))
    assert await roles(stage, carol) == {"history-lab": "member"}

    await run_sync(elsewhere, stage, lambda teams: teams.name_owner("history-lab", "carol"))

    assert await roles(stage, carol) == {"history-lab": "owner"}
    headers = await stage.sign_in("carol", groups=("history",))
    _, mine = await stage.ask("GET", "api/v1/workspaces", carol)
    (where,) = (one["id"] for one in mine if one["name"] == "history-lab")
    added = await stage.ask(
        "POST", f"api/v1/workspaces/{where}/members", headers=headers, body={"user": "dan"}
    )
    assert added[0] < 300, added


async def test_team_that_a_command_adds_and_removes_is_there_and_gone(stage: Stage) -> None:
    await run_sync(elsewhere, stage, lambda teams: teams.add("art", "painting", ["ann"]))
    ann = stage.token("ann", groups=("art",))

    assert await roles(stage, ann) == {"painting": "owner"}

    await run_sync(elsewhere, stage, lambda teams: teams.remove("art"))
    assert await roles(stage, ann) == {}
