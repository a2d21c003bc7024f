"""A hub with `subdomain_host`, in a real browser: the gateway's page has an address that nobody else's pages share."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.providers import FakeProviders
from tests.hub.stage import Hub, running_hub
from tests.tools import require_tool

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.slow]


def test_page_has_a_host_of_its_own_and_signing_out_ends_the_hubs_session_too(root: None) -> None:
    with FakeProviders() as fake, running_hub(fake, subdomains=True) as hub:
        hub.admin.post("/hub/api/users/alice")
        with playwright.sync_playwright() as driver:
            program = require_tool("chromium")
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page()
            sign_in(page, hub)
            seen = page.url, page.inner_text("main")
            cookies = {one["name"]: one["domain"] for one in page.context.cookies()}
            page.goto(f"{hub.domain}/services/assay/")
            at_the_hubs_host = urlsplit(page.url).path
            page.goto(hub.page_of_gateway)
            page.get_by_role("button", name="Sign out").click()
            page.wait_for_load_state()
            left = {one["name"] for one in page.context.cookies()}
            page.goto(hub.page_of_gateway)
            after = page.url
            browser.close()

    assert seen[0] == hub.page_of_gateway
    assert "physics-lab" in seen[1]
    assert cookies["assay-session"] == urlsplit(hub.page_of_gateway).hostname
    assert cookies["jupyterhub-hub-login"] == urlsplit(hub.domain).hostname
    assert at_the_hubs_host.startswith("/hub/")  # the hub's own answer: nothing is served there
    assert {"assay-session", "jupyterhub-hub-login"}.isdisjoint(left)
    assert after.startswith(f"{hub.domain}/hub/login")


def sign_in(page: Any, hub: Hub) -> None:
    """Sign in to the hub, and open the gateway's page."""
    page.goto(f"{hub.domain}/hub/login")
    page.fill("#username_input", "alice")
    page.fill("#password_input", hub.password)
    page.click("#login_submit")
    page.wait_for_load_state()
    page.goto(hub.page_of_gateway)
