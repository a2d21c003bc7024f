"""How the hub answered last: what the log says at the start, and what health says of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from assay_nb.errors import AssayError
from assay_nb.gateway.auth.identity import Hub
from assay_nb.gateway.process.server import watch_hub
from tests.gateway.stage import SECRET, Stage
from tests.tools import until

pytestmark = pytest.mark.anyio

ANSWERS: dict[str, int | type[Exception]] = {
    "knows us": 200, "does not": 403, "fails": 503, "is not there": TimeoutError,
}  # fmt: skip


class Session:
    """An HTTP client for a hub that answers as it is told."""

    def __init__(self) -> None:
        self.answer = "knows us"

    def get(self, url: str, **_: Any) -> Session:
        return self

    async def __aenter__(self) -> Session:
        answer = ANSWERS[self.answer]
        if isinstance(answer, int):
            self.status = answer
            return self
        raise answer

    async def __aexit__(self, *_: object) -> None:
        return None

    async def json(self) -> dict[str, str]:
        return {"kind": "service", "name": "assay"}


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ([], "unknown"),
        ([(0, "knows us")], "reached"),
        ([(0, "does not")], "refused"),
        ([(0, "fails")], "lost"),
        ([(0, "is not there")], "lost"),
        ([(0, "knows us"), (30, "is not there")], "silent"),
        ([(0, "knows us"), (61, "fails")], "lost"),
        ([(0, "knows us"), (61, "fails"), (62, "knows us")], "reached"),
        ([(0, "fails"), (5, "does not")], "refused"),
        ([(0, "does not"), (5, "knows us")], "reached"),
    ],
)
async def test_state_follows_what_the_hub_answered(
    story: list[tuple[int, str]], state: str
) -> None:
    session, now = Session(), [0.0]
    hub = Hub(session, "http://hub/hub/api", "t", clock=lambda: now[0])  # type: ignore[arg-type]

    for now[0], session.answer in story:
        await hub.check()

    assert hub.state == state


async def test_health_fails_while_every_token_is_refused(stage: Stage) -> None:
    assert await stage.ask("GET", "health") == (
        200,
        {"status": "ok", "vault": "empty", "hub": "unknown", "log": "ok"},
    )
    stage.hub.down = True
    await stage.services.hub.check()

    assert await stage.ask("GET", "health") == (
        503,
        {"status": "failing", "vault": "empty", "hub": "lost", "log": "ok"},
    )


async def test_log_says_it_when_the_hub_does_not_answer_and_when_it_does(stage: Stage) -> None:
    fake_hub = stage.hub
    fake_hub.down = True
    watching = asyncio.create_task(watch_hub(stage.services, every=0.01))

    def told() -> list[str]:
        lines = [json.loads(line) for line in stage.lines]
        return [line["state"] for line in lines if line["event"] == "HubChecked"]

    try:
        await until(lambda: told() == ["lost"])
        asked = fake_hub.asked
        await until(lambda: fake_hub.asked > asked + 2)
        assert told() == ["lost"], "it is said once"
        fake_hub.down = False
        await until(lambda: told() == ["lost", "refused"])
        fake_hub.people[SECRET] = {"kind": "service", "name": "assay"}
        await until(lambda: told() == ["lost", "refused", "reached"])
    finally:
        watching.cancel()


async def test_somebodys_unknown_token_says_nothing_of_the_hub(stage: Stage) -> None:
    stage.hub.people[SECRET] = {"kind": "service", "name": "assay"}
    await stage.services.hub.check()
    with pytest.raises(AssayError):
        await stage.services.identity.identify("made-up")

    assert stage.services.hub.state == "reached"
