"""An instrument run for a cell's toolbar: a stream of events, which hanging up ends."""

from __future__ import annotations

import json
import socket

import pytest

from tests.canaries import find_canary
from tests.fakes.providers import Answer
from tests.kernel.replies import PROMPT, chunks, critique
from tests.kernel.stage import Stage
from tests.labserver.serving import API, TOKEN, Server

VENDOR = "application/vnd.assay.critique.v1+json"


def make_workspace(server: Server) -> str:
    """Return the id of a new workspace without a key."""
    known = len(server.ask("GET", "workspaces").data)
    return server.ask("POST", "workspaces", {"name": f"empty-{known}"}).data["id"]


def test_stream_ends_with_the_result(server: Server, stage: Stage) -> None:
    stage.fake.answers(*chunks(critique()))

    answer = server.ask("POST", "instruments/critique", {"prompt": PROMPT})

    names = [name for name, _ in answer.events]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert names[0] == "started"
    assert names[-2:] == ["finished", "bundle"]
    assert answer.events[-2][1]["schema"] == "assay.critique.v1"


def test_bundle_is_what_the_magic_would_have_left(server: Server, stage: Stage) -> None:
    stage.fake.answers(*chunks(critique()))

    bundle = server.ask("POST", "instruments/critique", {"prompt": PROMPT}).events[-1][1]

    assert {"text/plain", "text/markdown", "text/html", VENDOR} == set(bundle["data"])
    assert bundle["metadata"]["assay_nb"]["prompt_sha256"]


@pytest.mark.slow
def test_previews_come_while_the_reply_is_written(server: Server, stage: Stage) -> None:
    stage.fake.answers(*chunks(critique(), 80), pause=0.02)

    answer = server.ask("POST", "instruments/critique", {"prompt": PROMPT})

    previews = [data for name, data in answer.events if name == "preview"]
    assert previews
    assert previews[-1]["verdict"] is None


@pytest.mark.slow
def test_thoughts_come_with_the_result_alone(server: Server, stage: Stage) -> None:
    stage.fake.answers("Hm, hm.", "\n</think>\n", "Ye", "s.", pause=0.02)

    answer = server.ask("POST", "instruments/playground", {"prompt": "Is it?"})

    finished = next(data for name, data in answer.events if name == "finished")
    assert (finished["output"], finished["thoughts"]) == ("Yes.", "Hm, hm.")
    assert "thought" not in [name for name, _ in answer.events]
    assert [data for name, data in answer.events if name == "preview"][-1]["output"] in "Yes."


def test_error_of_a_call_is_the_last_event(server: Server, stage: Stage) -> None:
    stage.fake.queue(Answer(status=401))

    answer = server.ask("POST", "instruments/critique", {"prompt": PROMPT})

    name, error = answer.events[-1]
    assert name == "error"
    assert error["code"] == "provider_auth"


def test_prompt_with_a_key_in_it_is_not_sent(server: Server, stage: Stage, make_key) -> None:
    key = make_key("openai")

    answer = server.ask("POST", "instruments/critique", {"prompt": f"Use {key}."})

    assert answer.status == 400
    assert answer.code == "key_pasted"
    assert stage.fake.calls == []
    assert not find_canary(answer.text, key)
    assert "an OpenAI key" in answer.text
    assert "the notebook's file may have it" in answer.text


def test_cells_own_line_says_whose_key_and_which_model(
    server: Server, stage: Stage, workspace: str
) -> None:
    """Where the active workspace would take another provider on another account."""
    server.ask("POST", f"workspaces/{make_workspace(server)}/use", {})
    line = f"%%critique -w {workspace} -m openai/gpt-6-luna --effort low\n"
    stage.fake.answers(*chunks(critique()))

    answer = server.ask("POST", "instruments/critique", {"prompt": PROMPT, "line": line})

    source = answer.events[-2][1]["provenance"]
    own = next(fact for fact in server.ask("GET", "workspaces").data if fact["id"] == workspace)
    assert (source["provider"], source["model"]) == ("openai", "gpt-6-luna")
    assert source["workspace"] == own["name"]
    assert [call.key for call in stage.fake.calls] == [stage.keys["openai"]]
    assert 'effort":"low"' in stage.fake.calls[0].text.replace(" ", "")


@pytest.mark.parametrize(
    "flags",
    [
        "--fail-under 4.9 -o r",
        "-o r",
        "--probe",
        "--fial-under 4",
        "--effort utmost",
        "review",
        "-h",
    ],
)
def test_line_that_cannot_be_honoured_is_refused_before_anything_is_sent(
    server: Server, stage: Stage, flags: str
) -> None:
    line = f"%%critique {flags}\n"

    answer = server.ask("POST", "instruments/critique", {"prompt": PROMPT, "line": line})

    assert answer.status == 400
    assert answer.code == "wrong_usage"
    assert flags.split()[0] in answer.data["error"]["message"]
    assert stage.fake.calls == []


def test_workspace_on_the_line_that_is_unknown_is_refused_before_anything_is_sent(
    server: Server, stage: Stage
) -> None:
    line = "%%critique -w no-such-team\n"

    answer = server.ask("POST", "instruments/critique", {"prompt": PROMPT, "line": line})

    assert answer.events[-1][1]["code"] == "workspace_not_found"
    assert "no-such-team" in answer.events[-1][1]["message"]
    assert stage.fake.calls == []


def test_call_has_no_address_field(server: Server) -> None:
    answer = server.ask(
        "POST", "instruments/critique", {"prompt": "x", "endpoint": "https://attacker.invalid"}
    )

    assert answer.status == 400


def test_hanging_up_closes_the_upstream_connection(server: Server, stage: Stage) -> None:
    stage.fake.answers(*chunks(critique(), 20), pause=0.2)
    body = json.dumps({"prompt": PROMPT}).encode()
    host, port = server.url[7:-1].split(":")
    head = (
        f"POST /{API}/instruments/critique HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: token {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    with socket.create_connection((host, int(port))) as browser:
        browser.sendall(head.encode() + body)
        assert stage.fake.arrived.wait(20)
        browser.recv(64)

    assert stage.fake.calls[0].closed.wait(10)
