"""The practice provider's server: on loopback only, in a thread of its own, for as long as it is needed."""

# pyright: reportUnknownMemberType=false
# tornado's handlers take untyped dictionaries.

from __future__ import annotations

import asyncio
import hmac
import json
import math
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from assay_nb.messages import ProviderId, Usage
from assay_nb.practice.replies import make_reply
from assay_nb.practice.wire import WIRES, Asked, Wire

MODEL = "practice-1"
_PIECE = 48
_MOST = 4 * 1024 * 1024
_SUFFIX: dict[ProviderId, str] = {"anthropic": "", "openai": "/v1", "google": ""}


class PracticeServer:
    """A provider that answers from the lint rules. It accepts one key, a new one for each server.

    Attributes:
        key: The key that it accepts. It opens nothing but this server.
    """

    def __init__(self, *, pace: float = 0.0) -> None:
        """Prepare a server; nothing listens yet.

        Args:
            pace: Seconds between two pieces of a reply, for people who watch.
        """
        self.key = f"practice-{secrets.token_hex(16)}"
        self._pace = pace
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    def start(self) -> PracticeServer:
        """Listen on a free port of 127.0.0.1."""
        self._thread = threading.Thread(target=self._run, name="assay_nb practice", daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def endpoint(self, provider: ProviderId) -> str:
        """Return the base URL for a provider's SDK."""
        return f"http://127.0.0.1:{self._port}/practice/{provider}{_SUFFIX[provider]}"

    def close(self) -> None:
        """Stop listening, and end the thread."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop = None

    def __enter__(self) -> PracticeServer:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        sockets = bind_sockets(0, "127.0.0.1")
        server = HTTPServer(self._application(), max_body_size=_MOST)
        server.add_sockets(sockets)
        self._port = sockets[0].getsockname()[1]
        self._loop = loop
        self._ready.set()
        try:
            loop.run_forever()
        finally:
            server.stop()
            loop.run_until_complete(_end(server))
            loop.close()

    def _application(self) -> Application:
        routes: list[Any] = []
        for provider, wire in WIRES.items():
            base = f"/practice/{provider}"
            shared = {"wire": wire, "key": self.key, "pace": self._pace}
            routes += [
                (base + r"/.*models/?(?:\?.*)?", _Models, shared),
                (base + r"/.*", _Reply, shared),
            ]
        return Application(routes, log_function=_no_log)


async def _end(server: HTTPServer) -> None:
    """Close what is open, and let the replies that are being written notice that nobody reads them."""
    await server.close_all_connections()
    replies = asyncio.all_tasks() - {asyncio.current_task()}
    if replies:
        await asyncio.wait(replies, timeout=1)


def _no_log(handler: RequestHandler) -> None:
    """Leave no access log in the terminal or the notebook that runs it."""


class _Handler(RequestHandler):
    def initialize(self, wire: Wire, key: str, pace: float) -> None:
        self._wire = wire
        self._key = key
        self._pace = pace

    def prepare(self) -> None:
        headers = self.request.headers
        bearer = headers.get("Authorization", "").removeprefix("Bearer ")
        given = headers.get("x-goog-api-key") or headers.get("x-api-key") or bearer
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            self._refuse(401, "This key is not the practice key.")

    def _refuse(self, status: int, message: str) -> None:
        self.set_status(status)
        self.finish(self._wire.error(status, message))


class _Models(_Handler):
    def get(self) -> None:
        self.finish(self._wire.models([MODEL]))


class _Reply(_Handler):
    async def post(self) -> None:
        try:
            asked = self._wire.parse(self.request.path, json.loads(self.request.body))
        except (ValueError, AttributeError, TypeError):
            self._refuse(400, "This request is not in the provider's form.")
            return
        reply = make_reply(asked)
        usage = Usage(_tokens("".join(asked.texts)), _tokens(reply))
        self.set_header("Content-Type", "text/event-stream")
        with suppress(StreamClosedError):  # the caller hung up, as a cancelled call does
            await self._send(self._frames(asked, reply, usage))

    async def _send(self, frames: Iterator[bytes]) -> None:
        for frame in frames:
            self.write(frame)
            await self.flush()
            if self._pace:
                await asyncio.sleep(self._pace)

    def _frames(self, asked: Asked, reply: str, usage: Usage) -> Iterator[bytes]:
        pieces = [reply[i : i + _PIECE] for i in range(0, len(reply), _PIECE)]
        return self._wire.stream(asked, pieces, usage)


def _tokens(text: str) -> int:
    """Return about how many tokens a text has: a thumb's rule, since no tokenizer is at work here."""
    return math.ceil(len(text) / 4)
