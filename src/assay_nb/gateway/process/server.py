"""Running the gateway: one process, one event loop, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.errors import ProviderUnavailable, WrongUsage
from assay_nb.gateway.http.app import make_app
from assay_nb.gateway.process.collector import calm_collector
from assay_nb.gateway.process.logs import CallsEnded, GatewayStarted, GatewayStopped
from assay_nb.gateway.services import Services, make_services
from assay_nb.gateway.settings import HubSettings, Settings
from assay_nb.providers.transport import make_tls_context

BACKLOG = 2048
"""Connections that may wait to be accepted. With the default of 128, 143 of 1,000 streams opened."""

FINISH_SECONDS = 5.0
"""How long running calls may go on after the signal to stop; then they are ended, settled and logged."""

_CLEANUP_SECONDS = 3.0
_HUB_SECONDS = 5.0


def serve(settings: Settings, api_token: str) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        AssayError: If the database or the address cannot be had.
    """
    _loop_runner()(_serve(settings, api_token))


def _loop_runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run
    return uvloop.run


async def _serve(settings: Settings, api_token: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_hub_session(settings.hub) as session:
        services = make_services(settings, session, api_token)
        await run_sync(_warm_up, services)
        runner = await start(services)
        calm_collector()
        began = time.monotonic()
        await stop.wait()
        ended = await _finish(services, runner)
        services.log(GatewayStopped(round(time.monotonic() - began, 1), ended))
        services.log.close()


async def start(services: Services) -> web.AppRunner:
    """Listen, and return what stops it.

    Raises:
        WrongUsage: If the address cannot be listened on.
    """
    from assay_nb._version import read_version

    runner = web.AppRunner(
        make_app(services),
        handler_cancellation=True,  # else a client that hung up is noticed at the provider's next word
        auto_decompress=False,  # a request is read as it is, so none can grow in our memory
        access_log=None,
        shutdown_timeout=_CLEANUP_SECONDS,
        keepalive_timeout=75.0,
    )
    await runner.setup()
    host, port = services.settings.address
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError as error:
        await runner.cleanup()
        raise WrongUsage(
            f"{services.settings.listen} cannot be listened on: {error.strerror}."
        ) from None
    database = services.backing.database.name
    services.log(GatewayStarted(read_version(), services.settings.listen, database))
    return runner


def open_hub_session(hub: HubSettings) -> aiohttp.ClientSession:
    """Return the HTTP client for the hub's API. It takes nothing from the environment."""
    verify: ssl.SSLContext | bool = True
    if hub.ca_file is not None:
        verify = make_tls_context(str(hub.ca_file))
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=64, ssl=verify),
        timeout=aiohttp.ClientTimeout(total=_HUB_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def _warm_up(services: Services) -> None:
    """Open the database and look at the vault, so that what is wrong with them is said at the start."""
    services.backing.vault.state()


async def _finish(services: Services, runner: web.AppRunner) -> int:
    """Stop listening, let calls finish for a while, end the others; return how many those were."""
    for site in list(runner.sites):
        await site.stop()
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(services.running.idle(), FINISH_SECONDS)
    ended = len(services.running)
    if ended:
        services.log(CallsEnded("", "", ended, "gateway stopped"))
        reason = ProviderUnavailable(
            "The gateway is being restarted, and ended the call.", hint="Run it again."
        )
        services.running.end_all(reason)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(services.running.idle(), _CLEANUP_SECONDS / 2)
    await runner.cleanup()
    return ended
