"""On a hub: the page beside model output and other people's script has no field for a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import Page, expect

from tests.canaries import find_canary
from tests.kernel.stage import Stage
from tests.lab import replies
from tests.lab.browsing import Lab
from tests.lab.hub import Hub, open_hub
from tests.lab.test_flows import LOAD, cell
from tests.lab.test_keys import card
from tests.labserver.serving import Server, serve

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]

FIELDS = "input[type=password]"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with open_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture(scope="module")
def key(hub: Hub) -> str:
    """A key that an admin has put into Ada's workspace on the gateway's page."""
    workspace = hub.ask("GET", "api/v1/me")["workspaces"][0]["id"]
    return hub.wait(hub.stage.store_key(workspace, "anthropic"))


@pytest.fixture(scope="module")
def hub_server(hub: Hub, place: Path) -> Iterator[Server]:
    surroundings = [
        *hub.surroundings(),
        ("ASSAY_HOME", str(place / "no-vault")),
        ("JUPYTER_PATH", str(place / "data")),
        ("JUPYTER_CONFIG_DIR", str(place / "config")),
    ]
    with serve(
        "jupyterlab", place / "hub", "--expose-app-in-browser", environment=surroundings
    ) as server:
        yield server


@pytest.fixture
def hub_lab(hub_server: Server, page: Page, place: Path, stage: Stage, hub: Hub, key: str) -> Lab:
    """Ada's JupyterLab on the hub. `stage` belongs to the other server, and stays unused here."""
    assert key
    hub.stand_before(page, hub_server.url)
    return Lab(hub_server, page, place / "hub", stage)


def test_sidebar_shows_the_states_of_keys_and_has_no_field(hub_lab: Lab, key: str) -> None:
    hub_lab.open("hub.ipynb", [LOAD], kernel=False)
    sidebar = hub_lab.sidebar()

    expect(card(sidebar, "anthropic")).to_contain_text(f"ends in {key[-4:]}")
    expect(card(sidebar, "anthropic")).to_contain_text("added by operator")
    expect(card(sidebar, "google")).to_contain_text("none yet")
    expect(hub_lab.page.locator(".assay-status")).to_contain_text("key ready")
    assert hub_lab.page.locator(FIELDS).count() == 0
    for name in ("Save", "Test", "Remove"):
        assert sidebar.get_by_role("button", name=name, exact=True).count() == 0
    hub_lab.photograph("keys-hub")


def test_button_opens_the_gateways_own_page_where_the_field_is(hub_lab: Lab) -> None:
    hub_lab.open("hub.ipynb", [LOAD], kernel=False)
    sidebar = hub_lab.sidebar()

    with hub_lab.page.context.expect_page() as opening:
        sidebar.get_by_role("button", name="Open the key page").click()
    opened = opening.value

    expect(opened.get_by_role("heading", name="personal")).to_be_visible()
    assert opened.evaluate("window.opener") is None
    opened.get_by_role("link", name="Add the Google key").click()
    expect(opened.locator(FIELDS)).to_have_count(1)
    assert hub_lab.page.locator(FIELDS).count() == 0


@pytest.fixture
def named(hub: Hub) -> Iterator[None]:
    """Two named connections, of which one server wants a key that is not stored for it."""
    workspace = hub.ask("GET", "api/v1/me")["workspaces"][0]["id"]
    key = hub.wait(hub.stage.store_key(workspace, "openai", connection="house"))
    hub.wait(hub.stage.store_key(workspace, "anthropic", "", connection="local"))
    assert key
    yield
    hub.ask("PATCH", f"api/v1/workspaces/{workspace}", {"model": None})
    vault = hub.stage.services.resources.vault
    for connection in ("home", "local"):
        vault.remove_key(bytes.fromhex(workspace), connection, actor="operator")


async def rename(hub: Hub, connection: str, name: str) -> None:
    """Rename a connection as its page does."""
    session = await hub.stage.sign_in("ada")
    path = f"api/v1/workspaces/personal/connections/{connection}"
    answer = await hub.stage.ask("PATCH", path, headers=session, body={"name": name})
    assert answer == (200, {"done": True})


def test_named_connections_are_shown_listed_and_chosen_and_changed_on_the_page(
    hub_lab: Lab, hub: Hub, named: None
) -> None:
    hub_lab.open("named.ipynb", [LOAD], kernel=False)
    sidebar = hub_lab.sidebar()
    house = sidebar.locator("[data-connection='house']")

    expect(house).to_contain_text("OpenAI Chat Completions at")
    expect(house).to_contain_text("Its models are named house/MODEL.")
    expect(sidebar.locator("[data-connection='local']")).to_contain_text("no key needed")
    assert sidebar.get_by_text("Connect another server").count() == 0
    assert hub_lab.page.locator(FIELDS).count() == 0
    sidebar.get_by_role("button", name="List models").click()
    expect(sidebar.get_by_text("models listed")).to_be_visible()
    expect(sidebar.get_by_text("local: http")).to_contain_text("asks for a key")
    assert sidebar.locator("datalist option[value='house/gpt-6-luna']").count() == 1
    sidebar.get_by_label("Model", exact=True).fill("house/gpt-6-luna")
    sidebar.get_by_role("button", name="Set").click()
    status = hub_lab.page.locator(".assay-status")
    expect(status).to_contain_text("house/gpt-6-luna · key ready")

    with hub_lab.page.context.expect_page() as opening:
        sidebar.get_by_role("button", name="Open the key page").click()
    page = opening.value
    page.get_by_role("link", name="Test or change the house connection").click()
    expect(page.locator(FIELDS)).to_have_count(1)
    page.close()
    hub.wait(rename(hub, "house", "home"))
    hub_lab.command("application:toggle-right-area")
    hub_lab.sidebar()  # which asks anew where one stands

    expect(status).to_contain_text("home/gpt-6-luna · key ready")
    expect(sidebar.locator("[data-connection='home']")).to_be_visible()


def test_panel_in_a_kernel_has_no_field_but_the_way_to_the_page(hub_lab: Lab) -> None:
    hub_lab.open("panel.ipynb", [LOAD, new_code_cell("%assay panel")])
    hub_lab.run_all()
    hub_lab.page.get_by_role("tab", name="Keys", exact=True).click()

    way = hub_lab.page.locator(".jp-OutputArea").get_by_role("link", name="Open the key page")
    with hub_lab.page.context.expect_page() as opening:
        way.click()

    expect(opening.value.get_by_role("heading", name="personal")).to_be_visible()
    assert hub_lab.page.locator(FIELDS).count() == 0


def test_toolbar_asks_through_the_gateway_and_no_answer_holds_the_key(
    hub_lab: Lab, hub: Hub, key: str
) -> None:
    hub.stage.fake.answer_by(replies.answer)
    hub_lab.open("run.ipynb", [new_code_cell(cell("critique"))], kernel=False)
    hub_lab.capture()
    hub_lab.select(0)

    hub_lab.command("assay-nb:critique")

    expect(hub_lab.result()).to_contain_text("exclude each other")
    hub_lab.page.unroute_all(behavior="wait")
    assert hub.stage.fake.calls[-1].key == key, "the search is for the key that was used"
    assert [e.address for e in hub_lab.exchanges if find_canary(e.answer + e.sent, key)] == []
