"""A loopback server that speaks every provider's wire, for tests with the real SDKs.

    with FakeProviders() as fake:
        fake.answers("Good prompt.")                     # every call from now on
        fake.queue(Answer(status=429, retry_after="1"))  # the next call only; queued answers come first
        fake.answer_by(lambda call: Answer(chunks=("a",) if "x" in call.text else ("b",)))

        fake.destination("anthropic")   # a Destination; also "openai" and "google"
        fake.endpoint("google")         # the base URL alone, as an SDK or `keys set --endpoint` takes it
        fake.origin                     # "http://127.0.0.1:PORT"

        fake.calls                      # every request, oldest first: wire, path, headers, body, key
        fake.arrived.wait(1)            # a first request has come
        fake.calls[0].closed.wait(1)    # the client hung up before the reply was finished
        fake.keys = {"sk-…"}            # accept only these keys; others get the provider's own 401
        fake.strangers                  # listings without a key, after one was seen: is the key needed?
        fake.open_listing = True        # answer those too; they are refused otherwise
        fake.listing = {"data": None}   # every listing's whole body, in place of the usual ones
        fake.models["openai"] = ("m",)  # what the listing call names
        fake.listings["openai"] = {"data": […]}  # or the whole of what that provider's answers
        fake.refuse_schema = True       # 400 for every request that asks for structured output

`Answer` (see `providers_wire`) says what comes back: text chunks, usage, stop reason, a status, a pause,
or one of `FAULTS`. The server runs in a thread of its own, so synchronous and asynchronous tests can use
it alike. It answers under `/anthropic`, `/openai/v1` and `/google`, and at the bare paths too.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from aiohttp import web

from assay_nb.messages import Destination, ProviderId
from tests.fakes.providers_wire import (
    FAULTS,
    Answer,
    AnthropicMessages,
    Gemini,
    OpenAIChat,
    OpenAIResponses,
    Wire,
)

__all__ = ["FAULTS", "Answer", "Call", "FakeProviders"]

_PREFIX = {"anthropic": "/anthropic", "openai": "/openai/v1", "google": "/google"}
_HTML = "<!doctype html><html><title>Log in to the guest network</title></html>"
_STALL = 120.0
"""Longer than any test waits: what ends sooner was ended by somebody."""


@dataclass
class Call:
    """One request as it arrived.

    `key` is what stood in the provider's header; `closed` is set when the client hangs up before the
    reply is finished.
    """

    wire: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    raw: bytes
    key: str | None
    at: float
    closed: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def text(self) -> str:
        """The whole body as text, to search in."""
        return self.raw.decode(errors="replace")


class FakeProviders:
    """Every provider on one loopback port. See the module for how to script it."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self.strangers: list[Call] = []
        self.arrived = threading.Event()
        self.connections: set[Any] = set()
        self.keys: set[str] | None = None
        self.open_listing = False
        self.listing: Any = None
        self._key_seen = False
        self.refuse_schema = False
        self.models: dict[str, tuple[str, ...]] = {
            "anthropic": ("claude-sonnet-4-6", "claude-haiku-5-5"),
            "openai": ("gpt-6-luna", "gpt-6.2-sol"),
            "google": ("gemini-3.8-flash",),
        }
        self.listings: dict[str, Any] = {}
        self._answer: Callable[[Call], Answer] = lambda call: Answer()
        self._queue: deque[Answer] = deque()
        self._waiting: list[asyncio.Event] = []
        self._released = asyncio.Event()
        self._tls = tls
        self._on_call = on_call
        self._runner: web.AppRunner | None = None
        self.port = 0

    # --- scripting

    def answers(self, *chunks: str, **options: Any) -> None:
        """Answer every call with these chunks of text (options as in `Answer`)."""
        answer = Answer(chunks=chunks, **options) if chunks else Answer(**options)
        self._answer = lambda call: answer

    def answer_by(self, choose: Callable[[Call], Answer | str]) -> None:
        """Answer every call with what `choose(call)` returns; a string is one chunk."""

        def answer(call: Call) -> Answer:
            chosen = choose(call)
            return Answer(chunks=(chosen,)) if isinstance(chosen, str) else chosen

        self._answer = answer

    def queue(self, *answers: Answer) -> None:
        """Answer the next calls with these, one each, before anything else."""
        self._queue.extend(answers)

    def forget(self) -> None:
        """Forget who came, and whether anybody had a key, for the next test of a server that is shared."""
        self.calls.clear()
        self.strangers.clear()
        self.arrived.clear()
        self._key_seen, self.open_listing, self.listing = False, False, None

    def release(self) -> None:
        """Let the last chunk of a reply go that was told to `hold` it."""
        self._loop.call_soon_threadsafe(self._released.set)

    # --- where it is

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def endpoint(self, provider: ProviderId) -> str:
        return self.origin + _PREFIX[provider]

    def destination(self, provider: ProviderId) -> Destination:
        placement = "x-goog-api-key" if provider == "google" else "bearer"
        return Destination(provider, self.endpoint(provider), self.origin, placement)

    # --- running

    def __enter__(self) -> FakeProviders:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def restart(self) -> None:
        """Come back after `__exit__`, on the same port."""
        self.__enter__()

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, max_field_size=16_384
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        # asyncio drops the socket of a connection that it accepted and had not begun to serve.
        await asyncio.sleep(0.01)
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.sleep(0)

    # --- one request

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        wire = _wire_of(request)
        call = await _record(request, wire)
        # A server that is called with a key wants one. One that never is has none to ask for.
        self._key_seen = self._key_seen or call.key is not None
        is_bare = call.method == "GET" and call.key is None and self._key_seen
        (self.strangers if is_bare else self.calls).append(call)
        self.arrived.set()
        if self._on_call:
            self._on_call(call)
        try:
            response = await self._respond(request, wire, call)
        except (asyncio.CancelledError, ConnectionError):
            call.closed.set()
            raise
        finally:
            call.finished.set()
        return response

    async def _respond(self, request: web.Request, wire: Wire, call: Call) -> web.StreamResponse:
        unknown = self.keys is not None and call.key not in self.keys
        if unknown or (call in self.strangers and not self.open_listing):
            code = "API_KEY_INVALID" if wire.name == "google" else None
            status = 400 if wire.name == "google" else 401
            return self._error(wire, Answer(status=status, code=code), call)
        if self._queue:
            answer = self._queue.popleft()
        else:
            answer = self._answer(call)
        if answer.together:
            await self._gather(answer.together)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.fault == "stall_headers":
            await asyncio.sleep(_STALL)
        if answer.location:
            headers = {"Location": answer.location, **answer.headers}
            return web.Response(status=answer.status, headers=headers)
        if answer.fault == "echo_error":
            text = f"Incorrect API key provided: {call.key}"
            return web.json_response(wire.error(401, None, text), status=401)
        if answer.raw is not None:
            return await _send_raw(request, answer)
        if answer.status != 200:
            return self._error(wire, answer, call)
        if whole := _fault_body(answer):
            return whole
        path = call.path
        if call.method == "GET":
            names = self.models[wire.provider]
            usual = self.listings.get(wire.provider) or wire.models(names)
            return web.json_response(usual if self.listing is None else self.listing)
        if path.endswith(("/count_tokens", "/input_tokens", ":countTokens")):
            return web.json_response(wire.count(answer.input_tokens or 0))
        if self.refuse_schema and wire.has_schema(call.body):
            return self._error(wire, Answer(status=400), call)
        if not wire.is_stream(path, call.body):
            model = answer.model or wire.model(path, call.body)
            return web.json_response(wire.whole(answer, model), headers=_headers(answer, call))
        return await self._stream(request, wire, call, answer)

    async def _gather(self, number: int) -> None:
        """Return when so many calls wait here at once."""
        self._waiting.append(asyncio.Event())
        mine = self._waiting[-1]
        if len(self._waiting) >= number:
            for one in self._waiting:
                one.set()
            self._waiting.clear()
        await mine.wait()

    def _error(self, wire: Wire, answer: Answer, call: Call) -> web.Response:
        headers = {"Content-Type": "application/json", **_headers(answer, call)}
        if answer.retry_after is not None:
            headers["Retry-After"] = answer.retry_after
        text = f"The request failed with {answer.status}."
        body = json.dumps(answer.body or wire.error(answer.status, answer.code, text))
        return web.Response(body=body.encode(), status=answer.status, headers=headers)

    async def _stream(
        self, request: web.Request, wire: Wire, call: Call, answer: Answer
    ) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream; charset=utf-8", **_headers(answer, call)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        model = answer.model or wire.model(call.path, call.body)
        for frame in wire.opening(answer, model):
            await response.write(frame)
        if answer.error_frame is not None:
            await response.write(b"data: " + json.dumps(answer.error_frame).encode() + b"\n\n")
            await response.write_eof()
            return response
        for number, chunk in enumerate(answer.chunks):
            if answer.fault and number == answer.fault_after:
                return await _break(request, response, wire, call, answer)
            if answer.hold and number == len(answer.chunks) - 1:
                await self._released.wait()
            if answer.pause and number:
                await asyncio.sleep(answer.pause)
            await response.write(wire.delta(chunk))
        if answer.fault and answer.fault_after >= len(answer.chunks):
            return await _break(request, response, wire, call, answer)
        for frame in wire.closing(answer, model):
            await response.write(frame)
        await response.write_eof()
        return response


def _wire_of(request: web.Request) -> Wire:
    path = request.path
    if path.endswith(("/responses", "/responses/input_tokens")):
        return OpenAIResponses()
    if path.endswith("/chat/completions"):
        return OpenAIChat()
    if path.startswith("/google/") or ":" in path or "x-goog-api-key" in request.headers:
        return Gemini()
    if path.startswith("/anthropic/") or "anthropic-version" in request.headers:
        return AnthropicMessages()
    return OpenAIChat()


async def _record(request: web.Request, wire: Wire) -> Call:
    raw = await request.read()
    headers = {name.lower(): value for name, value in request.headers.items()}
    authorization = headers.get("authorization", "")
    bearer = authorization[7:] if authorization.lower().startswith("bearer ") else None
    key = headers.get("x-goog-api-key") or headers.get("x-api-key") or bearer
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = None
    return Call(
        wire=wire.name,
        method=request.method,
        path=request.path,
        query=request.query_string,
        headers=headers,
        body=body if body is not None else {},
        raw=raw,
        key=key,
        at=time.monotonic(),
    )


def _headers(answer: Answer, call: Call) -> dict[str, str]:
    headers = {"request-id": "req_fake", "x-request-id": "req_fake", **answer.headers}
    if answer.fault == "echo_header":
        headers["request-id"] = headers["x-request-id"] = f"req-{call.key}"
    return headers


async def _send_raw(request: web.Request, answer: Answer) -> web.StreamResponse:
    headers = {"Content-Type": answer.label, **answer.headers}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    for piece in answer.raw or ():
        await response.write(piece)
    await response.write_eof()
    return response


def _fault_body(answer: Answer) -> web.Response | None:
    if answer.fault == "html":
        return web.Response(text=_HTML, content_type="text/html")
    if answer.fault == "empty":
        return web.Response(content_type="text/event-stream")
    if answer.fault == "gzip_bomb":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = b"".join(packer.compress(b" " * 1_000_000) for _ in range(200)) + packer.flush()
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=body, headers=headers)
    return None


async def _break(
    request: web.Request,
    response: web.StreamResponse,
    wire: Wire,
    call: Call,
    answer: Answer,
) -> web.StreamResponse:
    transport = request.transport
    assert transport is not None
    fault = answer.fault
    if fault == "error_event":
        await response.write(wire.error_frame())
    elif fault == "half_frame":
        await response.write(wire.delta("never whole")[:-20] + b"\n\n")
    elif fault == "garbage":
        await response.write(b"event: message_delta\ndata: {not json at all\n\n")
    elif fault == "stall":
        await asyncio.sleep(_STALL)
    elif fault == "cut":
        transport.close()
        return response
    elif fault == "reset":
        socket = transport.get_extra_info("socket")
        socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        return response
    elif fault == "flood":
        while True:
            await response.write(wire.delta("x" * 60_000))
    elif fault == "drip":
        while True:
            await response.write(wire.ping())
            await asyncio.sleep(1)
    elif fault and fault.startswith("echo"):
        async for frame in _echo(wire, call, fault):
            await response.write(frame)
        for frame in wire.closing(answer, "fake"):
            await response.write(frame)
    await response.write_eof()
    return response


async def _echo(wire: Wire, call: Call, fault: str) -> AsyncIterator[bytes]:
    key = call.key or ""
    if fault == "echo_body":
        yield wire.delta(json.dumps(call.headers))
    elif fault == "echo_base64":
        yield wire.delta("data " + base64.b64encode(f"Bearer {key}".encode()).decode())
    elif fault == "echo_url":
        yield wire.delta("".join(f"%{byte:02X}" for byte in key.encode()))
    elif fault == "echo_json":
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in key)
        yield wire.delta("@@").replace(b"@@", escaped.encode())
    elif fault == "echo_split":
        frame = wire.delta(f"your key is {key}, is it not?")
        cut = frame.index(key.encode()) + len(key) // 2
        yield frame[:cut]
        await asyncio.sleep(0.05)
        yield frame[cut:]


def keyed(calls: list[Call]) -> list[Call]:
    """Return the calls that showed a key: a listing is asked for once more without, to see that it needs one."""
    return [call for call in calls if call.key is not None]


def only(calls: list[Call]) -> Call:
    """Return the one call there was."""
    assert len(calls) == 1, [call.path for call in calls]
    return calls[0]
