"""A cell's own line, and its notebook's language: what a button heeds before it asks a provider."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from playwright.sync_api import expect

from tests.lab import replies
from tests.lab.browsing import SHELL, Lab

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]


SOURCES = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .map(cell => cell.model.sharedModel.getSource())"""
FOCUS_NOTEBOOK = """() => {
  const { shell } = window.jupyterapp;
  const notebook = [...shell.widgets('main')].find(one => one.context);
  shell.activateById(notebook.id);
}"""


@pytest.fixture
def other_team(lab: Lab) -> str:
    """The name of a workspace with keys, which is not the active one."""
    known = len(lab.server.ask("GET", "workspaces").data)
    made = lab.server.ask("POST", "workspaces", {"name": f"other-{known}"}).data
    for provider, key in lab.stage.keys.items():
        body = {"key": key, "endpoint": lab.stage.fake.endpoint(provider)}
        lab.server.ask("PUT", f"workspaces/{made['id']}/keys/{provider}", body)
    lab.stage.fake.calls.clear()
    return made["name"]


def test_button_asks_the_model_and_the_workspace_of_the_cells_line(
    lab: Lab, other_team: str
) -> None:
    lab.stage.fake.answer_by(replies.answer)
    line = f"-w {other_team} -m openai/gpt-6-luna"
    lab.open("line.ipynb", [new_code_cell(f"%%critique {line}\n{replies.PROMPT}")], kernel=False)
    lab.select(0)

    lab.command("assay-nb:critique")
    expect(lab.result()).to_contain_text("Critique")
    expect(lab.result()).to_contain_text(f"workspace {other_team}")
    expect(lab.result()).to_contain_text("openai/gpt-6-luna")
    lab.command("assay-nb:improve")
    expect(lab.result()).to_contain_text("3 of 3 edits accepted")
    expect(lab.result()).to_contain_text(f"workspace {other_team}")

    assert {call.key for call in lab.stage.fake.calls} == {lab.stage.keys["openai"]}


def test_line_that_a_button_cannot_honour_is_refused_in_words_that_are_seen_whole(
    lab: Lab, other_team: str
) -> None:
    line = f"-w {other_team} -m google/gemini-3.8-flash"
    earlier = new_output("stream", text="an earlier result")
    many = "--data rows --metric good --judge-model openai/gpt-6-luna --margin 0.1 --cluster id --candidates 2 --budget 1"
    cells = [
        new_code_cell(
            f"%%critique {line} --fail-under 4.9 -o r\n{replies.PROMPT}", outputs=[earlier]
        ),
        new_code_cell(f"%%improve {many}\n{replies.PROMPT}"),
    ]
    lab.open("refused-line.ipynb", cells, kernel=False)
    before = lab.page.evaluate(SOURCES)
    lab.select(0)

    lab.command("assay-nb:critique")
    expect(lab.notice()).to_have_text(
        "`--fail-under`, `-o` need the kernel: run the cell itself (Shift+Enter), or take them off its line."
    )
    lab.command("assay-nb:improve")
    other = lab.notice().filter(has_text="Improve cannot use `--fail-under`, `-o`")
    expect(other).to_contain_text("or run %%improve in a cell of its own.")
    lab.select(1)
    lab.command("assay-nb:improve")
    expect(lab.dialog()).to_contain_text("`--budget` need the kernel")
    expect(lab.dialog()).to_contain_text("(Shift+Enter)")
    lab.page.keyboard.press("Enter")

    expect(lab.dialog()).to_have_count(0)
    assert lab.stage.fake.calls == []
    assert lab.page.evaluate(SOURCES) == before
    expect(lab.page.locator(".jp-OutputArea-output")).to_have_text("an earlier result")


def test_prompt_in_a_kernel_that_is_not_python_gets_its_result_at_the_side(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    cells = [
        new_code_cell("x = 1"),
        new_markdown_cell("# Notes"),
        new_markdown_cell(replies.PROMPT),
    ]
    lab.open("shell.ipynb", cells, spec=SHELL)
    lab.save()
    before = (lab.folder / "shell.ipynb").read_bytes()
    sources = lab.page.evaluate(SOURCES)
    lab.select(2)

    lab.command("assay-nb:critique")
    side = lab.page.locator(".assay-side")
    expect(side).to_contain_text("exclude each other")
    expect(side).to_contain_text("workspace personal")
    expect(lab.page.get_by_role("tab", name="Critique of cell 3")).to_be_visible()
    lab.photograph("side")
    lab.command("assay-nb:improve")
    expect(side).to_contain_text("3 of 3 edits accepted")
    expect(side).to_have_count(1)
    expect(lab.page.get_by_role("tab", name="Improvement of cell 3")).to_be_visible()
    calls = len(lab.stage.fake.calls)
    lab.page.evaluate(FOCUS_NOTEBOOK)
    lab.run_all()
    lab.save()

    assert lab.page.evaluate(SOURCES) == sources
    saved = lab.saved("shell.ipynb")
    assert [cell["cell_type"] for cell in saved["cells"]] == ["code", "markdown", "markdown"]
    assert saved["cells"][0]["outputs"] == []
    assert len(lab.stage.fake.calls) == calls
    assert b"assay" not in (lab.folder / "shell.ipynb").read_bytes() + before
    side.get_by_role("button", name="Apply to cell").click()
    expect(lab.notice().filter(has_text="new prompt")).to_be_visible()
    lab.page.evaluate(FOCUS_NOTEBOOK)
    assert "in two sentences" in lab.source(2)
    assert lab.page.evaluate(SOURCES)[:2] == sources[:2]
