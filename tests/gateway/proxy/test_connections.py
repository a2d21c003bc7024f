"""The pass-through on named connections: where they lead, which header carries the key, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay_nb.errors import ProviderAuthError, RateLimited
from tests.canaries import make_canary
from tests.fakes.providers import FakeProviders, only
from tests.gateway.members import Member, ask_raw, calls_of, join, post
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio

CARRIERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-portkey-api-key")
PLACED = {"bearer": "authorization", **{name: name for name in CARRIERS[1:]}}
ASKED = {"model": "m", "messages": []}


async def connect(stage: Stage, user: str, name: str, **body: Any) -> str:
    """Store a connection in somebody's own workspace, and return their token."""
    session = await stage.sign_in(user)
    path = f"api/v1/workspaces/personal/connections/{name}"
    status, told = await stage.ask(
        "PUT", path, headers=session, body={"key": "", "check": False, **body}
    )
    assert status == 200, told
    return stage.token(user)


async def send(stage: Stage, token: str, name: str, path: str, **more: Any) -> tuple[int, Any]:
    return await stage.ask("POST", f"providers/personal/{name}/{path}", token, body=ASKED, **more)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("placement", PLACED)
async def test_the_key_takes_the_tokens_place_in_whichever_header(
    placement: str, carrier: str, stage: Stage, fake: FakeProviders
) -> None:
    key = make_canary("openai")
    about = {"kind": "openai-chat", "endpoint": fake.endpoint("openai"), "placement": placement}
    token = await connect(stage, "ada", "house", key=key, **about)
    shown = f"Bearer {token}" if carrier == "authorization" else token

    status, _ = await stage.ask(
        "POST", "providers/personal/house/chat/completions", headers={carrier: shown}, body=ASKED
    )

    sent = only(fake.calls).headers
    assert status == 200
    expected = f"Bearer {key}" if placement == "bearer" else key
    assert {name: sent.get(name) for name in CARRIERS if name in sent} == {
        PLACED[placement]: expected
    }
    assert token not in json.dumps(sent)


async def test_headers_that_choose_where_a_router_sends_it_are_dropped(
    stage: Stage, fake: FakeProviders
) -> None:
    about = {"kind": "openai-chat", "endpoint": fake.endpoint("openai")}
    token = await connect(stage, "ada", "router", key="k" * 30, **about)
    steering = dict.fromkeys(
        ("x-portkey-custom-host", "x-portkey-provider", "x-portkey-config", "HTTP-Referer",
         "Ocp-Apim-Subscription-Key", "x-amz-security-token", "X-HF-Bill-To"),
        "evil.example",
    )  # fmt: skip

    await send(stage, token, "router", "chat/completions", headers=steering)

    assert "evil.example" not in json.dumps(only(fake.calls).headers)


async def test_a_server_without_a_key_is_called_without_one(
    stage: Stage, fake: FakeProviders
) -> None:
    token = await connect(stage, "ada", "local", preset="ollama", endpoint=fake.endpoint("openai"))

    status, _ = await send(stage, token, "local", "chat/completions")

    assert status == 200
    assert set(CARRIERS).isdisjoint(only(fake.calls).headers)


@pytest.mark.parametrize(
    ("base", "path", "arrives"),
    [
        ("/openai/v1", "chat/completions", "/openai/v1/chat/completions"),
        ("/openai/v1/", "v1/chat/completions", "/openai/v1/chat/completions"),
        ("/anthropic", "v1/messages", "/anthropic/v1/messages"),
        ("", "v1/chat/completions", "/v1/chat/completions"),
    ],
)
async def test_the_base_path_of_a_connection_is_joined(
    base: str, path: str, arrives: str, stage: Stage, fake: FakeProviders
) -> None:
    kind = "anthropic" if "messages" in path else "openai-chat"
    token = await connect(stage, "ada", "house", key="k", kind=kind, endpoint=fake.origin + base)

    await send(stage, token, "house", path)

    assert only(fake.calls).path == arrives


async def test_the_log_has_the_connections_name_and_the_metrics_the_providers(
    stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai", connection="house")

    await ask_raw(member, "house", "chat/completions", ASKED)

    assert (await calls_of(member))[0]["provider"] == "house"
    metrics = stage.services.metrics.text().decode()
    assert 'provider="openai"' in metrics
    assert "house" not in metrics


async def test_an_instrument_counts_by_its_provider_too(stage: Stage, fake: FakeProviders) -> None:
    ada = await stage.kernel("ada")
    where = (await ada.control.show_workspace(None)).id
    await stage.store_key(where, "openai", connection="house")

    await ada.run("playground", "Say hi.", model="house/m")

    assert (await ada.control.calls(None, 1))[0].provider == "house"
    metrics = stage.services.metrics.text().decode()
    assert 'provider="openai"' in metrics
    assert "house" not in metrics


async def test_a_refused_key_is_told_by_the_connections_name(
    stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai", connection="house")
    fake.answers("x", fault="echo_error")

    status, told = await ask_raw(member, "house", "chat/completions", ASKED)

    assert (status, told["error"]["code"]) == (502, "provider_auth")
    assert told["error"]["message"] == "house does not accept the key of 'personal'."


async def test_a_first_connection_elsewhere_is_told_by_its_address(
    stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai")
    fake.answers("x", fault="echo_error")

    _, told = await ask_raw(member, "openai", "chat/completions", ASKED)

    said = f"{fake.origin} does not accept the key of 'personal'."
    assert told["error"]["message"] == said


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("other", 409, "Workspace 'personal' has no connection 'other'."),
        ("openai", 409, "Workspace 'personal' has no OpenAI key."),
        ("No-Name", 400, "No connection has such a name."),
    ],
)
async def test_a_connection_that_is_not_there_is_named(
    name: str, status: int, said: str, stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai", connection="house")

    found, told = await ask_raw(member, name, "chat/completions", ASKED)

    assert (found, told["error"]["message"]) == (status, said)
    assert "`house//`" not in (told["error"]["hint"] or "")
    assert fake.calls == []


async def test_a_renamed_connection_is_called_by_its_new_name_alone(
    stage: Stage, fake: FakeProviders
) -> None:
    member = await join(stage, "openai", connection="house")
    await ask_raw(member, "house", "chat/completions", ASKED)
    session = await stage.sign_in("ada")
    await stage.ask(
        "PATCH",
        "api/v1/workspaces/personal/connections/house",
        headers=session,
        body={"name": "home"},
    )

    old, _ = await ask_raw(member, "house", "chat/completions", ASKED)
    new, _ = await ask_raw(member, "home", "chat/completions", ASKED)

    assert (old, new) == (409, 200)
    assert [call.key for call in fake.calls] == [member.key, member.key]


# --- the operator's lists


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("chat/completions", {"model": "llama-small"}, 200),
        ("chat/completions", {"model": "llama-large"}, 403),
        ("deployments/llama-large/chat/completions", {"model": "llama-small"}, 403),
        ("Deployments/llama-large/chat/completions", {"model": "llama-small"}, 403),
        ("engines/llama-large/completions", {"model": "llama-small"}, 403),
        ("model/llama-large/invoke", {"model": "llama-small"}, 403),
        ("models/llama-small/x", {"model": "llama-large"}, 403),
        ("models/llama-small/models/llama-large", {"model": "llama-small"}, 403),
        ("deployments/llama-small/chat/completions", {"model": "llama-small"}, 200),
        ("deployments/llama-small/chat/completions", {}, 403),
    ],
)
async def test_path_and_body_both_have_to_be_listed(
    path: str, body: dict[str, Any], status: int, make_stage: Any, fake: FakeProviders
) -> None:
    """A server may go by the one or by the other."""
    stage: Stage = await make_stage(allow_models=("house/llama-small",))
    member = await join(stage, "openai", connection="house")

    async with post(member, "house", path, body) as response:
        refused = response.status == 403

    assert refused is (status == 403)
    assert (fake.calls == []) is refused


async def test_a_first_connection_that_is_barred_is_told_so_before_it_is_missing(
    make_stage: Any,
) -> None:
    stage: Stage = await make_stage(allow_providers=("anthropic",))
    member = await join(stage, "anthropic")

    status, told = await ask_raw(member, "google", "v1beta/models/m:generateContent", {})

    assert (status, told["error"]["message"]) == (
        403,
        "This hub does not allow the provider google.",
    )


async def test_a_providers_protocol_that_is_barred_is_barred_under_any_name(
    make_stage: Any, fake: FakeProviders
) -> None:
    stage: Stage = await make_stage(allow_providers=("anthropic",))
    member = await join(stage, "openai", connection="anthropic-like")

    status, told = await ask_raw(member, "anthropic-like", "chat/completions", ASKED)

    assert (status, told["error"]["message"]) == (
        403,
        "This hub does not allow the provider openai.",
    )
    assert fake.calls == []


# --- every kind


BY_KIND: dict[str, tuple[str, str, dict[str, Any]]] = {
    "anthropic": ("anthropic", "v1/messages", {"model": "m", "max_tokens": 9, "messages": []}),
    "openai-responses": ("openai", "responses", {"model": "m", "input": "Hi"}),
    "openai-chat": ("openai", "chat/completions", ASKED),
    "gemini": ("google", "v1beta/models/m:generateContent", {"contents": []}),
}
"""Whose address speaks each kind, a call's path, and its body."""


@pytest.mark.parametrize("key", ["", "k" * 30], ids=["keyless", "keyed"])
@pytest.mark.parametrize("kind", BY_KIND)
async def test_every_kind_passes_by_its_name_and_by_its_new_one(
    kind: str, key: str, stage: Stage, fake: FakeProviders
) -> None:
    provider, path, body = BY_KIND[kind]
    endpoint = fake.endpoint(provider)  # type: ignore[arg-type]
    token = await connect(stage, "ada", "house", key=key, kind=kind, endpoint=endpoint)
    session = await stage.sign_in("ada")

    async def ask(name: str) -> int:
        status, _ = await stage.ask("POST", f"providers/personal/{name}/{path}", token, body=body)
        return status

    before = await ask("house")
    _, renamed = await stage.ask(
        "PATCH", "api/v1/workspaces/personal/connections/house", headers=session, body={"name": "home"}
    )  # fmt: skip
    old, after = await ask("house"), await ask("home")
    calls = await calls_of(Member(stage, token, "personal", key), 2)

    assert (before, renamed, old, after) == (200, {"done": True}, 409, 200)
    assert [call.key for call in fake.calls] == [key or None] * 2
    assert [one["provider"] for one in calls] == ["home", "house"]
    told = [line for line in stage.lines if "connection renamed" in line]
    assert ["house -> home" in line for line in told] == [True]


@pytest.mark.parametrize("key", ["", "k" * 30], ids=["keyless", "keyed"])
@pytest.mark.parametrize("kind", BY_KIND)
async def test_every_kind_answers_an_instrument_and_its_limit_is_told_by_the_server(
    kind: str, key: str, stage: Stage, fake: FakeProviders
) -> None:
    endpoint = fake.endpoint(BY_KIND[kind][0])  # type: ignore[arg-type]
    await connect(stage, "ada", "house", key=key, kind=kind, endpoint=endpoint)
    ada = await stage.kernel("ada")

    *_, finished = await ada.run("playground", "Say hi.", model="house/m")
    fake.answers(status=429, retry_after="0")
    with pytest.raises(RateLimited) as limited:
        await ada.run("playground", "Say hi.", model="house/m")
    fake.answers(status=401)
    with pytest.raises(ProviderAuthError) as refused:
        await ada.run("playground", "Say hi.", model="house/m")

    assert finished.result.provenance.provider == "house"
    assert fake.calls[0].key == (key or None)
    for error in (limited.value, refused.value):
        assert fake.origin in error.message
        assert not any(name in error.message for name in ("OpenAI", "Anthropic", "Google"))
    act = "replace the key" if key else "enter one"
    assert f"/connections/house on this hub in a browser and {act}." in (refused.value.hint or "")
    assert "keys set" not in (refused.value.hint or "")
