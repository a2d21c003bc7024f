"""The pages in a real browser: with scripts off they work, with scripts on they are left alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.accounting.call_log import make_record
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import FakeProviders, only
from tests.gateway.browsing import Browser
from tests.gateway.stage import Stage
from tests.tools import require_tool

playwright = pytest.importorskip("playwright.async_api")

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"


class Window:
    """A window of somebody who has signed in, and what it asked for and complained of."""

    def __init__(self, stage: Stage, context: Any, page: Any) -> None:
        self.stage, self.context, self.page = stage, context, page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))

    async def go(self, path: str) -> None:
        await self.page.goto(self.stage.url + path)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()
        await self.page.wait_for_load_state()


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    program = require_tool("chromium")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


async def open_window(stage: Stage, chromium: Any, **options: Any) -> Window:
    ada = await Browser.sign_in(stage, "ada")
    context = await chromium.new_context(**options)
    context.set_default_timeout(15_000)
    await context.add_cookies(
        [{"name": name, "value": value, "url": stage.origin} for name, value in ada.cookies.items()]
    )
    return Window(stage, context, await context.new_page())


async def test_key_is_entered_tested_and_removed_without_a_script(
    stage: Stage, chromium: Any, fake: FakeProviders
) -> None:
    window = await open_window(stage, chromium, java_script_enabled=False)
    page, key = window.page, make_canary("openai")

    await window.go("")
    await page.get_by_label("Name").first.fill("research")
    await window.press("Make it")
    await page.get_by_role("link", name="Add the OpenAI key").click()
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_text("Another endpoint").click()
    await page.get_by_label("Base URL").fill(fake.endpoint("openai"))
    await window.press("Test and store")
    stored = await page.inner_text("main")
    await page.go_back()
    again = await page.get_by_label("Key", exact=True).input_value()
    await page.get_by_text("Remove it").click()
    await window.press("Remove")

    assert only(fake.calls).key == key
    assert "The key is stored, sealed." in stored
    assert again == ""
    assert "Only revoking it at OpenAI ends it." in await page.inner_text("main")
    assert not find_canary(await page.content() + "".join(window.asked), key)


@pytest.mark.parametrize("key", ["", "ollama"])
async def test_server_of_ones_own_is_entered_with_a_short_key_or_none_without_a_script(
    key: str, stage: Stage, chromium: Any, fake: FakeProviders
) -> None:
    window = await open_window(stage, chromium, java_script_enabled=False)
    page = window.page

    await window.go("")
    await page.get_by_role("link", name="personal").first.click()
    await page.get_by_role("link", name="Add the OpenAI key").click()
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_text("Another endpoint").click()
    await page.get_by_label("Base URL").fill(fake.endpoint("openai"))
    if not key:
        await page.get_by_label("This server needs no key").check()
    await window.press("Test and store")
    stored = await page.inner_text("main")

    assert only(fake.calls).key == (key or None)
    said = "The key is stored, sealed." if key else "No key is stored: requests to"
    assert said in stored
    assert ("No key needed" in stored) is (not key)


async def test_no_page_asks_for_anything_from_elsewhere_or_breaks_its_policy(
    stage: Stage, chromium: Any
) -> None:
    window = await open_window(stage, chromium)
    ada = await Browser.sign_in(stage, "ada")
    team = await ada.make_team("research")
    hostile = "<img src=https://attacker.invalid/x onerror=alert(1)>"
    call = make_record(
        workspace_id=bytes.fromhex(team.removeprefix("workspaces/")),
        user=hostile, instrument=hostile, provider=hostile, model=hostile,
        funding="workspace", status=hostile,
    )  # fmt: skip
    stage.services.resources.calls.record(call)

    for path in ("", team, f"{team}/keys/google", "workspaces/none"):
        await window.go(path)

    assert all(url.startswith(stage.origin) for url in window.asked)
    assert [text for text in window.complaints if "404" not in text] == []


@pytest.fixture
def axe() -> str:
    """The checker, from the extension's development packages."""
    if not AXE.exists():
        sentence = "axe-core is not installed: run `npm ci` in labextension."
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_and_no_page_is_wider_than_a_telephone(
    scheme: Any, stage: Stage, chromium: Any, axe: str
) -> None:
    window = await open_window(
        stage, chromium, color_scheme=scheme, viewport={"width": 360, "height": 740}
    )
    ada = await Browser.sign_in(stage, "ada")
    team = await ada.make_team("research")
    where = team.removeprefix("workspaces/")
    await stage.store_key(where, "openai", connection="house")
    await stage.store_key(where, "anthropic", "", connection="local")
    resources, member = stage.services.resources, "a.member.with.a.long.name@example.org"
    await run_sync(resources.workspaces.add_member, "ada", where, member)
    line = {"provider": "anthropic", "model": "claude-haiku-4-5-20251001", "instrument": "critique"}
    line |= {"user": member, "funding": "workspace", "status": "provider_unavailable"}
    resources.calls.record(make_record(workspace_id=bytes.fromhex(where), **line))  # type: ignore[arg-type]
    pages = ("", team, f"{team}/add", f"{team}/add/azure", f"{team}/add/vllm", "workspaces/none",
             f"{team}/connections/house", f"{team}/connections/local", f"{team}/keys/openai")  # fmt: skip
    found: list[tuple[str, Any]] = []
    for path in pages:
        await window.go(path)
        await window.page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        await window.page.evaluate(axe)  # through the driver, past the page's own policy
        checked = await window.page.evaluate("axe.run()")
        found += [(path, broken["id"]) for broken in checked["violations"]]
        if await window.page.evaluate("document.documentElement.scrollWidth") > 360:
            found.append((path, "wide"))

    assert found == []


async def test_nothing_typed_is_lost_in_a_refused_form(stage: Stage, chromium: Any) -> None:
    window = await open_window(stage, chromium, java_script_enabled=False)
    page = window.page
    await window.go("workspaces/personal/add/openai-compatible")
    await page.get_by_label("Name of the connection").fill("house")
    await page.get_by_label("Base URL, as the gateway reaches it").fill("https://no.example/v1")
    await page.get_by_label("Key", exact=True).fill(make_canary("openai"))
    await page.get_by_text("Another way to send the key").click()
    await page.get_by_label("How the key is sent").select_option("api-key")
    await window.press("Test and store")

    assert await page.get_by_label("Name of the connection").input_value() == "house"
    shown = page.get_by_label("Base URL, as the gateway reaches it")
    assert await shown.input_value() == "https://no.example/v1"
    assert await page.get_by_label("How the key is sent").input_value() == "api-key"
    assert await page.get_by_label("How the key is sent").is_visible()
    assert await page.get_by_label("Key", exact=True).input_value() == ""


async def test_script_in_a_page_does_not_run(stage: Stage, chromium: Any) -> None:
    """What the policy is for: even a script that got into a page would be refused."""
    window = await open_window(stage, chromium)
    await window.go("")

    with pytest.raises(playwright.Error):
        await window.page.add_script_tag(content="window.ran = true")

    assert any("Content Security Policy" in text for text in window.complaints)


async def test_page_of_the_same_origin_gets_neither_token_nor_window(
    stage: Stage, chromium: Any
) -> None:
    """A notebook's page lies on the hub's origin: fetch, frame and popup do not give it our page."""
    window = await open_window(stage, chromium)
    ada = await Browser.sign_in(stage, "ada")
    team = await ada.make_team("research")
    lab = f"{stage.origin}/user/eve/lab"
    await window.context.route(
        lab, lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
    )
    await window.page.goto(lab)

    fetched = await window.page.evaluate(
        "async url => { const r = await fetch(url); return [r.status, await r.text()]; }",
        f"{stage.url}{team}/keys/openai",
    )
    framed = await window.page.evaluate(
        """url => new Promise(done => {
            const frame = document.createElement('iframe');
            frame.onload = () => {
              let text = null;
              try { text = frame.contentDocument && frame.contentDocument.body.innerHTML; }
              catch { text = null; }
              done(text);
            };
            frame.src = url; document.body.append(frame);
        })""",
        f"{stage.url}{team}/keys/openai",
    )
    async with window.context.expect_page() as opening:
        await window.page.evaluate(
            "url => { window.w = window.open(url); }", f"{stage.url}{team}/keys/openai"
        )
    popup = await opening.value
    await popup.wait_for_selector("#key")
    reach = await window.page.evaluate(
        "() => { try { return window.w.document.querySelector('#key') !== null } catch { return false } }"
    )

    assert fetched[0] == 403
    assert "_xsrf" not in fetched[1]
    assert "_xsrf" not in (framed or "")
    assert reach is False
    assert await popup.evaluate("window.opener") is None


async def test_browser_keeps_nothing_of_a_key_that_was_entered(
    stage: Stage, chromium: Any, fake: FakeProviders
) -> None:
    window = await open_window(stage, chromium)
    page, key = window.page, make_canary("openai")
    ada = await Browser.sign_in(stage, "ada")
    team = await ada.make_team("research")

    await window.go(f"{team}/keys/openai")
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_text("Another endpoint").click()
    await page.get_by_label("Base URL").fill(fake.endpoint("openai"))
    planted = await page.get_by_label("Key", exact=True).input_value()
    await window.press("Test and store")
    await page.wait_for_selector(".notice")
    kept = await page.evaluate(
        """async () => JSON.stringify([
            document.documentElement.outerHTML, [...document.querySelectorAll('input')].map(i => i.value),
            {...localStorage}, {...sessionStorage}, history.state,
            await indexedDB.databases(), await caches.keys()])"""
    )
    cookies = str(await window.context.cookies())

    assert only(fake.calls).key == planted == key
    assert find_canary(planted, key)
    assert not find_canary(kept + cookies, key)
