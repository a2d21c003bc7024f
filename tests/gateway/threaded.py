"""A gateway on a thread of its own, for tests whose own code waits: kernels, terminals, browsers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.stage import Stage, open_stage

T = TypeVar("T")


@dataclass
class Hub:
    """A gateway, and one person who has a server.

    Attributes:
        stage: The gateway, the hub before it and the providers behind it.
        token: The token that the hub gave the person's server.
        loop: The gateway's own.
    """

    stage: Stage
    token: str
    loop: asyncio.AbstractEventLoop

    def wait(self, what: Coroutine[Any, Any, T]) -> T:
        """Wait for something that the gateway's loop does."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the gateway as the person's server does."""
        return self.wait(self.stage.ask(method, path, self.token, body=body))[1]

    def surroundings(self) -> list[tuple[str, str]]:
        """Return what a hub puts into a server's environment."""
        return [("ASSAY_GATEWAY_URL", self.stage.url), ("JUPYTERHUB_API_TOKEN", self.token)]


@contextmanager
def open_hub(home: Path, fake: Any = None, **settings: Any) -> Generator[Hub]:
    """Start a gateway for Ada.

    Args:
        home: Where it keeps its files.
        fake: The running providers behind it; its own by default.
        settings: Its settings by name, as `open_stage` takes them.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, loop).result(30)

    try:
        with nullcontext(fake) if fake else FakeProviders() as behind:
            stage = wait(open_stage(home, behind, FakeHub(), **settings))
            try:
                yield Hub(stage, stage.token("ada"), loop)
            finally:
                wait(stage.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
