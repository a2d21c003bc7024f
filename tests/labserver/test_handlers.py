"""The routes, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from assay_nb.labserver.handlers import ROUTES
from tests.canaries import find_canary, find_in_tree
from tests.kernel.stage import Stage
from tests.labserver.serving import API, TOKEN, Server, serve


def test_status_tells_workspace_model_and_keys(server: Server) -> None:
    status = server.ask("GET", "status").data

    assert status["workspace"]["name"].startswith("team-")
    assert {key["state"] for key in status["keys"]} == {"ready"}
    assert {setup["provider"] for setup in status["setups"]} == {"anthropic", "openai", "google"}


@pytest.mark.parametrize(
    "path", ["status", "workspaces", "models", "workspaces/x/keys", "workspaces/x/members"]
)
def test_nobody_who_is_not_signed_in_is_answered(server: Server, path: str) -> None:
    answer = server.ask("GET", path, Authorization="")

    assert answer.status == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "workspaces/x/keys/google"),
        ("POST", "workspaces/x/keys/google/test"),
        ("PUT", "workspaces/x/connections/local"),
        ("PATCH", "workspaces/x/connections/local"),
        ("POST", "workspaces"),
        ("POST", "lint"),
        ("POST", "instruments/critique"),
    ],
)
def test_request_with_only_the_browsers_cookie_is_refused(
    server: Server, method: str, path: str
) -> None:
    """A page elsewhere can make a browser send its cookie, and never the token against that."""
    with httpx2.Client(trust_env=False) as browser:
        browser.get(f"{server.url}api/me", params={"token": TOKEN})
        signed_in = browser.get(f"{server.url}{API}/status")
        forged = browser.request(method, f"{server.url}{API}/{path}", content=b"{}")

    assert signed_in.status_code == 200
    assert forged.status_code == 403
    assert "_xsrf" in forged.text


def test_page_of_another_origin_is_told_nothing(server: Server) -> None:
    with httpx2.Client(trust_env=False) as browser:
        browser.get(f"{server.url}api/me", params={"token": TOKEN})
        elsewhere = {"Origin": "https://attacker.invalid"}
        answer = browser.get(f"{server.url}{API}/status", headers=elsewhere)

    assert answer.status_code == 404
    assert "workspace" not in answer.text


def test_every_answer_is_kept_nowhere(server: Server, workspace: str) -> None:
    for path in ("status", "workspaces", "models", f"workspaces/{workspace}/keys"):
        assert server.ask("GET", path).headers["cache-control"] == "no-store"


def test_every_route_is_guarded() -> None:
    """A handler's method without the guard would answer anybody."""
    methods = [
        (handler.__name__, name)
        for _, handler in ROUTES
        for name in ("get", "post", "put", "delete", "patch")
        if name in vars(handler) and not hasattr(getattr(handler, name), "__wrapped__")
    ]

    assert methods == []


def test_switching_is_what_kernels_follow(server: Server, stage: Stage) -> None:
    made = server.ask("POST", "workspaces", {"name": "new-one"}).data

    used = server.ask("POST", f"workspaces/{made['id']}/use", {})

    kernel = stage.session()
    assert used.data["name"] == "new-one"
    assert kernel.portal.call(kernel.control.show_workspace, None).name == "new-one"
    kernel.close()


DEEP = {
    "lists": b"[" * 100_000,
    "lists that end": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"name":' * 100_000 + b"1" + b"}" * 100_000,
    "in a field": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"name": "\xff"}',
    "a long number": b'{"name": ' + b"1" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", DEEP)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "workspaces"), ("POST", "lint"), ("POST", "scan"), ("POST", "instruments/critique")],
)
def test_body_made_to_break_the_reader_is_refused_in_our_form(
    server: Server, method: str, path: str, body: str
) -> None:
    answer = server.ask(method, path, DEEP[body])

    assert (answer.status, answer.code) == (400, "wrong_usage")
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "workspaces", {"name": "team-\ud800"}),
        ("PUT", "{workspace}/model", {"model": "openai/\udfff"}),
        ("PUT", "{workspace}/keys/openai", {"key": "sk-proj-\ud800-and-some-more-characters"}),
        ("PUT", "{workspace}/connections/local", {"key": "", "endpoint": "http://\udc00/v1"}),
        ("PATCH", "{workspace}/connections/openai", {"name": "\ud83d"}),
        ("POST", "instruments/critique", {"prompt": "Summarise \ud83d."}),
    ],
)
def test_half_of_a_surrogate_pair_is_refused_in_our_form(
    server: Server, workspace: str, method: str, path: str, fields: dict[str, str]
) -> None:
    answer = server.ask(method, path.format(workspace=f"workspaces/{workspace}"), fields)

    assert (answer.status, answer.code) == (400, "wrong_usage")
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("path", "body"), [("lint", {"text": "Go \ud83d on."}), ("scan", {"texts": ["x \ud83d y"]})]
)
def test_half_of_a_surrogate_pair_in_a_notebook_is_looked_at(
    server: Server, path: str, body: dict[str, object]
) -> None:
    """The save guard must not stop at what an editor leaves when it cuts an emoji in two."""
    assert server.ask("POST", path, body).status == 200


@pytest.mark.slow
def test_key_goes_in_and_is_nowhere_to_be_read(
    server: Server, stage: Stage, make_key, workspace: str
) -> None:
    key, control_sample = make_key("google"), make_key("openai")
    stage.fake.keys = {key, control_sample}
    body = {"key": key, "endpoint": stage.fake.endpoint("google"), "check": True}

    put = server.ask("PUT", f"workspaces/{workspace}/keys/google", body)
    tested = server.ask("POST", f"workspaces/{workspace}/keys/google/test", {})
    listed = server.ask("GET", f"workspaces/{workspace}/keys")

    assert put.data["outcome"] == tested.data["outcome"] == "accepted"
    shown = put.text + tested.text + listed.text + server.ask("GET", "status").text + server.log
    assert not find_canary(shown, key)
    assert find_in_tree(stage.home.parent, key) == {}
    assert any(fact["last4"] == key[-4:] for fact in listed.data)
    # Positive control: the search sees a key in a log line and in a file.
    assert find_canary(server.log + control_sample, control_sample)
    assert stage.fake.calls[0].key == key


def test_refused_key_is_quoted_nowhere(
    server: Server, stage: Stage, make_key, workspace: str
) -> None:
    key = make_key("anthropic")
    body = {"key": key, "endpoint": stage.fake.endpoint("anthropic")}

    answer = server.ask("PUT", f"workspaces/{workspace}/keys/anthropic", body)

    assert answer.status == 502
    assert answer.code == "provider_auth"
    assert not find_canary(answer.text + server.log, key)


@pytest.mark.parametrize("body", [b"sk-%s", b'{"key": %s', b'["%s"]', b'{"key": 5, "more": "%s"}'])
def test_body_that_cannot_be_read_is_not_quoted(
    server: Server, make_key, body: bytes, workspace: str
) -> None:
    key = make_key("openai")

    answer = server.ask(
        "PUT", f"workspaces/{workspace}/keys/openai", body.replace(b"%s", key.encode())
    )

    assert answer.status == 400
    assert not find_canary(answer.text + server.log, key)


@pytest.mark.parametrize("key", ["", "x", "ollama"])
def test_own_server_takes_a_short_key_or_none(
    server: Server, stage: Stage, workspace: str, key: str
) -> None:
    stage.fake.keys = {key or None}  # type: ignore[arg-type] - what the fake reads where there is none
    stage.fake.open_listing = not key
    body = {"key": key, "endpoint": stage.fake.endpoint("openai"), "check": True}

    put = server.ask("PUT", f"workspaces/{workspace}/keys/openai", body)
    listed = server.ask("GET", f"workspaces/{workspace}/keys")

    (fact,) = [fact for fact in listed.data if fact["provider"] == "openai"]
    assert put.data["outcome"] == ("accepted" if key else "keyless")
    assert (fact["placement"], fact["last4"]) == ("bearer" if key else "none", "")
    assert stage.fake.calls[0].key == (key or None)


@pytest.mark.parametrize(
    "body", [{"key": ""}, {"key": "ollama"}, {"endpoint": "http://127.0.0.1:11434/v1"}, {}]
)
def test_none_is_not_taken_for_a_providers_own_endpoint_or_unsaid(
    server: Server, workspace: str, body: dict[str, str]
) -> None:
    answer = server.ask("PUT", f"workspaces/{workspace}/keys/openai", {**body, "check": False})

    listed = server.ask("GET", f"workspaces/{workspace}/keys").data
    assert (answer.status, answer.code) == (400, "wrong_usage")
    assert all(fact["placement"] in {"bearer", "x-goog-api-key"} for fact in listed)


def test_removed_key_is_missing_afterwards(server: Server, stage: Stage, workspace: str) -> None:
    removal = server.ask("DELETE", f"workspaces/{workspace}/keys/openai")

    states = {
        fact["provider"]: fact["state"]
        for fact in server.ask("GET", f"workspaces/{workspace}/keys").data
    }
    assert stage.fake.endpoint("openai").startswith(removal.data["revoke_url"])
    assert states["openai"] == "missing"


@pytest.mark.slow
def test_hub_mode_takes_no_key_and_names_the_page(tmp_path: Path, make_key) -> None:
    page = "http://127.0.0.1:8790/services/assay/"
    with serve("jupyter_server", tmp_path / "n", environment=[("ASSAY_GATEWAY_URL", page)]) as hub:
        requests = [
            ("PUT", "keys/google"),
            ("DELETE", "keys/google"),
            ("POST", "keys/google/test"),
            ("PUT", "connections/local"),
            ("PATCH", "connections/local"),
            ("DELETE", "connections/local"),
            ("POST", "connections/local/test"),
        ]
        answers = [
            hub.ask(method, f"workspaces/x/{path}", {"key": make_key("google")})
            for method, path in requests
        ]

    assert [answer.status for answer in answers] == [403] * 7
    assert all(page in answer.data["error"]["hint"] for answer in answers)


def test_model_is_set_for_the_workspace(server: Server, workspace: str) -> None:
    server.ask("PUT", f"workspaces/{workspace}/model", {"model": "openai/gpt-6-luna"})

    assert server.ask("GET", "status").data["model"] == "openai/gpt-6-luna"


def test_lint_marks_variables_and_findings(server: Server) -> None:
    text = "Dear {{name}}, TODO be brief. Be detailed.\u0000"

    marks = server.ask("POST", "lint", {"text": text}).data

    assert [text[v["start"] : v["end"]] for v in marks["variables"]] == ["{{name}}"]
    assert marks["findings"]


def test_lint_refuses_what_is_too_long_for_a_prompt(server: Server) -> None:
    answer = server.ask("POST", "lint", {"text": "word " * 50_000})

    assert answer.status == 400
    assert answer.data["error"]["message"] == (
        "The prompt is 250 kB long and the limit is 200 kB, so nothing was checked."
    )


def test_lint_does_not_send_a_key_back(server: Server, make_key) -> None:
    key = make_key("anthropic")

    answer = server.ask("POST", "lint", {"text": f"Use {key} to call."})

    assert not find_canary(answer.text, key)
    assert "A003" in answer.text


def test_scan_names_place_and_kind_but_not_the_value(server: Server, make_key) -> None:
    key = make_key("openai")

    hits = server.ask("POST", "scan", {"texts": ["harmless", f"🔑 k = '{key}'"]})

    assert [(hit["index"], hit["label"]) for hit in hits.data] == [(1, "OpenAI key")]
    start, end = hits.data[0]["start"], hits.data[0]["end"]
    assert f"🔑 k = '{key}'"[start:end] == key
    assert not find_canary(hits.text, key)


def test_calls_hold_no_content(server: Server, stage: Stage, workspace: str) -> None:
    stage.fake.answers("no reply in any form")
    server.ask("POST", "instruments/critique", {"prompt": "Summarise the word xylophone."})

    calls = server.ask("GET", f"workspaces/{workspace}/calls")

    assert calls.data[0]["instrument"] == "critique"
    assert "xylophone" not in calls.text


def test_usage_is_told_in_words_and_bars(server: Server, stage: Stage, workspace: str) -> None:
    stage.fake.answers("no reply in any form")
    server.ask("POST", "instruments/critique", {"prompt": "Summarise it."})

    by_day = server.ask("GET", f"workspaces/{workspace}/usage").data
    by_model = server.ask("GET", f"workspaces/{workspace}/usage?by=model").data
    refused = server.ask("GET", f"workspaces/{workspace}/usage?by=mood")

    assert "Your calls, " in by_day["text"]
    assert max(bar["share"] for bar in by_day["bars"]) == 1
    assert [bar["label"].partition("/")[0] for bar in by_model["bars"]] == ["anthropic"]
    assert refused.status == 400


def test_too_long_a_body_is_refused_with_a_sentence(server: Server) -> None:
    answer = server.ask("POST", "lint", {"text": "x" * (9 * 1024 * 1024)})

    assert answer.status == 400
    assert "too long" in json.loads(answer.text)["error"]["message"]
