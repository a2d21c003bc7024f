"""Named connections over the server extension's routes: making, replacing, testing, renaming, removing."""

from __future__ import annotations

from typing import Any

import pytest

from assay_nb.commands.keys import KEY_STATES
from assay_nb.connections.presets import PRESETS
from tests.canaries import find_canary, find_in_tree
from tests.kernel.stage import Stage
from tests.labserver.serving import Answer, Server
from tests.tools import unused_port


@pytest.fixture
def there(workspace: str) -> str:
    """The path of a workspace's connections."""
    return f"workspaces/{workspace}/connections"


def keyless(stage: Stage) -> None:
    """Let the scripted server answer to anybody."""
    stage.fake.keys = None
    stage.fake.open_listing = True


def make(server: Server, there: str, stage: Stage, name: str = "local", **more: Any) -> Answer:
    body = {"key": "", "preset": "openai-compatible", "endpoint": stage.fake.endpoint("openai")}
    return server.ask("PUT", f"{there}/{name}", {**body, **more})


def facts(server: Server) -> dict[str, dict[str, Any]]:
    return {fact["connection"]: fact for fact in server.ask("GET", "status").data["keys"]}


def test_connection_is_made_from_a_preset_and_listed_with_where_it_leads(
    server: Server, stage: Stage, there: str
) -> None:
    keyless(stage)

    made = make(server, there, stage)

    fact = facts(server)["local"]
    assert (made.data["outcome"], made.data["connection"]) == ("keyless", "local")
    assert made.data["names"][0] == "gpt-6-luna"
    assert (fact["speaks"], fact["kind"]) == ("OpenAI Chat Completions", "openai-chat")
    assert fact["endpoint"] == stage.fake.endpoint("openai")
    assert list(facts(server)) == ["anthropic", "openai", "google", "local"]


def test_state_is_told_in_the_words_of_the_terminal(
    server: Server, stage: Stage, there: str
) -> None:
    keyless(stage)
    make(server, there, stage)
    server.ask("DELETE", f"{there}/google")

    told = {name: (fact["word"], fact["tone"]) for name, fact in facts(server).items()}

    assert told["local"] == KEY_STATES["keyless"]
    assert told["openai"] == KEY_STATES["ready"]
    assert told["google"] == KEY_STATES["missing"]


@pytest.mark.slow
def test_key_of_a_connection_is_nowhere_to_be_read(
    server: Server, stage: Stage, there: str, make_key
) -> None:
    first, second = make_key("openai"), make_key("openai")
    stage.fake.keys = {first, second}

    answers = [
        make(server, there, stage, key=first),
        server.ask("PUT", f"{there}/local", {"key": second}),
        server.ask("POST", f"{there}/local/test", {}),
        server.ask("PATCH", f"{there}/local", {"name": "laptop"}),
        server.ask("POST", f"{there}/laptop/test", {}),
        server.ask("DELETE", f"{there}/laptop"),
    ]

    assert [answer.status for answer in answers] == [200] * 6
    shown = "".join(answer.text for answer in answers) + server.log
    assert {call.key for call in stage.fake.calls} == {first, second}
    for key in (first, second):
        assert not find_canary(shown, key)
        assert find_in_tree(stage.home.parent, key) == {}
    assert "laptop" not in facts(server)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("", {"preset": "ollama"}, ""),
        ("Local", {}, "cannot be named"),
        ("a b", {}, "cannot be named"),
        ("openai", {}, "There is a connection 'openai' already."),
        ("local", {"preset": "nope"}, "no preset"),
        ("local", {"preset": "openrouter"}, "needs a key"),
        ("local", {"preset": "azure", "key": "k" * 32, "endpoint": None}, "name of your resource"),
        (
            "local",
            {
                "preset": "azure",
                "key": "k" * 32,
                "endpoint": None,
                "parts": {"resource": "x.evil/"},
            },
            "name of your resource",
        ),
        ("local", {"endpoint": ""}, "address is missing"),
        ("local", {"endpoint": "http://llm.example.org/v1"}, "http"),
        ("local", {"parts": {"resource": 5}}, "not a text"),
        ("local", {"kind": "gemini"}, "The body is an object with"),
        ("local", {"preset": None}, "no connection 'local'"),
    ],
)
def test_form_that_is_filled_in_wrongly_stores_nothing(
    server: Server, stage: Stage, there: str, name: str, body: dict[str, Any], said: str
) -> None:
    keyless(stage)

    answer = make(server, there, stage, name, **{"check": False, **body})

    assert 400 <= answer.status < 500
    if name:
        error = answer.data["error"]
        assert said in error["message"]
        assert "--" not in f"{error['hint']}"
    assert list(facts(server)) == ["anthropic", "openai", "google"]
    assert {fact["state"] for fact in facts(server).values()} == {"ready"}


def test_empty_key_does_not_cost_the_stored_one(
    server: Server, stage: Stage, there: str, make_key
) -> None:
    stage.fake.keys = {key := make_key("openai")}
    make(server, there, stage, key=key)
    body = {"key": "", "endpoint": f"http://127.0.0.1:{unused_port()}/v1", "check": False}

    answer = server.ask("PUT", f"{there}/local", body)

    fact = facts(server)["local"]
    assert (answer.status, answer.code) == (400, "wrong_usage")
    assert "was kept" in answer.data["error"]["message"]
    assert (fact["last4"], fact["endpoint"]) == (key[-4:], stage.fake.endpoint("openai"))


def test_untested_is_stored_where_nobody_answers_and_the_hint_names_the_box(
    server: Server, stage: Stage, there: str
) -> None:
    nobody = f"http://127.0.0.1:{unused_port()}/v1"

    refused = make(server, there, stage, endpoint=nobody)
    stored = make(server, there, stage, endpoint=nobody, check=False)

    assert refused.status >= 500
    assert "untick “Test first”" in refused.data["error"]["hint"]
    assert stored.data["outcome"] == "unchecked"
    assert facts(server)["local"]["endpoint"] == nobody


def test_key_of_a_provider_that_nobody_answers_for_has_a_next_step_without_a_flag(
    server: Server, workspace: str, make_key
) -> None:
    body = {
        "key": make_key("openai"),
        "endpoint": f"http://127.0.0.1:{unused_port()}/v1",
        "check": True,
    }

    answer = server.ask("PUT", f"workspaces/{workspace}/keys/openai", body)

    assert answer.status >= 500
    assert answer.data["error"]["hint"] == "Try again."


def test_renamed_connection_keeps_its_key_and_the_workspace_its_model(
    server: Server, stage: Stage, there: str, workspace: str
) -> None:
    keyless(stage)
    make(server, there, stage)
    server.ask("PUT", f"workspaces/{workspace}/model", {"model": "local/llama3.2"})

    answer = server.ask("PATCH", f"{there}/local", {"name": "laptop"})

    assert answer.status == 200
    assert server.ask("GET", "status").data["model"] == "laptop/llama3.2"
    assert facts(server)["laptop"]["word"] == "no key needed"


@pytest.mark.parametrize("name", ["openai", "Laptop", "anthropic"])
def test_name_that_is_taken_or_none_is_refused(
    server: Server, stage: Stage, there: str, name: str
) -> None:
    keyless(stage)
    make(server, there, stage)

    answer = server.ask("PATCH", f"{there}/local", {"name": name})

    assert answer.code == "wrong_usage"
    assert "local" in facts(server)


def test_models_are_listed_under_their_connections(
    server: Server, stage: Stage, there: str, workspace: str
) -> None:
    keyless(stage)
    make(server, there, stage)

    listed = server.ask("POST", f"workspaces/{workspace}/models", {}).data

    assert "local/gpt-6-luna" in listed["models"]
    assert {name.partition("/")[0] for name in listed["models"]} == {
        "anthropic", "openai", "google", "local",
    }  # fmt: skip
    assert listed["failures"] == []


def test_server_that_is_off_hides_no_models_and_is_named(
    server: Server, stage: Stage, there: str, workspace: str
) -> None:
    keyless(stage)
    make(server, there, stage)
    dead = f"http://127.0.0.1:{unused_port()}/v1"
    make(server, there, stage, "dead", endpoint=dead, check=False)

    listed = server.ask("POST", f"workspaces/{workspace}/models", {}).data

    assert "local/gpt-6-luna" in listed["models"]
    [failure] = listed["failures"]
    assert failure["connection"] == "dead"
    assert "cannot be reached" in failure["message"]


def test_presets_are_all_there(server: Server) -> None:
    listed = {one["name"]: one for one in server.ask("GET", "presets").data}

    assert list(listed) == list(PRESETS)
    assert listed["azure"]["parts"] == ["resource"]
    assert listed["ollama"]["key"] == "none"
