"""Other people's SDKs, through the gateway, on the workspace's key."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from anyio.to_thread import run_sync

from tests.fakes.providers import Answer, FakeProviders, only
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio

TEXT = "Better said."


@dataclass
class Member:
    """A person with a key in their personal workspace, and the base URLs that their SDKs are given."""

    stage: Stage
    token: str
    workspace: str
    key: str

    def base(self, provider: str, workspace: str = "personal") -> str:
        return f"{self.stage.url}providers/{workspace}/{provider}"


MakeMember = Callable[..., Awaitable[Member]]


@pytest.fixture
def make_member(stage: Stage) -> MakeMember:
    async def make(provider: Any = "anthropic", user: str = "ada") -> Member:
        token = stage.token(user)
        workspace = (await stage.ask("GET", "api/v1/me", token))[1]["workspaces"][0]["id"]
        key = await stage.store_key(workspace, provider)
        return Member(stage, token, workspace, key)

    return make


# --- the official SDKs


def ask_anthropic(base: str, token: str, stream: bool) -> str:
    from anthropic import Anthropic

    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    with Anthropic(base_url=base, api_key=token, max_retries=0) as client:
        if not stream:
            return client.messages.create(**asked).content[0].text  # type: ignore[union-attr]
        with client.messages.stream(**asked) as events:
            return "".join(events.text_stream)


async def ask_anthropic_async(base: str, token: str, stream: bool) -> str:
    from anthropic import AsyncAnthropic

    asked: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with AsyncAnthropic(base_url=base, api_key=token, max_retries=0) as client:
        if not stream:
            return (await client.messages.create(**asked)).content[0].text  # type: ignore[union-attr]
        async with client.messages.stream(**asked) as events:
            return "".join([part async for part in events.text_stream])


def ask_responses(base: str, token: str, stream: bool) -> str:
    from openai import OpenAI

    with OpenAI(base_url=base, api_key=token, max_retries=0) as client:
        if not stream:
            return client.responses.create(model="m", input="hi").output_text
        events = client.responses.create(model="m", input="hi", stream=True)
        return "".join(e.delta for e in events if e.type == "response.output_text.delta")


async def ask_responses_async(base: str, token: str, stream: bool) -> str:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=base, api_key=token, max_retries=0) as client:
        if not stream:
            return (await client.responses.create(model="m", input="hi")).output_text
        events = await client.responses.create(model="m", input="hi", stream=True)
        return "".join([e.delta async for e in events if e.type == "response.output_text.delta"])


def ask_chat(base: str, token: str, stream: bool) -> str:
    from openai import OpenAI

    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    with OpenAI(base_url=base, api_key=token, max_retries=0) as client:
        if not stream:
            return client.chat.completions.create(**asked).choices[0].message.content or ""
        chunks = client.chat.completions.create(**asked, stream=True)
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def ask_chat_async(base: str, token: str, stream: bool) -> str:
    from openai import AsyncOpenAI

    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    async with AsyncOpenAI(base_url=base, api_key=token, max_retries=0) as client:
        if not stream:
            return (await client.chat.completions.create(**asked)).choices[0].message.content or ""
        chunks = await client.chat.completions.create(**asked, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])


def ask_google(base: str, token: str, stream: bool) -> str:
    from google import genai

    client = genai.Client(api_key=token, http_options={"base_url": base})
    try:
        if not stream:
            return client.models.generate_content(model="m", contents="hi").text or ""
        chunks = client.models.generate_content_stream(model="m", contents="hi")
        return "".join(chunk.text or "" for chunk in chunks)
    finally:
        client.close()


async def ask_google_async(base: str, token: str, stream: bool) -> str:
    from google import genai

    client = genai.Client(api_key=token, http_options={"base_url": base})
    try:
        if not stream:
            return (await client.aio.models.generate_content(model="m", contents="hi")).text or ""
        chunks = await client.aio.models.generate_content_stream(model="m", contents="hi")
        return "".join([chunk.text or "" async for chunk in chunks])
    finally:
        await client.aio.aclose()


SDKS = [
    pytest.param("anthropic", ask_anthropic, ask_anthropic_async, id="anthropic"),
    pytest.param("openai", ask_responses, ask_responses_async, id="openai-responses"),
    pytest.param("openai", ask_chat, ask_chat_async, id="openai-chat"),
    pytest.param("google", ask_google, ask_google_async, id="google"),
]


# google-genai derives from a class of aiohttp's that asks not to be derived from.
@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize(("provider", "ask", "ask_async"), SDKS)
async def test_official_sdk_is_answered_on_the_workspaces_key(
    provider: str,
    ask: Any,
    ask_async: Any,
    stream: bool,
    make_member: MakeMember,
    fake: FakeProviders,
) -> None:
    fake.answers("Better ", "said.")
    member = await make_member(provider)
    base = member.base(provider)

    answers = [
        await run_sync(ask, base, member.token, stream),
        await ask_async(base, member.token, stream),
    ]

    assert answers == [TEXT, TEXT]
    assert [call.key for call in fake.calls] == [member.key, member.key]
    assert member.token not in json.dumps([call.headers for call in fake.calls])
