"""Somebody who uses the pass-through: a token, a workspace with a key, and requests made by hand."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import anyio

from tests.gateway.stage import Stage

STREAMED = {"model": "m", "max_tokens": 9, "stream": True, "messages": []}


@dataclass
class Member:
    """A person with a key in their personal workspace, and the base URLs that their SDKs are given."""

    stage: Stage
    token: str
    workspace: str
    key: str

    def base(self, provider: str, workspace: str = "personal") -> str:
        return f"{self.stage.url}providers/{workspace}/{provider}"


async def join(
    stage: Stage,
    provider: Any,
    user: str = "ada",
    key: str | None = None,
    *,
    connection: str = "",
) -> Member:
    """Return a person whose workspace has a key for one provider: a real-looking one, this one, or `""`.

    The connection bears the provider's name unless it is given another.
    """
    token = stage.token(user)
    workspace = (await stage.ask("GET", "api/v1/me", token))[1]["workspaces"][0]["id"]
    key = await stage.store_key(workspace, provider, key, connection=connection)
    return Member(stage, token, workspace, key)


def post(
    member: Member, provider: str, path: str, body: Any, headers: dict[str, str] | None = None
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    given = {"Authorization": f"Bearer {member.token}", **(headers or {})}
    url = f"{member.base(provider)}/{path}"
    return member.stage.http.post(_as_written(url), json=body, headers=given)


def open_stream(
    member: Member, provider: str = "anthropic"
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    return post(member, provider, "v1/messages", STREAMED)


async def ask_raw(
    member: Member, provider: str, path: str, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Return the status and the JSON of an answer, or its text."""
    async with post(member, provider, path, body, headers) as response:
        with suppress(ValueError):
            return response.status, await response.json(content_type=None)
        return response.status, await response.text()


async def post_bytes(url: str, key: str, body: Any) -> bytes:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        return await response.read()


async def calls_of(member: Member, lines: int = 1) -> list[dict[str, Any]]:
    """Return the workspace's calls log, newest first, as soon as it has so many lines."""
    path = f"api/v1/workspaces/{member.workspace}/calls"
    for _ in range(3_000):
        found = (await member.stage.ask("GET", path, member.token))[1]
        if len(found) >= lines:
            return found
        await anyio.sleep(0.02)
    raise AssertionError("no call was logged")


def _as_written(url: str) -> Any:
    from yarl import URL

    return URL(url, encoded=True)
