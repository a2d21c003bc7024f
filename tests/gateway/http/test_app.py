from __future__ import annotations

import pytest

from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.app import make_app
from assay_nb.gateway.http.openapi import DOCUMENT, describe
from tests.gateway.stage import PREFIX, Stage

pytestmark = pytest.mark.anyio


async def test_health_needs_nobody(stage: Stage) -> None:
    assert await stage.ask("GET", "health") == (
        200,
        {"status": "ok", "vault": "empty", "hub": "unknown", "log": "ok"},
    )


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


async def test_the_document_is_that_of_the_routes_which_are_served(stage: Stage) -> None:
    few = tuple(route for route in ROUTES if route.path in {"health", "api/openapi.json"})
    app = make_app(stage.services, few)

    assert set(app[DOCUMENT]()["paths"]) == {"/health", "/api/openapi.json"}
    assert await stage.ask("GET", "api/openapi.json") == (200, describe(ROUTES, PREFIX))
