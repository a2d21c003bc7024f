"""Pass-through: any SDK's own requests, with the workspace's key in the place of the hub token.

The caller's SDK has this gateway's address as its base URL and a hub token as its key. What it sends is
passed on byte by byte, and so is what comes back; in between the token is taken off and the workspace's
key is put on. The stored connection decides where it is sent; nothing in the request does.

This is the way through aiohttp. It serves every request that is passed through; most go by `proxy.relay` instead,
which costs a fraction and keeps to the same rules.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
from aiohttp import web

from assay_nb.errors import AssayError, ProviderAuthError
from assay_nb.gateway.calls.inflight import ActiveCall
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import TooLarge, add_safe_headers, error_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.proxy.call import SMALL, ProxiedCall, check_program, write_failure
from assay_nb.gateway.proxy.headers import request_headers, response_headers
from assay_nb.gateway.proxy.model_list import (
    check_body_models,
    find_body_models,
    has_to_be_read,
    largest_read,
    too_large_to_read,
)
from assay_nb.gateway.proxy.reverse_proxy import REVERSE_PROXY, ReverseProxy
from assay_nb.gateway.proxy.target import (
    check_target,
    read_target,
)
from assay_nb.gateway.proxy.upstream import UpstreamRequest, explain
from assay_nb.gateway.proxy.watchdog import Heartbeat

# --- the route


async def pass_through(context: RequestContext) -> web.StreamResponse:
    """Send a request on with the workspace's key, and stream what comes back."""
    services, caller = context.services, context.caller
    check_program(caller)
    target = read_target(context)
    proxy = context.request.app[REVERSE_PROXY]
    grant = await proxy.grants.find(caller.user, context.workspace, target.connection)
    check_target(services.settings, target, grant.destination)
    call = ProxiedCall(services, proxy, caller.user, target, grant)
    proxied = ProxiedRequest(context, proxy, call)
    try:
        with services.limiter.slot(caller.user):
            with services.active_calls.hold(caller, grant.workspace.id) as active:
                async with call.guided():
                    await proxied.run(active)
            if active.ended_by is not None:
                await proxied.fail(active.ended_by)
    except ProviderAuthError as error:
        response = error_answer(error)
        response.headers["X-Should-Retry"] = "false"  # SDKs would retry a 502
        return response
    return proxied.response


ROUTES = (
    Route(
        method="*",
        path="providers/{workspace}/{provider}/{path:.*}",
        who="member",
        action="call",
        handler=pass_through,
        summary="Any SDK's own requests, with the workspace's key in the place of the hub token",
        run_tokens="pass-through",
        token_headers=("x-api-key", "x-goog-api-key", "api-key", "x-portkey-api-key"),
        errors=(409, 413, 429, 502, 503),
        listed=False,
    ),
)


# --- one request


class ProxiedRequest:
    """One request on its way to a provider, and the response on its way back."""

    def __init__(self, context: RequestContext, proxy: ReverseProxy, call: ProxiedCall) -> None:
        self._proxy = proxy
        self._request = context.request
        self._services = context.services
        self._call = call
        self.response: web.StreamResponse = web.StreamResponse()

    async def run(self, active: ActiveCall) -> None:
        """Send the request, stream the response, and note the call.

        Raises:
            AssayError: If nothing has been answered yet. Later failures end what is being sent.
        """
        call, seconds = self._call, self._services.settings.limits.call_seconds
        call.check_room()
        over, failure = False, None
        try:
            with self._proxy.watchdog.watch(active, seconds) as heartbeat:
                await self._pass(heartbeat)
                over = True
        except AssayError as error:
            failure = error
            await self.fail(error)
        finally:
            call.note(active.ended_by or failure, stopped=not over)
            await call.settle()

    async def fail(self, error: AssayError) -> None:
        """Report an error while that is still possible: raise it, or end the stream with it."""
        if not self.response.prepared:
            raise error
        if self.response.content_type == "text/event-stream":
            try:
                await self.response.write_eof(write_failure(error))
                return
            except (ConnectionError, RuntimeError):
                pass
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _pass(self, heartbeat: Heartbeat) -> None:
        call = self._call
        body = await self._body(heartbeat)
        await call.reserve()
        request = call.make_request()
        url = call.target.url(request.destination)
        response = await self._proxy.upstream.send(
            request, call.target.method, url, headers=request_headers(self._request), body=body
        )
        try:
            heartbeat.beat()
            headers = {**response_headers(response), **call.meter.headers()}
            call.check_head(response.status, response.headers, _raw(headers))
            headers |= call.write_addresses(response.headers)
            await self._answer(request, response, headers, heartbeat)
        finally:
            self._proxy.upstream.end(request, response)

    # --- the request

    async def _body(self, heartbeat: Heartbeat) -> Any:
        """Return the body to send: what has come whole, or a stream of what is still coming."""
        request, call = self._request, self._call
        if not request.body_exists:
            return None
        length = request.content_length
        call.check_length(length)
        settings = self._services.settings
        call.read_addresses(self._content_type)
        if has_to_be_read(settings, call.grant.destination):
            body = await self._read(heartbeat)
            await self._check_body_models(body)
            self._see(body)
            return _pieces(call.send_piece(body) + call.send_rest())
        if call.reads_models and length is not None and length <= largest_read(settings):
            body = await self._read(heartbeat)
            call.meter.add_models(await find_body_models(self._content_type, body))
            self._see(body)
            return _pieces(call.send_piece(body) + call.send_rest())
        if length is not None and length <= SMALL:
            body = await request.content.read()
            self._see(body)
            return call.send_piece(body) + call.send_rest()
        first = await request.content.readany() if call.is_counted else b""
        self._see(first)
        return self._stream(first, heartbeat)

    @property
    def _content_type(self) -> str:
        return self._request.headers.get("Content-Type", "")

    def _see(self, head: bytes) -> None:
        self._call.meter.see_request(self._content_type, head)

    async def _read(self, heartbeat: Heartbeat) -> bytes:
        most, found = largest_read(self._services.settings), bytearray()
        if (self._request.content_length or 0) > most:
            raise too_large_to_read(most)
        async for piece in self._request.content.iter_any():
            heartbeat.beat()
            found += piece
            if len(found) > most:
                raise too_large_to_read(most)
        return bytes(found)

    async def _check_body_models(self, body: bytes) -> None:
        call, settings = self._call, self._services.settings
        named = await check_body_models(
            settings, call.target, call.grant.destination, self._content_type, body
        )
        call.meter.add_models(named)

    async def _stream(self, first: bytes, heartbeat: Heartbeat) -> AsyncIterator[bytes]:
        passed = len(first)
        if sent := self._call.send_piece(first):
            yield sent
        async for piece in self._request.content.iter_any():
            heartbeat.beat()
            passed += len(piece)
            try:
                self._call.check_length(passed)
            except TooLarge as error:
                if self._call.request is not None:
                    self._call.request.failure = error
                raise
            if sent := self._call.send_piece(piece):
                yield sent
        if rest := self._call.send_rest():
            yield rest

    # --- the response

    async def _answer(
        self,
        request: UpstreamRequest,
        response: aiohttp.ClientResponse,
        headers: dict[str, str],
        heartbeat: Heartbeat,
    ) -> None:
        length = response.content_length
        try:
            if length is not None and length <= SMALL:
                body = self._call.pass_whole(await response.read())
                self.response = web.Response(body=body, status=response.status, headers=headers)
            else:
                await self._answer_stream(response, headers, heartbeat)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise explain(request.destination, error) from None

    async def _answer_stream(
        self, response: aiohttp.ClientResponse, headers: dict[str, str], heartbeat: Heartbeat
    ) -> None:
        out = self.response = web.StreamResponse(status=response.status, headers=headers)
        if response.content_length is not None and not self._call.changes_length:
            out.content_length = response.content_length
        if out.content_type == "text/event-stream":
            out.headers["X-Accel-Buffering"] = "no"
        add_safe_headers(out)
        await out.prepare(self._request)
        async for piece in response.content.iter_any():
            if passed := self._call.pass_piece(piece):
                await out.write(passed)
            heartbeat.beat()
        if rest := self._call.pass_rest():
            await out.write(rest)


def _raw(headers: dict[str, str]) -> Iterator[tuple[bytes, bytes]]:
    for pair in headers.items():
        name, value = (text.encode("utf-8", "surrogateescape") for text in pair)
        yield name, value


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), SMALL):
        yield body[start : start + SMALL]
