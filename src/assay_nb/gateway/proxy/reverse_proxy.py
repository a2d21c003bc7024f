"""The reverse proxy: what all requests that are passed through share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.egress.resolver import make_vet
from assay_nb.engine.local.credentials import make_credential
from assay_nb.gateway.proxy.grants import Grant, Grants
from assay_nb.gateway.proxy.metering import Metering
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest
from assay_nb.gateway.proxy.watchdog import Watchdog
from assay_nb.gateway.services import SERVICES, Services


class ReverseProxy:
    """What all requests that are passed through share: connections, grants, calls log and watchdog.

    Attributes:
        upstream: The connections to providers.
        grants: What each person's requests may use.
        journal: What writes the calls log.
        metering: What the meters of its calls share.
        watchdog: What ends calls that are stuck.
    """

    def __init__(self, services: Services) -> None:
        settings, resources = services.settings, services.resources
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
    await proxy.upstream.open()
    watching = asyncio.create_task(proxy.watchdog.run())
    yield
    watching.cancel()
    await asyncio.wait({watching})
    await proxy.upstream.close()
    await proxy.journal.close()
