"""Named connections in the sidebar: making them from presets, changing them, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import Locator, expect

from tests.canaries import find_canary
from tests.lab.browsing import Lab
from tests.lab.test_access import axe, serious
from tests.lab.test_flows import LOAD
from tests.lab.test_keys import new_team

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]
__all__ = ["axe", "new_team"]

ADD = "Connect another server"


@pytest.fixture
def anybody(lab: Lab) -> Lab:
    """Lab, with a server behind it that answers without a key."""
    lab.stage.fake.keys = None
    lab.stage.fake.open_listing = True
    return lab


def named(sidebar: Locator, name: str) -> Locator:
    return sidebar.locator(f"[data-connection='{name}']")


def connect(sidebar: Locator, name: str, endpoint: str, key: str = "") -> Locator:
    """Fill in the form for a server of one's own, and return its card."""
    form = sidebar.locator(".assay-connect")
    if not form.get_by_label("Server").is_visible():
        form.get_by_text(ADD).click()
    form.get_by_label("Server").select_option("openai-compatible")
    form.get_by_label("Name of the connection").fill(name)
    form.get_by_label("Address").fill(endpoint)
    form.locator("input[type=password]").fill(key)
    form.get_by_role("button", name="Connect").click()
    card = named(sidebar, name)
    card.wait_for()
    return card


def test_two_connections_are_made_and_shown_and_their_models_offered(
    anybody: Lab, new_team: str, make_key: Callable[[str], str], axe
) -> None:
    lab, key = anybody, make_key("openai")
    lab.open("connections.ipynb", [LOAD], kernel=False)
    sidebar, endpoint = lab.sidebar(), lab.stage.fake.endpoint("openai")
    lab.capture()

    local = connect(sidebar, "local", endpoint)
    lab.stage.fake.open_listing, lab.stage.fake.keys = False, {key}
    ours = connect(sidebar, "ours", endpoint, key)

    expect(local).to_contain_text("no key needed")
    expect(local).to_contain_text("OpenAI Chat Completions at")
    expect(local).to_contain_text("Its models are named local/MODEL.")
    expect(ours).to_contain_text(f"ends in {key[-4:]} · tested")
    expect(sidebar).to_contain_text("‘ours’ is connected. The provider accepts its key.")
    expect(sidebar.get_by_text("More providers")).to_be_visible()
    expect(sidebar.locator("[data-provider=google]")).to_be_hidden()
    assert serious(lab, axe, ".assay-sidebar") == []
    sidebar.evaluate("sidebar => sidebar.scrollTo(0, 0)")
    lab.photograph("connections")
    lab.stage.fake.open_listing, lab.stage.fake.keys = True, None
    sidebar.get_by_role("button", name="List models").click()
    expect(sidebar.get_by_text("models listed")).to_be_visible()
    assert sidebar.locator("datalist option[value='local/gpt-6-luna']").count() == 1
    sidebar.get_by_label("Model", exact=True).fill("local/gpt-6-luna")
    sidebar.get_by_role("button", name="Set").click()
    expect(lab.page.locator(".assay-status")).to_contain_text("local/gpt-6-luna · no key needed")
    holding = [e.address for e in lab.exchanges if find_canary(e.sent, key)]
    assert [address.partition("/api/v1/")[2].partition("?")[0] for address in holding] == [
        f"workspaces/{new_team}/connections/ours"
    ]
    assert not any(find_canary(e.answer, key) for e in lab.exchanges)
    assert not find_canary(lab.page.content(), key)


def test_connection_is_made_renamed_and_removed_by_keyboard(anybody: Lab, new_team: str) -> None:
    lab = anybody
    lab.open("keyboard-connections.ipynb", [LOAD, new_code_cell("1")], kernel=False)
    sidebar = lab.sidebar()
    sidebar.focus()

    lab.tab_to(ADD)
    lab.page.keyboard.press("Enter")
    expect(sidebar.get_by_label("Server")).to_be_visible()
    lab.tab_to("Server")
    lab.page.keyboard.type("Any OpenAI")
    lab.tab_to("Name of the connection")
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.type("local")
    lab.tab_to("Address")
    lab.page.keyboard.type(lab.stage.fake.endpoint("openai"))
    lab.page.keyboard.press("Enter")
    expect(sidebar).to_contain_text("‘local’ is connected.")
    card = named(sidebar, "local")

    lab.tab_to("Rename the connection", key="Shift+Tab")
    lab.page.keyboard.press("Enter")
    lab.tab_to("New name")
    lab.page.keyboard.type("laptop")
    lab.page.keyboard.press("Enter")
    expect(sidebar).to_contain_text("‘local’ is now ‘laptop’.")
    expect(card).to_have_count(0)
    expect(named(sidebar, "laptop")).to_be_visible()
    assert lab.focused() == ADD

    lab.tab_to("Remove", key="Shift+Tab")
    lab.page.keyboard.press("Enter")
    expect(named(sidebar, "laptop")).to_have_count(0)
    expect(sidebar.locator("[data-provider=google]")).to_be_visible()
    assert lab.focused() == ADD


def test_refused_connection_is_told_in_a_sentence_and_not_stored(
    lab: Lab, new_team: str, make_key: Callable[[str], str]
) -> None:
    lab.open("refused-connection.ipynb", [LOAD], kernel=False)
    sidebar = lab.sidebar()
    form = sidebar.locator(".assay-connect")
    form.get_by_text(ADD).click()
    form.get_by_label("Server").select_option("openai-compatible")
    form.get_by_label("Address").fill(lab.stage.fake.endpoint("openai"))
    form.locator("input[type=password]").fill(make_key("openai"))

    form.get_by_role("button", name="Connect").click()

    expect(sidebar.locator("> .assay-news")).to_contain_text("does not accept this key")
    assert form.locator("input[type=password]").input_value() == ""
    listed = lab.server.ask("GET", f"workspaces/{new_team}/keys").data
    assert [fact["connection"] for fact in listed] == ["anthropic", "openai", "google"]


def test_panel_shows_the_connections_in_a_front_end(anybody: Lab, new_team: str) -> None:
    lab = anybody
    endpoint = lab.stage.fake.endpoint("openai")
    for name in ("local", "ours"):
        body = {"key": "", "preset": "openai-compatible", "endpoint": endpoint}
        lab.server.ask("PUT", f"workspaces/{new_team}/connections/{name}", body)
    lab.open("panel-connections.ipynb", [LOAD, new_code_cell("%assay panel")])
    lab.run_all()
    panel = lab.page.locator(".jp-OutputArea").last
    panel.get_by_role("tab", name="Keys", exact=True).click()

    expect(panel.get_by_role("heading", name="ours")).to_be_visible()
    panel.get_by_text(ADD).click()
    panel.get_by_label("Server").select_option("Ollama")
    expect(panel.get_by_text("ollama serve", exact=True)).to_be_visible()
    lab.photograph("panel-connections")
