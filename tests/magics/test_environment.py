"""`%assay env` in a real shell, on a gateway with a fake hub before it and fake providers behind it."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

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
    with open_hub(tmp_path_factory.mktemp("passthrough")) as hub:
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


def expect(hub: Hub, token: str) -> dict[str, str]:
    """Return the variables that are set, with what stands for the token there."""
    urls = {name: f"{root(hub)}/{path}" for name, path in BASE_URLS.items()}
    return {**urls, "ANTHROPIC_AUTH_TOKEN": token}


def names_of(variables: Any, value: str) -> set[str]:
    return {name for name, held in variables.items() if held == value}


# --- what is set


def test_exactly_these_variables_are_printed(shell: Shell, hub: Hub) -> None:
    assert read_exports(shell) == expect(hub, '"$JUPYTERHUB_API_TOKEN"')


def test_printing_sets_nothing(shell: Shell) -> None:
    before = dict(os.environ)

    show(shell)

    assert dict(os.environ) == before


def test_exactly_these_variables_are_exported(shell: Shell, hub: Hub) -> None:
    before = dict(os.environ)

    show(shell, "--export")

    assert dict(os.environ) == {**before, **expect(hub, hub.token)}


@pytest.mark.parametrize("options", ["", "--export"])
def test_data_holds_the_variables_and_what_is_left_out(
    shell: Shell, hub: Hub, options: str
) -> None:
    data = read_data(shell, options)

    assert data.pop("not_set").keys() == NOT_SET.keys()
    assert data.pop("unset") == []
    assert data == expect(hub, "$JUPYTERHUB_API_TOKEN")


# --- what is not


def test_token_is_exported_under_no_name_that_a_client_takes_elsewhere(
    shell: Shell, hub: Hub
) -> None:
    show(shell, "--export")

    holding = names_of(os.environ, hub.token)
    assert holding == {"ANTHROPIC_AUTH_TOKEN", "JUPYTERHUB_API_TOKEN"}
    assert not holding & set(NOT_SET)


def test_token_is_printed_under_no_name_that_a_client_takes_elsewhere(shell: Shell) -> None:
    exports = read_exports(shell)

    assert names_of(exports, '"$JUPYTERHUB_API_TOKEN"') == {"ANTHROPIC_AUTH_TOKEN"}
    assert not exports.keys() & set(NOT_SET)


@pytest.mark.parametrize("options", ["", "--export"])
def test_data_gives_the_token_to_no_name_that_a_client_takes_elsewhere(
    shell: Shell, options: str
) -> None:
    data = read_data(shell, options)

    assert names_of(data, "$JUPYTERHUB_API_TOKEN") == {"ANTHROPIC_AUTH_TOKEN"}
    assert not data.keys() & set(NOT_SET)


@pytest.mark.parametrize("options", ["", "--export"])
def test_token_itself_is_never_shown(shell: Shell, hub: Hub, options: str) -> None:
    ran = shell.run(f"%assay env -w {WORKSPACE} {options}")
    shown = ran.shown + json.dumps([ran.result._repr_mimebundle_(), ran.result.data])

    assert "JUPYTERHUB_API_TOKEN" in shown
    assert hub.token not in shown


@pytest.mark.parametrize("options", ["", "--export"])
@pytest.mark.parametrize("name", NOT_SET)
def test_reason_why_a_name_is_not_set_is_said(shell: Shell, name: str, options: str) -> None:
    reason = read_data(shell, options)["not_set"][name]

    shown = show(shell, options)

    assert NOT_SET[name] in reason
    assert f"[{name}] {reason}" in shown
    assert "Your hub token opens your whole notebook server." in shown


@pytest.mark.parametrize("options", ["", "--export"])
def test_call_that_follows_a_url_in_the_reply_is_warned_of(shell: Shell, options: str) -> None:
    shown = show(shell, options)

    assert "`client.messages.batches.results()`" in shown
    assert '`client.get("/v1/messages/batches/ID/results", cast_to=str)`' in shown


# --- what was there before


@pytest.mark.parametrize("name", NOT_SET)
def test_token_of_an_earlier_export_is_taken_away(
    shell: Shell, hub: Hub, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, hub.token)

    shown = show(shell, "--export")

    assert name not in os.environ
    assert f"{name} held your hub token from an earlier export. Now unset." in shown
    assert f'del os.environ["{name}"]' not in shown


def test_data_names_what_was_taken_away(
    shell: Shell, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", hub.token)

    assert read_data(shell)["unset"] == []
    assert read_data(shell, "--export")["unset"] == ["OPENAI_API_KEY"]
    assert read_data(shell, "--export")["unset"] == []


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
    """Without an export: it has all that it needs."""
    code = read_code(shell, provider)

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


@pytest.mark.parametrize("name", [*BASE_URLS, "ANTHROPIC_AUTH_TOKEN", *NOT_SET])
def test_page_names_every_variable(name: str) -> None:
    assert f"`{name}`" in PAGE.read_text("utf-8")
