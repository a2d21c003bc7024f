"""Requests written by hand, and answers read byte by byte: what no HTTP client would send or show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.gateway.members import Member
from tests.gateway.stage import PREFIX, Stage


@dataclass
class Wire:
    """A connection to the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Return the status and the headers of the next answer."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines[1:] if line)
        return int(lines[0].split(" ")[1]), {name.lower(): value for name, _, value in pairs}

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return the next answer, whose length is stated or which comes in chunks."""
        status, headers = await self.head()
        if headers.get("transfer-encoding") != "chunked":
            length = int(headers.get("content-length", 0))
            return status, headers, await self.reader.readexactly(length)
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return status, headers, body

    async def error(self) -> tuple[int, str]:
        """Return the status and the code of an error in our form, with our headers."""
        status, headers, body = await self.answer()
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-type"].startswith("application/json")
        told: dict[str, Any] = json.loads(body)["error"]
        assert told["message"]
        return status, told["code"]

    async def is_closed(self, seconds: float = 30) -> bool:
        """Say whether the gateway closes the connection, and sends nothing more."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def wire_to(stage: Stage) -> AsyncIterator[Wire]:
    host, _, port = stage.origin.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def write(
    member: Member,
    path: str,
    body: bytes = b"",
    *headers: str,
    method: str = "POST",
    length: bool = True,
) -> bytes:
    """Return a request that is passed through to OpenAI."""
    lines = [
        f"{method} {PREFIX}providers/personal/openai/{path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {member.token}",
        *headers,
    ]
    if length and (body or method != "GET"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
