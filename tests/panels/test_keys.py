"""The key cards: what a person does there, and where the key does not stay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
import pytest

from assay_nb.commands.keys import setup_lines
from assay_nb.config import Config
from assay_nb.connections.keyway import Keyway
from assay_nb.engine.local.control import LocalControl
from assay_nb.engine.session import Session
from assay_nb.errors import WrongUsage
from assay_nb.panels.key_cards import ORDER, KeyCard
from assay_nb.panels.key_field import KeyField
from assay_nb.panels.keys import KeysPanel
from assay_nb.practice.server import PracticeServer
from tests.canaries import find_canary
from tests.fakes.providers import FakeProviders


def walk(widget: Any) -> list[Any]:
    """Return a widget and all that stand in it."""
    return [widget, *(w for child in getattr(widget, "children", ()) for w in walk(child))]


def arrive(field: KeyField, text: str) -> list[dict[str, Any]]:
    """Hand the field a value as a front end does, and return what it sends back."""
    sent: list[dict[str, Any]] = []
    field._send = lambda message, buffers=None: sent.append(message)
    field.set_state({"value": text})
    return sent


def saved_state() -> str:
    return json.dumps(widgets.Widget.get_manager_state(drop_defaults=False), default=str)


@pytest.mark.slow
def test_typed_key_is_in_no_widget_state(session: Session, canary: dict[str, str]) -> None:
    card = KeyCard(session, "anthropic")
    assert card.widget
    kept = widgets.Text(
        canary["openai"]
    )  # positive control: what a plain field holds is in the state

    arrive(card.field, canary["anthropic"])

    state = saved_state()
    assert card.field.holds == len(canary["anthropic"])
    assert not find_canary(state, canary["anthropic"])
    assert find_canary(state, kept.value)


def test_kernel_does_not_echo_a_typed_key(canary: dict[str, str]) -> None:
    sent = arrive(KeyField("Key"), canary["google"])

    assert sent, "the cleared value goes back to the front end"
    assert not find_canary(json.dumps(sent), canary["google"])
    assert sent[-1]["state"]["value"] == ""


def test_stock_password_field_would_echo(canary: dict[str, str]) -> None:
    """Why the field is our own: the check above can fail."""
    sent = arrive(widgets.Password(), canary["google"])

    assert find_canary(json.dumps(sent), canary["google"])


def test_repr_of_a_field_shows_nothing(canary: dict[str, str]) -> None:
    field = KeyField("Key")

    arrive(field, canary["google"])

    assert not find_canary(repr(field) + str(vars(field).get("value")), canary["google"])


def test_fastest_start_stands_first(session: Session) -> None:
    assert ORDER[0] == "google"
    assert [card.provider for card in KeysPanel(session).cards] == list(ORDER)


def test_fastest_start_is_said_once(session: Session) -> None:
    cards = KeysPanel(session).cards
    static = KeysPanel(session)._repr_mimebundle_()["text/plain"]

    said = [card._costs() for card in cards] + setup_lines(session.control.setup("google"))

    assert " ".join(said).count("fastest start") == 1
    assert "fastest start" in said[0]
    assert " ".join(static.split()).count("fastest start") == 1


def test_save_without_a_key_says_what_is_missing(session: Session) -> None:
    card = KeyCard(session, "google")
    assert card.widget

    card.act(card.save)

    assert "no key in the field" in card.news.widget.value
    with pytest.raises(WrongUsage):
        card.save()


@pytest.mark.slow
def test_refused_key_is_told_in_the_card(
    session: Session, canary: dict[str, str], blocked_calls: list[str]
) -> None:
    """The official address is out of reach here, so the key is not stored and the card says why."""
    card = KeyCard(session, "google")
    assert card.widget
    arrive(card.field, canary["google"])

    card.act(card.save)
    blocked_calls.clear()

    assert "was not stored" in card.news.widget.value
    assert card.field.holds == 0
    assert not find_canary(saved_state(), canary["google"])


def test_stored_key_is_tested_and_removed(session: Session, practice: PracticeServer) -> None:
    store(session, practice)
    card = KeyCard(session, "google")
    assert card.widget

    card.act(card.test)
    tested = card.news.widget.value
    card.act(card.remove)

    assert "accepts it" in tested
    assert "none yet" in card.facts.value
    assert practice.key not in saved_state()


@pytest.fixture
def fake() -> Iterator[FakeProviders]:
    with FakeProviders() as fake:
        yield fake


def test_server_without_a_key_is_shown_tested_and_removed_as_what_it_is(
    session: Session, fake: FakeProviders
) -> None:
    store_at(session, fake, "")
    card = KeyCard(session, "google")
    assert card.widget
    shown = card.facts.value + KeysPanel(session)._repr_mimebundle_()["text/plain"]

    card.act(card.test)
    tested = card.news.widget.value
    card.act(card.remove)
    removed = card.news.widget.value

    assert shown.count("no key needed") == 2
    assert "ends in …" not in shown
    assert "tested ·" not in card.facts.value
    assert "answers without a key" in tested
    assert "No key was stored" in removed
    assert "revok" not in removed
    assert "none yet" in card.facts.value
    assert [call.key for call in fake.calls] == [None]


def test_short_key_is_shown_without_its_end(session: Session, fake: FakeProviders) -> None:
    store_at(session, fake, "ollama")
    card = KeyCard(session, "google")
    assert card.widget

    card.act(card.test)

    assert "ready" in card.facts.value
    assert "ends in" not in card.facts.value
    assert "accepts it" in card.news.widget.value
    assert [call.key for call in fake.calls] == ["ollama"]
    assert len(fake.strangers) == 1  # asked once more without the key: does it need one at all?


@pytest.mark.parametrize("typed", ["ollama", "k" * 19, "k" * 513])
def test_field_of_a_providers_own_endpoint_takes_no_key_of_another_length(
    session: Session, typed: str
) -> None:
    card = KeyCard(session, "google")
    assert card.widget
    arrive(card.field, typed)

    card.act(card.save)

    assert "not a key, so nothing was stored" in card.news.widget.value
    assert "none yet" in card.facts.value


def test_static_form_shows_state_and_command(session: Session, practice: PracticeServer) -> None:
    store(session, practice)

    shown = KeysPanel(session)._repr_mimebundle_()

    assert {"text/plain", "text/markdown", "text/html"} < set(shown)
    assert "ready" in shown["text/plain"]
    assert "%assay keys set PROVIDER" in shown["text/plain"]
    assert practice.key not in json.dumps(shown)


def test_hub_mode_has_no_field(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Config(home=session.config.home, gateway_url="http://127.0.0.1:8790/services/assay/")
    page = "http://127.0.0.1:8790/services/assay/workspaces/1"

    async def keyway(control: object, workspace: str | None) -> Keyway:
        return Keyway(mode="hub", workspace="personal", page=page)

    monkeypatch.setattr(LocalControl, "keyway", keyway)
    panel = KeysPanel(HubSession(hub, session))

    kinds = {type(widget) for widget in walk(panel.widget)}

    assert KeyField not in kinds
    assert widgets.Button not in kinds
    assert f"Open {page} in a browser" in " ".join(panel._repr_mimebundle_()["text/plain"].split())
    assert any(f'href="{page}"' in getattr(one, "value", "") for one in walk(panel.widget))


class HubSession(Session):
    """A session that believes to be on a hub; its control stays the local one."""

    def __init__(self, config: Config, local: Session) -> None:
        super().__init__(config)
        self.portal = local.portal
        self.__dict__["_seams"] = (local.engine, local.control)


def store(session: Session, practice: PracticeServer) -> None:
    save(session, practice.key, practice.endpoint("google"), check=True)


def store_at(session: Session, fake: FakeProviders, key: str) -> None:
    save(session, key, fake.endpoint("google"), check=False)


def save(session: Session, key: str, endpoint: str, *, check: bool) -> None:
    async def run() -> None:
        typed = bytearray(key.encode())
        await session.control.set_key(None, "google", typed, endpoint=endpoint, check=check)

    session.portal.call(run)
