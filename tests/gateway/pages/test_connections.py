"""Named connections on the pages, in a browser without scripts."""

from __future__ import annotations

from typing import Any

import pytest

from assay_nb.connections.presets import PRESETS
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import FakeProviders, keyed, only
from tests.gateway.browsing import Browser
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(stage: Stage) -> Browser:
    return await Browser.sign_in(stage, "ada")


@pytest.fixture
async def team(ada: Browser) -> str:
    return await ada.make_team("research")


async def test_a_connection_is_added_shown_and_sealed(
    ada: Browser, team: str, fake: FakeProviders
) -> None:
    key, endpoint = make_canary("openai"), fake.endpoint("openai")

    page = await ada.submit(
        f"{team}/add/openai-compatible",
        action="add",
        name="house",
        key=key,
        endpoint=endpoint,
        placement="x-api-key",
    )
    own = await ada.open(f"{team}/connections/house")
    overview = await ada.open("")

    assert only(keyed(fake.calls)).headers["x-api-key"] == key
    assert "The key is stored, sealed. house lists 2 models for it." in page.text
    assert f"<code>{endpoint}</code>" in page.text
    assert f'href="/services/assay/{team}/connections/house"' in page.text
    assert all(text in own.text for text in (endpoint, "x-api-key", "house/MODEL", key[-4:]))
    assert "house" in overview.text
    assert not find_canary(page.text + own.text + overview.text, key)


async def test_a_server_without_a_key_is_added(
    ada: Browser, team: str, fake: FakeProviders
) -> None:
    endpoint = fake.endpoint("openai")

    page = await ada.submit(f"{team}/add/ollama", action="add", name="local", endpoint=endpoint)
    removed = await ada.submit(f"{team}/connections/local", action="remove")

    assert f"No key is stored: requests to {endpoint} carry none." in page.text
    assert only(fake.calls).key is None
    assert "The connection &#39;local&#39; is removed. No key was stored for it." in removed.text


async def test_the_holes_of_a_preset_are_filled_in(make_stage: Any) -> None:
    stage = await make_stage(allow_origins=("https://team-1.openai.azure.com",))
    ada = await Browser.sign_in(stage, "ada")
    team = await ada.make_team("research")
    sent = {"action": "add", "name": "azure", "key": "k" * 32, "untested": "on"}

    form = await ada.open(f"{team}/add/azure")
    other = await ada.submit(f"{team}/add/azure", **sent, resource="team-2")
    page = await ada.submit(f"{team}/add/azure", **sent, resource="team-1")

    assert 'name="resource"' in form.text
    assert "This hub does not send keys to https://team-2.openai.azure.com:443." in other.text
    assert "https://team-1.openai.azure.com/openai/v1/" in page.text


async def test_a_key_is_replaced_and_a_connection_renamed_tested_and_removed(
    ada: Browser, team: str, stage: Stage, fake: FakeProviders
) -> None:
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")
    key = make_canary("openai")

    replaced = await ada.submit(f"{team}/connections/house", action="save", key=key)
    renamed = await ada.submit(f"{team}/connections/house", action="rename", name="home")
    tested = await ada.submit(f"{team}/connections/home", action="test")
    removed = await ada.submit(f"{team}/connections/home", action="remove")

    assert [call.key for call in keyed(fake.calls)] == [key, key]
    assert "The key is stored, sealed. house lists 2 models for it." in replaced.text
    assert "&#39;house&#39; is called &#39;home&#39; now." in renamed.text
    assert "The key works. home lists 2 models for it." in tested.text
    assert "Only revoking the key ends it." in removed.text
    await ada.open(f"{team}/connections/home", status=404)


@pytest.mark.parametrize(
    ("preset", "fields", "said"),
    [
        ("openai-compatible", {"name": ""}, "The name is missing."),
        ("openai-compatible", {"key": ""}, "The key is missing."),
        ("openai-compatible", {"keyless": "on"}, "A key was entered for a server that needs none"),
        ("openai-compatible", {"endpoint": ""}, "The server&#39;s address is missing."),
        ("openai-compatible", {"endpoint": "https://evil.example/v1"}, "does not send keys to"),
        ("openai-compatible", {"name": "Not A Name"}, "A connection cannot be named"),
        ("openai-compatible", {"name": "house"}, "There is a connection &#39;house&#39; already."),
        ("openai-compatible", {"name": "google"}, "speaks its provider&#39;s own protocol"),
        ("azure", {"endpoint": ""}, "Azure OpenAI needs the name of your resource."),
        ("openai", {"name": "mini", "endpoint": "", "key": "short"}, "That is not a key"),
    ],
)
async def test_what_is_not_a_connection_is_said_so_and_not_stored(
    preset: str,
    fields: dict[str, str],
    said: str,
    ada: Browser,
    team: str,
    stage: Stage,
    fake: FakeProviders,
) -> None:
    where = team.removeprefix("workspaces/")
    await stage.store_key(where, "openai", connection="house")
    sent = {"name": "new", "key": "k" * 32, "endpoint": fake.endpoint("openai"), **fields}

    page = await ada.submit(f"{team}/add/{preset}", action="add", untested="on", **sent)

    assert said in page.text
    assert page.path.endswith(f"/add/{preset}")
    session = await stage.sign_in("ada")
    _, listed = await stage.ask("GET", f"api/v1/workspaces/{where}/connections", headers=session)
    assert [one["connection"] for one in listed] == ["house"]


async def test_presets_that_the_hub_is_not_open_to_cannot_be_chosen(
    make_stage: Any,
) -> None:
    ada = await Browser.sign_in(await make_stage(allow_origins=()), "ada")
    team = await ada.make_team("research")

    page = await ada.open(f"{team}/add")

    chosen = [name for name in PRESETS if f'/add/{name}"' in page.text]
    assert chosen == ["google", "anthropic", "openai"]
    assert "Groq" in page.text
    assert "cannot be stored yet" in (await ada.open(f"{team}/add/groq")).text


async def test_a_preset_that_is_not_there_has_no_page(ada: Browser, team: str) -> None:
    page = await ada.open(f"{team}/add/nothing", status=400)

    assert "There is no preset" in page.text


async def test_a_member_sees_where_connections_lead_and_no_form(
    ada: Browser, team: str, stage: Stage, fake: FakeProviders
) -> None:
    bob = await Browser.sign_in(stage, "bob")
    await ada.submit(team, action="add-member", user="bob")
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")

    page = await bob.open(team)
    own = await bob.open(f"{team}/connections/house")

    assert fake.endpoint("openai") in page.text
    assert f"{team}/add" not in page.text
    assert fake.endpoint("openai") in own.text
    assert 'type="password"' not in own.text
    await bob.open(f"{team}/add", status=403)
    await bob.open(f"{team}/add/ollama", status=403)


async def test_a_model_of_a_connection_is_chosen(ada: Browser, team: str, stage: Stage) -> None:
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")

    page = await ada.submit(team, action="model", model="", other="house/llama3.2")
    missing = await ada.submit(team, action="model", model="", other="other/llama3.2")

    assert "<option selected>house/llama3.2</option>" in page.text
    assert "has no connection &#39;other&#39;" in missing.text
