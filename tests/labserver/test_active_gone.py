"""Every route of the server extension, with the person's chosen workspace gone: Lab's sidebar lives on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from assay_nb.config import LOCAL_USER
from assay_nb.errors import workspace_gone
from assay_nb.labserver.handlers import ROUTES
from assay_nb.practice.server import MODEL
from tests.fakes.practice import Practice
from tests.gateway.losing import TEAMS, Member
from tests.gateway.threaded import open_hub
from tests.kernel.stage import Stage
from tests.labserver.serving import Answer, Server, serve

NOWHERE = "0" * 32
"""An id that no workspace has."""

PROMPT = "Summarise {{ticket}} briefly."

REQUESTS: dict[str, list[tuple[str, str, Any]]] = {
    "status": [("GET", "status", None)],
    "models": [("GET", "models", None)],
    "lint": [("POST", "lint", {"text": PROMPT})],
    "scan": [("POST", "scan", {"texts": [PROMPT]})],
    "instruments": [("POST", "instruments/critique", {"prompt": PROMPT, "workspace": "{x}"})],
    "workspaces": [
        ("GET", "workspaces", None),
        ("POST", "workspaces", {"name": "{new}"}),
    ],
    "workspaces/use": [("POST", "workspaces/{x}/use", {})],
    "workspaces/members": [("GET", "workspaces/{x}/members", None)],
    "workspaces/calls": [("GET", "workspaces/{x}/calls", None)],
    "workspaces/usage": [("GET", "workspaces/{x}/usage", None)],
    "workspaces/model": [("PUT", "workspaces/{x}/model", {"model": f"anthropic/{MODEL}"})],
    "workspaces/keys": [("GET", "workspaces/{x}/keys", None)],
    "workspaces/keys/one": [
        ("PUT", "workspaces/{x}/keys/anthropic", {"key": "{key}", "endpoint": "{endpoint}"}),
        ("DELETE", "workspaces/{x}/keys/anthropic", None),
    ],
    "workspaces/keys/one/test": [("POST", "workspaces/{x}/keys/anthropic/test", {})],
    "workspaces/models": [("POST", "workspaces/{x}/models", {})],
    "workspaces/connections": [
        (
            "PUT",
            "workspaces/{x}/connections/local",
            {"key": "{key}", "preset": "anthropic-compatible", "endpoint": "{endpoint}"},
        ),
        ("PATCH", "workspaces/{x}/connections/local", {"name": "laptop"}),
        ("DELETE", "workspaces/{x}/connections/laptop", None),
    ],
    "workspaces/connections/test": [("POST", "workspaces/{x}/connections/anthropic/test", {})],
    "presets": [("GET", "presets", None)],
}
"""What is sent to each route."""

BY_BROWSER = ("workspaces/keys/", "workspaces/connections")
"""The routes that a hub has no use for: there keys are entered on the gateway's own page."""

_numbers = count(1)


def name_of(pattern: str) -> str:
    """Return a route's name: its path, with `one` for a provider."""
    path = pattern.replace("/([^/]+)", "").replace("keys/([a-z]+)", "keys/one")
    return path.removesuffix("/([a-z]+)")


@dataclass
class Lab:
    """A Jupyter server whose person's chosen workspace is gone.

    Attributes:
        server: It.
        mode: Where the vault is.
        lose: Has the person lose what they chose once more.
        make: Returns the id of a workspace of theirs with a key.
        practice: The provider behind the keys.
    """

    server: Server
    mode: str
    lose: Callable[[], None]
    make: Callable[[], str]
    practice: Practice

    def ask(self, method: str, path: str, body: Any, x: str) -> Answer:
        values = {
            "{x}": x,
            "{new}": f"fresh-{next(_numbers)}",
            "{key}": self.practice.key,
            "{endpoint}": self.practice.endpoint("anthropic"),
        }
        sent = body and {name: values.get(str(value), value) for name, value in body.items()}
        return self.server.ask(method, path.replace("{x}", x), sent)

    def status(self) -> Any:
        return self.server.ask("GET", "status").data


@pytest.fixture(scope="module")
def practice() -> Iterator[Practice]:
    with Practice() as server:
        yield server


@pytest.fixture(scope="module")
def solo(server: Server, shared_stage: Stage, practice: Practice) -> Lab:
    """One's own vault. In it only somebody else's workspace can go without one's doing."""

    def lose() -> None:
        session, name = shared_stage.session(), f"theirs-{next(_numbers)}"
        workspaces = session.control._resources.workspaces  # type: ignore[attr-defined]
        workspaces.create(name, "olga")
        workspaces.add_member("olga", name, LOCAL_USER)
        workspaces.use(LOCAL_USER, name)
        workspaces.delete("olga", name)
        session.close()

    def make() -> str:
        session = shared_stage.session()

        async def furnish() -> str:
            control: Any = session.control
            made = await control.create_workspace(f"mine-{next(_numbers)}")
            key, there = bytearray(practice.key.encode()), practice.endpoint("anthropic")
            await control.set_key(made.id, "anthropic", key, endpoint=there, check=False)
            return made.id

        try:
            return session.portal.call(furnish)
        finally:
            session.close()

    return Lab(server, "solo", lose, make, practice)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, practice: Practice) -> Iterator[Lab]:
    """A server of a hub's, whose person is taken out of a group."""
    place = tmp_path_factory.mktemp("hub")
    with (
        open_hub(place, practice, teams=TEAMS) as hub,
        serve("jupyter_server", place / "notebooks", environment=hub.surroundings()) as server,
    ):
        ada = Member(hub.stage, "ada", hub.token)

        def lose() -> None:
            hub.wait(ada.lose("hub group"))

        def make() -> str:
            return hub.wait(ada.make(practice.key))[0]

        yield Lab(server, "hub", lose, make, practice)


@pytest.fixture(params=["solo", pytest.param("hub", marks=pytest.mark.slow)])
def lab(request: pytest.FixtureRequest) -> Lab:
    lab: Lab = request.getfixturevalue(request.param)
    lab.lose()
    return lab


def test_every_route_is_asked() -> None:
    assert {name_of(pattern) for pattern, _ in ROUTES} == set(REQUESTS)


@pytest.mark.slow
@pytest.mark.parametrize("route", REQUESTS)
def test_route_answers_as_ever_where_a_workspace_is_named(lab: Lab, route: str) -> None:
    x = lab.make()

    answers = [lab.ask(*request, x) for request in REQUESTS[route]]

    if lab.mode == "hub" and route.startswith(BY_BROWSER):
        assert {answer.code for answer in answers} == {"permission_denied"}
        return
    assert {answer.status for answer in answers} <= {200, 201}, answers
    assert all("error" not in dict(answer.events) for answer in answers)
    there = lab.status()["workspace"]
    assert (there["id"] if there else None) == (x if route == "workspaces/use" else None)


@pytest.mark.parametrize("route", [name for name in REQUESTS if "{x}" in str(REQUESTS[name])])
def test_route_on_an_unknown_workspace_changes_nothing(lab: Lab, route: str) -> None:
    answers = [lab.ask(*request, NOWHERE) for request in REQUESTS[route]]

    if route == "instruments":
        ((name, error),) = answers[0].events
        assert (name, error["code"]) == ("error", "workspace_not_found")
    else:
        assert {answer.status for answer in answers} == {404}
        assert {answer.code for answer in answers} == {"workspace_not_found"}
    assert lab.status()["workspace"] is None


def test_toolbar_that_names_none_says_what_is_gone(lab: Lab) -> None:
    answer = lab.server.ask("POST", "instruments/critique", {"prompt": PROMPT})

    assert answer.events == [("error", workspace_gone().to_dict())]


def test_status_has_all_that_the_sidebar_and_the_status_bar_read(lab: Lab) -> None:
    lost = lab.status()
    lab.server.ask("POST", "workspaces/personal/use", {})
    usual = lab.status()

    assert lost["workspace"] is None
    assert (lost["keys"], lost["model"], lost["mode"]) == ([], None, lab.mode)
    assert [setup["provider"] for setup in lost["setups"]]
    assert set(lost) == set(usual)
    assert usual["workspace"]["name"] == "personal"
    assert usual["workspace"]["active"] is True


def test_list_to_choose_from_has_the_others_and_marks_none(lab: Lab) -> None:
    listed = lab.server.ask("GET", "workspaces").data

    assert "personal" in [one["name"] for one in listed]
    assert not any(one["active"] for one in listed)
