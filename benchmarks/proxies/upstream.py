"""A provider that costs next to nothing, for measuring what stands before it. It also plays the hub.

    python upstream.py PORT

It answers JSON at once, or with `x-events` in the request streams as many events, `x-pause` seconds apart.
Anthropic's `/v1/messages` gets a short stream in Anthropic's own form, all of it at once.
`/closed` tells how long ago each client hung up before its stream was over. A raw protocol, since a web
framework here would be most of what is measured.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

BODY = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    b'"finish_reason":"stop","message":{"role":"assistant","content":"'
    + b"Better said. "
    * 12
    + b'"}}],'
    b'"usage":{"prompt_tokens":90,"completion_tokens":36,"total_tokens":126}}'
)
WHOLE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nrequest-id: req_1\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nrequest-id: req_1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
EVENT = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%05d "}}\n\n'
PARTS: tuple[dict[str, object], ...] = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-6",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 24, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "billing"},
    },
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 3},
    },
    {"type": "message_stop"},
)
MESSAGE = b"".join(
    b"event: %b\ndata: %b\n\n" % (str(part["type"]).encode(), json.dumps(part).encode())
    for part in PARTS
)
MESSAGE = HEAD + b"%x\r\n%b\r\n0\r\n\r\n" % (len(MESSAGE), MESSAGE)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_EVENTS = re.compile(rb"idempotency-key: *(\d+)-([0-9.]+)-(\d+)", re.IGNORECASE)
_TOKEN = re.compile(rb"authorization: *token ([a-z]+)", re.IGNORECASE)

closed: list[float] = []


class Provider(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing."""
        self.transport = transport
        self.data = b""
        self.left = 0
        self.timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Note when it was, if a stream was not over."""
        if self.timer is not None:
            self.timer.cancel()
        if self.left:
            closed.append(time.monotonic())

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self.data += data
        while True:
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.data[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length.group(1)) if length else 0)
            if len(self.data) < whole:
                return
            self.data = self.data[whole:]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        """Answer one request."""
        path = head.split(b" ", 2)[1]
        if path == b"/closed":
            self.tell(closed)
        elif path == b"/hub/api/user":
            token = _TOKEN.search(head)
            name = token.group(1).decode() if token else "nobody"
            scopes = ["access:services!service=assay"]
            self.tell(
                {"name": name, "kind": "user", "groups": [], "admin": False, "scopes": scopes}
            )
        elif (wanted := _EVENTS.search(head)) is not None:
            self.left, self.pause = int(wanted.group(1)), float(wanted.group(2))
            self.pad = b"x" * int(wanted.group(3))
            self.transport.write(HEAD)
            self.next_event()
        elif path == b"/v1/messages":
            self.transport.write(MESSAGE)
        else:
            self.transport.write(WHOLE)

    def tell(self, what: object) -> None:
        """Answer with JSON."""
        body = json.dumps(what).encode()
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )

    def next_event(self) -> None:
        """Send an event, and come back for the next."""
        self.left -= 1
        event = EVENT % self.left + self.pad
        self.transport.write(b"%x\r\n%b\r\n" % (len(event), event))
        if not self.left:
            self.transport.write(b"0\r\n\r\n")
        elif self.transport.get_write_buffer_size() > 1_000_000:
            self.left += 1
            self.timer = asyncio.get_running_loop().call_later(0.05, self.next_event)
        else:
            self.timer = asyncio.get_running_loop().call_later(self.pause, self.next_event)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Provider, "127.0.0.1", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1])))
