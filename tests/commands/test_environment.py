"""`%assay env` in a real shell and `assay-nb env` in a terminal, on a gateway with a fake hub before it and fake providers behind it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay_nb.cli import main
from assay_nb.commands.foreign_clients import CLIENTS
from assay_nb.engine.session import set_session
from tests.fakes.providers import FakeProviders, only
from tests.gateway.threaded import Hub, open_hub
from tests.magics.shells import Shell, open_shell

pytestmark = [
    # google-genai derives from a class of aiohttp's that asks not to be derived from.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]

PAGE = Path(__file__).parents[2] / "docs" / "passthrough.md"
WORKSPACE = "research"  # the page's
TEXT = "Better said."

BASE_URLS = {
    "ANTHROPIC_BASE_URL": "anthropic",
    "OPENAI_BASE_URL": "openai/v1",
    "OPENAI_API_BASE": "openai/v1",
    "GOOGLE_GEMINI_BASE_URL": "google",
    "GEMINI_API_BASE": "google/v1beta",
}
NOT_SET = {
    "ANTHROPIC_API_KEY": "api.anthropic.com",
    "OPENAI_API_KEY": "api.openai.com",
    "GOOGLE_API_KEY": "generativelanguage.googleapis.com",
    "GEMINI_API_KEY": "generativelanguage.googleapis.com",
}
"""Names that a client is known to read and to send to this host, whatever the base URL."""

CALLS = {
    "openai": 'print(client.responses.create(model="m", input="hi").output_text)',
    "google": 'print(client.models.generate_content(model="m", contents="hi").text)',
}
WITHOUT_KEY = {
    "openai": ("from openai import OpenAI\nOpenAI()", "OPENAI_API_KEY"),
    "google": ("from google import genai\ngenai.Client()", "No API key"),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, dict[str, str]]]:
    """A gateway on which Ada has a workspace with a key of each provider."""
    limits = {"calls_per_minute": 10_000}
    with open_hub(tmp_path_factory.mktemp("passthrough"), limits=limits) as hub:
        made = hub.ask("POST", "api/v1/workspaces", {"name": WORKSPACE})["id"]
        keys = {
            provider: hub.wait(hub.stage.store_key(made, provider))
            for provider in ("anthropic", "openai", "google")
        }
        yield hub, keys


@pytest.fixture
def hub(running: tuple[Hub, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub, _ = running
    for name, value in hub.surroundings():
        monkeypatch.setenv(name, value)
    hub.stage.fake.calls.clear()
    hub.stage.fake.answers("Better ", "said.")
    before = dict(os.environ)
    yield hub
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def keys(running: tuple[Hub, dict[str, str]]) -> dict[str, str]:
    return running[1]


@pytest.fixture
def fake(hub: Hub) -> FakeProviders:
    return hub.stage.fake


@pytest.fixture
def shell(hub: Hub, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with open_shell(capsys) as shell:
        yield shell


def show(shell: Shell, options: str = "") -> str:
    """Return what `%assay env` shows, on one line."""
    ran = shell.run(f"%assay env -w {WORKSPACE} {options}")
    assert ran.error is None
    return " ".join(str(ran.result).replace("┃", " ").split())


def read_data(shell: Shell, options: str = "") -> dict[str, Any]:
    return shell.run(f"%assay env -w {WORKSPACE} {options}").result.data


def read_exports(shell: Shell) -> dict[str, str]:
    shown = str(shell.run(f"%assay env -w {WORKSPACE}").result)
    return dict(re.findall(r"^ *export (\w+)=(.*)$", shown, re.MULTILINE))


def read_code(shell: Shell, provider: str) -> str:
    """Return the code that is shown for a provider's SDK, as it stands there."""
    shown = str(shell.run(f"%assay env -w {WORKSPACE}").result)
    blocks = re.findall(r"^  import os\n(?:  .*\n|\n(?=  ))+", shown + "\n", re.MULTILINE)
    codes = [code for block in blocks for code in re.split(r"\n(?=  import os\n)", block)]
    (code,) = [code for code in codes if f"{provider} import" in code]
    return "\n".join(line.removeprefix("  ") for line in code.splitlines())


def root(hub: Hub) -> str:
    return f"{hub.stage.url}providers/{WORKSPACE}"


def expect(hub: Hub, token: str, *keys: str) -> dict[str, str]:
    """Return the variables that are set, with what stands for the token there."""
    urls = {name: f"{root(hub)}/{path}" for name, path in BASE_URLS.items()}
    return {**urls, **dict.fromkeys(("ANTHROPIC_AUTH_TOKEN", *keys), token)}


def names_of(variables: Any, value: str) -> set[str]:
    return {name for name, held in variables.items() if held == value}


def is_good(hub: Hub, token: str, workspace: str = WORKSPACE) -> bool:
    """Say whether a token passes a request through."""
    path = f"providers/{workspace}/openai/v1/models"
    return hub.wait(hub.stage.ask("GET", path, token))[0] == 200


# --- what is set


def test_exactly_these_variables_are_printed(shell: Shell, hub: Hub) -> None:
    assert read_exports(shell) == expect(hub, '"$ASSAY_TOKEN"')


def test_printing_sets_nothing(shell: Shell) -> None:
    before = dict(os.environ)

    show(shell)

    assert dict(os.environ) == before


def test_exactly_these_variables_are_exported(shell: Shell, hub: Hub) -> None:
    before = dict(os.environ)

    show(shell, "--export")

    token = os.environ["ASSAY_TOKEN"]
    assert dict(os.environ) == {**before, **expect(hub, token, "ASSAY_TOKEN")}
    assert token.startswith("assay-pass-")


@pytest.mark.parametrize("options", ["", "--export"])
def test_data_holds_the_variables_and_what_is_left_out(
    shell: Shell, hub: Hub, options: str
) -> None:
    data = read_data(shell, options)

    assert data.pop("not_set").keys() == NOT_SET.keys()
    assert data.pop("unset") == []
    assert data == expect(hub, "$ASSAY_TOKEN", "ASSAY_TOKEN")


@pytest.mark.parametrize("client", CLIENTS)
def test_client_gets_the_names_that_it_reads_and_no_others(
    shell: Shell, hub: Hub, client: str
) -> None:
    data = read_data(shell, f"--for {client}")

    wanted = {"ASSAY_TOKEN", "ANTHROPIC_AUTH_TOKEN", *CLIENTS[client].keys}
    assert names_of(data, "$ASSAY_TOKEN") == wanted
    assert data["not_set"].keys() == NOT_SET.keys() - wanted
    assert "{openai}" not in json.dumps(data)
    assert "{anthropic}" not in json.dumps(data)
    assert "{google}" not in json.dumps(data)


# --- what is not


def test_hub_token_is_exported_under_no_name(shell: Shell, hub: Hub) -> None:
    for client in CLIENTS:
        show(shell, f"--export --for {client}")

    assert names_of(os.environ, hub.token) == {"JUPYTERHUB_API_TOKEN"}


def test_token_is_exported_under_no_name_that_a_client_takes_elsewhere(shell: Shell) -> None:
    show(shell, "--export")

    holding = names_of(os.environ, os.environ["ASSAY_TOKEN"])
    assert holding == {"ASSAY_TOKEN", "ANTHROPIC_AUTH_TOKEN"}
    assert not holding & set(NOT_SET)


@pytest.mark.parametrize("options", ["", "--export", "--json", "--export --json"])
def test_tokens_themselves_are_never_shown(shell: Shell, hub: Hub, options: str) -> None:
    """What a notebook shows is saved with it."""
    ran = shell.run(f"%assay env -w {WORKSPACE} {options}")
    result = ran.result and [ran.result._repr_mimebundle_(), ran.result.data]
    shown = ran.shown + json.dumps(result)

    assert "$ASSAY_TOKEN" in shown
    assert hub.token not in shown
    assert "assay-pass-" not in shown


@pytest.mark.parametrize("options", ["", "--export"])
@pytest.mark.parametrize("name", NOT_SET)
def test_reason_why_a_name_is_not_set_is_said(shell: Shell, name: str, options: str) -> None:
    reason = read_data(shell, options)["not_set"][name]

    shown = show(shell, options)

    assert NOT_SET[name] in reason
    assert f"[{name}] {reason}" in shown
    assert "It is good for nothing there" in shown


# --- what was there before


@pytest.mark.parametrize("name", NOT_SET)
def test_hub_token_of_an_earlier_export_is_taken_away(
    shell: Shell, hub: Hub, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, hub.token)

    shown = show(shell, "--export")

    assert name not in os.environ
    assert f"{name} held a token from an earlier export. Now unset." in shown
    assert f'del os.environ["{name}"]' not in shown


def test_data_names_what_was_taken_away(
    shell: Shell, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", hub.token)

    assert read_data(shell)["unset"] == []
    assert read_data(shell, "--export")["unset"] == ["OPENAI_API_KEY"]
    assert read_data(shell, "--export")["unset"] == []


def test_name_of_another_client_is_taken_away(shell: Shell) -> None:
    show(shell, "--export --for openai")
    assert "OPENAI_API_KEY" in os.environ

    assert read_data(shell, "--export --for gemini")["unset"] == ["OPENAI_API_KEY"]


@pytest.mark.parametrize("name", NOT_SET)
def test_another_key_stays_and_is_warned_of(
    shell: Shell, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "of-my-own")

    shown = show(shell, "--export")

    assert os.environ[name] == "of-my-own"
    assert f"{name} holds another key" in shown
    assert f'del os.environ["{name}"]' in shown
    assert "of-my-own" not in shown


# --- the token


def test_one_kernel_has_one_token_for_a_workspace(shell: Shell, hub: Hub) -> None:
    show(shell, "--export")
    first = os.environ["ASSAY_TOKEN"]

    show(shell, "--export")

    assert os.environ["ASSAY_TOKEN"] == first
    assert is_good(hub, first)
    assert not is_good(hub, first, "personal")


def test_token_ends_when_it_is_given_back(shell: Shell, hub: Hub) -> None:
    before = dict(os.environ)
    show(shell, "--export --for goose")
    token = os.environ["ASSAY_TOKEN"]
    assert is_good(hub, token)

    shell.run("%assay env --off")

    assert not is_good(hub, token)
    assert dict(os.environ) == before


def test_token_ends_with_its_kernel(shell: Shell, hub: Hub) -> None:
    show(shell, "--export")
    token = os.environ["ASSAY_TOKEN"]
    assert is_good(hub, token)

    set_session(None)  # what the end of a process does: its background loop is stopped

    assert not is_good(hub, token)


# --- in a terminal


def run_terminal(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `assay-nb` as a person in a terminal of the hub does."""
    command = [sys.executable, "-m", "assay_nb.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.slow
def test_shell_that_evaluates_it_has_the_variables(hub: Hub) -> None:
    script = (
        f'eval "$({sys.executable} -m assay_nb.cli env --shell -w {WORKSPACE})" && env && '
        f'eval "$({sys.executable} -m assay_nb.cli env --off --shell)" && echo now && env'
    )

    ran = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=60)

    assert ran.returncode == 0, ran.stderr
    found, after = (
        dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
        for part in ran.stdout.split("\nnow\n")
    )
    token = found["ASSAY_TOKEN"]
    assert found.items() >= expect(hub, token, "ASSAY_TOKEN").items()
    assert not names_of(after, token)
    assert not after.keys() & BASE_URLS.keys()
    assert not is_good(hub, token)


@pytest.mark.slow
def test_terminal_shows_the_token_only_where_a_program_asks(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run_terminal("env", "-w", WORKSPACE, "--for", "codex")
    told = json.loads(run_terminal("env", "-w", WORKSPACE, "--for", "codex", "--json").stdout)

    assert "assay-pass-" not in shown.stdout + shown.stderr
    assert "~/.codex/config.toml" in shown.stdout
    assert is_good(hub, told["ASSAY_TOKEN"])
    assert f'base_url = "{root(hub)}/openai/v1"' in told["files"]["~/.codex/config.toml"]

    monkeypatch.setenv("ASSAY_TOKEN", told["ASSAY_TOKEN"])
    again = json.loads(run_terminal("env", "-w", WORKSPACE, "--json").stdout)
    assert again["ASSAY_TOKEN"] == told["ASSAY_TOKEN"]


@pytest.fixture
def issued(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A terminal with a token that is good."""
    path = f"api/v1/workspaces/{WORKSPACE}/run-tokens"
    token = hub.ask("POST", path, {"purpose": "pass-through"})["token"]
    monkeypatch.setenv("ASSAY_TOKEN", token)
    set_session(None)
    yield token
    set_session(None)


def test_terminal_says_that_a_token_has_ended_once_it_has(
    hub: Hub, issued: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert is_good(hub, issued)

    assert main(["env", "--off"]) == 0

    assert not is_good(hub, issued)
    said = capsys.readouterr().out
    assert "The token has ended." in said
    assert "unset ASSAY_TOKEN" in said


def test_token_that_had_ended_is_said_to_and_unset(
    hub: Hub, issued: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hub.ask("POST", "api/v1/run-tokens/end", {"token": issued}) == {"ended": True}

    assert main(["env", "--off"]) == 0

    said = capsys.readouterr().out
    assert "The token had ended already." in said
    assert "unset ASSAY_TOKEN" in said


@pytest.mark.parametrize("words", [["--off"], ["--off", "--shell"]])
def test_end_that_the_gateway_does_not_hear_of_fails_the_command(
    words: list[str],
    hub: Hub,
    issued: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("ASSAY_GATEWAY_URL", f"http://127.0.0.1:{port}/")

    assert main(["env", *words]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert "The token has not ended." in err
    assert issued not in err
    assert is_good(hub, issued)


def test_somebody_elses_token_is_not_said_to_have_ended(
    hub: Hub, issued: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", hub.stage.hub.add("eve"))

    assert main(["env", "--off"]) == 1

    assert "The token has not ended." in capsys.readouterr().err
    assert is_good(hub, issued)


def test_kernel_keeps_the_variables_of_a_token_that_it_could_not_end(
    shell: Shell, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(shell, "--export")
    token = os.environ["ASSAY_TOKEN"]
    hub_token = hub.stage.hub.people.pop(hub.token)
    hub.stage.services.identity.forget(hub.token)

    assert shell.run("%assay env --off").error is not None
    assert os.environ["ASSAY_TOKEN"] == token

    hub.stage.hub.people[hub.token] = hub_token
    hub.stage.services.identity.forget(hub.token)
    assert "The token has ended." in str(shell.run("%assay env --off").result)
    assert not is_good(hub, token)
    assert str(shell.run("%assay env --off").result).strip() == "No token was set here."


@pytest.mark.parametrize("words", [["env"], ["env", "--shell"], ["env", "--off"]])
def test_alone_one_is_told_that_there_is_no_gateway(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ASSAY_GATEWAY_URL", raising=False)
    set_session(None)

    assert main(words) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("assay-nb: No gateway is available here for other software.\n")


# --- the SDKs


@pytest.mark.slow
def test_anthropic_sdk_works_with_what_is_exported(
    shell: Shell, fake: FakeProviders, keys: dict[str, str]
) -> None:
    show(shell, "--export")

    ran = shell.run(
        "import anthropic\n"
        "with anthropic.Anthropic() as client:\n"
        "    reply = client.messages.create(\n"
        "        model='m', max_tokens=9, messages=[{'role': 'user', 'content': 'hi'}])\n"
        "print(reply.content[0].text)"
    )

    assert (ran.error, ran.out.strip()) == (None, TEXT)
    assert only(fake.calls).key == keys["anthropic"]


@pytest.mark.slow
@pytest.mark.parametrize("provider", CALLS)
def test_code_that_is_shown_works_untouched(
    shell: Shell, provider: str, fake: FakeProviders, keys: dict[str, str]
) -> None:
    code = read_code(shell, provider)
    show(shell, "--export")

    ran = shell.run(f"{code}\n{CALLS[provider]}\nclient.close(); del client")

    assert (ran.error, ran.out.strip()) == (None, TEXT)
    assert only(fake.calls).key == keys[provider]


@pytest.mark.slow
@pytest.mark.parametrize("provider", WITHOUT_KEY)
def test_sdk_without_a_key_fails_before_it_connects(
    shell: Shell, provider: str, monkeypatch: pytest.MonkeyPatch, blocked_calls: list[str]
) -> None:
    show(shell, "--export")
    code, said = WITHOUT_KEY[provider]
    with closing(socket.create_server(("127.0.0.1", 0))) as gateway:
        gateway.setblocking(False)
        for name in BASE_URLS:
            monkeypatch.setenv(name, f"http://127.0.0.1:{gateway.getsockname()[1]}")

        ran = shell.run(code)

        assert said in str(ran.error)
        with pytest.raises(BlockingIOError):
            gateway.accept()
    assert blocked_calls == []


# --- the page


@pytest.mark.parametrize("name", [*BASE_URLS, "ASSAY_TOKEN", "ANTHROPIC_AUTH_TOKEN", *NOT_SET])
def test_page_names_every_variable(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text("utf-8")
