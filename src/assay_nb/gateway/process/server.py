"""The gateway's server: one process and one event loop, until a signal stops it."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.egress.tls import make_tls_context
from assay_nb.engine.local.dependencies import find_old_packages
from assay_nb.errors import ProviderUnavailable, WrongUsage
from assay_nb.gateway.http.app import make_app
from assay_nb.gateway.process.logs import (
    CallsEnded,
    DependencyOld,
    GatewayStarted,
    GatewayStopped,
    HubChecked,
    TeamTaken,
)
from assay_nb.gateway.proxy.listener import GatewaySite
from assay_nb.gateway.services import Services, make_services
from assay_nb.gateway.settings import HubSettings, Settings

FINISH_SECONDS = 5.0
"""Seconds that calls may continue after the signal to stop; then they are ended, settled and logged."""

HUB_SECONDS = 15.0
"""How often the hub is asked whether it is there, also when nobody else asks it anything."""

_CLEANUP_SECONDS = 3.0
_GC_THRESHOLDS = (20_000, 20, 50)
_HUB_SECONDS = 5.0


def serve(settings: Settings, api_token: str) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        AssayError: If the database cannot be opened, or the address is taken.
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
        watching = asyncio.create_task(watch_hub(services))
        tune_collector()
        began = time.monotonic()
        await stop.wait()
        watching.cancel()
        ended = await _finish(services, runner)
        services.log(GatewayStopped(round(time.monotonic() - began, 1), ended))
        services.log.close()


async def start(services: Services) -> web.AppRunner:
    """Listen, and return the runner, whose cleanup stops it.

    Raises:
        WrongUsage: If the gateway cannot listen on the address.
    """
    from assay_nb._version import read_version

    runner = web.AppRunner(
        make_app(services),
        handler_cancellation=True,  # else a client that hung up is only noticed at the provider's next word
        shutdown_timeout=_CLEANUP_SECONDS,
    )
    await runner.setup()
    host, port = services.settings.address
    try:
        await GatewaySite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise WrongUsage(
            f"The gateway cannot listen on {services.settings.listen}: {error.strerror}."
        ) from None
    database = services.resources.database.name
    services.log(GatewayStarted(read_version(), services.settings.listen, database))
    return runner


def open_hub_session(hub: HubSettings) -> aiohttp.ClientSession:
    """Return the HTTP client for the hub's API. It ignores the environment."""
    verify: ssl.SSLContext | bool = True
    if hub.ca_file is not None:
        verify = make_tls_context(hub.ca_file, "hub.ca_file")
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=64, ssl=verify),
        timeout=aiohttp.ClientTimeout(total=_HUB_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def tune_collector() -> None:
    """Have the garbage collector look only at what requests leave behind, and rarely.

    Everything that is imported by now stays loaded. A hundred megabytes of it were scanned every few hundred
    requests, which took a fifth of all processor time. Nothing secret waits for the collector, since keys
    are overwritten where they were used.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _warm_up(services: Services) -> None:
    """Open the database and check the vault, so that an error in either is reported at the start.

    Installed packages with known faults are logged, and nothing is refused for them: an upgrade may have to wait.
    """
    services.resources.vault.state()
    for old in find_old_packages():
        services.log(DependencyOld(old.package, old.installed, old.floor))
    for team in services.resources.teams.list_teams():
        if team.state == "taken":
            services.log(TeamTaken(team.group, team.workspace))


async def watch_hub(services: Services, every: float = HUB_SECONDS) -> None:
    """Ask the hub at the start and now and then, and log whenever that ends in another way than before."""
    last = ""
    while True:
        state = await services.hub.check()
        if state != last:
            services.log(HubChecked(state, services.settings.hub.api_url))
        last = state
        await asyncio.sleep(every)


async def _finish(services: Services, runner: web.AppRunner) -> int:
    """Stop listening, let calls finish for a while, and end the others; return how many were ended."""
    for site in list(runner.sites):
        await site.stop()
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(services.active_calls.idle(), FINISH_SECONDS)
    ended = len(services.active_calls)
    if ended:
        services.log(CallsEnded("", "", ended, "gateway stopped"))
        reason = ProviderUnavailable(
            "The call was ended because the gateway is restarting.", hint="Run it again."
        )
        services.active_calls.end_all(reason)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(services.active_calls.idle(), _CLEANUP_SECONDS / 2)
    await runner.cleanup()
    return ended
