"""The gateway's own pages, against other sites, other pages of the hub, hostile names, and kernels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from assay_nb.accounting.call_log import make_record
from tests.canaries import find_canary, make_canary
from tests.corpus.hostile import PAYLOADS
from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders, keyed, only
from tests.gateway.browsing import Browser
from tests.gateway.stage import Stage, open_stage

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(tmp_path: Path, fake: FakeProviders) -> AsyncIterator[Stage]:
    running = await open_stage(tmp_path, fake, FakeHub())
    yield running
    await running.close()


@pytest.fixture
async def ada(stage: Stage) -> Browser:
    return await Browser.sign_in(stage, "ada")


@pytest.fixture
async def team(ada: Browser) -> str:
    return await ada.make_team("research")


# --- requests that other pages send


PAGES = (
    "",
    "{team}",
    "{team}/keys/openai",
    "{team}/connections/house",
    "{team}/add/ollama",
    "sign-out",
)


@pytest.mark.parametrize("page", PAGES)
async def test_a056_kernel_token_opens_no_page_and_sends_no_form(
    page: str, stage: Stage, ada: Browser, team: str
) -> None:
    """A kernel's token on a page or a form → 403, and nothing is changed."""
    path = page.format(team=team)
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")

    for method in ("GET", "POST"):
        status, _ = await stage.ask(method, path, ada.token, data={"action": "leave"})
        assert status == (405 if (method, page) == ("GET", "sign-out") else 403)

    await ada.open(team)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {"_xsrf": ""}),
        ({}, {"_xsrf": "0" * 64}),
        ({"Origin": "null"}, {}),
        ({"Origin": "https://evil.example"}, {}),
        ({"Origin": "{origin}.evil.example"}, {}),
        ({"Origin": "{origin}@evil.example"}, {}),
        ({"Origin": "{origin}0"}, {}),
        ({"Sec-Fetch-Site": "cross-site"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}),
        ({"Sec-Fetch-Dest": "empty"}, {}),
        ({"Sec-Fetch-Dest": "iframe"}, {}),
    ],
)
async def test_a057_form_of_another_page_changes_nothing(
    headers: dict[str, str],
    fields: dict[str, str],
    stage: Stage,
    ada: Browser,
    team: str,
    fake: FakeProviders,
) -> None:
    """A session without its XSRF token, or from another origin, a frame, a script → 403, no effect."""
    given = {name: value.format(origin=stage.origin) for name, value in headers.items()}
    forms = {
        "": {"action": "create", "name": "evil"},
        team: {"action": "add-member", "user": "mallory"},
        f"{team}/keys/openai": {"action": "save", "key": make_canary("openai"), "untested": "on"},
        f"{team}/connections/house": {"action": "rename", "name": "evil"},
        f"{team}/add/ollama": {
            "action": "add",
            "name": "evil",
            "endpoint": fake.endpoint("openai"),
            "untested": "on",
        },
    }
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection="house")

    for path, sent in forms.items():
        answer = await ada.send(path, headers=given, **{**sent, **fields})
        assert answer.status == 403

    assert "evil" not in (await ada.open("")).text
    page = await ada.open(team)
    assert "mallory" not in page.text
    assert "evil" not in page.text
    assert page.text.count("No key") == 3


async def test_a057_control_the_same_form_from_its_own_page_has_its_effect(
    ada: Browser, team: str
) -> None:
    """Positive control: with token and origin it works."""
    assert "eve is in" in (await ada.submit(team, action="add-member", user="eve")).text


# --- the test button


@pytest.mark.parametrize("page", ["keys/openai", "connections/house"])
async def test_a072_test_button_is_rate_limited(
    page: str, tmp_path: Path, fake: FakeProviders
) -> None:
    """Pressing Test again and again → as many calls as anybody may make, and no more."""
    stage = await open_stage(tmp_path, fake, FakeHub(), limits={"calls_per_minute": 2})
    ada = await Browser.sign_in(stage, "ada")
    team = await ada.make_team("research")
    name = page.rpartition("/")[2]
    await stage.store_key(team.removeprefix("workspaces/"), "openai", connection=name)

    said = [(await ada.submit(f"{team}/{page}", action="test")).text for _ in range(3)]
    await stage.close()

    assert len(keyed(fake.calls)) == 2
    assert "which is the limit" in said[-1]


@pytest.mark.parametrize("page", ["keys/openai", "connections/house"])
@pytest.mark.parametrize("fault", ["echo_error", "echo_header", "html"])
async def test_a072_test_button_shows_nothing_of_what_the_provider_says(
    fault: str, page: str, stage: Stage, ada: Browser, team: str, fake: FakeProviders
) -> None:
    """The endpoint answers with the key, or with a page → our own words."""
    name = page.rpartition("/")[2]
    key = await stage.store_key(team.removeprefix("workspaces/"), "openai", connection=name)
    fake.answers("x", fault=fault)

    answer = await ada.send(f"{team}/{page}", action="test")
    shown = await ada.open(team)

    assert only(keyed(fake.calls)).key == key
    assert not find_canary(shown.text + str(answer.headers) + "".join(stage.lines), key)
    assert "guest network" not in shown.text


async def test_a072_test_button_knows_no_other_destination(
    ada: Browser, team: str, fake: FakeProviders
) -> None:
    """A form with an endpoint that nobody listed → refused before any connection."""
    with FakeProviders() as evil:
        page = await ada.submit(
            f"{team}/keys/openai", action="save", key="k" * 40, endpoint=evil.endpoint("openai")
        )

    assert "This hub does not send keys to" in page.text
    assert evil.connections == set()
    assert fake.calls == []


# --- hostile text


class Skeleton(HTMLParser):
    """A page without its text: tags and the names of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.bones: set[tuple[str, ...]] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bones.add((tag, *sorted(name for name, _ in attrs)))


@pytest.mark.slow
async def test_a073_hostile_names_are_text_on_every_page(
    stage: Stage, ada: Browser, team: str
) -> None:
    """≥ 200 payloads as model, user, error code, added by, limit → the pages keep their skeleton."""
    workspace, resources = bytes.fromhex(team.removeprefix("workspaces/")), stage.services.resources

    def record(text: str) -> None:
        call = make_record(
            workspace_id=workspace,
            user=text,
            instrument=text,
            provider=text,
            model=text,
            funding="workspace",
            status=text,
        )
        resources.calls.record(call)

    record("harmless")
    before = Skeleton((await ada.open(team)).text).bones

    assert len(PAYLOADS) >= 200
    for start in range(0, len(PAYLOADS), 20):
        for payload in PAYLOADS[start : start + 20]:
            record(payload.encode("utf-8", "replace").decode())
        page = await ada.open(team)
        assert Skeleton(page.text).bones == before
        assert "\u202e" not in page.text


@pytest.mark.slow
async def test_a073_hostile_form_fields_and_addresses_are_text(ada: Browser, team: str) -> None:
    """Payloads as names, models, endpoints and workspaces that are not there → errors, as text."""
    harmless = await ada.submit(team, action="add-member", user="x", role="none of them")
    bones = Skeleton(harmless.text).bones
    for payload in PAYLOADS[::10]:
        sent = payload.encode("utf-8", "replace").decode().replace("\x00", "")
        for form in (
            {"action": "add-member", "user": "x", "role": sent},
            {"action": "remove-member", "user": sent},
            {"action": "model", "model": sent or "x"},
        ):
            page = await ada.submit(team, **form)
            assert Skeleton(page.text).bones <= bones | {("option", "selected"), ("code",)}


@pytest.mark.slow
async def test_a073_hostile_names_and_addresses_of_connections_are_text(
    ada: Browser, team: str
) -> None:
    """Payloads as a connection's name, its preset's part and its address → errors, as text."""
    empty = await ada.submit(f"{team}/add/azure", action="add", name="")
    bones = Skeleton(empty.text).bones
    for payload in PAYLOADS[::10]:
        sent = payload.encode("utf-8", "replace").decode().replace("\x00", "")
        for form in ({"name": sent}, {"resource": sent}, {"endpoint": sent}, {"placement": sent}):
            given = {"name": "x", "resource": "y", "key": "k" * 40, **form}
            page = await ada.submit(f"{team}/add/azure", action="add", **given)
            assert page.path.endswith("/add/azure")
            assert Skeleton(page.text).bones <= bones | {
                ("p", "class"),
                ("code",),
                ("details", "open"),
            }


async def test_a076_policy_lets_a_browser_do_nothing_else(ada: Browser, team: str) -> None:
    """Inline script, eval, frames, images and connections elsewhere → not allowed by any page."""
    for path, status in {
        "": 200,
        team: 200,
        f"{team}/keys/google": 200,
        f"{team}/add": 200,
        f"{team}/add/azure": 200,
        "workspaces/x": 404,
    }.items():
        headers = (await ada.open(path, status=status)).headers
        policy = {
            part.partition(" ")[0]: part.partition(" ")[2]
            for part in headers["Content-Security-Policy"].split("; ")
        }

        assert policy == {
            "default-src": "'none'",
            "style-src": "'self'",
            "img-src": "'self'",
            "connect-src": "'self'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "same-origin"


async def test_a079_query_fills_in_nothing(ada: Browser, team: str) -> None:
    """The key page, or a new connection's, with an attacker's query → the page as it always is."""
    query = "endpoint=https://evil.example&key=evil&name=evil&notice=evil&next=//evil.example&_xsrf=evil"
    for page in ("keys/openai", "add/azure", "add/openai-compatible"):
        plain = await ada.open(f"{team}/{page}")

        asked = await ada.open(f"{team}/{page}?{query}&resource=evil&preset=evil")

        assert asked.text == plain.text


async def test_a079_forged_notice_is_not_shown(ada: Browser, team: str) -> None:
    """A cookie that another page of the hub planted → no word of it is shown."""
    import base64
    import json

    content = json.dumps({"kind": "done", "text": "Send your key to evil", "hint": ""}).encode()
    packed = base64.urlsafe_b64encode(content).decode()
    for forged in (f"{packed}.", f"{packed}.{'0' * 64}", packed, "é", "..", ""):
        ada.cookies["assay-notice"] = forged.encode("ascii", "ignore").decode()

        assert "evil" not in (await ada.open(f"{team}/keys/openai")).text


@pytest.mark.parametrize("dest", ["iframe", "empty", "object", "embed", "script", "image", "frame"])
async def test_a079_page_is_drawn_for_a_window_alone(dest: str, ada: Browser, team: str) -> None:
    """Framed, or fetched by a script of a page on the same origin → no form, no token."""
    page = await ada.open(f"{team}/keys/openai", status=403, **{"Sec-Fetch-Dest": dest})

    assert "_xsrf" not in page.text
    assert "<form" not in page.text


async def test_a044_no_answer_after_the_save_holds_the_key(
    stage: Stage, ada: Browser, team: str, fake: FakeProviders
) -> None:
    """Every answer, header and log line after a key was sent → no form of it."""
    key = make_canary("openai")
    form = {"action": "save", "key": key, "endpoint": fake.endpoint("openai")}

    answer: Any = await ada.send(f"{team}/keys/openai", **form)
    pages = [await ada.open(path) for path in ("", team, f"{team}/keys/openai")]
    api = await stage.ask("GET", f"api/v1/{team}/keys", ada.token)

    seen = [answer.text, str(answer.headers), repr(api), *stage.lines]
    seen += [page.text + str(page.headers) for page in pages]
    assert only(keyed(fake.calls)).key == key
    assert not find_canary("\n".join(seen), key)


async def test_a044_control_a_key_in_a_page_is_found(ada: Browser) -> None:
    """Positive control: the search does find one that is shown."""
    key = make_canary("openai")
    page = await ada.submit("", action="create", name=key[-60:])

    assert find_canary(page.text, key)
