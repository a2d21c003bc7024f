from __future__ import annotations

import pytest

from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio


async def test_health_needs_nobody(stage: Stage) -> None:
    assert await stage.ask("GET", "health") == (200, {"status": "ok", "vault": "empty"})


async def test_me_tells_the_caller_who_they_are(stage: Stage) -> None:
    status, me = await stage.ask("GET", "api/v1/me", stage.token("ada"))

    assert status == 200
    assert (me["user"], me["workspaces"][0]["name"]) == ("ada", "personal")


async def test_nobody_is_anonymous(stage: Stage) -> None:
    status, answer = await stage.ask("GET", "api/v1/me")

    assert status == 401
    assert set(answer["error"]) == {"code", "message", "hint"}


async def test_an_unknown_address_is_answered_in_json(stage: Stage) -> None:
    status, answer = await stage.ask("GET", "api/v1/nothing")

    assert (status, answer["error"]["code"]) == (404, "not_found")
