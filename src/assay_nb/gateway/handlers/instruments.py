"""Running an instrument: one call in, the engine's events out as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from anyio import CancelScope

from assay_nb.engine.call import Call
from assay_nb.engine.sse import HEARTBEAT, encode_error, encode_event
from assay_nb.engine.tasks import end
from assay_nb.errors import AssayError, ProviderUnavailable
from assay_nb.gateway.http.context import RequestContext
from assay_nb.gateway.http.responses import add_safe_headers
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.http.schemas import OPTIONAL_TEXT, TEXT, exactly

if TYPE_CHECKING:
    from assay_nb.engine.local.planner import CallPlan
    from assay_nb.gateway.calls.inflight import ActiveCall
    from assay_nb.gateway.services import Services

PAUSE = 15.0
"""Seconds of silence after which a heartbeat is sent; nginx takes a minute of it for the end."""


async def run_instrument(context: RequestContext) -> web.StreamResponse:
    """Run an instrument and stream its events.

    Until the first event an error is an ordinary error response. After it, an error is the stream's
    last event.
    """
    services, caller = context.services, context.caller
    stream = _EventStream(context.request)
    with services.limiter.slot(caller.user), services.metrics.running.track_inprogress():
        call = await _read_call(context)
        workspace_id = await services.find_workspace_id(caller.user, call.workspace)
        call = replace(call, workspace=workspace_id.hex())
        with (
            services.active_calls.hold(caller, workspace_id) as held,
            _no_longer_than(services.settings.limits.call_seconds, held),
        ):
            await _relay(context, call, stream)
        if held.ended_by is not None:
            await stream.fail(held.ended_by)
    return stream.response


@contextmanager
def _no_longer_than(seconds: float, held: ActiveCall) -> Generator[None]:
    """End a call that takes longer, also one whose provider says nothing at all."""
    error = ProviderUnavailable("The call took longer than a call may, so it was ended.")
    timer = asyncio.get_running_loop().call_later(seconds, held.end, error)
    try:
        yield
    finally:
        timer.cancel()


async def _read_call(context: RequestContext) -> Call:
    fields = await context.json(
        prompt=str,
        model=(str, None),
        options=(dict, None),
        idempotency_key=(str, None),
        max_requests=(int, None),
    )
    return Call.from_dict(
        {**fields, "instrument": context.part("instrument"), "workspace": context.workspace}
    )


async def _relay(context: RequestContext, call: Call, stream: _EventStream) -> None:
    services, user = context.services, context.user
    frames = partial(_frames, services, user, call)
    if call.idempotency_key is None:
        answer = frames()
    else:
        answer = services.idempotency.follow(user, call, frames)
    try:
        async with _closing(answer), stream.beating():
            async for frames_together in answer:
                await stream.send(frames_together)
    except AssayError as error:
        await stream.fail(error)


@asynccontextmanager
async def _closing(answer: AsyncGenerator[bytes]) -> AsyncGenerator[None]:
    """Close a call's answer in the end, and with it the connection, also where the request was cancelled."""
    try:
        yield
    finally:
        with CancelScope(shield=True):
            await answer.aclose()


async def _frames(services: Services, user: str, call: Call) -> AsyncGenerator[bytes]:
    """Make a call, and yield its events as they go over the wire: those that came together in one piece.

    Raises:
        AssayError: Where it fails, whatever the reason.
    """
    plans: list[CallPlan] = []
    batches = services.engine(user, plans.append).run_batches(call)
    status = "stopped"
    try:
        async with aclosing(batches):
            async for events in batches:
                yield b"".join(map(encode_event, events))
        status = "ok"
    except AssayError as error:
        status = error.code
        raise
    except Exception as error:
        broken = services.went_wrong(error)
        status = broken.code
        raise broken from None
    finally:
        for (
            plan
        ) in plans:  # the provider's name, not the connection's: people make those up without end
            funding = "workspace" if plan.mode == "byok" else "demo"
            services.metrics.calls.labels(call.instrument, plan.provider, funding, status).inc()


class _EventStream:
    """A response that begins with its first event, and is never silent for long."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._turn = asyncio.Lock()
        self._sent_at = 0.0
        self.response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )

    async def send(self, data: bytes) -> None:
        async with self._turn:
            if not self.response.prepared:
                add_safe_headers(self.response)
                await self.response.prepare(self._request)
            await self.response.write(data)
            self._sent_at = asyncio.get_running_loop().time()

    async def fail(self, error: AssayError) -> None:
        """Send an error as the last event; raise it where there was none yet."""
        if not self.response.prepared:
            raise error
        with suppress(ConnectionError):
            await self.response.write(encode_error(error))

    @asynccontextmanager
    async def beating(self, every: float = PAUSE) -> AsyncGenerator[None]:
        """Send a heartbeat after each so many seconds of silence, within the block."""
        loop = asyncio.get_running_loop()
        beat: asyncio.Task[None] | None = None

        def look() -> None:
            nonlocal beat, timer
            since = loop.time() - self._sent_at
            if since >= every and not self._turn.locked():  # a slow reader has enough to read
                beat = loop.create_task(self._beat())
            timer = loop.call_later(every if since >= every else every - since, look)

        self._sent_at = loop.time()
        timer = loop.call_later(every, look)
        try:
            yield
        finally:
            timer.cancel()
            if beat is not None:
                await end(beat)

    async def _beat(self) -> None:
        with suppress(ConnectionError):
            await self.send(HEARTBEAT)


_EVENT = exactly(
    event={"enum": ["started", "delta", "next_round", "waiting", "finished", "error"]},
    data={"type": "string", "contentMediaType": "application/json"},
)

ROUTES = (
    Route(
        method="POST",
        path="api/v1/workspaces/{workspace}/instruments/{instrument}",
        who="member",
        action="call",
        handler=run_instrument,
        summary="Run an instrument; its events as a stream",
        body=exactly(
            prompt=TEXT,
            model=OPTIONAL_TEXT,
            options={"type": ["object", "null"]},
            idempotency_key=OPTIONAL_TEXT,
            max_requests={"type": ["integer", "null"], "minimum": 1},
            optional=("model", "options", "idempotency_key", "max_requests"),
        ),
        reply=_EVENT,
        media="text/event-stream",
        run_tokens="calls",
        errors=(402, 409, 429, 502, 503),
    ),
)
