"""Every flow once by keyboard alone: nothing here is clicked, pointed at or focused by a script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from playwright.sync_api import expect

from tests.canaries import find_canary
from tests.lab import replies
from tests.lab.browsing import Lab
from tests.lab.test_flows import LOAD, cell
from tests.lab.test_keys import card, new_team

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]
__all__ = ["new_team"]


def test_key_is_set_up_tested_and_removed(
    lab: Lab, new_team: str, make_key: Callable[[str], str]
) -> None:
    key = make_key("google")
    lab.stage.fake.keys = {key}
    lab.open("keyboard-keys.ipynb", [LOAD], kernel=False)
    lab.settle()
    google = card(lab.page.locator(".assay-sidebar"), "google")

    lab.from_palette("Show workspace, keys and model")
    google.wait_for()
    lab.tab_to("Get a key (the fastest start)")
    lab.page.keyboard.press("Enter")
    expect(google.get_by_text("Make a key at")).to_be_visible()
    lab.tab_to("Google key")
    lab.page.keyboard.type(key)
    lab.tab_to("Another server")
    lab.page.keyboard.press("Enter")
    lab.tab_to("Base URL")
    lab.page.keyboard.type(lab.stage.fake.endpoint("google"))
    lab.page.keyboard.press("Enter")
    expect(google).to_contain_text("The provider accepts it.")

    lab.tab_to("Test")
    lab.page.keyboard.press("Enter")
    expect(google).to_contain_text("The provider accepts it.")
    lab.tab_to("Remove")
    lab.page.keyboard.press("Enter")
    expect(google).to_contain_text("none yet")


def test_workspace_is_switched_from_the_status_bar(lab: Lab) -> None:
    lab.server.ask("POST", "workspaces", {"name": "by-keyboard"})
    lab.open("keyboard-status.ipynb", [LOAD], kernel=False)
    lab.settle()
    status = lab.page.locator(".assay-status button")
    expect(status).to_contain_text("key ready")

    lab.tab_to(status.inner_text(), key="Shift+Tab")
    lab.page.keyboard.press("Enter")
    expect(lab.page.locator("dialog.jp-Dialog select")).to_be_visible()
    lab.page.keyboard.type("by-key")
    lab.page.keyboard.press("Enter")

    expect(status).to_contain_text("by-keyboard")


def test_workspace_is_made_and_a_model_set_in_the_sidebar(lab: Lab) -> None:
    lab.open("keyboard-model.ipynb", [LOAD], kernel=False)
    lab.settle()
    sidebar = lab.page.locator(".assay-sidebar")

    lab.from_palette("Show workspace, keys and model")
    sidebar.locator(".assay-card").first.wait_for()
    lab.tab_to("Name of a new workspace")
    lab.page.keyboard.type("made-by-keyboard")
    lab.page.keyboard.press("Enter")
    expect(lab.page.locator(".assay-status")).to_contain_text("made-by-keyboard")
    lab.tab_to("Model")
    lab.page.keyboard.type("openai/gpt-6-luna")
    lab.page.keyboard.press("Enter")

    expect(sidebar).to_contain_text("Calls use openai/gpt-6-luna.")
    assert lab.focused() == "Model"


@pytest.mark.parametrize(
    ("keys", "is_saved", "is_cleared"),
    [(["Enter"], True, True), (["Escape"], False, False), (["Shift+Tab", "Enter"], True, False)],
    ids=["clear", "refuse", "anyway"],
)
def test_question_before_saving_is_answered(
    lab: Lab, make_key: Callable[[str], str], keys: list[str], is_saved: bool, is_cleared: bool
) -> None:
    key = make_key("openai")
    lab.open("keyboard-guard.ipynb", [new_code_cell("")], kernel=False)
    lab.settle()
    lab.page.keyboard.press("Enter")
    lab.page.keyboard.type(f"key = '{key}'")

    lab.page.keyboard.press("Control+s")
    dialog = lab.page.locator("dialog.jp-Dialog")
    expect(dialog).to_contain_text("Cell 1, source: OpenAI key")
    for press in keys:
        lab.page.keyboard.press(press)
    expect(dialog).to_have_count(0)

    if is_saved:
        lab.page.wait_for_function(
            "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        )
    source = "".join(lab.saved("keyboard-guard.ipynb")["cells"][0]["source"])
    assert ("[removed: OpenAI key]" in source) is is_cleared
    assert bool(find_canary(source, key)) is (is_saved and not is_cleared)


@pytest.mark.parametrize("instrument", ["Critique", "Improve", "Rewrite"])
def test_cell_is_worked_on_from_its_toolbar(lab: Lab, instrument: str) -> None:
    lab.stage.fake.answer_by(replies.answer)
    # Lab hides a toolbar that lies over the cell's text; the first line here is short.
    lab.open(f"toolbar-{instrument}.ipynb", [new_code_cell(cell("critique"))], kernel=False)
    lab.settle()

    lab.page.keyboard.press("Escape")  # out of the text
    lab.page.keyboard.press("Tab")  # into the toolbar, where arrows lead on
    lab.tab_to(instrument, key="ArrowRight")
    lab.page.keyboard.press("Enter")

    expect(lab.result()).to_contain_text(instrument[:6])  # such as Improvement


@pytest.mark.parametrize("instrument", ["Critique", "Improve", "Rewrite"])
def test_cell_is_worked_on_from_the_palette(lab: Lab, instrument: str) -> None:
    lab.stage.fake.answer_by(replies.answer)
    cells = [new_markdown_cell(replies.PROMPT)]
    lab.open(f"palette-{instrument}.ipynb", cells, kernel=False)
    lab.settle()

    lab.from_palette(f"{instrument} the prompt in this cell")

    expect(lab.result()).to_be_visible()
    assert lab.source(1).startswith(f"%%{instrument.lower()}\n")


def test_cell_is_worked_on_and_stopped_from_the_palette(lab: Lab) -> None:
    lab.stage.fake.answers(*replies.chunks(replies.critique(), 20), pause=0.5)
    lab.open("keyboard-stop.ipynb", [new_code_cell(cell("critique"))], kernel=False)
    lab.settle()

    lab.from_palette("Critique the prompt in this cell")
    assert lab.stage.fake.arrived.wait(20)
    lab.from_palette("Stop asking")

    expect(lab.page.get_by_text("the connection to the provider is closed")).to_be_visible()
    assert lab.stage.fake.calls[-1].closed.wait(10)


def test_edits_are_accepted_and_rejected_and_applied(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    lab.open("keyboard-improve.ipynb", [LOAD, new_code_cell(cell("improve"))])
    lab.settle()

    lab.page.keyboard.press("Shift+Enter")
    lab.page.keyboard.press("Shift+Enter")
    expect(lab.result()).to_contain_text("3 of 3 edits accepted")
    lab.page.keyboard.press("Escape")  # out of the new cell
    lab.tab_to("Accept edit 1accepted", key="Shift+Tab")
    lab.page.keyboard.press("Space")
    expect(lab.result()).to_contain_text("2 of 3 edits accepted")
    lab.tab_to("Apply to cell")
    lab.page.keyboard.press("Enter")

    expect(lab.page.locator(".Toastify__toast")).to_contain_text("new prompt")
    assert "briefly and be detailed" in lab.source(1)
    assert "Write as to a colleague." in lab.source(1)
