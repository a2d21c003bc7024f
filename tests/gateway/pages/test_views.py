"""The pages in a browser without scripts: what they show, and what their forms do."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from anyio.to_thread import run_sync

from assay_nb.accounting.call_log import make_record
from assay_nb.connections.presets import PRESETS
from assay_nb.messages import PROVIDERS, ProviderId
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import FakeProviders, keyed, only
from tests.gateway.browsing import Browser
from tests.gateway.members import Member, calls_of
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio

Open = Callable[..., Awaitable[Browser]]


@pytest.fixture
def browser(stage: Stage) -> Open:
    """A factory of browsers that have signed in: `await browser("ada")`."""

    async def sign_in(user: str = "ada", **about: Any) -> Browser:
        return await Browser.sign_in(stage, user, **about)

    return sign_in


# --- what they show


async def test_overview_lists_ones_own_workspaces_and_no_others(browser: Open) -> None:
    ada, bob = await browser("ada"), await browser("bob")
    await ada.submit("", action="create", name="research")

    page = await ada.open("")

    assert "research" in page.text
    assert "research" not in (await bob.open("")).text


async def test_usage_is_everybodys_for_an_admin_and_ones_own_for_a_member(
    browser: Open, stage: Stage
) -> None:
    ada, bob = await browser("ada"), await browser("bob")
    team = await ada.make_team("research")
    await ada.submit(team, action="add-member", user="bob")
    for user in ("ada", "bob"):
        record = make_record(
            workspace_id=bytes.fromhex(team.rpartition("/")[2]),
            user=user,
            instrument="critique",
            provider="anthropic",
            model=f"model-of-{user}",
            funding="workspace",
            status="ok",
            input_tokens=10,
            output_tokens=1,
            cost_micros=1_000_000,
            counted_micros=1_000_000,
        )
        await run_sync(stage.services.resources.calls.record, record)

    page, own = [(await who.open(f"{team}?by=model")).text for who in (ada, bob)]
    usage, mine = [
        re.split('id="usage"', text)[1].partition("</section>")[0] for text in (page, own)
    ]

    assert all(text in usage for text in ("Everybody", "model-of-ada", "model-of-bob", "$2.00"))
    assert "?by=member" in usage
    assert "model-of-bob" in mine
    assert "model-of-ada" not in mine
    assert "?by=member" not in mine
    assert "style=" not in usage, "the page's policy allows no inline style"


async def test_member_is_told_whom_to_ask_for_a_key(browser: Open) -> None:
    ada, bob = await browser("ada"), await browser("bob")
    team = await ada.make_team("research")
    await ada.submit(team, action="add-member", user="bob")

    page, key = await bob.open(team), await bob.open(f"{team}/keys/openai")

    assert page.text.count("Ask ada to enter one.") == 3
    assert "Ask ada to change keys and connections." in page.text
    assert "Ask ada to change keys and connections." in key.text
    assert "Ask " not in (await ada.open(team)).text


async def test_workspace_page_tells_of_every_provider(browser: Open) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    page = await ada.open(team)

    assert page.text.count("No key") == 3
    assert all(name in page.text for name in ("Anthropic", "OpenAI", "Google"))


async def test_key_page_tells_how_to_get_a_key(browser: Open) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    page = await ada.open(f"{team}/keys/google")

    assert "https://aistudio.google.com/apikey" in page.text
    assert "Google may use what you send" in page.text


async def test_somebody_who_is_not_signed_in_is_sent_to_the_hub(stage: Stage) -> None:
    async with stage.http.get(stage.url, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"].startswith("/hub/api/oauth2/authorize?")


async def test_workspace_that_is_not_there_has_a_page_too(browser: Open) -> None:
    page = await (await browser()).open("workspaces/nowhere", status=404)

    assert "no workspace" in page.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_member_sees_no_button_that_they_may_not_press(browser: Open) -> None:
    ada, bob = await browser("ada"), await browser("bob")
    team = await ada.make_team("research")
    await ada.submit(team, action="add-member", user="bob", role="member")

    page = await bob.open(team)

    assert set(re.findall(r'name="action" value="([a-z-]+)"', page.text)) == {"use", "leave"}
    assert 'type="password"' not in (await bob.open(f"{team}/keys/anthropic")).text


# --- keys


async def test_key_that_is_pasted_is_tested_and_stored(
    browser: Open, stage: Stage, fake: FakeProviders
) -> None:
    ada, key = await browser(), make_canary("anthropic")
    team = await ada.make_team("research")

    page = await ada.submit(
        f"{team}/keys/anthropic", action="save", key=key, endpoint=fake.endpoint("anthropic")
    )

    assert only(keyed(fake.calls)).key == key
    assert f"The key is stored, sealed. 127.0.0.1:{fake.port} lists 2 models for it." in page.text
    assert f"…{key[-4:]}" in page.text
    assert "Ready" in page.text
    assert not find_canary(page.text, key)


async def test_key_that_the_provider_refuses_is_not_stored(
    browser: Open, fake: FakeProviders
) -> None:
    ada, key = await browser(), make_canary("anthropic")
    team = await ada.make_team("research")
    fake.keys = set()

    page = await ada.submit(
        f"{team}/keys/anthropic", action="save", key=key, endpoint=fake.endpoint("anthropic")
    )

    assert "does not accept this key, so it was not stored" in page.text
    assert page.path.endswith("/keys/anthropic")
    assert (await ada.open(team)).text.count("No key") == 3


async def test_key_is_stored_untested_only_when_asked_for(
    browser: Open, fake: FakeProviders
) -> None:
    ada = await browser()
    team = await ada.make_team("research")
    asked = {"action": "save", "key": make_canary("openai"), "endpoint": fake.endpoint("openai")}

    page = await ada.submit(f"{team}/keys/openai", **asked, untested="on")

    assert fake.calls == []
    assert "Ready, not tested yet" in page.text


async def test_stored_key_is_tested_again_and_removed(
    browser: Open, stage: Stage, fake: FakeProviders
) -> None:
    ada = await browser()
    team = await ada.make_team("research")
    key = await stage.store_key(team.removeprefix("workspaces/"), "anthropic")

    tested = await ada.submit(f"{team}/keys/anthropic", action="test")
    removed = await ada.submit(f"{team}/keys/anthropic", action="remove")

    assert only(keyed(fake.calls)).key == key
    assert "The key works." in tested.text
    assert "Only revoking it at Anthropic ends it." in removed.text
    assert "https://platform.claude.com/settings/keys" in removed.text
    assert removed.text.count("No key") == 3


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("key", ["x", "ollama", "k" * 513, "k" * 8192])
async def test_short_or_long_key_of_ones_own_server_is_stored(
    key: str, provider: ProviderId, browser: Open, fake: FakeProviders
) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    page = await ada.submit(
        f"{team}/keys/{provider}", action="save", key=key, endpoint=fake.endpoint(provider)
    )

    assert "The key is stored, sealed." in page.text
    assert only(keyed(fake.calls)).key == key


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_server_that_needs_no_key_is_stored_tested_and_removed(
    provider: ProviderId, browser: Open, fake: FakeProviders
) -> None:
    ada = await browser()
    team = await ada.make_team("research")
    path, endpoint = f"{team}/keys/{provider}", fake.endpoint(provider)

    stored = await ada.submit(path, action="save", key="", endpoint=endpoint, keyless="on")
    shown, overview = await ada.open(path), await ada.open("")
    tested = await ada.submit(path, action="test")
    removed = await ada.submit(path, action="remove")

    assert f"No key is stored: requests to {endpoint} carry none." in stored.text
    assert "The server answers without a key" in stored.text
    assert "No key needed" in stored.text
    assert "not tested" not in stored.text
    assert "there is none to revoke" in shown.text
    assert "Only revoking" not in shown.text
    assert "Ends in" not in stored.text + shown.text
    assert "no key needed" in overview.text
    assert "The server answers without a key" in tested.text
    assert "The key works" not in tested.text
    assert "No key was stored for it." in removed.text
    assert "evoke" not in removed.text
    assert removed.text.count("No key") == 3 + 1  # three cards, and the notice
    assert [call.key for call in fake.calls] == [None, None]


async def test_server_that_asks_for_a_key_is_not_stored_without_one(
    browser: Open, fake: FakeProviders
) -> None:
    ada = await browser()
    team = await ada.make_team("research")
    fake.keys = {"ollama"}

    page = await ada.submit(
        f"{team}/keys/openai", action="save", endpoint=fake.endpoint("openai"), keyless="on"
    )

    assert f"{fake.origin} asks for a key, so nothing was stored." in page.text
    assert "Copy it again" not in page.text
    assert (await ada.open(team)).text.count("No key") == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": ""}, "The key is missing."),
        ({"key": "", "endpoint": "http://127.0.0.1:11434/v1"}, "The key is missing."),
        ({"key": "", "keyless": "on"}, "The base URL of the server that needs no key is missing."),
        (
            {"keyless": "on", "endpoint": "https://API.openai.com:443/v1"},
            "That is not a key, so nothing was stored.",
        ),
        (
            {"key": "ollama", "endpoint": "https://API.openai.com:443/v1"},
            "That is not a key, so nothing was stored.",
        ),
        (
            {"keyless": "on", "key": "ollama", "endpoint": "http://127.0.0.1:11434/v1"},
            "A key was entered for a server that needs none",
        ),
        (
            {"keyless": "on", "endpoint": "https://evil.example/v1"},
            "This hub does not send keys to",
        ),
        ({"key": "too short"}, "That is not a key, so nothing was stored."),
        (
            {"key": "k" * 40, "endpoint": "https://evil.example/v1"},
            "This hub does not send keys to",
        ),
        ({"key": "k" * 40, "endpoint": "file:///etc/passwd"}, "does not begin with https"),
    ],
)
async def test_what_is_no_key_or_no_endpoint_is_said_so(
    fields: dict[str, str], said: str, browser: Open, fake: FakeProviders
) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    page = await ada.submit(f"{team}/keys/openai", action="save", **fields)

    assert said in page.text
    assert fake.calls == []


async def test_provider_that_the_operator_did_not_list_has_no_page(
    make_stage: Any,
) -> None:
    ada = await Browser.sign_in(await make_stage(allow_providers=("google",)), "ada")
    team = await ada.make_team("research")

    page = await ada.open(f"{team}/keys/openai", status=403)

    assert "does not allow the provider openai" in page.text
    assert "OpenAI" not in (await ada.open(team)).text


# --- workspaces and members


async def test_member_is_added_promoted_and_taken_out(browser: Open) -> None:
    ada, bob = await browser("ada"), await browser("bob")
    team = await ada.make_team("research")

    added = await ada.submit(team, action="add-member", user="bob")
    promoted = await ada.submit(team, action="change-role", user="bob", role="admin")
    seen = await bob.open(team)
    out = await ada.submit(team, action="remove-member", user="bob")

    assert "bob is in, as member." in added.text
    assert "bob is admin now." in promoted.text
    assert "Your role in it is admin" in seen.text
    assert "bob is out" in out.text
    await bob.open(team, status=404)


async def test_last_owner_cannot_leave(browser: Open) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    page = await ada.submit(team, action="leave")

    assert "would have no owner" in page.text


async def test_workspace_is_renamed_deleted_by_its_name_and_brought_back(browser: Open) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    renamed = await ada.submit(team, action="rename", name="findings")
    kept = await ada.submit(team, action="delete", name="research")
    gone = await ada.submit(team, action="delete", name="findings")
    back = await ada.submit("", action="restore", name="findings")

    assert "called &#39;findings&#39; now" in renamed.text
    assert "nothing was deleted" in kept.text
    assert "is deleted, and its keys with it" in gone.text
    assert "is back" in back.text


async def test_workspace_is_handed_over(browser: Open) -> None:
    ada, bob = await browser("ada"), await browser("bob")
    team = await ada.make_team("research")
    await ada.submit(team, action="add-member", user="bob")

    page = await ada.submit(team, action="transfer", user="bob")

    assert "you are an admin of it" in page.text
    assert "Your role in it is owner" in (await bob.open(team)).text


async def test_model_and_limits_are_set(browser: Open) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    await ada.submit(team, action="model", model="google/gemini-3.8-flash")
    page = await ada.submit(team, action="allow", user="", calls="5", dollars="1.50")

    assert "<option selected>google/gemini-3.8-flash</option>" in page.text
    assert re.search(r"Every member:\s+5 calls,\s+\$1\.50", page.text)


async def test_workspace_is_chosen_to_work_in(browser: Open) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    page = await ada.submit(team, action="use")

    assert "Your notebooks work in this workspace." in page.text


async def test_calls_are_listed_without_content(
    browser: Open, stage: Stage, fake: FakeProviders
) -> None:
    ada = await browser()
    team = await ada.make_team("research")
    await stage.store_key(team.removeprefix("workspaces/"), "google")
    path = "providers/research/google/v1beta/models/gemini-flash:generateContent"
    await stage.ask("POST", path, ada.token, body={"contents": "the secret plan"})
    await calls_of(Member(stage, ada.token, team.removeprefix("workspaces/"), ""))

    page = await ada.open(team)

    assert "google/gemini-flash" in page.text
    assert "pass-through" in page.text
    assert "secret plan" not in page.text


# --- forms


async def test_notice_is_said_once(browser: Open) -> None:
    ada = await browser()
    team = await ada.make_team("research")

    said = await ada.submit(team, action="use")

    assert "Your notebooks work in &#39;research&#39; now" in said.text
    assert "Your notebooks work in &#39;research&#39; now" not in (await ada.open(team)).text


async def test_signing_out_ends_the_session(browser: Open) -> None:
    ada = await browser()

    answer = await ada.send("sign-out")

    assert answer.headers["Location"] == "/hub/logout"
    assert 'assay-session=""' in answer.headers["Set-Cookie"]


async def test_button_that_does_not_exist_is_said_so(browser: Open) -> None:
    page = await (await browser()).submit("", action="explode")

    assert "no such button" in page.text


# --- for everybody


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.bare: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.seen.append((tag, about))
        if tag == "label":
            self._open.append(tag)
        fields = tag in {"input", "select"} and about.get("type") != "hidden"
        if fields and not self._open and not self._named(about):
            self.bare.append(about)

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._open.pop()

    def _named(self, about: dict[str, str | None]) -> bool:
        return any(t == "label" and a.get("for") == about.get("id") for t, a in self.seen)


@pytest.fixture
async def all_pages(browser: Open, stage: Stage) -> dict[str, str]:
    """Every page that there is, as an owner sees it with a key, a member and a call."""
    ada = await browser()
    team = await ada.make_team("research")
    await ada.submit(team, action="add-member", user="bob")
    await stage.store_key(team.removeprefix("workspaces/"), "google")
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")
    await stage.ask("GET", "providers/research/google/v1beta/models", ada.token)
    paths = ("keys/google", "connections/house", "add", *(f"add/{preset}" for preset in PRESETS))
    pages = {path: (await ada.open(path)).text for path in ("", team)}
    pages |= {path: (await ada.open(f"{team}/{path}")).text for path in paths}
    return pages | {"none": (await ada.open("workspaces/none", status=404)).text}


async def test_every_field_has_a_label_and_every_page_one_heading(
    all_pages: dict[str, str],
) -> None:
    for text in all_pages.values():
        reader = _Reader(text)
        levels = [int(tag[1]) for tag, _ in reader.seen if re.fullmatch("h[1-6]", tag)]

        assert reader.bare == []
        assert levels.count(1) == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        assert ("html", {"lang": "en"}) in reader.seen


async def test_no_page_has_a_script_a_style_or_anything_from_elsewhere(
    all_pages: dict[str, str],
) -> None:
    for text in all_pages.values():
        for tag, about in _Reader(text).seen:
            assert tag not in {"script", "style", "iframe", "object", "embed", "img", "base"}
            assert not any(name == "style" or name.startswith("on") for name in about)
            if tag == "link":
                assert (about["href"] or "").startswith("/services/assay/static/")


async def test_every_form_carries_the_token(all_pages: dict[str, str]) -> None:
    for text in all_pages.values():
        for form in re.findall(r"<form.*?</form>", text, re.DOTALL):
            assert 'name="_xsrf"' in form


async def test_colours_have_enough_contrast(stage: Stage) -> None:
    async with stage.http.get(f"{stage.url}static/page.css") as response:
        style = await response.text()
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part))
        for part in style.split("@media (prefers", 1)
    )

    for colours in (light, {**light, **dark}):
        for paper in ("paper", "card"):
            for ink in ("ink", "quiet", "accent", "good", "care", "bad"):
                assert _contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
        assert _contrast(colours["on-accent"], colours["accent"]) >= 4.5
        for kind in ("good", "care", "bad"):
            assert _contrast(colours[kind], colours[f"{kind}-paper"]) >= 4.5, kind


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_static_files_are_the_two_that_there_are(stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for name, status in {
            "page.css": 200,
            "mark.svg": 200,
            "..%2fpages.py": 404,
            "x": 404,
        }.items():
            async with session.get(f"{stage.url}static/{name}") as response:
                assert response.status == status
