"""Pass-through: any SDK's own requests, with the workspace's key in the place of the hub token.

The caller's SDK has this gateway's address as its base URL and a hub token as its key. What it sends is
passed on byte by byte, and so is what comes back; in between the token is taken off and the workspace's
key is put on. The stored connection decides where it is sent; nothing in the request does.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
from aiohttp import web
from anyio.to_thread import run_sync

from assay_nb.accounting.call_log import make_record
from assay_nb.egress.checks import ResponseHead, echoed
from assay_nb.egress.setting_names import OPERATOR
from assay_nb.engine.local.keyways import guided
from assay_nb.engine.sse import write_event
from assay_nb.errors import (
    AssayError,
    PermissionDenied,
    ProviderAuthError,
    ProviderUnavailable,
)
from assay_nb.gateway.calls.inflight import ActiveCall
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import TooLarge, add_safe_headers, error_answer
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.policy import check_model
from assay_nb.gateway.proxy.grants import Grant
from assay_nb.gateway.proxy.headers import request_headers, response_headers
from assay_nb.gateway.proxy.reverse_proxy import REVERSE_PROXY, ReverseProxy
from assay_nb.gateway.proxy.target import (
    Target,
    check_target,
    needs_body_model,
    parse_model,
    read_target,
)
from assay_nb.gateway.proxy.upstream import UpstreamRequest, explain
from assay_nb.gateway.proxy.watchdog import Heartbeat

INSTRUMENT = "pass-through"
"""What the calls log has in the place of an instrument."""

_IN_BETWEEN = "look for a proxy or a network log-in page between the gateway and the provider"

_SMALL = 64 * 1024
"""Bytes up to which a body is read whole: it is one write then, not several."""

_MOST_BACK = 512 * 1024 * 1024
"""Bytes of a response. An answer that never ends is cut off here, if the time limit has not done so."""

# --- the route


async def pass_through(context: RequestContext) -> web.StreamResponse:
    """Send a request on with the workspace's key, and stream what comes back."""
    services, caller = context.services, context.caller
    if caller.via != "token":
        raise PermissionDenied(
            "The pass-through is for programs, which show a hub token.",
            hint="Send `Authorization: Bearer TOKEN`, or give it to your SDK as its key.",
        )
    target = read_target(context)
    proxy = context.request.app[REVERSE_PROXY]
    grant = await proxy.grants.find(caller.user, context.workspace, target.connection)
    check_target(services.settings, target, grant.destination)
    proxied = ProxiedRequest(context, proxy, target, grant)
    try:
        with services.limiter.slot(caller.user):
            with services.active_calls.hold(caller, grant.workspace.id) as call:
                async with guided(services.resources, grant.workspace):
                    await proxied.run(call)
            if call.ended_by is not None:
                await proxied.fail(call.ended_by)
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
        token_headers=("x-api-key", "x-goog-api-key", "api-key", "x-portkey-api-key"),
        errors=(409, 413, 429, 502, 503),
        listed=False,
    ),
)


# --- one request


class ProxiedRequest:
    """One request on its way to a provider, and the response on its way back."""

    def __init__(
        self, context: RequestContext, proxy: ReverseProxy, target: Target, grant: Grant
    ) -> None:
        self._proxy = proxy
        self._user = context.user
        self._request = context.request
        self._services = context.services
        self._seconds = context.services.settings.limits.call_seconds
        self._target = target
        self._grant = grant
        self._model = target.models[-1] if target.models else None
        self._upstream: UpstreamRequest | None = None
        self._status = 0
        self.response: web.StreamResponse = web.StreamResponse()

    async def run(self, call: ActiveCall) -> None:
        """Send the request, stream the response, and note the call.

        Raises:
            AssayError: If nothing has been answered yet. Later failures end what is being sent.
        """
        began, status = time.monotonic(), "stopped"
        self._proxy.journal.check_room()
        counts = self._grant.limited and not self._target.bodiless
        reservation = await self._proxy.reserve(self._grant, self._user) if counts else None
        try:
            with self._proxy.watchdog.watch(call, self._seconds) as heartbeat:
                status = await self._pass(heartbeat)
        except AssayError as error:
            status = error.code
            await self.fail(error)
        finally:
            if call.ended_by is not None:
                status = call.ended_by.code
            self._note(status, time.monotonic() - began)
            if reservation is not None:
                await self._proxy.settle(reservation, 0.0 if self._was_refused else None)

    @property
    def _was_refused(self) -> bool:
        """Whether the provider has answered that it did nothing, or was never asked."""
        return self._upstream is None or not self._upstream.sent or self._status >= 400

    async def fail(self, error: AssayError) -> None:
        """Report an error while that is still possible: raise it, or end the stream with it."""
        if not self.response.prepared:
            raise error
        if self.response.content_type == "text/event-stream":
            frame = {"type": "error", "error": {"type": error.code, **error.to_dict()}}
            try:
                await self.response.write_eof(b"\n\n" + write_event("error", frame))
                return
            except (ConnectionError, RuntimeError):
                pass
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _pass(self, heartbeat: Heartbeat) -> str:
        body = await self._body(heartbeat)
        request = self._upstream = self._proxy.make_request(self._grant)
        url = self._target.url(request.destination)
        response = await self._proxy.upstream.send(
            request, self._target.method, url, headers=request_headers(self._request), body=body
        )
        try:
            self._status = response.status
            heartbeat.beat()
            head = ResponseHead(request.destination, response.status, response.headers)
            headers = response_headers(response)
            head.check_echo(request.echo, _raw(headers))
            self._check(head)
            await self._answer(request, response, headers, heartbeat)
            return _status_of(response.status)
        finally:
            self._proxy.upstream.end(request, response)

    # --- the request

    async def _body(self, heartbeat: Heartbeat) -> Any:
        """Return the body to send: what has come whole, or a stream of what is still coming."""
        request, most = self._request, self._services.settings.limits.passthrough_body
        if not request.body_exists:
            return None
        length = request.content_length
        if length is not None and length > most:
            raise _too_large(most)
        if needs_body_model(self._services.settings, self._target, self._grant.destination):
            body = await _read(request, most, heartbeat)
            await self._check_body_model(body)
            return _pieces(body)
        if length is not None and length <= _SMALL:
            return await request.content.read()
        return self._stream(most, heartbeat)

    async def _check_body_model(self, body: bytes) -> None:
        self._model = await run_sync(parse_model, body)
        if self._model is None:
            raise PermissionDenied(
                "This hub has a list of models, and the request does not name one.",
                hint="Send JSON that names one `model`.",
            )
        check_model(self._services.settings, self._grant.destination, self._model)

    async def _stream(self, most: int, heartbeat: Heartbeat) -> AsyncIterator[bytes]:
        left = most
        async for piece in self._request.content.iter_any():
            heartbeat.beat()
            left -= len(piece)
            if left < 0:
                error = _too_large(most)
                if self._upstream is not None:
                    self._upstream.failure = error
                raise error
            yield piece

    # --- the response

    def _check(self, head: ResponseHead) -> None:
        """Refuse what is not a provider's answer, before anything of it is passed on."""
        head.check_redirect(
            "If the endpoint moved, an admin saves the key again with its new address."
        )
        if head.status == 401:
            raise self._grant.key_refused(head)
        if head.encoding:
            raise head.compressed()
        if head.is_page:
            raise head.not_a_reply(OPERATOR.advise(_IN_BETWEEN))

    async def _answer(
        self,
        request: UpstreamRequest,
        response: aiohttp.ClientResponse,
        headers: dict[str, str],
        heartbeat: Heartbeat,
    ) -> None:
        length = response.content_length
        try:
            if length is not None and length <= _SMALL:
                await self._answer_whole(request, response, headers)
            else:
                await self._answer_stream(request, response, headers, heartbeat)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise explain(request.destination, error) from None

    async def _answer_whole(
        self, request: UpstreamRequest, response: aiohttp.ClientResponse, headers: dict[str, str]
    ) -> None:
        body = await response.read()
        if request.echo.has_echo(body):
            raise echoed(request.destination, response.status)
        self.response = web.Response(body=body, status=response.status, headers=headers)

    async def _answer_stream(
        self,
        request: UpstreamRequest,
        response: aiohttp.ClientResponse,
        headers: dict[str, str],
        heartbeat: Heartbeat,
    ) -> None:
        out = self.response = web.StreamResponse(status=response.status, headers=headers)
        if response.content_length is not None:
            out.content_length = response.content_length
        if out.content_type == "text/event-stream":
            out.headers["X-Accel-Buffering"] = "no"
        add_safe_headers(out)
        await out.prepare(self._request)
        left = _MOST_BACK
        async for piece in response.content.iter_any():
            passed = request.echo.feed(piece)
            left -= len(piece)
            if passed is None:
                raise echoed(request.destination, response.status)
            if left < 0:
                raise ProviderUnavailable(
                    "The answer is longer than any that is passed through.",
                    provider=request.destination.provider,
                )
            if passed:
                await out.write(passed)
            heartbeat.beat()
        if rest := request.echo.flush():
            await out.write(rest)

    def _note(self, status: str, seconds: float) -> None:
        if self._upstream is None or not self._upstream.sent:
            return
        there = self._grant.destination
        # The provider's name, not the connection's: people make those up without end.
        self._services.metrics.calls.labels(INSTRUMENT, there.provider, "workspace", status).inc()
        self._proxy.journal.add(
            make_record(
                workspace_id=self._grant.workspace.id,
                user=self._user,
                instrument=INSTRUMENT,
                provider=there.connection,
                model=self._model or "",
                funding="workspace",
                status=status,
                milliseconds=round(seconds * 1000),
            )
        )


def _raw(headers: dict[str, str]) -> Iterator[tuple[bytes, bytes]]:
    for pair in headers.items():
        name, value = (text.encode("utf-8", "surrogateescape") for text in pair)
        yield name, value


def _status_of(status: int) -> str:
    if status < 400:
        return "ok"
    if status == 429:
        return "rate_limited"
    if status == 403:
        return "provider_auth"
    return "provider_unavailable" if status >= 500 else "provider_error"


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The request is larger than {most:,} bytes.")


async def _read(request: web.Request, most: int, heartbeat: Heartbeat) -> bytes:
    found = bytearray()
    async for piece in request.content.iter_any():
        heartbeat.beat()
        found += piece
        if len(found) > most:
            raise _too_large(most)
    return bytes(found)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _SMALL):
        yield body[start : start + _SMALL]
