"""Somebody with a hub token, or somebody behind the provider's address, after the workspace's key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.to_thread import run_sync

from assay_nb.egress.origins import OperatorPolicy
from assay_nb.egress.resolver import Vet, make_vet
from assay_nb.errors import EndpointRefused, ProviderUnavailable
from assay_nb.gateway.proxy.upstream import Upstream, UpstreamRequest
from assay_nb.messages import PROVIDERS, Destination
from assay_nb.providers.transport import Egress
from assay_nb.vault.secret import SecretBytes
from tests.canaries import find_canary, make_canary
from tests.fakes.hub import FakeHub
from tests.fakes.providers import Call, FakeProviders, only
from tests.fakes.providers_client import make_credential
from tests.fakes.providers_tls import Authority
from tests.gateway.members import STREAMED, Member, ask_raw, join, post
from tests.gateway.stage import Stage, open_stage
from tests.gateway.ways import WAYS, choose

pytestmark = pytest.mark.anyio

PATHS = {
    "anthropic": "v1/messages",
    "openai": "chat/completions",
    "google": "v1beta/models/m:streamGenerateContent?alt=sse",
    "house": "chat/completions",
}
NAMED = "house"
"""A connection that people have named; it speaks what OpenAI's does."""
OPENAI_AND_NAMED = ("openai", NAMED)


async def join_by(stage: Stage, connection: str) -> Member:
    """Return a person whose workspace has this connection, a provider's or the named one."""
    return await join(stage, "openai" if connection == NAMED else connection, connection=connection)


@pytest.fixture(params=WAYS)
async def stage(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fake: FakeProviders,
) -> AsyncIterator[Stage]:
    """A gateway whose requests go by the relay, and one whose requests go through aiohttp."""
    choose(request.param, monkeypatch)
    running = await open_stage(tmp_path, fake, FakeHub())
    yield running
    await running.close()


async def listen(member: Member, provider: str, path: str | None = None) -> tuple[bytes, str]:
    """Make a streaming call; return every byte that came of it, and its headers."""
    heard = b""
    async with post(member, provider, path or PATHS[provider], STREAMED) as response:
        with anyio.move_on_after(20):
            async for piece in response.content.iter_any():
                heard += piece
        return heard, str(response.headers)


# --- the key comes back


@pytest.mark.parametrize("provider", [*PROVIDERS, NAMED])
@pytest.mark.parametrize("form", ["body", "split", "base64", "url", "json", "header", "error"])
async def test_a033_key_that_comes_back_is_not_relayed(
    provider: str, form: str, stage: Stage, fake: FakeProviders
) -> None:
    """Upstream quotes our headers, whole, cut, encoded, in a header, an error → cut off before it."""
    member = await join_by(stage, provider)
    fake.answers("first ", "second", fault=f"echo_{form}")

    heard, headers = await listen(member, provider)

    assert only(fake.calls).key == member.key
    assert not find_canary(heard + headers.encode(), member.key)
    assert not find_canary("\n".join(stage.lines), member.key)


async def test_a033_control_somebody_elses_key_is_relayed(
    stage: Stage, fake: FakeProviders
) -> None:
    """Positive control: the stream does carry a key that is not this call's."""
    member = await join(stage, "anthropic")
    other = make_canary("anthropic")
    fake.answers("first ", other)

    heard, _ = await listen(member, "anthropic")

    assert find_canary(heard, other)


@pytest.mark.parametrize("connection", OPENAI_AND_NAMED)
async def test_a033_key_in_a_whole_answer_is_not_relayed(
    connection: str, stage: Stage, fake: FakeProviders
) -> None:
    """The model repeats the key in one JSON body → refused as a whole."""
    member = await join_by(stage, connection)
    fake.answer_by(lambda call: f"it is {call.key}")

    status, told = await ask_raw(member, connection, "chat/completions", {"model": "m"})

    assert status == 502
    assert "held the key itself" in told["error"]["message"]
    assert not find_canary(json.dumps(told), member.key)


# --- the key goes elsewhere


@pytest.mark.parametrize("provider", [*PROVIDERS, NAMED])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a034_redirect_is_an_error_and_nobody_is_called(
    provider: str, status: int, stage: Stage, fake: FakeProviders, evil: FakeProviders
) -> None:
    """A redirect to the attacker's host → error, 0 requests there, and no Location for the SDK."""
    member = await join_by(stage, provider)
    fake.answers(status=status, location=f"{evil.origin}/v1/messages")

    async with post(member, provider, PATHS[provider], STREAMED) as response:
        assert response.status == 502
        assert "Location" not in response.headers

    assert evil.calls == []


@pytest.mark.parametrize(
    "query",
    [
        "key={token}", "KEY={token}", "%6bey={token}", "alt=sse&key={token}", "alt=sse;key={token}",
        "api_key={token}", "access_token={token}", "token={token}", "x-goog-api-key={token}",
        "$httpHeaders=x-goog-api-key:{token}", "key", "+key=1",
    ],
)  # fmt: skip
async def test_a035_credential_in_a_url_is_refused_and_not_logged(
    query: str, stage: Stage, fake: FakeProviders
) -> None:
    """`?key=` in any spelling → refused; neither provider nor log gets it."""
    member = await join(stage, "google")
    path = f"v1beta/models/m:generateContent?{query.format(token=member.token)}"

    status, _ = await ask_raw(member, "google", path, {})

    assert status == 400
    assert fake.calls == []
    assert member.token not in "".join(stage.lines)


@pytest.mark.parametrize(
    "path",
    [
        "v1//messages", "/v1/messages", "v1/../messages", "v1/./messages", "v1/%2e%2e/messages",
        "v1/%2E./messages", "..%2f..%2fadmin", "v1/..%5cadmin", "v1/%5c", "v1/%252e%252e/x", "..", "v1/..;/admin", "v1/..%3b/admin",
        "v1/messages%00", "v1/%0d%0aX-Evil:%201", "v1/mess%20ages", "v1/messages%23", "v1/x%3fkey=1",
    ],
)  # fmt: skip
async def test_a062_path_that_reads_two_ways_goes_nowhere(
    path: str, stage: Stage, fake: FakeProviders
) -> None:
    """Double slashes, dots and slashes in disguise → refused, or sent exactly as the path says."""
    member = await join(stage, "anthropic")

    status, _ = await ask_raw(member, "anthropic", path, {})

    assert status in {400, 404} or only(fake.calls).path.startswith("/anthropic/v1/")
    assert all(call.path.count("/") == 3 and ".." not in call.path for call in fake.calls)


@pytest.mark.parametrize(
    "path",
    [
        "v1/organizations/users",
        "v1/%6frganizations/users",
        "v1/Organization/admin_api_keys",
        "organization/admin_api_keys",
    ],
)
@pytest.mark.parametrize("connection", OPENAI_AND_NAMED)
async def test_a062_administration_is_not_passed_through(
    path: str, connection: str, stage: Stage, fake: FakeProviders
) -> None:
    """A member calls the provider's administration with a key that may do it → refused."""
    member = await join_by(stage, connection)

    status, _ = await ask_raw(member, connection, path, {})

    assert status == 403
    assert fake.calls == []


@pytest.mark.parametrize("connection", OPENAI_AND_NAMED)
async def test_a066_nothing_in_a_request_chooses_where_it_goes(
    connection: str, stage: Stage, fake: FakeProviders, evil: FakeProviders
) -> None:
    """`base_url` and friends in body, headers, Host and an absolute target → the stored endpoint."""
    member = await join_by(stage, connection)
    steering = dict.fromkeys(
        ("base_url", "api_base", "extra_body", "user_config", "litellm_embedding_config"),
        evil.origin,
    )
    body = {"model": "m", **steering, "metadata": {"deep": {"deeper": steering}}}
    headers = {
        "Host": f"127.0.0.1:{evil.port}",
        "X-Forwarded-Host": evil.origin,
        "Via": evil.origin,
    }

    await ask_raw(member, connection, "chat/completions", body, headers)
    await send_by_hand(stage, f"GET {evil.origin}/v1/models HTTP/1.1", member.token)
    await send_by_hand(
        stage,
        f"GET /services/assay/providers/personal/{connection}/{evil.origin} HTTP/1.1",
        member.token,
    )

    assert evil.calls == []
    assert [call.path for call in fake.calls] == ["/openai/v1/chat/completions"]


async def send_by_hand(stage: Stage, line: str, token: str) -> bytes:
    host, _, port = stage.origin.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"{line}\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


# --- addresses


Answers = Callable[[str, int], Awaitable[Sequence[str]]]


def answering(*addresses: str) -> tuple[Answers, list[str]]:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return addresses

    return resolve, asked


async def send(vet: Vet, origin: str, key: str, policy: OperatorPolicy, ca_file: str) -> int:
    destination = Destination("openai", f"{origin}/v1", origin, "bearer")
    upstream = Upstream(policy=policy, vet=vet, egress=Egress(ca_file=ca_file), connections=4)
    await upstream.open()
    errand = UpstreamRequest(make_credential(destination, key))
    try:
        url = f"{origin}/v1/models"
        response = await upstream.send(errand, "GET", url, headers={}, body=None)
        await response.read()
        upstream.end(errand, response)
        return response.status
    finally:
        await upstream.close()


@pytest.mark.parametrize(
    "bad",
    [
        "127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::1", "192.0.0.192", "0.0.0.0", "fe80::1", "224.0.0.1",
    ],
)  # fmt: skip
async def test_a068_one_bad_answer_among_good_ones_opens_no_connection(
    bad: str, tmp_path: Path
) -> None:
    """DNS: one good and one bad answer → refused, no byte to either."""
    authority = Authority(tmp_path)
    with FakeProviders(tls=authority.context("llm.test")) as inside:
        origin = f"https://llm.test:{inside.port}"
        policy = OperatorPolicy.from_urls([origin])
        resolve, asked = answering("93.184.216.34", bad)

        with pytest.raises(EndpointRefused):
            await send(
                make_vet(policy, resolve),
                origin,
                make_canary("openai"),
                policy,
                str(authority.file),
            )

    assert asked == ["llm.test"]
    assert inside.connections == set()


async def test_a068_connection_goes_to_the_vetted_address_without_a_second_look_up(
    tmp_path: Path, blocked_calls: list[str]
) -> None:
    """Rebinding between check and connect → the address that was judged is the one connected to."""
    authority = Authority(tmp_path)
    key = make_canary("openai")
    asked: list[str] = []

    async def vet(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    with FakeProviders(tls=authority.context("llm.test")) as fake:
        origin = f"https://llm.test:{fake.port}"
        policy = OperatorPolicy.from_urls([origin])
        status = await send(vet, origin, key, policy, str(authority.file))

    assert (status, only(fake.calls).key, asked) == (200, key, ["llm.test"])
    assert only(fake.calls).headers["host"] == f"llm.test:{fake.port}"
    assert blocked_calls == []


@pytest.mark.parametrize("connection", OPENAI_AND_NAMED)
async def test_a069_key_bound_to_an_origin_that_is_no_longer_listed_is_not_sent(
    connection: str, stage: Stage, fake: FakeProviders, evil: FakeProviders
) -> None:
    """A row that was saved before the list became shorter → refused, and its host hears nothing."""
    member = await join_by(stage, connection)
    workspace = bytes.fromhex(member.workspace)
    there = replace(evil.destination("openai"), connection=connection)
    with SecretBytes(make_canary("openai").encode()) as secret:
        stage.services.resources.vault.save_key(
            workspace, there, secret, added_by="ada", verified=True
        )

    status, answer = await ask_raw(member, connection, PATHS[connection], {"model": "m"})

    assert (status, answer["error"]["code"]) == (403, "endpoint_refused")
    assert evil.connections == set()
    assert fake.calls == []


@pytest.mark.parametrize("fault", ["expired", "wrong name", "self-signed"])
async def test_a071_bad_tls_fails_before_the_key_is_written(fault: str, tmp_path: Path) -> None:
    """Expired, another's, or self-signed certificate → no request reaches the listener."""
    authority = Authority(tmp_path)
    tls = {
        "expired": lambda: authority.context("127.0.0.1", days=-1),
        "wrong name": lambda: authority.context("other.test"),
        "self-signed": lambda: authority.context("127.0.0.1", own=True),
    }[fault]()
    with FakeProviders(tls=tls) as listener:
        policy = OperatorPolicy.from_urls([listener.origin])

        with pytest.raises(ProviderUnavailable, match=r"TLS certificate of .* is not trusted"):
            await send(
                make_vet(policy),
                listener.origin,
                make_canary("openai"),
                policy,
                str(authority.file),
            )

        assert listener.calls == []


async def test_a071_control_good_tls_does_deliver_the_key(tmp_path: Path) -> None:
    """Positive control: with a certificate that is right, the key arrives."""
    authority = Authority(tmp_path)
    key = make_canary("openai")
    with FakeProviders(tls=authority.context("127.0.0.1")) as listener:
        policy = OperatorPolicy.from_urls([listener.origin])

        await send(make_vet(policy), listener.origin, key, policy, str(authority.file))

    assert only(listener.calls).key == key


# --- whose key it is


@pytest.mark.parametrize("connection", OPENAI_AND_NAMED)
async def test_a058_another_persons_workspace_reads_like_one_that_is_not_there(
    connection: str, stage: Stage, fake: FakeProviders
) -> None:
    """Somebody names another's workspace by its id → the same answer as for one that never was."""
    ada = await join(stage, "openai", "ada", connection=connection)
    eve = await join(stage, "openai", "eve", connection=connection)

    told: list[Any] = []
    for workspace in (ada.workspace, "0" * 32):
        url = f"providers/{workspace}/{connection}/chat/completions"
        status, answer = await stage.ask("POST", url, eve.token, body={})
        told.append((status, json.dumps(answer).replace(workspace, "…")))

    assert told[0] == told[1]
    assert told[0][0] == 404
    assert fake.calls == []


async def test_a092_connection_that_fails_or_is_missing_is_replaced_by_no_other(
    stage: Stage, fake: FakeProviders
) -> None:
    """A named connection's key is refused, or it is missing → none of the workspace's others is used."""
    member = await join(stage, "openai")
    house = await stage.store_key(member.workspace, "openai", connection=NAMED)
    fake.keys = {member.key}

    refused, _ = await ask_raw(member, NAMED, "chat/completions", {"model": "m"})
    missing, _ = await ask_raw(member, "home", "chat/completions", {"model": "m"})

    assert (refused, missing) == (502, 409)
    assert [call.key for call in fake.calls] == [house]


async def test_a092_failing_key_is_replaced_by_no_other(stage: Stage, fake: FakeProviders) -> None:
    """The workspace's key is refused, or missing → an error; neither platform nor other key is used."""
    platform = make_canary("anthropic")
    await stage.store_key(bytes(16).hex(), "anthropic", platform, mode="demo")
    ada, bob = await join(stage, "anthropic", "ada"), await join(stage, "openai", "bob")
    fake.keys = {platform, bob.key}

    refused, _ = await ask_raw(ada, "anthropic", "v1/messages", {"model": "m"})
    missing, _ = await ask_raw(bob, "anthropic", "v1/messages", {"model": "m"})

    assert (refused, missing) == (502, 409)
    assert {call.key for call in fake.calls} == {ada.key}


async def test_a093_key_that_is_replaced_or_removed_meanwhile_is_used_whole_or_not(
    tmp_path: Path, fake: FakeProviders
) -> None:
    """50 calls while the key is replaced, then deleted → each used one version; none after the delete."""
    limits = {"calls_per_minute": 1000, "calls_at_once": 100}
    stage = await open_stage(tmp_path, fake, FakeHub(), limits=limits)
    member = await join(stage, "openai")

    async def call() -> int:
        return (await ask_raw(member, "openai", "responses", {"model": "m"}))[0]

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(call)
            if number == 25:
                new = await stage.store_key(member.workspace, "openai")
    workspace, vault = bytes.fromhex(member.workspace), stage.services.resources.vault
    used: list[Call] = list(fake.calls)
    await run_sync(lambda: vault.remove_key(workspace, "openai", actor="ada"))
    after = await asyncio.gather(*[call() for _ in range(10)])
    await stage.close()

    assert len(used) == 50
    assert {call.key for call in used} <= {member.key, new}
    assert set(after) == {409}
    assert len(fake.calls) == 50
