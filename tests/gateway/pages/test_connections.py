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


@pytest.mark.parametrize(
    ("form", "sent", "kept"),
    [
        ("add/openai-compatible", {"action": "add", "name": "mine", "endpoint": "https://no.example/v1",
         "placement": "x-api-key", "untested": "on"},
         ['value="mine"', 'value="https://no.example/v1"', '"x-api-key" selected', "<details open>",
          'name="untested" checked']),
        ("add/azure", {"action": "add", "name": "mine", "resource": "no name"},
         ['value="mine"', 'value="no name"']),
        ("add/vllm", {"action": "add", "name": "mine", "endpoint": "https://no.example/v1", "keyless": "on"},
         ['value="mine"', 'name="keyless" checked']),
        ("connections/house", {"action": "save", "endpoint": "https://no.example/v1"},
         ['value="https://no.example/v1"', "<details open>"]),
        ("connections/house", {"action": "rename", "name": "openai"}, ['value="openai"', "<details open>"]),
        ("keys/google", {"action": "save", "endpoint": "https://no.example"},
         ['value="https://no.example"', "<details open>"]),
        ("", {"action": "price", "model": "no/m", "input": "1", "output": "2.5"},
         ['value="no/m"', 'value="1"', 'value="2.5"', "<details open>"]),
        ("", {"action": "model", "other": "no/m"}, ['value="no/m"']),
        ("", {"action": "add-member", "user": "no\u202ebody"}, ["no\u202ebody"]),
    ],
)  # fmt: skip
async def test_nothing_typed_is_lost_where_something_is_wrong(
    form: str, sent: dict[str, str], kept: list[str], ada: Browser, team: str, stage: Stage
) -> None:
    """But for the key, which no page shows."""
    key = make_canary("openai")
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")
    path = f"{team}/{form}".rstrip("/")

    page = await ada.submit(path, **sent, **({} if "keyless" in sent else {"key": key}))
    later = await ada.open(path)

    assert 'class="notice failed"' in page.text
    assert [text for text in kept if text not in page.text] == []
    assert not find_canary(page.text, key)
    assert "no.example" not in later.text


async def test_what_is_shaped_like_a_key_is_not_shown_again(ada: Browser, team: str) -> None:
    key = make_canary("openai")
    path = f"{team}/add/openai-compatible"
    fields = {"action": "add", "name": key, "endpoint": "https://no.example/v1", "key": "k" * 30}

    answer = await ada.send(path, **fields)
    page = await ada.open(path)

    assert not find_canary(str(answer.headers) + "".join(ada.cookies.values()), key)
    assert 'value="https://no.example/v1"' in page.text
    assert not find_canary(page.text, key)


async def test_what_was_typed_on_one_page_is_not_shown_on_another(ada: Browser, team: str) -> None:
    """An address that was typed for one server must not receive the key of another."""
    answer = await ada.send(
        f"{team}/add/vllm", action="add", name="mine", key="k", endpoint="https://no.example/v1"
    )

    page = await ada.open(f"{team}/add/openai-compatible")

    assert answer.status == 303
    assert "does not send keys to" in page.text
    assert 'value="https://no.example/v1"' not in page.text


async def test_long_answers_are_not_kept_in_a_cookie(ada: Browser, team: str) -> None:
    endpoint = f"https://no.example/{'x' * 4000}"

    answer = await ada.send(
        f"{team}/add/vllm", action="add", name="mine", key="k", endpoint=endpoint
    )

    assert answer.status == 303
    assert len(ada.cookies["assay-notice"]) < 4096


async def test_the_address_of_a_server_without_a_key_is_changed_without_one(
    ada: Browser, team: str, stage: Stage, fake: FakeProviders
) -> None:
    await stage.store_key(team.removeprefix("workspaces/"), "openai", "", connection="local")
    fake.open_listing = True
    endpoint = f"{fake.endpoint('openai')}/"

    page = await ada.submit(f"{team}/connections/local", action="save", key="", endpoint=endpoint)

    assert "No key is stored: requests to" in page.text
    assert f"<code>{endpoint}</code>" in page.text


async def test_code_in_a_sentence_is_shown_as_code_and_nothing_else_comes_alive(
    ada: Browser, team: str
) -> None:
    presets = await ada.open(f"{team}/add")
    ollama = await ada.open(f"{team}/add/ollama")
    refused = await ada.submit(team, action="model", other="<b>`x`</b>/`y`")

    assert "<code>ollama pull llama3.2</code>" in presets.text
    assert "<code>OLLAMA_CONTEXT_LENGTH=16384 ollama serve</code>" in ollama.text
    assert "`" not in presets.text + ollama.text
    assert "<b>" not in refused.text


async def test_a_first_connection_elsewhere_is_not_called_its_providers(
    ada: Browser, team: str, stage: Stage, fake: FakeProviders
) -> None:
    await stage.store_key(team.removeprefix("workspaces/"), "openai")

    page = await ada.open(f"{team}/keys/openai")
    tested = await ada.submit(f"{team}/keys/openai", action="test")

    assert "Only revoking it where it was made ends a key." in page.text
    assert f"127.0.0.1:{fake.port} lists 2 models for it." in tested.text


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (("0.5", "1.5"), "house/m costs $0.5 in and $1.5 out, per million tokens."),
        (("0", "0"), "house/m costs $0 in and $0 out, per million tokens."),
        (("", ""), "No price is set for house/m now."),
        (("1", ""), "A price has two parts, in and out."),
        (("1", "-1"), "from 0 to 10,000"),
        (("1", "nan"), "A price is a number from 0 up"),
    ],
)
async def test_a_price_is_set_on_the_page(
    figures: tuple[str, str], said: str, ada: Browser, team: str, stage: Stage
) -> None:
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")

    page = await ada.submit(
        team, action="price", model="house/m", input=figures[0], output=figures[1]
    )

    assert said in page.text


async def test_a_member_sets_no_price(ada: Browser, team: str, stage: Stage) -> None:
    bob = await Browser.sign_in(stage, "bob")
    await ada.submit(team, action="add-member", user="bob")

    answer = await bob.send(team, action="price", model="openai/m", input="1", output="1")

    assert answer.status == 403
    assert "What a model costs" not in (await bob.open(team)).text


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
