"""The guard before saving: what looks like a key does not get into the file unseen, and nothing is lost by a no."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from playwright.sync_api import Route, expect

from tests.canaries import find_canary
from tests.lab.browsing import Lab

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]

SAVE = "docmanager:save"
TYPED = "important_work = 42"

# What whoever saves first makes of the save: the outcome is kept, since the person is asked meanwhile.
BEGIN = """([name, args]) => {
  window.__outcome = 'none yet';
  const { commands, shell } = window.jupyterapp;
  const begun = name ? commands.execute(name, args) : shell.currentWidget.context.save();
  begun.then(() => { window.__outcome = 'done'; }, error => { window.__outcome = error.name; });
}"""
OUTCOME = "() => window.__outcome"
HAS_ENDED = "() => window.__outcome !== 'none yet'"
STATE = """() => {
  const panels = [...window.jupyterapp.shell.widgets('main')].filter(one => one.context);
  return panels.map(({ context, content }) => [
    context.model.dirty, content.widgets[0].model.sharedModel.getSource()]);
}"""
IS_CLEAN = "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"


def begin(lab: Lab, command: str = "", **args: Any) -> None:
    """Begin something that saves first; without a command, what autosave does."""
    lab.page.evaluate(BEGIN, [command, args])


def answer(lab: Lab, keys: Sequence[str] | None) -> None:
    """Say no to the guard: by its button, or by keys."""
    expect(lab.dialog()).to_contain_text("OpenAI key")
    if keys is None:
        lab.dialog().get_by_role("button", name="Do not save").click()
    for key in keys or ():
        lab.page.keyboard.press(key)
    expect(lab.dialog()).to_have_count(0)


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

    dialog = lab.dialog()
    expect(dialog).to_contain_text("Cell 1, source: OpenAI key")
    expect(dialog).to_contain_text("Cell 2, output: Anthropic key")
    expect(dialog).to_contain_text("Cell 3, metadata: Google key")
    expect(dialog).to_contain_text("revoke")
    assert not any(find_canary(dialog.inner_html(), key) for key in keys)
    lab.photograph("guard")
    dialog.get_by_role("button", name="Clear and save").click()
    expect(dialog).to_have_count(0)

    lab.page.wait_for_function(IS_CLEAN)
    text = json.dumps(lab.saved("guard.ipynb"))
    assert not any(find_canary(text, key) for key in keys)
    assert "[removed: OpenAI key]" in text


@pytest.mark.parametrize("keys", [None, ["Escape"]], ids=["button", "escape"])
def test_no_to_the_guard_loses_nothing_whatever_saves_first(
    lab: Lab, make_key: Callable[[str], str], keys: list[str] | None
) -> None:
    source = f"{TYPED}\nkey = '{make_key('openai')}'"
    lab.open("refused.ipynb", [new_code_cell("1")], kernel=False)
    lab.write(0, source)
    before = (lab.folder / "refused.ipynb").read_bytes()
    files = sorted(lab.folder.iterdir())
    exported: list[str] = []
    lab.page.context.on("page", lambda page: exported.append(page.url))
    outcomes: dict[str, tuple[str, Any]] = {}

    def refuse(way: str, command: str = "", **args: Any) -> None:
        begin(lab, command, **args)
        answer(lab, keys)
        lab.page.wait_for_function(HAS_ENDED)
        expect(lab.dialog()).to_have_count(0)
        outcomes[way] = (lab.page.evaluate(OUTCOME), lab.page.evaluate(STATE))

    def refuse_closing(way: str, command: str) -> None:
        lab.command(command)
        lab.dialog().get_by_role("button", name="Save", exact=True).click()
        answer(lab, keys)
        expect(lab.notice().filter(has_text="Not saved: refused.ipynb").last).to_be_visible()
        outcomes[way] = (lab.page.evaluate("() => 'open'"), lab.page.evaluate(STATE))

    refuse_closing("close", "application:close")
    refuse_closing("close all", "application:close-all")
    refuse("autosave")
    refuse("save all", "docmanager:save-all")
    refuse("save as", "docmanager:save-as")  # the command itself does not wait for its end
    refuse("export", "notebook:export-to-format", format="script")
    lab.command("docmanager:clone")
    expect(lab.page.locator(".jp-NotebookPanel")).to_have_count(2)
    refuse("two views", "docmanager:save-all")

    intact = [[True, source]]
    assert outcomes == {
        "close": ("open", intact),
        "close all": ("open", intact),
        "autosave": ("ModalCancelError", intact),
        "save all": ("ModalCancelError", intact),
        "save as": ("done", intact),
        "export": ("ModalCancelError", intact),
        "two views": ("ModalCancelError", intact * 2),
    }
    assert (lab.folder / "refused.ipynb").read_bytes() == before
    assert sorted(lab.folder.iterdir()) == files, "no copy"
    assert exported == []
    begin(lab, SAVE)
    lab.dialog().get_by_role("button", name="Save as it is").click()
    lab.page.wait_for_function(IS_CLEAN)
    assert TYPED in "".join(lab.saved("refused.ipynb")["cells"][0]["source"]), "a yes saves it"


def test_closing_while_the_guard_asks_waits_for_its_answer(
    lab: Lab, make_key: Callable[[str], str]
) -> None:
    source = f"{TYPED}\nkey = '{make_key('openai')}'"
    lab.open("twice.ipynb", [new_code_cell("1")], kernel=False)
    lab.write(0, source)

    begin(lab)
    expect(lab.dialog()).to_contain_text("OpenAI key")
    begin(lab)
    lab.command("application:close")
    outcome_while_asked = lab.page.evaluate(OUTCOME)
    lab.dialog().get_by_role("button", name="Do not save").click()
    lab.dialog().get_by_role("button", name="Save", exact=True).click()
    outcome_after = lab.page.evaluate(OUTCOME)
    answer(lab, ["Escape"])
    expect(lab.notice().filter(has_text="Not saved").last).to_be_visible()

    assert outcome_while_asked == "none yet"
    assert outcome_after == "ModalCancelError"
    assert lab.page.evaluate(STATE) == [[True, source]]


def test_another_key_in_a_cell_that_was_allowed_asks_again(
    lab: Lab, make_key: Callable[[str], str]
) -> None:
    first, second = make_key("openai"), make_key("openai")
    lab.open("again.ipynb", [new_code_cell("1")], kernel=False)

    lab.write(0, f"key = '{first}'")
    begin(lab, SAVE)
    lab.dialog().get_by_role("button", name="Save as it is").click()
    lab.page.wait_for_function(HAS_ENDED)
    lab.write(0, f"key = '{first}'  # the same one")
    begin(lab, SAVE)
    lab.page.wait_for_function(HAS_ENDED)
    lab.write(0, f"key = '{second}'")
    begin(lab, SAVE)
    answer(lab, None)

    source = "".join(lab.saved("again.ipynb")["cells"][0]["source"])
    assert source == f"key = '{first}'  # the same one", "the allowed value is saved unasked"


def test_key_behind_nine_megabytes_is_found(lab: Lab, make_key: Callable[[str], str]) -> None:
    lab.open("long.ipynb", [new_code_cell("1")], kernel=False)
    lab.page.evaluate(
        "text => window.jupyterapp.shell.currentWidget.context.model.setMetadata('notes', text)",
        "x " * 4_700_000 + make_key("openai"),
    )

    begin(lab, SAVE)

    expect(lab.dialog()).to_contain_text("The notebook’s metadata: OpenAI key")
    answer(lab, None)
    assert "notes" not in lab.saved("long.ipynb")["metadata"]


def test_notebook_that_cannot_be_checked_is_saved_and_the_person_told(lab: Lab) -> None:
    def fail(route: Route) -> None:
        route.fulfill(
            status=400, json={"error": {"message": "Too long.", "hint": None, "code": "x"}}
        )

    lab.open("clean.ipynb", [new_code_cell("1")], kernel=False)
    lab.write(0, "2")
    lab.save()
    told_before = lab.notice().count()
    lab.page.route("**/assay-nb/api/v1/scan*", fail)
    lab.write(0, "3")
    lab.save()

    expect(lab.notice()).to_contain_text("clean.ipynb was not checked for keys before saving")
    assert told_before == 0, "one that is clean is saved without a word"
    assert lab.saved("clean.ipynb")["cells"][0]["source"] == ["3"]
