"""The routes for named connections, as a program of somebody who has signed in uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from assay_nb.connections.presets import PRESETS
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import FakeProviders, keyed, only
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio


@dataclass
class Connections:
    """The connections of a person's own workspace, by the API."""

    stage: Stage
    session: dict[str, str]

    async def ask(self, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        path = f"api/v1/workspaces/personal/connections{path}"
        return await self.stage.ask(method, path, headers=self.session, body=body)

    async def put(self, name: str, **body: Any) -> tuple[int, Any]:
        return await self.ask("PUT", f"/{name}", {"key": "", **body})


@pytest.fixture
async def mine(stage: Stage) -> Connections:
    return Connections(stage, await stage.sign_in("ada"))


async def test_a_connection_is_made_listed_tested_renamed_and_removed(
    mine: Connections, fake: FakeProviders
) -> None:
    key, endpoint = make_canary("openai"), fake.endpoint("openai")

    made = await mine.put("house", key=key, preset="openai-compatible", endpoint=endpoint)
    _, listed = await mine.ask("GET")
    tested = await mine.ask("POST", "/house/test")
    renamed = await mine.ask("PATCH", "/house", {"name": "home"})
    _, after = await mine.ask("GET")
    again = await mine.ask("POST", "/home/test")
    removed = await mine.ask("DELETE", "/home")

    assert (made[0], made[1]["outcome"], made[1]["connection"]) == (200, "accepted", "house")
    expected = {
        "connection": "house", "kind": "openai-chat", "provider": "openai", "endpoint": endpoint,
        "placement": "bearer", "state": "ready", "last4": key[-4:], "added_by": "ada",
    }  # fmt: skip
    assert expected.items() <= only(listed).items()
    assert renamed == (200, {"done": True})
    assert [one["connection"] for one in after] == ["home"]
    assert (tested[1]["outcome"], again[1]["outcome"]) == ("accepted", "accepted")
    assert (removed[0], removed[1]["connection"]) == (200, "home")
    assert (await mine.ask("GET"))[1] == []
    assert {call.key for call in keyed(fake.calls)} == {key}
    told = json.dumps([made, listed, tested, renamed, after, again, removed])
    assert not find_canary(told + "".join(mine.stage.lines), key)


async def test_keys_list_the_three_first_and_connections_what_there_is(
    mine: Connections, fake: FakeProviders
) -> None:
    await mine.put("local", preset="ollama", endpoint=fake.endpoint("openai"))

    _, connections = await mine.ask("GET")
    _, keys = await mine.stage.ask("GET", "api/v1/workspaces/personal/keys", headers=mine.session)

    assert [one["connection"] for one in connections] == ["local"]
    assert [(one["connection"], one["state"]) for one in keys] == [
        ("anthropic", "missing"), ("openai", "missing"), ("google", "missing"), ("local", "ready"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["anthropic", "openai", "google"])
async def test_a_first_name_is_set_by_either_route(
    name: Any, mine: Connections, fake: FakeProviders
) -> None:
    key = make_canary(name)

    status, _ = await mine.put(name, key=key, endpoint=fake.endpoint(name))
    _, tested = await mine.stage.ask(
        "POST", f"api/v1/workspaces/personal/keys/{name}/test", headers=mine.session
    )

    assert (status, tested["outcome"]) == (200, "accepted")
    assert {call.key for call in keyed(fake.calls)} == {key}


async def test_a_replaced_key_keeps_where_its_connection_leads(
    mine: Connections, fake: FakeProviders
) -> None:
    endpoint = fake.endpoint("openai")
    about = {"kind": "openai-responses", "endpoint": endpoint, "placement": "api-key"}
    await mine.put("azure", key="k" * 32, check=False, **about)

    status, _ = await mine.put("azure", key="l" * 32, check=False)

    assert status == 200
    assert about.items() <= only((await mine.ask("GET"))[1]).items()


@pytest.mark.parametrize(
    ("stored", "sent", "kept"),
    [
        (("openai-responses", "api-key"), {}, "api-key"),
        (("openai-responses", "api-key"), {"kind": "openai-responses"}, "api-key"),
        (("openai-responses", "api-key"), {"kind": "anthropic"}, "bearer"),
        (("anthropic", "x-api-key"), {"kind": "openai-chat"}, "bearer"),
        (("anthropic", "x-api-key"), {"kind": "gemini"}, "x-goog-api-key"),
        (("anthropic", "x-api-key"), {"kind": "gemini", "placement": "bearer"}, "bearer"),
    ],
)
async def test_another_protocol_takes_its_own_header_along(
    stored: tuple[str, str],
    sent: dict[str, Any],
    kept: str,
    mine: Connections,
    fake: FakeProviders,
) -> None:
    about = {"kind": stored[0], "placement": stored[1], "endpoint": fake.endpoint("openai")}
    await mine.put("house", key="k" * 32, check=False, **about)

    status, _ = await mine.put("house", key="l" * 32, check=False, **sent)

    now = only((await mine.ask("GET"))[1])
    assert (status, now["placement"]) == (200, kept)
    assert now["kind"] == sent.get("kind", stored[0])


async def test_a_preset_takes_the_place_of_all_that_was_stored(
    mine: Connections, fake: FakeProviders
) -> None:
    endpoint = fake.endpoint("openai")
    about = {"kind": "openai-responses", "endpoint": endpoint, "placement": "api-key"}
    await mine.put("house", key="k" * 32, check=False, **about)

    await mine.put("house", key="l" * 32, preset="vllm", endpoint=endpoint, check=False)

    stored = only((await mine.ask("GET"))[1])
    assert (stored["kind"], stored["placement"]) == ("openai-chat", "bearer")


async def test_an_empty_key_takes_none_away(mine: Connections, fake: FakeProviders) -> None:
    await mine.put("house", key="k" * 32, kind="openai-chat", endpoint=fake.endpoint("openai"))

    status, told = await mine.put("house")

    assert (status, told["error"]["code"]) == (400, "wrong_usage")
    assert only((await mine.ask("GET"))[1])["placement"] == "bearer"


@pytest.mark.parametrize(
    ("name", "body", "status", "said"),
    [
        ("new", {}, 409, "no connection 'new'"),
        ("new", {"key": "k", "kind": "openai-chat"}, 400, "needs an address"),
        ("New", {"key": "k", "kind": "openai-chat"}, 400, "name"),
        ("a%2Fb", {"key": "k", "kind": "openai-chat"}, 400, "name"),
        ("n" * 33, {"key": "k", "kind": "openai-chat"}, 400, "name"),
        ("new", {"key": "k", "kind": "telnet", "endpoint": "URL"}, 400, "no kind"),
        ("new", {"key": "k", "kind": "openai-chat", "placement": "cookie", "endpoint": "URL"}, 400,
         "cannot be put on a request"),
        ("new", {"key": "k", "kind": "openai-chat", "placement": "none", "endpoint": "URL"}, 400,
         "needs none"),
        ("openai", {"key": "k", "kind": "gemini", "endpoint": "URL"}, 400, "own protocol"),
        ("new", {"key": "k", "preset": "nothing"}, 400, "no preset"),
        ("new", {"key": "k", "parts": {"resource": "x"}}, 400, "names none"),
        ("new", {"key": "k", "preset": "azure"}, 400, "your resource"),
        ("new", {"key": "k", "preset": "azure", "parts": {"region": "x"}}, 400, "no part"),
        ("new", {"key": "k", "preset": "azure", "parts": {"resource": 1}}, 400, "not a text"),
        ("new", {"key": "k", "preset": "openai-compatible"}, 400, "address is missing"),
        ("new", {"preset": "groq"}, 400, "needs a key"),
        ("new", {"key": "k", "preset": "groq"}, 403, "does not send keys to"),
        ("mini", {"preset": "openai", "key": "short"}, 400, "not a key"),
        ("mini", {"kind": "openai-responses", "endpoint": "https://api.openai.com/v1"}, 400,
         "not a key"),
    ],
)  # fmt: skip
async def test_what_is_not_a_connection_is_refused_and_nothing_is_stored(
    name: str,
    body: dict[str, Any],
    status: int,
    said: str,
    mine: Connections,
    fake: FakeProviders,
) -> None:
    sent = {
        key: fake.endpoint("openai") if value == "URL" else value for key, value in body.items()
    }

    found, told = await mine.put(name, check=False, **sent)

    assert (found, said in told["error"]["message"]) == (status, True), told
    assert (await mine.ask("GET"))[1] == []
    assert fake.calls == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/x/test"), ("DELETE", "/x")])
async def test_a_connection_that_is_not_there_is_named(
    method: str, path: str, mine: Connections
) -> None:
    status, told = await mine.ask(method, path)

    assert status == 409
    assert told["error"]["message"] == "Workspace 'personal' has no connection 'x'."


async def test_presets_tell_what_this_hub_is_open_to(make_stage: Callable[..., Any]) -> None:
    stage: Stage = await make_stage(allow_origins=("https://api.groq.com",))

    status, told = await stage.ask("GET", "api/v1/presets", stage.token("ada"))

    known = {one["name"]: one for one in told}
    assert (status, set(known)) == (200, set(PRESETS))
    assert (known["groq"]["open"], known["mistral"]["open"]) == (True, False)
    assert known["azure"]["parts"] == ["resource"]


async def test_models_of_a_connection_are_listed_by_its_name(
    make_stage: Callable[..., Any], fake: FakeProviders
) -> None:
    stage: Stage = await make_stage(allow_models=("house/gpt-*", "openai/claude-*"))
    fake.models["openai"] = ("gpt-mini", "llama")
    ada = await stage.kernel("ada")
    where = (await ada.control.show_workspace(None)).id
    await stage.store_key(where, "openai", connection="house")

    listed = await ada.control.models(None, ask=True)

    assert [(one.provider, one.name) for one in listed] == [("house", "gpt-mini")]
