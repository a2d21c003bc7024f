"""A gateway on loopback, in this process: a fake hub before it, fake providers behind it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from anyio.to_thread import run_sync

from assay_nb.engine.call import Call
from assay_nb.engine.events import Event
from assay_nb.engine.remote.client import GatewayClient
from assay_nb.engine.remote.control import RemoteControl
from assay_nb.engine.remote.engine import RemoteEngine
from assay_nb.gateway.auth.sessions import COOKIE, XSRF_HEADER, Sessions
from assay_nb.gateway.auth.signing import Signer
from assay_nb.gateway.http.app import make_app
from assay_nb.gateway.process.logs import Log
from assay_nb.gateway.proxy.listener import GatewaySite
from assay_nb.gateway.services import Services, make_services
from assay_nb.gateway.settings import HubSettings, LimitSettings, Settings
from assay_nb.messages import NO_KEY, ProviderId
from assay_nb.vault.secret import SecretBytes
from tests.canaries import make_canary
from tests.fakes.hub import FakeHub
from tests.fakes.migrated import put_migrated
from tests.fakes.providers import FakeProviders

PREFIX = "/services/assay/"
SECRET = "service-secret"


@dataclass
class Kernel:
    """The engine and the control of a hub kernel."""

    engine: RemoteEngine
    control: RemoteControl
    key: str = ""

    async def run(self, instrument: str, prompt: str, **call: Any) -> list[Event]:
        events = self.engine.run(Call(instrument=instrument, prompt=prompt, **call))
        return [event async for event in events]


@dataclass
class Stage:
    """The gateway and everything around it."""

    hub: FakeHub
    fake: FakeProviders
    services: Services
    runner: web.AppRunner
    origin: str
    http: aiohttp.ClientSession
    asking: aiohttp.ClientSession
    lines: list[str]
    links: list[GatewayClient] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.origin + PREFIX

    def token(self, user: str, **about: Any) -> str:
        return self.hub.add(user, **about)

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None = None,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> tuple[int, Any]:
        """Send a request; return the status and the JSON of the answer, or its text."""
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"token {token}"
        async with self.http.request(
            method, self.url + path, json=body, headers=given, allow_redirects=False, **more
        ) as response:
            text = await response.text()
            with suppress(ValueError):
                return response.status, json.loads(text)
            return response.status, text

    async def sign_in(self, user: str, **about: Any) -> dict[str, str]:
        """Return the headers of a browser that has signed in, XSRF token and all."""
        token = self.hub.add(user, **about)
        return browser_headers(SECRET, token) | {"Origin": self.origin}

    async def store_key(
        self,
        workspace_id: str,
        provider: ProviderId = "anthropic",
        key: str | None = None,
        *,
        connection: str = "",
        **more: Any,
    ) -> str:
        """Put a key that leads to the fake provider into a workspace, past the gateway; `""` is none.

        Args:
            workspace_id: The workspace.
            provider: Whose protocol is spoken.
            key: The key; a canary by default.
            connection: The connection's name; the provider's by default.
            more: What else the vault is told.
        """
        key = make_canary(provider) if key is None else key
        there = replace(self.fake.destination(provider), connection=connection or provider)
        if not key:
            there = replace(there, placement=NO_KEY)

        def save() -> None:
            with SecretBytes(key.encode()) as secret:
                self.services.resources.vault.save_key(
                    bytes.fromhex(workspace_id),
                    there,
                    secret,
                    added_by="operator",
                    verified=True,
                    **more,
                )

        await run_sync(save)
        return key

    async def kernel(self, user: str, *, key: ProviderId | None = None, **about: Any) -> Kernel:
        """Return what a kernel of this person's has; with a key in their personal workspace."""
        link = GatewayClient(self.url, self.hub.add(user, **about))
        kernel = Kernel(RemoteEngine(link), RemoteControl(link))
        if key is not None:
            workspace = await kernel.control.show_workspace(None)
            kernel.key = await self.store_key(workspace.id, key)
        self.links.append(link)
        return kernel

    async def close(self) -> None:
        for link in self.links:
            await link.aclose()
        await self.http.close()
        await self.runner.cleanup()
        await self.asking.close()
        await self.hub.stop()


def browser_headers(secret: str, token: str) -> dict[str, str]:
    """Return what a browser sends that has signed in with this hub token: cookie and XSRF token."""
    sessions = Sessions(Signer(secret.encode()), path=PREFIX, secure=False)
    response = web.Response()
    sessions.begin(response, token)
    cookie = response.cookies[COOKIE].value
    session = sessions.read(
        make_mocked_request("GET", "/", headers={"Cookie": f"{COOKIE}={cookie}"})
    )
    assert session is not None
    return {"Cookie": f"{COOKIE}={cookie}", XSRF_HEADER: session.xsrf}


async def open_stage(
    home: Path,
    fake: FakeProviders,
    fake_hub: FakeHub,
    *,
    limits: dict[str, Any] | None = None,
    **settings: Any,
) -> Stage:
    await fake_hub.start()
    home = home / "gateway"
    home.mkdir(mode=0o700, exist_ok=True)
    put_migrated(home / "vault.sqlite")
    master = home / "master.key"
    chosen = Settings(
        home=home,
        master_key_file=master,
        allow_origins=settings.pop("allow_origins", (fake.origin,)),
        hub=HubSettings(api_url=fake_hub.api_url, **settings.pop("hub", {})),
        limits=LimitSettings(**(limits or {})),
        **settings,
    )
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
    lines: list[str] = []
    asking = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
    services = make_services(chosen, asking, SECRET, Log(lines.append))
    os.umask(0o077)
    runner = web.AppRunner(make_app(services), handler_cancellation=True)
    try:
        await runner.setup()
    except BaseException:
        await session.close()
        await asking.close()
        await fake_hub.stop()
        raise
    await GatewaySite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    return Stage(
        fake_hub, fake, services, runner, f"http://127.0.0.1:{port}", session, asking, lines
    )
