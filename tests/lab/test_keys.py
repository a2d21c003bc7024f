"""Setting up a key from nothing, in the sidebar."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.lab.browsing import Lab
from tests.lab.test_flows import LOAD

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = [pytest.mark.slow]


@pytest.fixture
def new_team(lab: Lab) -> str:
    """The id of a workspace without keys, which is the active one."""
    known = len(lab.server.ask("GET", "workspaces").data)
    made = lab.server.ask("POST", "workspaces", {"name": f"research-{known}"})
    lab.server.ask("POST", f"workspaces/{made.data['id']}/use", {})
    return made.data["id"]


def card(sidebar: Locator, provider: str) -> Locator:
    return sidebar.locator(f"[data-provider={provider}]")


def save_key(card: Locator, key: str, endpoint: str) -> None:
    card.get_by_text("Another server").click()
    card.get_by_label("Base URL").fill(endpoint)
    card.locator("input[type=password]").fill(key)
    card.get_by_role("button", name="Save").click()


def test_key_is_set_up_from_nothing_tested_and_removed(
    lab: Lab, new_team: str, make_key: Callable[[str], str]
) -> None:
    key = make_key("google")
    lab.stage.fake.keys = {key}
    lab.open("keys.ipynb", [LOAD], kernel=False)
    sidebar = lab.sidebar()
    google = card(sidebar, "google")
    expect(google).to_contain_text("none yet")
    expect(sidebar.locator(".assay-card").first).to_contain_text("fastest start")
    lab.photograph("keys-none")

    save_key(google, key, lab.stage.fake.endpoint("google"))
    assert google.locator("input[type=password]").input_value() == ""
    expect(google).to_contain_text(f"ends in {key[-4:]}")
    expect(google).to_contain_text("The provider accepts it.")
    expect(lab.page.locator(".assay-status")).to_contain_text("key ready")
    lab.photograph("keys-ready")

    google.get_by_role("button", name="Remove").click()
    expect(google).to_contain_text("none yet")
    expect(google).to_contain_text("Only revoking it at the provider ends it")


def test_refused_key_is_told_in_a_sentence_and_not_stored(
    lab: Lab, new_team: str, make_key: Callable[[str], str]
) -> None:
    lab.open("refused.ipynb", [LOAD], kernel=False)
    sidebar = lab.sidebar()

    save_key(card(sidebar, "openai"), make_key("openai"), lab.stage.fake.endpoint("openai"))

    expect(sidebar.locator("> .assay-news")).to_contain_text("does not accept this key")
    expect(card(sidebar, "openai")).to_contain_text("none yet")
    assert "ready" not in str(lab.server.ask("GET", f"workspaces/{new_team}/keys").data)
