"""The workspace and model panels."""

from __future__ import annotations

from assay_nb.engine.session import Session
from assay_nb.panels.model import ModelPanel
from assay_nb.panels.opening import SettingsPanel
from assay_nb.panels.workspace import WorkspacePanel


def test_made_workspace_becomes_the_active_one(session: Session) -> None:
    panel = WorkspacePanel(session)
    assert panel.widget
    panel.name.value = "research"

    panel.act(panel.create)

    assert session.portal.call(session.control.show_workspace, None).name == "research"
    assert "research (owner)" in dict(panel.picker.options)


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
    assert "%assay model PROVIDER/MODEL" in shown
