"""What a hub puts around JupyterLab: a real gateway, and the one origin that the proxy gives both."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, Route

from tests.gateway import threaded
from tests.gateway.stage import PREFIX, SECRET, browser_headers


class Hub(threaded.Hub):
    """A gateway on a thread of its own, with one person who has a server and a browser."""

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
    with threaded.open_hub(home) as hub:
        yield Hub(hub.stage, hub.token, hub.loop)
