"""Every change once: the API and the pages do the same, store the same, refuse the same, and log the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.canaries import make_canary
from tests.gateway.browsing import Browser
from tests.gateway.stage import PREFIX, Stage

pytestmark = pytest.mark.anyio

MODEL, BARRED = "openai/gpt-mini", "anthropic/claude-opus-5-5"
STORED = "sk-test-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Act:
    """One change, as a request to the API and as a form of a page."""

    method: str
    path: str
    body: Mapping[str, Any]
    form: Mapping[str, str]
    page: str = ""
    refused: str = ""
    logs: bool = True
    kept: bool = False
    """Whether keys are stored before: OpenAI's, and those of the connections `house` and `spare`."""


ACTS = {
    "model": Act("PATCH", "", {"model": MODEL}, {"action": "model", "model": MODEL}),
    "no model": Act("PATCH", "", {"model": None}, {"action": "model", "model": ""}),
    "barred model": Act(
        "PATCH", "", {"model": BARRED}, {"action": "model", "model": BARRED}, refused="not allow"
    ),
    "no such model": Act(
        "PATCH", "", {"model": "nothing/at-all"}, {"action": "model", "model": "nothing/at-all"},
        refused="has no connection",
    ),
    "rename": Act("PATCH", "", {"name": "NEW"}, {"action": "rename", "name": "NEW"}),
    "transfer": Act("POST", "/owner", {"user": "bob"}, {"action": "transfer", "user": "bob"}),
    "transfer to a stranger": Act(
        "POST", "/owner", {"user": "zoe"}, {"action": "transfer", "user": "zoe"}, refused="zoe"
    ),
    "delete": Act("DELETE", "", {}, {"action": "delete", "name": "TEAM"}),
    "add": Act(
        "POST", "/members", {"user": "eve", "role": "admin"},
        {"action": "add-member", "user": "eve", "role": "admin"},
    ),
    "add twice": Act(
        "POST", "/members", {"user": "bob"}, {"action": "add-member", "user": "bob"}, refused="bob"
    ),
    "role": Act(
        "PATCH", "/members/bob", {"role": "admin"},
        {"action": "change-role", "user": "bob", "role": "admin"},
    ),
    "no such role": Act(
        "PATCH", "/members/bob", {"role": "king"},
        {"action": "change-role", "user": "bob", "role": "king"}, refused="role",
    ),
    "remove": Act("DELETE", "/members/bob", {}, {"action": "remove-member", "user": "bob"}),
    "remove a stranger": Act(
        "DELETE", "/members/zoe", {}, {"action": "remove-member", "user": "zoe"}, refused="zoe"
    ),
    "remove oneself as the last owner": Act(
        "DELETE", "/members/ada", {}, {"action": "remove-member", "user": "ada"}, refused="owner"
    ),
    "allowance": Act(
        "PUT", "/allowances", {"user": "bob", "calls_per_day": 5, "dollars_per_day": 1.5},
        {"action": "allow", "user": "bob", "calls": "5", "dollars": "1.5"},
    ),
    "allowance of all, by month and model": Act(
        "PUT", "/allowances",
        {"together": True, "model": "openai/m-*", "calls_per_month": 5, "dollars_per_month": 1.5},
        {"action": "allow", "together": "yes", "model": "openai/m-*", "month_calls": "5", "month_dollars": "1.5"},
    ),
    "allowance of nobody": Act(
        "PUT", "/allowances", {"user": "bob", "together": True, "calls_per_day": 1},
        {"action": "allow", "user": "bob", "together": "yes", "calls": "1"}, refused="does not name a member",
    ),
    "negative allowance": Act(
        "PUT", "/allowances", {"calls_per_day": -1}, {"action": "allow", "calls": "-1"},
        refused="0 up",
    ),
    "large allowance": Act(
        "PUT", "/allowances", {"calls_per_day": 2_000_000},
        {"action": "allow", "calls": "2000000"},
    ),
    "absurd allowance": Act(
        "PUT", "/allowances", {"calls_per_day": 10**13}, {"action": "allow", "calls": str(10**13)},
        refused="0 up",
    ),
    "use": Act("PATCH", "", {"active": True}, {"action": "use"}, logs=False),
    "key": Act(
        "PUT", "/keys/openai", {"key": "KEY", "check": False},
        {"action": "save", "key": "KEY", "untested": "on"}, page="/keys/openai",
    ),
    "key of a barred provider": Act(
        "PUT", "/keys/google", {"key": "KEY", "check": False},
        {"action": "save", "key": "KEY", "untested": "on"}, page="/keys/google",
        refused="does not allow the provider",
    ),
    "test of a missing key": Act(
        "POST", "/keys/openai/test", {}, {"action": "test"}, page="/keys/openai", refused="key"
    ),
    "removed key": Act(
        "DELETE", "/keys/openai", {}, {"action": "remove"}, page="/keys/openai", kept=True
    ),
    "removal of a missing key": Act(
        "DELETE", "/keys/openai", {}, {"action": "remove"}, page="/keys/openai", refused="key"
    ),
    "connection": Act(
        "PUT", "/connections/local",
        {"key": "KEY", "preset": "openai-compatible", "endpoint": "URL", "check": False},
        {"action": "add", "name": "local", "key": "KEY", "endpoint": "URL", "untested": "on"},
        page="/add/openai-compatible",
    ),
    "connection without a key": Act(
        "PUT", "/connections/local",
        {"key": "", "preset": "ollama", "endpoint": "URL", "check": False},
        {"action": "add", "name": "local", "endpoint": "URL", "untested": "on"},
        page="/add/ollama",
    ),
    "connection to a service without its key": Act(
        "PUT", "/connections/groq", {"key": "", "preset": "groq"},
        {"action": "add", "name": "groq", "key": " "}, page="/add/groq", refused="key",
    ),
    "connection to a place that is not listed": Act(
        "PUT", "/connections/groq", {"key": "KEY", "preset": "groq", "check": False},
        {"action": "add", "name": "groq", "key": "KEY", "untested": "on"}, page="/add/groq",
        refused="does not send keys to",
    ),
    "connection by a barred provider's protocol": Act(
        "PUT", "/connections/gem",
        {"key": "KEY", "preset": "google", "endpoint": "URL", "check": False},
        {"action": "add", "name": "gem", "key": "KEY", "endpoint": "URL", "untested": "on"},
        page="/add/google", refused="does not allow the provider google",
    ),
    "connection whose name is none": Act(
        "PUT", "/connections/no!name",
        {"key": "KEY", "preset": "openai-compatible", "endpoint": "URL", "check": False},
        {"action": "add", "name": "no!name", "key": "KEY", "endpoint": "URL", "untested": "on"},
        page="/add/openai-compatible", refused="name",
    ),
    "renamed connection": Act(
        "PATCH", "/connections/house", {"name": "home"}, {"action": "rename", "name": "home"},
        page="/connections/house", kept=True,
    ),
    "connection renamed to a provider": Act(
        "PATCH", "/connections/house", {"name": "openai"}, {"action": "rename", "name": "openai"},
        page="/connections/house", kept=True, refused="there from the start",
    ),
    "connection renamed to one that is there": Act(
        "PATCH", "/connections/house", {"name": "spare"}, {"action": "rename", "name": "spare"},
        page="/connections/house", kept=True, refused="already",
    ),
    "tested connection": Act(
        "POST", "/connections/house/test", {}, {"action": "test"}, page="/connections/house",
        kept=True, logs=False,
    ),
    "removed connection": Act(
        "DELETE", "/connections/house", {}, {"action": "remove"}, page="/connections/house",
        kept=True,
    ),
    "model of a connection": Act(
        "PATCH", "", {"model": "house/gpt-mini"}, {"action": "model", "other": "house/gpt-mini"},
        kept=True,
    ),
    "barred model of a connection": Act(
        "PATCH", "", {"model": "house/gpt-6"}, {"action": "model", "other": "house/gpt-6"},
        kept=True, refused="not allow the model house/gpt-6",
    ),
}  # fmt: skip


def fill(values: Mapping[str, Any], **words: str) -> dict[str, Any]:
    return {name: words.get(value, value) for name, value in values.items()}


async def send_form(browser: Browser, path: str, fields: Mapping[str, str]) -> str:
    """Send a form, and return the page that follows, whatever its status."""
    answer = await browser.send(path, **fields)
    location = answer.headers.get("Location", "").removeprefix(PREFIX)
    return answer.text if answer.status != 303 else (await browser._request("GET", location)).text


async def state_of(stage: Stage, headers: dict[str, str], where: str) -> dict[str, Any]:
    """Return all that is stored of a workspace, without what names it."""
    found: dict[str, Any] = {}
    for part in ("", "/members", "/keys", "/allowances"):
        status, body = await stage.ask("GET", f"api/v1/workspaces/{where}{part}", headers=headers)
        found[part] = (status, body if status == 200 else body["error"]["code"])
    text = json.dumps(found).replace(where, "ID")
    return json.loads(text.replace("alpha", "TEAM").replace("omega", "TEAM").replace("-new", ""))


def logged(lines: list[str], where: str) -> list[dict[str, str]]:
    """Return the lines of changes, without time, and with the workspace's id as a word."""
    events = [json.loads(line) for line in lines]
    keep = ("what", "user", "workspace", "subject")
    changes = [{name: one.get(name, "") for name in keep} for one in events if "what" in one]
    return json.loads(json.dumps(changes).replace(where, "ID"))


@pytest.mark.parametrize("name", ACTS)
async def test_the_api_and_the_pages_do_the_same(name: str, make_stage: Callable[..., Any]) -> None:
    act = ACTS[name]
    stage: Stage = await make_stage(allow_models=(MODEL,), allow_providers=("openai", "anthropic"))
    headers, browser = await stage.sign_in("ada"), await Browser.sign_in(stage, "ada")
    outcomes: list[Any] = []

    for team in ("alpha", "omega"):
        _, made = await stage.ask("POST", "api/v1/workspaces", headers=headers, body={"name": team})
        where = made["id"]
        path = f"api/v1/workspaces/{where}"
        await stage.ask("POST", f"{path}/members", headers=headers, body={"user": "bob"})
        if act.kept:
            for name in ("openai", "house", "spare"):
                await stage.store_key(where, "openai", STORED, connection=name)
        stage.lines.clear()
        words = {
            "NEW": f"{team}-new",
            "TEAM": team,
            "KEY": make_canary("openai"),
            "URL": stage.fake.endpoint("openai"),
        }
        if team == "alpha":
            status, answer = await stage.ask(
                act.method, path + act.path, headers=headers, body=fill(act.body, **words)
            )
            told = json.dumps(answer)
            assert (status >= 400) == bool(act.refused), told
        else:
            told = await send_form(
                browser, f"workspaces/{where}{act.page}", fill(act.form, **words)
            )
        assert act.refused in told
        lines = logged(stage.lines, where)
        assert bool(lines) == (act.logs and not act.refused)
        state = await state_of(stage, headers, where)
        for key in state["/keys"][1] if state["/keys"][0] == 200 else ():
            key["last4"] = key["added_at"] = None
        outcomes.append((lines, state))

    assert outcomes[0] == outcomes[1]


async def test_a_barred_model_changes_nothing_else_either(make_stage: Callable[..., Any]) -> None:
    stage: Stage = await make_stage(allow_models=(MODEL,))
    headers = await stage.sign_in("ada")
    await stage.ask("POST", "api/v1/workspaces", headers=headers, body={"name": "alpha"})

    status, _ = await stage.ask(
        "PATCH", "api/v1/workspaces/alpha", headers=headers, body={"name": "beta", "model": BARRED}
    )

    assert status == 403
    status, facts = await stage.ask("GET", "api/v1/workspaces/alpha", headers=headers)
    assert (status, facts["model"]) == (200, None)


async def test_name_and_model_change_in_one_request(make_stage: Callable[..., Any]) -> None:
    stage: Stage = await make_stage(allow_models=(MODEL,))
    headers = await stage.sign_in("ada")
    await stage.ask("POST", "api/v1/workspaces", headers=headers, body={"name": "alpha"})

    _, facts = await stage.ask(
        "PATCH", "api/v1/workspaces/alpha", headers=headers, body={"name": "beta", "model": MODEL}
    )

    assert (facts["name"], facts["model"]) == ("beta", MODEL)
