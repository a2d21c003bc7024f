"""The least that a proxy on this stack can do: swap one header and relay.

    python bare.py PORT UPSTREAM_PORT

aiohttp's server and client with uvloop, as the gateway has them: a token is looked up in a dict, a key is
opened with AES-256-GCM, a header is swapped, and what comes back is streamed. No hub, no membership, no
database, no limits, no log, no scan of the answer. What the gateway does beyond this is what is measured.
"""

from __future__ import annotations

import asyncio
import os
import sys

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from yarl import URL

TOKENS = {"Bearer ada": "ada"}
AES = AESGCM(os.urandom(32))
NONCE = os.urandom(12)
SEALED = AES.encrypt(NONCE, b"sk-bench-0123456789abcdefghijklmnopqrstuvwxyz", b"ada")
SENT = ("Accept", "Content-Type", "Idempotency-Key", "User-Agent")
BACK = ("Content-Type", "request-id")


async def serve(port: int, upstream: int) -> None:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )

    async def relay(request: web.Request) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in SENT if name in request.headers}
        who = TOKENS[request.headers["Authorization"]]
        key = AES.decrypt(NONCE, SEALED, who.encode())
        headers["Authorization"] = f"Bearer {key.decode()}"
        async with session.request(
            request.method,
            URL(f"http://127.0.0.1:{upstream}{request.path_qs}", encoded=True),
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as response:
            kept = {name: response.headers[name] for name in BACK if name in response.headers}
            out = web.StreamResponse(status=response.status, headers=kept)
            out.content_length = response.content_length
            await out.prepare(request)
            async for piece in response.content.iter_any():
                await out.write(piece)
            return out

    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", relay)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
