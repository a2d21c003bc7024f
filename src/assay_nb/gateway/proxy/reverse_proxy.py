"""The reverse proxy: what all requests that are passed through share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.egress.resolver import make_vet
from assay_nb.engine.local.credentials import make_credential
from assay_nb.gateway.process.logs import ConnectionsClosed, FilesUsedUp
from assay_nb.gateway.proxy.connections import (
    Connections,
    FileTable,
    raise_file_limit,
    share_files,
    sweep_again_and_again,
)
from assay_nb.gateway.proxy.grants import Grant, Grants
from assay_nb.gateway.proxy.metering import Metering
from assay_nb.gateway.proxy.pool import UpstreamPool
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest
from assay_nb.gateway.proxy.watchdog import Watchdog
from assay_nb.gateway.services import SERVICES, Services


class ReverseProxy:
    """What all requests that are passed through share: connections, grants, calls log and watchdog.

    Attributes:
        connections: The open connections of clients.
        pool: The connections to providers of what is relayed.
        upstream: The connections to providers of what goes through aiohttp.
        grants: What each person's requests may use.
        journal: What writes the calls log.
        metering: What the meters of its calls share.
        watchdog: What ends calls that are stuck.
    """

    def __init__(self, services: Services) -> None:
        settings, resources = services.settings, services.resources
        self.connections = Connections(
            share_files(raise_file_limit(), settings.limits.connections, settings.limits.streams),
            tell=lambda count: services.log(ConnectionsClosed(count)),
        )
        self._files = FileTable(lambda limit: services.log(FilesUsedUp(limit)))
        self.pool = UpstreamPool(make_vet(resources.policy), settings.limits.streams)
        self._tasks: set[asyncio.Task[None]] = set()
        self._resources = resources
        self.grants = Grants(resources, partial(services.authorize, action="call"))
        self.journal = resources.calls
        self.metering = Metering(services)
        self.watchdog = Watchdog()
        services.metrics.running.set_function(lambda: len(services.active_calls))
        self.upstream = Upstream(
            policy=resources.policy,
            vet=make_vet(resources.policy),
            egress=resources.egress,
            connections=settings.limits.streams,
        )

    @property
    def opens_at_once(self) -> bool:
        """Whether a key is opened so fast that nothing waits meanwhile."""
        return self._resources.changes.are_known

    async def start(self) -> None:
        """Be ready to send.

        Raises:
            WrongUsage: If the proxy or the file of authorities is set wrongly.
        """
        self.pool.use(await self.upstream.open())
        self.spawn(self.watchdog.run())
        self.spawn(
            sweep_again_and_again(self.pool.sweep, self.connections.sweep, self._files.sweep)
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that nobody waits for, but `close`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End everything, and write what is still to be written."""
        self.connections.close()
        self.pool.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.upstream.close()
        await self.journal.close()

    def make_request(self, grant: Grant) -> UpstreamRequest:
        """Return a request with a workspace's key. It is opened when the connection is established.

        If the key was replaced by one for another place meanwhile, it is not sent to this one.
        """
        resources = self._resources
        credential = make_credential(
            resources.vault, grant.workspace.id, grant.destination, mode="byok"
        )
        return UpstreamRequest(credential, off_loop=not resources.changes.are_known)


REVERSE_PROXY = web.AppKey("reverse_proxy", ReverseProxy)


async def open_reverse_proxy(app: web.Application) -> AsyncIterator[None]:
    """Open the connections when the application starts, and close them when it ends."""
    services = app[SERVICES]
    await run_sync(lambda: services.resources.database)
    proxy = app[REVERSE_PROXY] = ReverseProxy(services)
    await proxy.start()
    yield
    await proxy.close()
