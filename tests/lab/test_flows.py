"""What people do with prompts in JupyterLab, from the first key to the reloaded notebook."""

from __future__ import annotations

import re
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from playwright.sync_api import Route, expect

from tests.fakes.providers import Answer
from tests.lab import replies
from tests.lab.browsing import Lab
from tests.tools import wait_until

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]

LOAD = new_code_cell("%load_ext assay_nb")


def cell(magic: str) -> str:
    return f"%%{magic}\n{replies.PROMPT}"


def test_critique_lights_up_the_words_of_a_finding(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    lab.open("critique.ipynb", [LOAD, new_code_cell(cell("critique -o review"))])
    lab.run_all()

    finding = lab.result().locator(".assay-item").first
    expect(finding).to_contain_text("exclude each other")
    finding.hover()

    lit = lab.result().locator("mark.assay-lit")
    expect(lit).to_have_text(["briefly", "be detailed"])
    lab.photograph("critique")


def test_two_of_three_edits_are_applied_and_a_reload_shows_the_same(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    lab.open("improve.ipynb", [LOAD, new_code_cell(cell("improve"))])
    lab.run_all()
    expect(lab.result()).to_contain_text("3 of 3 edits accepted")

    lab.result().get_by_label("Accept edit 2").uncheck()
    expect(lab.result()).to_contain_text("2 of 3 edits accepted")
    lab.photograph("improve")
    shown = lab.result().inner_text()
    lab.save()
    calls = len(lab.stage.fake.calls)
    lab.visit("improve.ipynb")

    assert lab.result().inner_text() == shown
    assert len(lab.stage.fake.calls) == calls
    lab.result().get_by_role("button", name="Apply to cell").click()
    expect(lab.page.locator(".Toastify__toast")).to_contain_text("new prompt")
    source = lab.source(1)
    assert source.startswith("%%improve\n")
    assert "in two sentences" in source
    assert "Be nice." in source
    assert "mood (calm, annoyed or angry)" in source


def test_rewrite_shows_what_became_of_each_constraint(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    lab.open("rewrite.ipynb", [LOAD, new_code_cell(cell("rewrite"))])
    lab.run_all()

    rows = lab.result().locator("tbody tr")
    expect(rows.filter(has_text="Never guess an order number.")).to_contain_text("kept")
    expect(rows.filter(has_text="Be nice.")).to_contain_text("dropped")
    lab.photograph("rewrite")


def test_toolbar_critiques_a_markdown_cell_without_a_kernel(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    lab.open("markdown.ipynb", [new_markdown_cell(replies.PROMPT)], kernel=False)
    lab.select(0)

    lab.command("assay-nb:critique")
    expect(lab.result()).to_contain_text("exclude each other")
    lab.command("assay-nb:improve")
    lab.page.wait_for_timeout(100)

    expect(lab.result()).to_have_count(2)
    assert lab.source(1).startswith("%%")
    # What is shown comes piece by piece, and its form for other readers with the last one.
    wait_until(lambda: "text/html" in save_and_read(lab), 30, lambda: str(save_and_read(lab)))
    assert "application/vnd.assay.critique.v1+json" in save_and_read(lab)


def save_and_read(lab: Lab) -> dict[str, Any]:
    """Save the notebook, and return what its critique was kept as."""
    lab.save()
    [output] = lab.saved("markdown.ipynb")["cells"][2]["outputs"]
    return output["data"]


def test_call_can_be_stopped_from_the_notice(lab: Lab) -> None:
    reply = replies.chunks(replies.critique(), 20)
    lab.stage.fake.answers(*reply, pause=0.5)
    lab.open("stop.ipynb", [new_code_cell(cell("critique"))], kernel=False)
    lab.select(0)

    lab.command("assay-nb:critique")
    lab.page.get_by_role("button", name="Stop", exact=True).click()

    expect(lab.page.get_by_text("the connection to the provider is closed")).to_be_visible()
    assert lab.stage.fake.calls[-1].closed.wait(10)


def test_status_bar_switches_the_workspace(lab: Lab) -> None:
    lab.server.ask("POST", "workspaces", {"name": "marketing"})
    lab.open("status.ipynb", [LOAD], kernel=False)
    status = lab.page.locator(".assay-status button")
    expect(status).to_contain_text("key ready")

    status.click()
    lab.page.locator("dialog.jp-Dialog select").select_option("marketing")
    lab.page.keyboard.press("Enter")

    expect(status).to_contain_text("marketing")
    expect(status).to_contain_text("no key")
    facts = {fact["name"]: fact for fact in lab.server.ask("GET", "workspaces").data}
    assert facts["marketing"]["active"]


def test_variables_and_lint_findings_are_marked_as_one_types(lab: Lab) -> None:
    lab.open("marks.ipynb", [new_code_cell("%%critique\nDear {{name}}")], kernel=False)
    marked = lab.page.locator(".jp-CodeCell .assay-in-cell.assay-variable")
    expect(marked).to_have_text("{{name}}")

    lab.page.locator(".jp-CodeCell .cm-content").click()
    lab.page.keyboard.press("Control+End")
    lab.page.keyboard.type(", answer yes or n\u200bo and {{more}}")

    expect(marked.filter(has_text="more").first).to_be_visible()
    expect(lab.page.locator(".jp-CodeCell .assay-in-cell[title^=A004]").first).to_be_visible()
    assert lab.stage.fake.calls == []
    lab.photograph("marks")


def test_hints_are_marked_once_the_setting_is_on_and_no_page_is_loaded_again(lab: Lab) -> None:
    def answer(route: Route) -> None:
        places = {"error": 0, "hint": 5}
        findings = [
            {"rule": "A004", "level": level, "message": level, "start": at, "end": at + 4}
            for level, at in places.items()
        ]
        route.fulfill(json={"findings": findings, "variables": []})

    lab.page.route("**/assay-nb/api/v1/lint*", answer)
    lab.open("hints.ipynb", [new_code_cell("%%lint\nBe very brief.")], kernel=False)
    marked = lab.page.locator(".jp-CodeCell .assay-in-cell")
    expect(marked).to_have_text(["Be v"])

    lab.page.evaluate(
        "() => window.jupyterapp.commands.execute('settingeditor:open', {query: 'Mark hints too'})"
    )
    lab.page.get_by_label("Mark hints too").check()
    lab.page.locator(".lm-TabBar-tab", has_text="hints.ipynb").first.click()

    expect(marked).to_have_text(["Be v", "ry b"])


def test_cell_that_is_no_prompt_is_sent_nowhere(lab: Lab) -> None:
    lab.open("code.ipynb", [new_code_cell("x = '{{name}}'")], kernel=False)
    lab.watch()

    lab.page.locator(".jp-CodeCell .cm-content").click()
    lab.page.keyboard.type("# NEVER EVER")
    lab.page.wait_for_timeout(1200)

    assert [url for url in lab.requests if "assay-nb/api" in url] == []


def test_run_over_rows_shows_a_bar_and_is_stopped_by_labs_own_button(lab: Lab) -> None:
    lab.stage.fake.answer_by(lambda call: Answer(chunks=("fine",), delay=0.3))
    rows = new_code_cell("rows = [{'word': f'word {n}'} for n in range(60)]")
    run = new_code_cell("%%playground --data rows --concurrency 2 -o table\nSay {{word}}.")
    lab.open("progress.ipynb", [LOAD, rows, run])
    for index in range(3):
        lab.select(index)
        lab.command("notebook:run-cell")
    shown = lab.page.locator(".jp-Cell").nth(2).locator(".jp-OutputArea")

    expect(shown).to_contain_text(re.compile("[4-9] of 60"))
    lab.photograph("progress")
    lab.page.get_by_role("button", name=re.compile("Interrupt the kernel")).first.click()

    expect(shown).to_contain_text("Stopped")
    assert 4 <= len(lab.stage.fake.calls) < 60
