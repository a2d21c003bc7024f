"""Other people's SDKs, through the gateway, on the workspace's key."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import aiohttp
import anyio
import pytest
from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import EVERYBODY, Allowance
from assay_nb.egress.origins import parse_endpoint
from assay_nb.errors import PermissionDenied
from assay_nb.gateway.proxy import watchdog
from assay_nb.gateway.proxy.relay import Relay
from assay_nb.gateway.proxy.upstream import KeyedRequest
from assay_nb.messages import PROVIDERS
from assay_nb.vault.secret import SecretBytes
from tests.canaries import find_canary
from tests.fakes.batches import answer_batches
from tests.fakes.providers import Answer, FakeProviders, only
from tests.gateway.members import (
    STREAMED,
    Member,
    ask_raw,
    calls_of,
    join,
    open_stream,
    post,
    post_bytes,
)
from tests.gateway.stage import Stage
from tests.gateway.ways import Way

pytestmark = pytest.mark.anyio

TEXT = "Better said."


async def test_request_leaves_nothing_to_the_garbage_collector(
    make_stage: Any, fake: FakeProviders
) -> None:
    """What stands in a ring is freed late, and looking for it took a tenth of the gateway's time."""
    member = await join(await make_stage(), "openai")
    asked = partial(ask_raw, member, "openai", "chat/completions", {"model": "m"})
    await asked()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(5):
            await asked()
        await member.stage.services.resources.calls.flush()
        gc.collect()
        left = [type(one).__name__ for one in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()

    ours = {"Relay", "ProxiedCall", "CallMeter", "ActiveCall", "Heartbeat", "UpstreamRequest"}
    assert left  # the control: the client's own leaves some
    assert ours.isdisjoint(left)


PLACES = [
    ("anthropic", "authorization"),
    ("openai", "authorization"),
    ("google", "x-goog-api-key"),
]
CREDENTIALS = {"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"}

MakeMember = Callable[..., Awaitable[Member]]


@pytest.fixture
def make_member(stage: Stage) -> MakeMember:
    async def make(provider: str = "anthropic", user: str = "ada") -> Member:
        return await join(stage, provider, user)

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


@pytest.mark.slow
async def test_llm_command_is_answered_on_the_workspaces_key(
    make_member: MakeMember, fake: FakeProviders, tmp_path: Path
) -> None:
    """A client that nobody here wrote, set up as its own documentation says."""
    pytest.importorskip("llm")
    fake.answers("Better ", "said.")
    member = await make_member("openai")
    (tmp_path / "extra-openai-models.yaml").write_text(
        "- model_id: ours\n  model_name: m\n  api_key_name: hub\n"
        f"  api_base: {member.base('openai')}\n"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"hub": member.token}))
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path)}
    command = [sys.executable, "-m", "llm", "prompt", "-m", "ours", "hi"]

    done = await anyio.run_process(command, env=environment, stdin=DEVNULL, check=False)

    assert done.stderr == b""
    assert done.stdout.decode().strip() == TEXT
    assert only(fake.calls).key == member.key


@pytest.mark.parametrize("version", ["", "/v1"], ids=["bare", "with version"])
async def test_base_url_is_taken_with_and_without_its_version(
    version: str, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")

    await ask_chat_async(member.base("openai") + version, member.token, stream=False)

    assert only(fake.calls).path == "/openai/v1/chat/completions"


# --- byte by byte


async def test_bytes_pass_unchanged_in_both_directions(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")
    fake.answers(*[f"Zeile {n} ☂ " for n in range(500)])
    noise = os.urandom(300_000)
    direct = await post_bytes(f"{fake.endpoint('openai')}/files", member.key, noise)

    passed = await post_bytes(member.base("openai") + "/files", member.token, noise)

    assert passed == direct
    assert [call.raw for call in fake.calls] == [noise, noise]


async def test_streamed_upload_arrives_whole(make_member: MakeMember, fake: FakeProviders) -> None:
    """A body without a length, as multipart uploads are."""
    member = await make_member("openai")
    pieces = [os.urandom(70_000) for _ in range(5)]

    async def upload() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    await post_bytes(member.base("openai") + "/files", member.token, upload())

    assert only(fake.calls).raw == b"".join(pieces)


async def test_first_words_come_before_the_last_are_spoken(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    fake.answers("early", "late", fault="stall", fault_after=1)

    async with open_stream(member, "anthropic") as response:
        seen = b""
        with anyio.fail_after(5):
            while b"early" not in seen:
                seen += await response.content.readany()

    assert b"late" not in seen


async def test_unknown_length_and_unknown_content_pass(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    fake.answers(status=529)

    status, answer = await ask_raw(member, "anthropic", "v1/messages", {"model": "m"})

    assert (status, answer["error"]["type"]) == (529, "overloaded_error")


# --- headers


async def test_only_listed_headers_leave(make_member: MakeMember, fake: FakeProviders) -> None:
    member = await make_member("openai")
    given = {
        "Cookie": "session=1",
        "Forwarded": "for=10.0.0.1",
        "OpenAI-Beta": "assistants=v2",
        "OpenAI-Organization": "org-other",
        "OpenAI-Project": "proj-other",
        "X-Forwarded-Host": "evil.example",
        "X-Goog-User-Project": "other",
        "X-HTTP-Method-Override": "DELETE",
        "X-Stainless-OS": "Linux",
    }

    await ask_raw(member, "openai", "responses", {"model": "m"}, headers=given)

    assert set(only(fake.calls).headers) == {
        "accept", "accept-encoding", "authorization", "content-length", "content-type", "host",
        "openai-beta", "user-agent",
    }  # fmt: skip
    assert only(fake.calls).headers["host"] == f"127.0.0.1:{fake.port}"


async def test_only_listed_headers_come_back(make_member: MakeMember, fake: FakeProviders) -> None:
    member = await make_member("anthropic")
    fake.answers(
        "hi",
        headers={
            "Access-Control-Allow-Origin": "*",
            "Anthropic-Organization-Id": "org-1",
            "Anthropic-RateLimit-Requests-Remaining": "7",
            "Clear-Site-Data": '"cookies"',
            "Content-Security-Policy": "default-src *",
            "Set-Cookie": "track=1",
        },
    )

    async with post(member, "anthropic", "v1/messages", {"model": "m"}) as response:
        headers = response.headers

    assert headers["Anthropic-RateLimit-Requests-Remaining"] == "7"
    assert headers["request-id"] == "req_fake"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Cache-Control"] == "no-store"
    gone = {
        "Access-Control-Allow-Origin",
        "Anthropic-Organization-Id",
        "Clear-Site-Data",
        "Set-Cookie",
    }
    assert gone.isdisjoint(headers)


@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "x-goog-api-key"])
@pytest.mark.parametrize("provider", ["anthropic", "openai", "google"])
async def test_token_is_taken_where_any_sdk_puts_its_key(
    header: str, provider: str, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member(provider)
    value = f"Bearer {member.token}" if header == "Authorization" else member.token

    async with member.stage.http.get(
        member.base(provider) + "/v1/models", headers={header: value}
    ) as response:
        assert response.status == 200

    sent = only(fake.calls).headers
    assert only(fake.calls).key == member.key
    assert member.token not in json.dumps(sent)


async def test_request_object_is_rid_of_the_key_when_its_head_is_written(
    way: Way, make_member: MakeMember, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    send = KeyedRequest.send
    ask = Relay._send

    async def watched(self: KeyedRequest, conn: Any) -> Any:
        assert not find_canary(repr(self.headers), member.key)
        response = await send(self, conn)
        seen.append((dict(self.headers), dict(response.request_info.headers)))
        return response

    def watched_too(self: Relay, connection: Any, key: Any) -> None:
        ask(self, connection, key)
        held = [getattr(self, name) for name in Relay.__slots__ if hasattr(self, name)]
        seen.append((held, self._head.headers, [*vars(self._call).values()]))

    member = await make_member("google")
    monkeypatch.setattr(KeyedRequest, "send", watched)
    monkeypatch.setattr(Relay, "_send", watched_too)
    await ask_raw(member, "google", "v1beta/models/m:generateContent", {})

    assert only(fake.calls).key == member.key
    assert len(seen) == 1
    assert (len(seen[0]) == 3) is (way == "relay")
    assert not find_canary(repr(seen), member.key)


# --- what ends a call


async def test_hanging_up_closes_the_providers_connection(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    fake.answers("early", "late", fault="stall", fault_after=1)

    async with open_stream(member, "anthropic") as response:
        await response.content.readany()
        response.close()

    assert await run_sync(fake.calls[0].closed.wait, 60)


async def test_member_who_is_taken_out_hears_no_more(
    stage: Stage, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    fake.answers("early", "late", fault="stall", fault_after=1)

    async with open_stream(member, "anthropic") as response:
        await response.content.readany()
        reason = PermissionDenied("The call was ended: you are no longer a member.")
        stage.services.active_calls.end("ada", bytes.fromhex(member.workspace), reason)
        with anyio.fail_after(5):
            rest = await response.content.read()

    assert b"no longer a member" in rest
    assert await run_sync(fake.calls[0].closed.wait, 5)


@pytest.mark.slow
async def test_silence_is_ended(
    make_member: MakeMember, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "IDLE", 0.3)
    member = await make_member("anthropic")
    fake.answers("early", "late", fault="stall", fault_after=1)

    with anyio.fail_after(10):
        async with open_stream(member, "anthropic") as response:
            heard = await response.content.read()

    assert b"was silent for too long" in heard
    assert await run_sync(fake.calls[0].closed.wait, 5)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["drip", "flood"])
async def test_answer_without_end_is_ended_with_the_time_that_calls_have(
    fault: str, make_stage: Any, fake: FakeProviders
) -> None:
    stage = await make_stage(limits={"call_seconds": 1})
    member = await join(stage, "anthropic")
    fake.answers("early", fault=fault)

    with anyio.fail_after(10):
        async with open_stream(member, "anthropic") as response:
            heard = await response.content.read()

    assert b"took longer than a call may" in heard
    assert stage.services.limiter.running == 0


async def test_slot_is_free_again_however_a_call_ends(
    stage: Stage, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")

    for answer in ({}, {"status": 500}, {"fault": "cut"}, {"fault": "html"}, {"status": 401}):
        fake.answers("x", **answer)
        with suppress(aiohttp.ClientError):
            await ask_raw(member, "anthropic", "v1/messages", {"model": "m", "stream": True})

    assert stage.services.limiter.running == 0
    assert len(stage.services.active_calls) == 0


# --- what is refused, and in which words


async def test_provider_that_refuses_the_key_is_not_quoted(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")
    fake.answers("x", fault="echo_error")

    status, answer = await ask_raw(member, "openai", "responses", {"model": "m"})

    assert (status, answer["error"]["code"]) == (502, "provider_auth")
    assert "does not accept the key of 'personal'" in answer["error"]["message"]
    assert not find_canary(json.dumps(answer), member.key)


async def test_sdk_shows_what_the_gateway_says(
    stage: Stage, make_member: MakeMember, fake: FakeProviders
) -> None:
    from openai import APIStatusError

    member = await make_member("anthropic")

    with pytest.raises(APIStatusError, match="has no OpenAI key") as caught:
        await ask_chat_async(member.base("openai"), member.token, stream=False)

    assert caught.value.status_code == 409
    assert fake.calls == []


async def test_provider_that_cannot_be_reached_is_named(
    stage: Stage, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    await run_sync(fake.__exit__, None, None, None)

    status, answer = await ask_raw(member, "anthropic", "v1/messages", {"model": "m"})
    await run_sync(fake.restart)

    assert status == 502
    assert answer["error"]["message"] == f"{fake.origin} cannot be reached."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"fault": "html"}, "a web page"),
        ({"fault": "gzip_bomb"}, "compressed"),
        ({"status": 307, "location": "http://127.0.0.1:9/"}, "redirect"),
    ],
)
async def test_what_is_no_answer_is_not_passed_on(
    answer: dict[str, Any], text: str, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    fake.answers("x", **answer)

    status, told = await ask_raw(member, "anthropic", "v1/messages", {"model": "m"})

    assert status == 502
    assert text in told["error"]["message"]


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_answer_that_is_cut_off_does_not_look_whole(
    fault: str, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    fake.answers("early", "late", fault=fault)

    async with open_stream(member, "anthropic") as response:
        heard = await response.content.read()

    assert b"event: error" in heard
    assert f"The connection to {fake.origin} was cut".encode() in heard


async def test_request_larger_than_the_limit_is_refused_before_it_is_sent(
    make_stage: Any, fake: FakeProviders
) -> None:
    stage = await make_stage(limits={"passthrough_body": 100_000})
    member = await join(stage, "openai")

    status, answer = await ask_raw(member, "openai", "responses", {"input": "x" * 100_000})

    assert (status, answer["error"]["code"]) == (413, "too_large")
    assert fake.calls == []


async def test_upload_that_grows_past_the_limit_is_cut_off(
    make_stage: Any, fake: FakeProviders
) -> None:
    stage = await make_stage(limits={"passthrough_body": 100_000})
    member = await join(stage, "openai")

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 50_000
            await asyncio.sleep(0.01)

    answer = await post_bytes(member.base("openai") + "/files", member.token, upload())

    assert json.loads(answer)["error"]["code"] == "too_large"
    assert stage.services.limiter.running == 0


# --- the operator's lists


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("google", "v1beta/models/gemini-ultra:generateContent", {}),
        ("google", "v1beta/models/%67emini-ultra:generateContent", {}),
        ("anthropic", "v1/messages", {"model": "claude-opus"}),
        ("openai", "responses", {"model": "gpt-6"}),
    ],
)
async def test_model_that_is_not_listed_is_refused(
    provider: str, path: str, body: Any, make_stage: Any, fake: FakeProviders
) -> None:
    stage = await make_stage(
        allow_models=("google/gemini-*-flash", "anthropic/claude-haiku", "openai/gpt-mini")
    )
    member = await join(stage, provider)

    status, answer = await ask_raw(member, provider, path, body)

    assert (status, answer["error"]["code"]) == (403, "permission_denied")
    assert "does not allow the model" in answer["error"]["message"]
    assert fake.calls == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "gpt-mini", "model": "gpt-6"}',
        b'{"model": "gpt-mini", "Model": "gpt-6"}',
        b'{"model": ["gpt-mini"]}',
        b'{"input": {"model": "gpt-mini"}}',
        b'["gpt-mini"]',
        b"--form\r\nmodel=gpt-mini",
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
async def test_body_that_two_programs_could_read_two_models_from_is_refused(
    body: bytes, make_stage: Any, fake: FakeProviders
) -> None:
    stage = await make_stage(allow_models=("openai/gpt-mini",))
    member = await join(stage, "openai")

    answer = await post_bytes(member.base("openai") + "/responses", member.token, body)

    assert json.loads(answer)["error"]["code"] == "permission_denied"
    assert fake.calls == []


async def test_listed_model_passes_and_is_logged(make_stage: Any, fake: FakeProviders) -> None:
    stage = await make_stage(allow_models=("openai/gpt-mini",))
    member = await join(stage, "openai")

    status, _ = await ask_raw(member, "openai", "responses", {"model": "gpt-mini"})

    assert status == 200
    assert only(fake.calls).body == {"model": "gpt-mini"}
    assert (await calls_of(member))[0]["model"] == "gpt-mini"


async def test_provider_that_is_not_listed_is_refused(make_stage: Any, fake: FakeProviders) -> None:
    stage = await make_stage(allow_providers=("openai",))
    member = await join(stage, "anthropic")

    status, _ = await ask_raw(member, "anthropic", "v1/messages", {"model": "m"})

    assert status == 403
    assert fake.calls == []


# --- the calls log


async def test_call_is_logged_without_its_content(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("google")
    path = "v1beta/models/gemini-flash:generateContent"

    await ask_raw(member, "google", path, {"contents": "the secret plan"})

    logged = (await calls_of(member))[0]
    expected = {
        "user": "ada",
        "instrument": "pass-through",
        "provider": "google",
        "model": "gemini-flash",
        "funding": "workspace",
        "status": "ok",
    }
    assert expected.items() <= logged.items()
    assert logged["input_tokens"] == 12
    assert "secret plan" not in json.dumps(logged) + "".join(member.stage.lines)


async def test_failed_call_is_logged_as_what_it_was(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    fake.answers(status=429, retry_after="3")

    async with post(member, "anthropic", "v1/messages", {"model": "m"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "3")

    assert (await calls_of(member))[0]["status"] == "rate_limited"


# --- the page


PAGE = Path(__file__).parents[3] / "docs" / "passthrough.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=["anthropic", "openai", "google", "batches"])
async def test_example_on_the_page_runs(
    code: str, stage: Stage, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = stage.token("ada")
    where = await run_sync(stage.services.resources.workspaces.create, "research", "ada")
    keys = [await stage.store_key(where.id.hex(), provider) for provider in PROVIDERS]
    monkeypatch.setenv("ASSAY_GATEWAY_URL", stage.url)
    issue = stage.services.run_tokens.issue
    issued = await run_sync(issue, "ada", where.id, token, 60, "pass-through")
    monkeypatch.setenv("ASSAY_TOKEN", issued.token)
    fake.answer_by(lambda call: answer_batches(fake, call) or Answer())
    found: dict[str, Any] = {}

    await run_sync(exec, code, found)
    await run_sync(found["client"].close)

    assert fake.calls
    assert {call.key for call in fake.calls} <= set(keys)
    assert issued.token not in json.dumps([call.headers for call in fake.calls])


# --- what an admin allows


async def allow(member: Member, **allowance: int) -> None:
    allowances = member.stage.services.resources.allowances
    await run_sync(
        allowances.set, bytes.fromhex(member.workspace), Allowance(EVERYBODY, **allowance)
    )
    await asyncio.sleep(0.05)  # a gateway notices what another process wrote within milliseconds


async def test_calls_end_where_an_admin_has_set_it(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")
    await ask_raw(member, "openai", "responses", {"model": "m"})
    await allow(member, calls_per_day=2)

    statuses = [(await ask_raw(member, "openai", "responses", {}))[0] for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert len(fake.calls) == 3


async def test_call_without_anything_to_count_counts_as_set_unless_it_was_refused(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")
    await allow(member, micros_per_day=1_500_000)
    fake.queue(Answer(status=400), Answer(status=429), *[Answer(input_tokens=None)] * 3)
    form = {"Content-Type": "multipart/form-data; boundary=b"}

    statuses = [(await ask_raw(member, "openai", "responses", {}, form))[0] for _ in range(5)]

    assert statuses == [400, 429, 200, 200, 429]
    assert len(fake.calls) == 4


async def test_looking_at_models_counts_as_nothing(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")
    await allow(member, calls_per_day=0)

    status, _ = await member.stage.ask("GET", "providers/-/openai/models", member.token)

    assert status == 200


@pytest.mark.parametrize("key", ["", "x", "ollama", "k" * 513, "k" * 8192])
@pytest.mark.parametrize(("provider", "header"), PLACES)
async def test_server_of_ones_own_gets_exactly_its_key_or_no_credential(
    provider: str, header: str, key: str, stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, provider, key=key)

    for given in ("Authorization", "x-api-key", "x-goog-api-key"):
        value = member.token if given != "Authorization" else f"Bearer {member.token}"
        url = f"{member.base(provider)}/v1/anything"
        async with stage.http.post(url, json=STREAMED, headers={given: value}) as response:
            assert response.status == 200

    assert len(fake.calls) == 3
    for call in fake.calls:
        wanted = {header: f"Bearer {key}" if header == "authorization" else key} if key else {}
        assert {name: call.headers[name] for name in CREDENTIALS & set(call.headers)} == wanted
        assert member.token not in f"{call.headers}{call.query}"


async def test_server_that_asks_for_a_key_where_none_is_stored_is_told_of(
    stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai", key="")
    fake.keys = {"ollama"}

    status, answer = await ask_raw(member, "openai", "responses", {"model": "m"})

    assert status == 502
    assert (
        answer["error"]["message"]
        == f"{fake.origin} asks for a key, and 'personal' has none for it."
    )


async def test_row_that_calls_a_provider_without_a_key_calls_nobody(
    stage: Stage, blocked_calls: list[str]
) -> None:
    member = await join(stage, "openai")
    there = replace(parse_endpoint("openai"), placement="none")

    def save() -> None:
        with SecretBytes(b"") as none:
            stage.services.resources.vault.save_key(
                bytes.fromhex(member.workspace), there, none, added_by="x", verified=False
            )

    await run_sync(save)

    status, answer = await ask_raw(member, "openai", "responses", {"model": "m"})

    assert status >= 400
    assert "needs a key" in answer["error"]["message"]
    assert blocked_calls == []


async def test_sdk_does_not_repeat_a_call_whose_key_is_refused(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    from openai import AsyncOpenAI, InternalServerError

    member = await make_member("openai")
    fake.keys = set()

    async with AsyncOpenAI(base_url=member.base("openai"), api_key=member.token) as client:
        with pytest.raises(InternalServerError, match="does not accept the key of"):
            await client.responses.create(model="m", input="hi")

    assert len(fake.calls) == 1


# --- addresses in replies


async def test_batches_are_collected_by_the_sdk_to_the_end(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    from anthropic import Anthropic

    member = await make_member("anthropic")
    fake.answer_by(lambda call: answer_batches(fake, call) or Answer())

    def collect() -> tuple[str | None, list[str]]:
        with Anthropic(base_url=member.base("anthropic"), api_key=member.token) as client:
            batch = client.messages.batches.retrieve("msgbatch_01")
            results = client.messages.batches.results(batch.id)
            return batch.results_url, [one.custom_id for one in results]

    url, collected = await run_sync(collect)

    assert url == f"{member.base('anthropic')}/v1/messages/batches/msgbatch_01/results"
    assert collected == ["first"]
    assert [call.key for call in fake.calls] == [member.key] * 3


async def test_long_reply_has_its_addresses_written_anew_piece_by_piece(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("google")
    own = fake.endpoint("google")
    files = [{"uri": f"{own}/v1beta/files/f{n}", "text": f"not {own}"} for n in range(2_000)]
    body = json.dumps({"files": files}).encode()
    fake.answers(raw=[body[:70_001], body[70_001:]], label="application/json; charset=utf-8")

    status, answer = await member.stage.ask("GET", "providers/-/google/v1beta/files", member.token)

    here = member.base("google", "-")
    assert status == 200
    assert [one["uri"] for one in answer["files"]] == [
        f"{here}/v1beta/files/f{n}" for n in range(2_000)
    ]
    assert {one["text"] for one in answer["files"]} == {f"not {own}"}


async def test_address_comes_back_to_the_provider_as_its_own(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("google")
    here, own = member.base("google"), fake.endpoint("google")
    asked = {"contents": [{"parts": [{"fileData": {"fileUri": f"{here}/v1beta/files/f1"}}]}]}

    await ask_raw(member, "google", "v1beta/models/m:generateContent", asked)

    sent = only(fake.calls).body["contents"][0]["parts"][0]["fileData"]["fileUri"]
    assert sent == f"{own}/v1beta/files/f1"


async def test_models_own_words_pass_byte_by_byte(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    said = f"{fake.endpoint('anthropic')}/v1/messages"
    fake.answers(said)

    _, answer = await ask_raw(member, "anthropic", "v1/messages", {"model": "m"})

    assert answer["content"][0]["text"] == said


async def test_header_that_leads_on_leads_back_here(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")
    own = fake.endpoint("openai")
    headers = {"Location": f"{own}/files/f1", "Link": "<https://evil.example/x>; rel=next"}
    fake.answers(raw=[b"{}"], label="application/json", headers=headers)

    async with post(member, "openai", "files", {}) as response:
        told = response.headers

    assert told["Location"] == f"{member.base('openai')}/files/f1"
    assert "Link" not in told


async def test_websocket_is_refused_so_that_clients_fall_back(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("openai")
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}

    status, answer = await member.stage.ask(
        "GET", "providers/-/openai/v1/responses", member.token, headers=headers
    )

    assert (status, answer["error"]["code"]) == (426, "no_websocket")
    assert fake.calls == []
