"""`connect`, `connections` and `keys` in a kernel on a hub: what works there, and where the rest is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay_nb.commands import tree
from assay_nb.config import Config
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, PermissionDenied, ProviderKeyMissing, WrongUsage
from tests.commands.walking import plain_words
from tests.gateway import threaded
from tests.gateway.browsing import Browser
from tests.kernel.steps import FixedDesk, run_command


class Hub(threaded.Hub):
    """A gateway with a team that Ada owns and Bob is a member of, and two connections of it."""

    team: str = ""

    def furnish(self) -> None:
        ada = self.wait(Browser.sign_in(self.stage, "ada"))
        self.team = self.wait(ada.make_team("research")).removeprefix("workspaces/")
        self.wait(self.stage.store_key(self.team, "openai", connection="house"))
        self.wait(self.stage.store_key(self.team, "anthropic", "", connection="local"))
        self.stage.token("bob")
        self.wait(ada.submit(f"workspaces/{self.team}", action="add-member", user="bob"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with threaded.open_hub(tmp_path_factory.mktemp("hub")) as opened:
        hub = Hub(opened.stage, opened.token, opened.loop)
        hub.furnish()
        yield hub


@pytest.fixture
def session(
    request: pytest.FixtureRequest, hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    """The session of a kernel, by whose it is."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", hub.stage.token(request.param))
    session = Session(Config(home=home, gateway_url=hub.stage.url))
    run_command(session, "workspace use research")
    yield session
    session.close()


def refused(session: Session, line: str) -> AssayError:
    parser, _ = tree.build_parser("assay-nb", "")
    with pytest.raises(AssayError) as caught:
        tree.run(session, parser.parse_line(line), FixedDesk("k" * 30))
    return caught.value


ELSEWHERE = {
    "connect ollama": ("never goes through a kernel", "add/ollama"),
    "connect openai second": ("never goes through a kernel", "add/openai"),
    "connect openai": ("never goes through a kernel", "keys/openai"),
    "connect openai-compatible work --endpoint https://llm.example.org/v1": (
        "never goes through a kernel", "add/openai-compatible",
    ),
    "keys set house": ("never goes through a kernel", "connections/house"),
    "keys set google": ("never goes through a kernel", "keys/google"),
    "keys test house": ("tested in a browser", "connections/house"),
    "keys remove house": ("removed in a browser", "connections/house"),
    "connections test local": ("tested in a browser", "connections/local"),
    "connections rename house home": ("renamed in a browser", "connections/house"),
    "connections remove house": ("removed in a browser", "connections/house"),
}  # fmt: skip
"""What is done on a page, with what is said of it and the page below the workspace's."""


@pytest.mark.parametrize("line", ELSEWHERE)
@pytest.mark.parametrize("session", ["ada"], indirect=True)
def test_owner_is_shown_the_page_where_it_is_done(session: Session, hub: Hub, line: str) -> None:
    said, page = ELSEWHERE[line]

    error = refused(session, line)

    assert isinstance(error, PermissionDenied)
    assert said in error.message
    assert f"/services/assay/workspaces/{hub.team}/{page} " in (error.hint or "")
    ada = hub.wait(Browser.sign_in(hub.stage, "ada"))
    hub.wait(ada.open(f"workspaces/{hub.team}/{page}"))


@pytest.mark.parametrize("line", ELSEWHERE)
@pytest.mark.parametrize("session", ["bob"], indirect=True)
def test_member_is_told_whom_to_ask(session: Session, hub: Hub, line: str) -> None:
    said, page = ELSEWHERE[line]

    error = refused(session, line)

    assert isinstance(error, PermissionDenied)
    assert said in error.message
    assert (error.hint or "").startswith("Ask ada to open ")
    assert f"/services/assay/workspaces/{hub.team}/{page} " in (error.hint or "")


@pytest.mark.parametrize(
    "line",
    ["keys set nope", "keys test nope", "connections rename nope x", "connections remove nope"],
)
@pytest.mark.parametrize("session", ["ada", "bob"], indirect=True)
def test_connection_that_there_is_not_is_not_looked_for_on_a_page(
    session: Session, line: str
) -> None:
    error = refused(session, line)

    assert isinstance(error, WrongUsage)
    assert "no connection 'nope'" in error.message
    assert "assay-nb connect" not in (error.hint or "")


@pytest.mark.parametrize("session", ["ada", "bob"], indirect=True)
def test_connections_are_listed_and_their_models_asked_for(session: Session, hub: Hub) -> None:
    listed = run_command(session, "connections").data
    models = run_command(session, "models --ask")
    presets = plain_words(run_command(session, "connect"))

    assert [one["connection"] for one in listed if one["state"] != "missing"] == ["house", "local"]
    assert {one["provider"] for one in models.data} == {"house"}
    assert "`local`: " in plain_words(models)
    assert "/connections/local" in plain_words(models)
    assert "keys set" not in plain_words(models)
    assert "which of them this hub is open to" in presets


@pytest.mark.parametrize("session", ["ada"], indirect=True)
def test_model_of_a_missing_connection_is_made_on_the_page(session: Session, hub: Hub) -> None:
    error = refused(session, "model ollama/llama3.2")

    assert isinstance(error, ProviderKeyMissing)
    assert f"/services/assay/workspaces/{hub.team}/add/ollama " in (error.hint or "")
