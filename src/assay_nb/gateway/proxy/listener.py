"""The listener: the port that everything comes in by, and what its connections share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from aiohttp import web

from assay_nb.gateway.http.responses import BadHead, add_safe_headers, error_answer
from assay_nb.gateway.proxy.connections import Connections
from assay_nb.gateway.proxy.handler import ROUTES
from assay_nb.gateway.proxy.protocol import Connection
from assay_nb.gateway.proxy.reverse_proxy import REVERSE_PROXY, ReverseProxy
from assay_nb.gateway.services import SERVICES, Services

BACKLOG = 2048
"""Connections that may wait to be accepted. With the default of 128, 143 of 1,000 streams were opened."""

_FOREVER = 7 * 24 * 3600.0


class HandedOver(web.RequestHandler):
    """aiohttp's side of a connection, which tells when it has answered."""

    __slots__ = ("_tell",)

    def __init__(self, server: web.Server, tell: Callable[[], None]) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=cast("Any", None),
            auto_decompress=False,  # a request is read as it is, so none can grow in our memory
            keepalive_timeout=_FOREVER,  # `Connections` keeps the time
        )
        self._tell = tell

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the end of a response, and tell that the next request may come."""
        sent = await super().finish_response(request, resp, start_time)
        if sent[0].keep_alive:
            self._tell()
        return sent

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp alone cannot read in our form, without quoting it."""
        if status != BadHead.http_status:
            return super().handle_error(request, status, exc, message)
        response = error_answer(BadHead("The request is not valid HTTP."))
        add_safe_headers(response)
        response.force_close()
        return response


class Listener:
    """What all connections of clients share. It is the protocol factory of the server.

    Attributes:
        services: The parts of the gateway.
        proxy: What all requests that are passed through share.
        connections: The open connections.
        route: The entry of the table for what is passed through.
        prefix: The path that everything which is passed through begins with.
        carriers: The headers that may carry a token, in lower case.
    """

    def __init__(self, app: web.Application, server: web.Server) -> None:
        self.services: Services = app[SERVICES]
        self.proxy: ReverseProxy = app[REVERSE_PROXY]
        self.connections: Connections = self.proxy.connections
        (self.route,) = ROUTES
        self.prefix = f"{self.services.settings.prefix}providers/".encode("ascii", "replace")
        carriers = ("Authorization", *self.route.token_headers)
        self.carriers = frozenset(name.lower().encode("ascii") for name in carriers)
        self._server = server

    def __call__(self) -> Connection:
        return Connection(self)

    @property
    def is_closing(self) -> bool:
        """Whether the gateway stops, so that no connection is kept for a next request."""
        return self.connections.is_closing

    def make_other(self, tell: Callable[[], None]) -> HandedOver:
        """Return aiohttp's side of a connection."""
        return HandedOver(self._server, tell)


class GatewaySite(web.BaseSite):
    """The address that the gateway listens on."""

    __slots__ = ("_host", "_port")

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._host, self._port = host, port

    @property
    def name(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: If the address is taken.
        """
        await super().start()
        runner = cast("web.AppRunner", self._runner)
        assert runner.server is not None, "the base class has looked"
        listener = Listener(runner.app, runner.server)
        self._server = await asyncio.get_running_loop().create_server(
            listener, self._host, self._port, backlog=BACKLOG
        )
