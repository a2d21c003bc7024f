"""The workspace and model panels."""

from __future__ import annotations

import pytest

from assay_nb.engine.session import Session
from assay_nb.errors import workspace_gone
from assay_nb.panels.keys import KeysPanel
from assay_nb.panels.model import ModelPanel
from assay_nb.panels.settings import SettingsPanel
from assay_nb.panels.workspace import WorkspacePanel


def test_made_workspace_becomes_the_active_one(session: Session) -> None:
    panel = WorkspacePanel(session)
    assert panel.widget
    panel.name.value = "research"

    panel.act(panel.create)

    assert session.portal.call(session.control.show_workspace, None).name == "research"
    assert list(dict(panel.picker.options)) == ["personal", "research"]


def test_own_vault_promises_no_team(session: Session) -> None:
    """Nobody else can reach a vault of one's own, whatever its workspaces are called within."""
    session.portal.call(session.control.create_workspace, "my research")
    session.portal.call(session.control.use_workspace, "my research")
    panel = WorkspacePanel(session)
    assert panel.widget

    said = panel.members.value + panel.name.placeholder

    assert "my research" in panel.members.value
    assert "is yours alone." in panel.members.value
    assert panel.name.placeholder == "name of a new workspace"
    assert "team" not in said


def test_picking_switches_where_calls_go(session: Session) -> None:
    made = session.portal.call(session.control.create_workspace, "research")
    panel = WorkspacePanel(session)
    assert panel.widget

    panel.picker.value = made.id

    assert session.portal.call(session.control.show_workspace, None).id == made.id


def test_refused_name_is_a_sentence_and_no_traceback(session: Session) -> None:
    panel = WorkspacePanel(session)
    assert panel.widget
    panel.name.value = "<script>alert(1)</script>"

    panel.act(panel.create)

    assert panel.news.widget.value
    assert "<script>" not in panel.news.widget.value


def test_switching_in_one_tab_is_seen_in_the_others(session: Session) -> None:
    made = session.portal.call(session.control.create_workspace, "research")
    session.portal.call(session.control.set_model, made.id, "openai/gpt-6-luna")
    settings = SettingsPanel(session)
    assert settings.widget
    workspace, _, model = settings.parts
    assert isinstance(workspace, WorkspacePanel)
    assert isinstance(model, ModelPanel)

    workspace.picker.value = made.id

    assert model.field.value == "openai/gpt-6-luna"


def test_model_is_set_and_reset(session: Session) -> None:
    panel = ModelPanel(session)
    assert panel.widget
    panel.field.value = "openai/gpt-6-luna"

    panel.act(panel.set)
    chosen = session.portal.call(session.control.model, None)
    panel.act(panel.reset)

    assert chosen == "openai/gpt-6-luna"
    assert panel.field.value == ""


def test_static_form_of_all_names_the_commands(session: Session) -> None:
    shown = SettingsPanel(session)._repr_mimebundle_()["text/plain"]

    assert "%assay workspace use NAME" in shown
    assert "%assay keys set PROVIDER" in shown
    assert "%assay model CONNECTION/MODEL" in shown


@pytest.fixture
def settings(session: Session) -> SettingsPanel:
    """The panel, as it opens after another kernel has deleted what this one had chosen."""
    other = Session(session.config, say=lambda _: None)
    session.portal.call(session.control.create_workspace, "doomed")
    session.portal.call(session.control.use_workspace, "doomed")
    other.portal.call(other.control.delete_workspace, "doomed")
    other.close()
    settings = SettingsPanel(session)
    assert settings.widget
    return settings


def test_panel_opens_where_the_chosen_workspace_is_gone(settings: SettingsPanel) -> None:
    workspace, keys, model = settings.parts
    assert isinstance(workspace, WorkspacePanel)
    assert isinstance(keys, KeysPanel)
    assert isinstance(model, ModelPanel)

    assert workspace.picker.value is None
    assert workspace_gone().message in workspace.members.value
    assert [name for name, _ in workspace.picker.options] == ["personal"]
    assert all("No workspace is chosen" in card.facts.value for card in keys.cards)
    assert model.field.value == ""
    assert "No workspace is chosen" in model.facts.value


def test_picking_another_one_is_seen_in_all_tabs(settings: SettingsPanel, session: Session) -> None:
    workspace, keys, model = settings.parts
    assert isinstance(workspace, WorkspacePanel)
    assert isinstance(keys, KeysPanel)
    assert isinstance(model, ModelPanel)

    workspace.picker.value = workspace.picker.options[0][1]

    assert session.portal.call(session.control.show_workspace, None).name == "personal"
    assert "personal" in workspace.members.value
    assert all("none yet" in card.facts.value for card in keys.cards)
    assert "No workspace is chosen" not in model.facts.value


def test_acts_on_what_is_gone_are_a_sentence(settings: SettingsPanel) -> None:
    _, keys, model = settings.parts
    assert isinstance(keys, KeysPanel)
    assert isinstance(model, ModelPanel)
    model.field.value = "openai/gpt-6-luna"

    model.act(model.set)
    keys.cards[0].act(keys.cards[0].test)
    keys.cards[0].act(keys.cards[0].remove)

    assert workspace_gone().message in model.news.widget.value
    assert workspace_gone().message in keys.cards[0].news.widget.value


def test_static_form_says_what_is_gone_and_how_to_choose(settings: SettingsPanel) -> None:
    shown = " ".join(settings._repr_mimebundle_()["text/plain"].split())

    assert workspace_gone().message in shown
    assert "personal" in shown
    assert "%assay workspace use NAME" in shown
