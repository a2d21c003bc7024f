"""Named connections in the panel: making one from a preset, changing it, and how a long list stays readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import pytest

from assay_nb.connections.presets import PRESETS
from assay_nb.engine.session import Session
from assay_nb.panels.connect import ConnectForm
from assay_nb.panels.key_cards import ConnectionCard
from assay_nb.panels.key_field import KeyField
from assay_nb.panels.keys import KeysPanel
from assay_nb.panels.model import ModelPanel
from tests.canaries import find_canary
from tests.fakes.providers import FakeProviders
from tests.panels.test_keys import arrive, saved_state, walk
from tests.tools import unused_port


@pytest.fixture
def fake() -> Iterator[FakeProviders]:
    with FakeProviders() as fake:
        yield fake


@pytest.fixture
def panel(session: Session) -> KeysPanel:
    panel = KeysPanel(session)
    assert panel.widget
    return panel


def form_of(panel: KeysPanel) -> ConnectForm:
    """Open the form, as a click does."""
    assert panel.adding is not None
    return panel.adding.unfold()


def connect(panel: KeysPanel, fake: FakeProviders, name: str, key: str = "") -> ConnectionCard:
    """Fill in the form for a server of one's own, and return the new card."""
    form = form_of(panel)
    form.preset.value = "openai-compatible"
    form.name.value, form.address.value = name, fake.endpoint("openai")
    if key:
        arrive(form.field, key)
    form.act(form.connect)
    assert name in panel.named, form.news.widget.value
    return panel.named[name]


def shown(panel: KeysPanel) -> list[str]:
    """Return the connections whose cards are not folded away."""
    cards = {card.widget: card.connection for card in (*panel.cards, *panel.named.values())}
    return [cards[part] for part in panel._shown.children if part in cards]


def facts(session: Session) -> dict[str, Any]:
    found = session.portal.call(session.control.keys, None)
    return {fact.connection: fact for fact in found if fact.state != "missing"}


def test_form_has_no_field_before_it_is_opened(panel: KeysPanel) -> None:
    before = len([part for part in walk(panel.widget) if isinstance(part, KeyField)])

    assert panel.adding is not None
    fold = panel.adding._fold
    fold.selected_index = 0
    opened = [part for part in walk(panel.widget) if isinstance(part, KeyField)]

    assert (before, len(opened)) == (3, 4)
    assert panel.adding.form is form_of(panel)


def test_local_server_is_connected_without_a_key(
    panel: KeysPanel, session: Session, fake: FakeProviders
) -> None:
    card = connect(panel, fake, "local")

    fact = facts(session)["local"]
    assert (fact.kind, fact.endpoint, fact.keyless) == (
        "openai-chat",
        fake.endpoint("openai"),
        True,
    )
    assert "no key needed" in card.facts.value
    assert "OpenAI Chat Completions" in card.facts.value
    assert "local/MODEL" in card.facts.value
    assert "local/gpt-6-luna" in form_of(panel).news.widget.value


def test_key_typed_in_the_form_is_sealed_and_in_no_state(
    panel: KeysPanel, session: Session, fake: FakeProviders, make_key: Any
) -> None:
    key = make_key("openai")
    fake.keys = {key}

    card = connect(panel, fake, "ours", key)

    assert facts(session)["ours"].last4 == key[-4:]
    assert f"ends in {key[-4:]}" in card.facts.value
    assert form_of(panel).field.holds == 0
    assert not find_canary(saved_state(), key)
    assert not find_canary(json.dumps(panel._repr_mimebundle_()), key)


def test_key_typed_for_one_server_is_not_sent_to_another(
    panel: KeysPanel, session: Session, fake: FakeProviders, make_key: Any
) -> None:
    form = form_of(panel)
    form.preset.value = "groq"
    arrive(form.field, make_key("openai"))

    connect(panel, fake, "local")

    assert facts(session)["local"].keyless
    assert {call.key for call in fake.calls} == {None}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_shows_the_fields_that_it_needs(panel: KeysPanel, name: str) -> None:
    form, preset = form_of(panel), PRESETS[name]

    form.preset.value = name

    holes = [hole for hole, part in form.parts.items() if part.layout.display != "none"]
    assert tuple(holes) == preset.holes
    assert (form.field.layout.display == "none") is (preset.key == "none")
    assert form.name.value == name
    assert escape(preset.to_begin.split("`")[0].strip()) in form.about.value


@pytest.mark.parametrize(
    ("preset", "name", "said"),
    [
        ("groq", "groq", "needs a key"),
        ("azure", "azure", "needs a key"),
        ("openai-compatible", "any", "address is missing"),
        ("ollama", "", "The name is missing"),
        ("ollama", "No Name", "cannot be named"),
    ],
)
def test_form_that_is_filled_in_wrongly_stores_nothing(
    panel: KeysPanel, session: Session, preset: str, name: str, said: str
) -> None:
    form = form_of(panel)
    form.preset.value = preset
    form.name.value = name
    form.first.value = False

    form.act(form.connect)

    assert said in form.news.widget.value
    assert facts(session) == {}


def test_name_that_is_taken_keeps_its_key(
    panel: KeysPanel, session: Session, fake: FakeProviders, make_key: Any
) -> None:
    fake.keys = {key := make_key("openai")}
    connect(panel, fake, "ours", key)
    form = form_of(panel)
    form.preset.value, form.name.value = "ollama", "ours"

    form.act(form.connect)

    assert "already" in form.news.widget.value
    assert facts(session)["ours"].last4 == key[-4:]


def test_untested_is_stored_where_nobody_answers(
    panel: KeysPanel, session: Session, fake: FakeProviders
) -> None:
    form = form_of(panel)
    form.preset.value = "openai-compatible"
    form.name.value = "later"
    form.address.value = f"http://127.0.0.1:{unused_port()}/v1"

    form.act(form.connect)
    refused = form.news.widget.value
    form.first.value = False
    form.act(form.connect)

    assert "untick “Test first”" in refused
    assert "--unverified" not in refused
    assert "later" in facts(session)


def test_key_is_replaced_and_an_empty_one_costs_none(
    panel: KeysPanel, session: Session, fake: FakeProviders, make_key: Any
) -> None:
    first, second = make_key("openai"), make_key("openai")
    fake.keys = {first, second}
    card = connect(panel, fake, "ours", first)

    arrive(card.field, second)
    card.act(card.save)
    card.address.value = f"http://127.0.0.1:{unused_port()}/v1"
    card.act(card.save)

    fact = facts(session)["ours"]
    assert (fact.last4, fact.endpoint) == (second[-4:], fake.endpoint("openai"))
    assert "was kept" in card.news.widget.value


def test_nothing_to_store_is_said(panel: KeysPanel, fake: FakeProviders) -> None:
    card = connect(panel, fake, "local")

    card.act(card.save)

    assert "no key in the field" in card.news.widget.value


def test_renamed_and_removed_connections_are_told_where_their_card_is_gone(
    panel: KeysPanel, session: Session, fake: FakeProviders
) -> None:
    card = connect(panel, fake, "local")
    card.name.value = "laptop"

    card.act(card.rename)
    renamed, told = shown(panel), panel.news.widget.value
    panel.named["laptop"].act(panel.named["laptop"].remove)

    assert "laptop" in renamed
    assert "local" not in renamed
    assert "laptop" in told
    assert panel.named == {}
    assert "No key was stored" in panel.news.widget.value
    assert facts(session) == {}


def test_test_asks_the_connections_own_server(panel: KeysPanel, fake: FakeProviders) -> None:
    card = connect(panel, fake, "local")
    fake.calls.clear()

    card.act(card.test)

    assert "answers without a key" in card.news.widget.value
    assert [call.path for call in fake.calls] == ["/openai/v1/models"]


def test_providers_without_a_key_are_folded_away_once_there_is_a_connection(
    panel: KeysPanel, fake: FakeProviders
) -> None:
    alone = shown(panel)

    connect(panel, fake, "zeta")
    card = connect(panel, fake, "alpha")

    assert alone == ["google", "anthropic", "openai"]
    assert shown(panel) == ["alpha", "zeta"]
    assert [one.widget for one in panel.cards] == list(panel._unused.children)
    assert panel.named["alpha"] is card


def test_static_form_lists_all_connections(panel: KeysPanel, fake: FakeProviders) -> None:
    connect(panel, fake, "local")

    text = panel._repr_mimebundle_()["text/plain"]

    assert "local" in text
    assert fake.endpoint("openai") in text
    assert "%assay connect" in text


def test_models_of_a_connection_are_offered(
    panel: KeysPanel, session: Session, fake: FakeProviders
) -> None:
    connect(panel, fake, "local")
    model = ModelPanel(session)
    assert model.widget
    before, none = model.field.options, model.facts.value

    model.act(model.list_models)
    model.field.value = "local/gpt-6-luna"
    model.act(model.set)

    assert "local/" in before
    assert "No model is chosen" in none
    assert "local/MODEL" in none
    assert "local/gpt-6-luna" in model.field.options
    assert session.portal.call(session.control.model, None) == "local/gpt-6-luna"


def test_server_that_is_off_is_named_beside_the_models_of_others(
    panel: KeysPanel, session: Session, fake: FakeProviders
) -> None:
    connect(panel, fake, "local")
    with FakeProviders() as other:
        connect(panel, other, "gone")
    model = ModelPanel(session)
    assert model.widget

    model.act(model.list_models)

    assert "local/gpt-6-luna" in model.field.options
    assert "2 models listed" in model.news.widget.value
    assert "gone: " in model.news.widget.value
    assert "cannot be reached" in model.news.widget.value


def test_models_of_another_workspace_are_not_offered(
    panel: KeysPanel, session: Session, fake: FakeProviders
) -> None:
    connect(panel, fake, "local")
    model = ModelPanel(session)
    assert model.widget
    model.act(model.list_models)
    session.portal.call(session.control.create_workspace, "other")
    session.portal.call(session.control.use_workspace, "other")

    model.refresh()

    assert not [name for name in model.field.options if name.startswith("local/")]
