"""The gateway as it runs on a hub, with everything on, and a workspace whose keys lead to the upstream.

    python ours.py PORT UPSTREAM_PORT

The upstream plays the hub too. The structured log goes to standard error, as ever. Another process makes
the database first, so that this one starts as a gateway does on every day but its first.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

from assay_nb.gateway.process.server import open_hub_session, start, tune_collector
from assay_nb.gateway.resources import GatewayResources
from assay_nb.gateway.services import make_services
from assay_nb.gateway.settings import HubSettings, LimitSettings, Settings
from assay_nb.messages import Destination
from assay_nb.vault.secret import SecretBytes

KEY = b"sk-bench-0123456789abcdefghijklmnopqrstuvwxyz"


async def serve(settings: Settings) -> None:
    async with open_hub_session(settings.hub) as session:
        services = make_services(settings, session, "a-token-of-the-service")
        services.resources.vault.state()
        await start(services)
        tune_collector()
        print("ready", flush=True)
        await asyncio.Event().wait()


def make_settings(port: int, upstream: int, home: Path) -> Settings:
    origin = f"http://127.0.0.1:{upstream}"
    return Settings(
        listen=f"127.0.0.1:{port}",
        home=home,
        allow_origins=(origin,),
        hub=HubSettings(api_url=f"{origin}/hub/api"),
        limits=LimitSettings(calls_per_minute=10**9, calls_at_once=10**6, streams=10**6),
    )


def store_key(settings: Settings) -> None:
    (origin,) = settings.allow_origins
    resources = GatewayResources(settings)
    workspace = resources.workspaces.create("bench", "ada")
    passed = Destination("openai", f"{origin}/v1", origin, "bearer")
    called = Destination("anthropic", origin, origin, "x-api-key")
    for destination in (passed, called):
        with SecretBytes(KEY) as secret:
            resources.vault.save_key(
                workspace.id, destination, secret, added_by="ada", verified=True
            )
    asyncio.run(resources.aclose())


if __name__ == "__main__":
    import uvloop

    os.umask(0o077)
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(int(sys.argv[1]), int(sys.argv[2]), Path(folder))
        making = multiprocessing.get_context("spawn").Process(target=store_key, args=(settings,))
        making.start()
        making.join()
        uvloop.run(serve(settings))
