"""The widgets of `%assay panel`, in a real front end with a real kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import WebSocket, expect

from tests.canaries import find_canary
from tests.lab import replies
from tests.lab.browsing import Lab
from tests.lab.test_flows import LOAD, cell

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]


def test_key_typed_in_a_panel_comes_back_to_no_front_end_and_into_no_file(
    lab: Lab, make_key: Callable[[str], str]
) -> None:
    key = make_key("google")
    sent: list[str | bytes] = []
    received: list[str | bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(frame))
        socket.on("framereceived", lambda frame: received.append(frame))

    lab.page.on("websocket", listen)
    lab.open("panel.ipynb", [LOAD, new_code_cell("%assay panel")])
    lab.run_all()
    lab.page.get_by_role("tab", name="Keys", exact=True).click()
    field = lab.page.locator(".jp-OutputArea input[type=password]").first

    field.fill(key)
    field.press("Tab")

    expect(lab.page.get_by_text("characters taken from the field")).to_be_visible()
    expect(field).to_have_value("")
    lab.save()
    assert any(find_canary(frame, key) for frame in sent), "the search sees it on its way in"
    assert not any(find_canary(frame, key) for frame in received)
    assert not find_canary((lab.folder / "panel.ipynb").read_bytes(), key)


def test_review_panel_puts_the_chosen_text_into_a_variable_and_the_next_cell(lab: Lab) -> None:
    lab.stage.fake.answer_by(replies.answer)
    cells = [LOAD, new_code_cell(cell("improve -o better")), new_code_cell("%assay panel better")]
    lab.open("review.ipynb", [*cells, new_code_cell("print(improved)")])
    lab.run_all()
    panel = lab.page.locator(".jp-Cell").nth(2)
    expect(panel.get_by_text("with 3 of 3 edits")).to_be_visible()

    panel.get_by_role("button", name="Reject", exact=True).first.click()
    expect(panel.get_by_text("with 2 of 3 edits")).to_be_visible()
    panel.get_by_role("button", name="Use").click()
    expect(panel.get_by_text("and in the next cell")).to_be_visible()
    next_cell = lab.source(3)
    lab.select(4)
    lab.command("notebook:run-cell")

    assert next_cell.startswith("%%critique\n")
    assert "briefly and be detailed" in next_cell
    assert "Write as to a colleague." in next_cell
    output = lab.page.locator(".jp-Cell").nth(4).locator(".jp-OutputArea-output").last
    expect(output).to_contain_text("briefly and be detailed")
    expect(output).to_contain_text("Write as to a colleague.")
