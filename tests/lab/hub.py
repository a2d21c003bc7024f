"""What a hub puts around JupyterLab: a real gateway, and the one origin that the proxy gives both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Page, Route

from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.stage import PREFIX, SECRET, Stage, browser_headers, open_stage

T = TypeVar("T")


@dataclass
class Hub:
    """A gateway on a thread of its own, with one person who has a server.

    Attributes:
        stage: The gateway, the hub before it and the providers behind it.
        token: The token that the hub gave the person's server.
    """

    stage: Stage
    token: str
    _loop: asyncio.AbstractEventLoop

    def wait(self, what: Coroutine[Any, Any, T]) -> T:
        """Wait for something that the gateway's loop does."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the gateway as the person's server does."""
        return self.wait(self.stage.ask(method, path, self.token, body=body))[1]

    def surroundings(self) -> list[tuple[str, str]]:
        """Return what a hub puts into a server's environment."""
        return [("ASSAY_GATEWAY_URL", self.stage.url), ("JUPYTERHUB_API_TOKEN", self.token)]

    def stand_before(self, page: Page, origin: str) -> None:
        """Do what the hub's proxy does: the gateway's pages are on the same origin as Lab, signed in."""
        signed_in = browser_headers(SECRET, self.stage.token("ada"))

        def pass_on(route: Route) -> None:
            path = route.request.url.removeprefix(origin.rstrip("/"))
            answer = route.fetch(
                url=self.stage.origin + path,
                headers={**route.request.headers, "cookie": signed_in["Cookie"]},
            )
            route.fulfill(response=answer)

        page.context.route(f"{origin.rstrip('/')}{PREFIX}**", pass_on)


@contextmanager
def open_hub(home: Path) -> Generator[Hub]:
    """Start a gateway for Ada."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, loop).result(30)

    try:
        with FakeProviders() as fake:
            stage = wait(open_stage(home, fake, FakeHub()))
            try:
                yield Hub(stage, stage.token("ada"), loop)
            finally:
                wait(stage.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
