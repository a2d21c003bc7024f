"""The guard before saving: what looks like a key does not get into the file unseen."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from playwright.sync_api import expect

from tests.canaries import find_canary
from tests.lab.browsing import Lab

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lab")]

SAVE = "docmanager:save"


def test_key_in_source_output_and_metadata_is_named_and_cleared(
    lab: Lab, make_key: Callable[[str], str]
) -> None:
    keys = [make_key("openai"), make_key("anthropic"), make_key("google")]
    cells = [
        new_code_cell(f"key = '{keys[0]}'"),
        new_code_cell("1", outputs=[new_output("stream", text=f"it is {keys[1]}")]),
        new_markdown_cell("Harmless.", metadata={"note": keys[2]}),
    ]
    lab.open("guard.ipynb", cells, kernel=False)
    lab.command(SAVE)

    dialog = lab.page.locator("dialog.jp-Dialog")
    expect(dialog).to_contain_text("Cell 1, source: OpenAI key")
    expect(dialog).to_contain_text("Cell 2, output: Anthropic key")
    expect(dialog).to_contain_text("Cell 3, metadata: Google key")
    expect(dialog).to_contain_text("revoke")
    assert not any(find_canary(dialog.inner_html(), key) for key in keys)
    lab.photograph("guard")
    dialog.get_by_role("button", name="Clear and save").click()
    expect(dialog).to_have_count(0)

    lab.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    text = json.dumps(lab.saved("guard.ipynb"))
    assert not any(find_canary(text, key) for key in keys)
    assert "[removed: OpenAI key]" in text


def test_file_stays_as_it_was_where_nobody_agrees(lab: Lab, make_key: Callable[[str], str]) -> None:
    key = make_key("openai")
    lab.open("refused.ipynb", [new_code_cell("1")], kernel=False)
    lab.page.evaluate(
        "text => window.jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel.setSource(text)",
        f"key = '{key}'",
    )

    lab.command(SAVE)
    lab.page.get_by_role("button", name="Do not save").click()

    assert not find_canary((lab.folder / "refused.ipynb").read_bytes(), key)


def test_notebook_without_a_key_is_saved_unasked(lab: Lab) -> None:
    lab.open("clean.ipynb", [new_code_cell("1")], kernel=False)
    lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel.setSource('2')"
    )

    lab.save()

    assert lab.saved("clean.ipynb")["cells"][0]["source"] == ["2"]
