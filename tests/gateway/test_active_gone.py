"""Every route and every form of the gateway, with the caller's chosen workspace gone.

Nothing may fail but what names no workspace and needs one. The walk is derived from the tables: a route or a form
that is added is walked too, and fails until it is considered here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.errors import workspace_gone
from assay_nb.gateway.handlers.table import ROUTES
from assay_nb.gateway.http.route import Route
from assay_nb.gateway.pages import forms
from tests.fakes.hub import FakeHub
from tests.fakes.providers import FakeProviders
from tests.gateway.browsing import Browser
from tests.gateway.losing import TEAMS, WAYS, Member
from tests.gateway.stage import Stage, open_stage
from tests.gateway.test_matrix import BODIES, FORMS, NAMED, fill, name_of, path_of
from tests.kernel.replies import PROMPT, critique

# A walk over every route in every way that a workspace can go: once, on the first Python.
pytestmark = [pytest.mark.anyio, pytest.mark.slow]

REFUSED = {"GET metrics": 403, "GET oauth_callback": 403}
"""What a member does not get, whatever is active."""

NEEDS_NONE = {
    "GET api/v1/workspaces/{workspace}/standing": lambda told: told["workspace"] is None,
    "GET api/v1/workspaces/{workspace}/models": bool,
}
"""What is answered without a workspace, and how."""

HERE = [route for route in ROUTES if "{workspace}" in route.path]

FIELDS: dict[str, dict[str, str]] = {
    "create": {"name": "{fresh}"},
    "restore": {"name": "{deleted}"},
    "use": {},
    "model": {"model": "anthropic/claude-haiku-5-5"},
    "price": {"model": "anthropic/claude-haiku-5-5", "input": "1", "output": "2.5"},
    "rename": {"name": "{fresh}"},
    "transfer": {"user": "max"},
    "delete": {"name": "{name}"},
    "add-member": {"user": "nora", "role": "member"},
    "change-role": {"user": "max", "role": "admin"},
    "remove-member": {"user": "max"},
    "leave": {},
    "allow": {"user": "max", "calls": "5"},
    "save": {"key": "{key}", "endpoint": "{endpoint}", "untested": "1"},
    "test": {},
    "remove": {},
    "add": {"name": "added", "key": "{key}", "endpoint": "{endpoint}", "untested": "1"},
}
"""What each form is filled in with."""

ALL_FORMS = {**forms.OVERVIEW, **forms.WORKSPACE, **forms.KEY, **forms.NEW}
FOLDERS = {"add": "/add/anthropic-compatible", **dict.fromkeys(forms.KEY, "/keys/anthropic")}
"""Where a form is found, below its workspace's page."""


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    home = Path(tmp_path_factory.mktemp("gone"))
    with FakeProviders() as fake:
        fake.answers(critique())
        limits = {"calls_per_minute": 100_000}
        stage = await open_stage(home, fake, FakeHub(), limits=limits, teams=TEAMS)
        yield stage
        await stage.close()


@pytest.fixture(scope="module", params=WAYS)
async def lost(stage: Stage, request: pytest.FixtureRequest) -> Member:
    """Somebody whose chosen workspace is gone, in each of the ways. No test may choose another for them."""
    user = request.param.replace(" ", "-")
    member = Member(stage, user, stage.token(user))
    await member.lose(request.param)
    return member


@pytest.fixture
async def another(stage: Stage, lost: Member) -> Member:
    """Somebody else, whose chosen workspace went the same way, and who may choose."""
    number = len(stage.hub.people)
    member = Member(stage, f"one-{number}", stage.token(f"one-{number}"))
    await member.lose(lost.user.replace("-", " "))
    return member


async def ask(member: Member, route: Route, workspace: str, values: dict[str, str]) -> Any:
    """Send what a route takes, as whoever it is for; return the status and what was answered."""
    path = path_of(route, workspace)
    body, form = (fill(sent.get(name_of(route)), values) for sent in (BODIES, FORMS))
    if route.who in {"page", "session"}:
        headers = await member.stage.sign_in(member.user)
    else:
        headers = {"Authorization": f"Bearer {member.token}"}
    method = "POST" if route.method == "*" else route.method
    return await member.stage.ask(method, path, headers=headers, body=body, data=form)


async def prepare(member: Member, *, deleted: bool = False) -> tuple[str, dict[str, str]]:
    """Return the id of a workspace of this person's, and what requests are filled in with."""
    x, name = await member.make()
    if deleted:
        member.workspaces.delete(member.user, x)
    else:
        await member.stage.store_key(x, connection=NAMED)
    issue, where = member.stage.services.run_tokens.issue, bytes.fromhex(x)
    program = await run_sync(issue, member.user, where, member.token, 60, "pass-through")
    return x, {
        "program": program.token,
        "name": name,
        "deleted": name,
        "fresh": f"new-{name}",
        "key": await member.stage.store_key(x) if not deleted else "",
        "endpoint": member.stage.fake.endpoint("anthropic"),
    }


async def is_lost(member: Member) -> bool:
    """Say whether the person is shown that none of their workspaces is the active one."""
    status, me = await member.stage.ask("GET", "api/v1/me", member.token)
    assert status == 200
    assert me["user"] == member.user
    names = [one["name"] for one in me["workspaces"]]
    assert "personal" in names
    assert member.doomed not in names
    return not any(one["active"] for one in me["workspaces"])


# --- routes


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_route_answers_as_ever_where_a_workspace_is_named(lost: Member, route: Route) -> None:
    x, values = await prepare(lost, deleted=route.path == "api/v1/restored")

    status, told = await ask(lost, route, x, values)

    expected = REFUSED.get(name_of(route))
    assert status == expected or (expected is None and status in {200, 201, 302, 303}), told
    assert await is_lost(lost)


@pytest.mark.parametrize("route", HERE, ids=name_of)
async def test_route_says_what_is_gone_where_none_is_named(lost: Member, route: Route) -> None:
    _, values = await prepare(lost)

    status, told = await ask(lost, route, "-", values)

    if name_of(route) in NEEDS_NONE:
        assert status == 200
        assert NEEDS_NONE[name_of(route)](told)
    elif route.who == "page":
        assert status == 404
        assert workspace_gone().message in told
        assert "`" not in told  # no command to type
        assert '<a href="/services/assay/">Your workspaces</a>' in told
    else:
        assert status == 404
        assert told["error"] == workspace_gone().to_dict()
    assert await is_lost(lost)


async def test_asking_the_providers_for_their_models_needs_a_workspace(lost: Member) -> None:
    x, _ = await lost.make()

    assert (await lost.ask("GET", "-/listing"))[0] == 404
    assert (await lost.ask("GET", f"{x}/listing"))[0] == 200


async def test_standing_without_a_workspace_has_all_the_rest(lost: Member) -> None:
    _, told = await lost.ask("GET", "-/standing")

    assert (told["user"], told["mode"], told["vault"]) == (lost.user, "hub", "open")
    assert (told["keys"], told["model"]) == ([], None)
    assert set(told["budget"]) == {"granted", "left"}


@pytest.mark.parametrize("name", ["personal", "its id"])
async def test_choosing_another_one_ends_it(another: Member, name: str) -> None:
    _, me = await another.stage.ask("GET", "api/v1/me", another.token)
    wanted = me["workspaces"][0]["id"] if name == "its id" else name

    status, chosen = await another.ask("PATCH", wanted, {"active": True})

    assert (status, chosen["active"]) == (200, True)
    assert (await another.ask("GET", "-/members"))[0] == 200
    assert not await is_lost(another)


async def test_workspace_that_comes_back_is_the_chosen_one_again(
    another: Member, lost: Member
) -> None:
    await another.get_back(lost.user.replace("-", " "))

    status, told = await another.ask("GET", "-")

    assert (status, told["name"], told["active"]) == (200, another.doomed, True)


async def test_call_falls_back_to_nobody_elses_account(another: Member, stage: Stage) -> None:
    """The personal workspace has a key, and is not what was meant."""
    _, me = await stage.ask("GET", "api/v1/me", another.token)
    await stage.store_key(me["workspaces"][0]["id"])
    before = len(stage.fake.calls)

    status, _ = await another.ask("POST", "-/instruments/critique", {"prompt": PROMPT})
    through, _ = await stage.ask(
        "POST", "providers/-/anthropic/v1/messages", another.token, body={"model": "m"}
    )

    assert (status, through, len(stage.fake.calls)) == (404, 404, before)


# --- pages and forms


def test_every_form_is_filled_in() -> None:
    assert set(FIELDS) == set(ALL_FORMS)


@pytest.mark.parametrize("action", ALL_FORMS)
async def test_form_does_what_it_says(another: Member, action: str) -> None:
    x, values = await prepare(another, deleted=action == "restore")
    if action == "leave":
        another.workspaces.set_role(another.user, x, "max", "owner")
    browser = await Browser.sign_in(another.stage, another.user)
    path = "" if action in forms.OVERVIEW else f"workspaces/{x}"
    path += FOLDERS.get(action, "")

    page = await browser.submit(path, action=action, **fill(FIELDS[action], values))

    notice = re.search(r'<div class="notice (\w+)" role="\w+">\s*<p>', page.text)
    assert notice is not None
    assert notice.group(1) in {"done", "care"}
    assert await is_lost(another) is (action != "use")


async def test_home_page_tells_what_is_gone_and_how_to_choose(another: Member) -> None:
    x, name = await another.make()
    browser = await Browser.sign_in(another.stage, another.user)

    before = (await browser.open("")).text
    page = (await browser.open(f"workspaces/{x}")).text
    await browser.submit(f"workspaces/{x}", action="use")
    after = (await browser.open("")).text

    assert workspace_gone().message in before
    assert "Work in this workspace" in before
    assert f'<a href="/services/assay/workspaces/{x}">{name}</a>' in before
    assert "in use" not in before
    assert '<button name="action" value="use">Work in this workspace</button>' in page
    assert workspace_gone().message not in after
    assert "in use" in after
