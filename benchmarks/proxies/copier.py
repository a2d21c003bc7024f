"""The least that any proxy on this stack costs: bytes are copied from one connection to the other.

    python copier.py PORT UPSTREAM_PORT

Two protocols on uvloop. No HTTP is read, no header swapped, no key opened: what this costs is the event loop's and the
operating system's, and no proxy in Python on them costs less.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast


class Copier(asyncio.Protocol):
    """One connection, whose bytes go to the other one of its pair."""

    def __init__(self, upstream: int | None) -> None:
        self.upstream = upstream
        self.other: asyncio.Transport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the upstream, if this is a client."""
        self.transport = cast("asyncio.Transport", transport)
        if self.upstream is not None:
            self.task = asyncio.create_task(self.connect(self.upstream))

    async def connect(self, port: int) -> None:
        """Make the other connection of the pair."""
        loop = asyncio.get_running_loop()
        transport, copier = await loop.create_connection(lambda: Copier(None), "127.0.0.1", port)
        copier.other, self.other = self.transport, transport
        for piece in self.early:
            transport.write(piece)

    def data_received(self, data: bytes) -> None:
        """Copy what has come."""
        if self.other is None:
            self.early.append(data)
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other one too."""
        if self.other is not None:
            self.other.close()


async def serve(port: int, upstream: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Copier(upstream), "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
