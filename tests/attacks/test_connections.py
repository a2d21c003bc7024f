"""Named connections on a hub, against an admin who would dodge the operator, and against whoever edits the database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync
from sqlalchemy import text

from assay_nb.connections.presets import PRESETS
from assay_nb.errors import AssayError
from assay_nb.messages import PROVIDER_OF_KIND
from tests.canaries import make_canary
from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders, keyed, only
from tests.gateway.browsing import Browser
from tests.gateway.members import Member, ask_raw, join
from tests.gateway.stage import Stage, open_stage

pytestmark = pytest.mark.anyio

ASKED = {"model": "m", "messages": []}


@pytest.fixture
async def stage(tmp_path: Path, fake: FakeProviders) -> AsyncIterator[Stage]:
    running = await open_stage(tmp_path, fake, FakeHub())
    yield running
    await running.close()


async def edit(stage: Stage, change: str, **values: Any) -> None:
    """Change the database below the vault, as somebody who can write to its file does."""
    database = stage.services.resources.database

    def run() -> None:
        with database.write() as connection:
            connection.execute(text(change), values)

    await run_sync(run)


async def put(stage: Stage, name: str, body: dict[str, Any]) -> tuple[int, Any]:
    session = await stage.sign_in("ada")
    path = f"api/v1/workspaces/personal/connections/{name}"
    return await stage.ask("PUT", path, headers=session, body={"key": "", **body})


# --- the database


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE provider_keys SET connection = 'home' WHERE connection = 'house'",
        "UPDATE provider_keys SET kind = 'anthropic' WHERE connection = 'house'",
        "UPDATE provider_keys SET kind = 'openai-responses' WHERE connection = 'house'",
        "UPDATE provider_keys SET placement = 'x-api-key' WHERE connection = 'house'",
        "UPDATE provider_keys SET placement = 'none' WHERE connection = 'house'",
        "UPDATE provider_keys SET endpoint = :evil WHERE connection = 'house'",
        "UPDATE provider_keys SET endpoint = :evil, origin = :origin WHERE connection = 'house'",
        "UPDATE provider_keys SET provider = 'anthropic' WHERE connection = 'house'",
        "UPDATE provider_keys SET connection = CASE connection WHEN 'house' THEN 'x' ELSE 'house' END",
    ],
)
async def test_a134_connection_that_was_edited_in_the_database_is_not_called(
    change: str, tmp_path: Path, fake: FakeProviders, evil: FakeProviders
) -> None:
    """Name, kind, placement, endpoint edited or swapped → no request leaves, by a call or passed through."""
    stage = await open_stage(tmp_path, fake, FakeHub(), allow_origins=(fake.origin, evil.origin))
    ada = await stage.kernel("ada")
    where = (await ada.control.show_workspace(None)).id
    await stage.store_key(where, "openai", connection="house")
    await stage.store_key(where, "openai", connection="other")
    values = {"evil": evil.endpoint("openai"), "origin": evil.origin}
    await edit(stage, change, **{name: to for name, to in values.items() if f":{name}" in change})
    token = stage.token("ada")

    for name in ("house", "home", "x"):
        status, _ = await stage.ask(
            "POST", f"providers/personal/{name}/chat/completions", token, body=ASKED
        )
        assert status >= 400
        with pytest.raises(AssayError):
            await ada.run("playground", "Say hi.", model=f"{name}/m")
    await stage.close()

    assert fake.calls == []
    assert evil.calls == []


async def test_a134_control_the_same_connection_is_called_as_it_was_stored(
    stage: Stage, fake: FakeProviders
) -> None:
    """Positive control: unedited, the key arrives."""
    member = await join(stage, "openai", connection="house")

    status, _ = await ask_raw(member, "house", "chat/completions", ASKED)

    assert (status, only(fake.calls).key) == (200, member.key)


# --- where a connection may lead


@pytest.mark.parametrize("kind", PROVIDER_OF_KIND)
@pytest.mark.parametrize("key", ["", "k" * 40], ids=["keyless", "keyed"])
@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example/v1",
        "http://127.0.0.1:9/v1",
        "http://localhost:11434/v1",
        "http://[::1]:11434/v1",
        "http://169.254.169.254/latest",
        "https://10.0.0.1/v1",
        "https://api.openai.com.evil.example/v1",
        "https://api.openai.com@evil.example/v1",
        "https://evil.example#.openai.azure.com/openai/v1",
        "https://api.openai.com:8443/v1",
        "http://api.openai.com/v1",
        "file:///etc/passwd",
    ],
)
async def test_a135_connection_leads_only_to_what_the_operator_lists(
    endpoint: str, key: str, kind: str, stage: Stage, fake: FakeProviders
) -> None:
    """A foreign or internal address, by any protocol, with a key or without → refused, nobody is called."""
    status, told = await put(stage, "new", {"key": key, "kind": kind, "endpoint": endpoint})

    assert (status, told["error"]["code"]) == (403, "endpoint_refused")
    assert fake.connections == set()


HOLES = (
    "evil.example/#", "evil.example/", "evil.example?", "evil.example\\", "x@evil.example/", "x:1@evil.example/",
    "..", ".", "a.b", "-x", "", "x" * 64, "x/../y", "x%2f", "x\u3002evil", "x\ny", "{region}", "evil.example:443/",
)  # fmt: skip


@pytest.mark.parametrize("preset", [name for name, one in PRESETS.items() if one.holes])
async def test_a135_hole_of_a_preset_takes_a_name_and_nothing_else(
    preset: str, tmp_path: Path, fake: FakeProviders
) -> None:
    """`resource` = `evil.example/#` and its like → refused by the API and by the page, nothing is stored."""
    listed = ("https://evil.example", "https://x.openai.azure.com")
    stage = await open_stage(
        tmp_path, fake, FakeHub(), allow_origins=listed, limits={"calls_per_minute": 1000}
    )
    ada = await Browser.sign_in(stage, "ada")
    sent = {"action": "add", "name": "new", "key": "k" * 40, "untested": "on"}
    found: list[Any] = []

    for part in HOLES:
        parts = dict.fromkeys(PRESETS[preset].holes, part)
        body = {"key": "k" * 40, "preset": preset, "parts": parts, "check": False}
        status, told = await put(stage, "new", body)
        answer = await ada.send(f"workspaces/personal/add/{preset}", **sent, **parts)
        found.append((status, told["error"]["message"], answer.headers["Location"]))
    _, stored = await stage.ask("GET", "api/v1/workspaces/personal/connections", ada.token)
    await stage.close()

    for status, said, page in found:
        assert (status, "needs the name of" in said) == (400, True)
        assert page.endswith(f"/add/{preset}")
    assert stored == []


async def test_a135_keyless_connection_is_not_called_once_its_origin_is_unlisted(
    tmp_path: Path, fake: FakeProviders
) -> None:
    """The operator takes the origin off the list → neither calls nor the test button reach it any more."""
    before = await open_stage(tmp_path, fake, FakeHub())
    token = before.token("ada")
    where = (await before.ask("GET", "api/v1/me", token))[1]["workspaces"][0]["id"]
    await before.store_key(where, "openai", "", connection="local")
    await before.close()
    stage = await open_stage(tmp_path, fake, FakeHub(), allow_origins=())
    session, token = await stage.sign_in("ada"), stage.token("ada")

    passed, _ = await stage.ask(
        "POST", "providers/personal/local/chat/completions", token, body=ASKED
    )
    tested, _ = await stage.ask(
        "POST", "api/v1/workspaces/personal/connections/local/test", headers=session
    )
    await stage.close()

    assert (passed, tested) == (403, 403)
    assert fake.connections == set()


@pytest.mark.parametrize("kind", ["openai-chat", "openai-responses", "anthropic"])
async def test_a135_name_of_a_connection_opens_no_model_at_a_providers_own_endpoint(
    kind: str, tmp_path: Path, fake: FakeProviders
) -> None:
    """An admin names a connection to OpenAI after a pattern of the operator's → its models stay barred."""
    lists = {"allow_models": ("local/*", "anthropic/*"), "allow_origins": (fake.origin,)}
    stage = await open_stage(tmp_path, fake, FakeHub(), **lists)
    there = {"kind": kind, "endpoint": "https://api.openai.com/v1"}
    await put(stage, "local", {"key": "k" * 40, "check": False, **there})
    token = stage.token("ada")

    status, told = await stage.ask(
        "POST", "providers/personal/local/chat/completions", token, body={"model": "gpt-6"}
    )
    await stage.close()

    assert status == 403
    assert told["error"]["message"] == "This hub does not allow the model openai/gpt-6."


# --- what a server or a preset says of itself


async def test_a140_listing_that_tells_another_address_changes_nothing(
    stage: Stage, fake: FakeProviders, evil: FakeProviders
) -> None:
    """A listing names another base URL, and models like addresses → the key goes where it went."""
    fake.models["openai"] = (evil.endpoint("openai"), f"{evil.origin}/#", "../../evil", "m")
    about = {"kind": "openai-chat", "endpoint": fake.endpoint("openai")}
    key = make_canary("openai")
    status, _ = await put(stage, "house", {"key": key, **about})
    member = Member(stage, stage.token("ada"), "personal", key)

    for model in fake.models["openai"]:
        await ask_raw(member, "house", "chat/completions", {**ASKED, "model": model})
    ada = await stage.kernel("ada")
    listed = await ada.control.models(None, ask=True)
    [stored] = (await stage.ask("GET", "api/v1/workspaces/personal/connections", member.token))[1]

    assert status == 200
    assert {one.provider for one in listed} == {"house"}
    assert about.items() <= stored.items()
    assert evil.connections == set()
    assert {call.key for call in keyed(fake.calls)} == {key}


async def test_a140_page_shows_nothing_of_a_listing(stage: Stage, fake: FakeProviders) -> None:
    """A listing's names are prices, dates and links → the pages show how many there are, and no word of them."""
    fake.models["openai"] = ("free-until-2099", "https://evil.example/key")
    ada = await Browser.sign_in(stage, "ada")

    page = await ada.submit(
        "workspaces/personal/add/openai-compatible",
        action="add",
        name="house",
        key="k" * 40,
        endpoint=fake.endpoint("openai"),
    )

    assert "house lists 2 models for it." in page.text
    assert "2099" not in page.text
    assert "evil.example" not in page.text


async def test_a140_preset_does_not_say_where_a_stored_key_goes(
    stage: Stage, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preset's address is changed after a connection was made from it → the sealed one holds."""
    from dataclasses import replace

    key, endpoint = "k" * 40, fake.endpoint("openai")
    monkeypatch.setitem(PRESETS, "groq", replace(PRESETS["groq"], endpoint=endpoint))
    await put(stage, "groq", {"key": key, "preset": "groq"})
    false = replace(PRESETS["groq"], endpoint="https://evil.example/v1")
    monkeypatch.setitem(PRESETS, "groq", false)

    member = Member(stage, stage.token("ada"), "personal", key)
    status, _ = await ask_raw(member, "groq", "chat/completions", ASKED)
    [stored] = (await stage.ask("GET", "api/v1/workspaces/personal/connections", member.token))[1]

    assert (status, stored["endpoint"]) == (200, endpoint)
    assert [call.key for call in keyed(fake.calls)] == [key, key]
    assert "evil" not in json.dumps(stored)
