"""`connect` and `connections`: what they store, what they say, and what an empty key may not cost."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb.commands import tree
from assay_nb.config import Config
from assay_nb.connections.presets import PRESETS
from assay_nb.engine.session import Session
from assay_nb.errors import (
    AssayError,
    PermissionDenied,
    ProviderAuthError,
    ProviderKeyMissing,
    ProviderUnavailable,
    WrongUsage,
)
from assay_nb.messages import PROVIDERS
from tests.commands.walking import plain_words
from tests.fakes.migrated import put_migrated
from tests.fakes.providers import FakeProviders
from tests.kernel.steps import FixedDesk, run_command
from tests.tools import unused_port

KEY = "token-abc123"


@pytest.fixture
def session(home: Path) -> Iterator[Session]:
    put_migrated(home / "vault" / "vault.sqlite")
    session = Session(Config(home=home / "vault"), say=lambda _: None)
    yield session
    session.close()


class Pipe(FixedDesk):
    """A pipe in the place of a person."""

    answers = False


def piped(session: Session, line: str, key: str = "") -> Any:
    parser, _ = tree.build_parser("assay-nb", "")
    return tree.run(session, parser.parse_line(line), Pipe(key))


def url(fake: FakeProviders) -> str:
    return fake.endpoint("openai")


def facts(session: Session) -> dict[str, dict[str, Any]]:
    listed = run_command(session, "connections list --json").data
    return {fact["connection"]: fact for fact in listed}


def refused(session: Session, line: str, key: str = "") -> AssayError:
    with pytest.raises(AssayError) as caught:
        piped(session, line, key)
    return caught.value


# --- connect


def test_alone_it_lists_what_can_be_connected(session: Session) -> None:
    outcome = run_command(session, "connect --json")

    assert [one["name"] for one in outcome.data] == list(PRESETS)
    said = plain_words(outcome)
    assert "ollama Ollama · no key · http://localhost:11434/v1" in said
    assert "assay-nb connect PRESET [NAME]" in said


def test_server_without_a_key_is_stored_and_its_models_are_named(
    session: Session, fake: FakeProviders
) -> None:
    fake.keys = None
    fake.models["openai"] = ("llama3.2", "org/Model-8B")

    outcome = piped(session, f"connect ollama local --endpoint {url(fake)}", "not read")

    said = plain_words(outcome)
    assert f"Connection `local` leads to `{url(fake)}`, without a key." in said
    assert "Its models: `local/llama3.2`, `local/org/Model-8B`." in said
    assert "`assay-nb model local/llama3.2`" in said
    assert "About Ollama: it cuts a prompt" in said
    fact = facts(session)["local"]
    assert (fact["state"], fact["placement"], fact["kind"]) == ("ready", "none", "openai-chat")
    assert "authorization" not in fake.calls[0].headers
    assert outcome.data["names"] == ("llama3.2", "org/Model-8B")


def test_preset_names_the_connection_unless_one_is_given(
    session: Session, fake: FakeProviders
) -> None:
    fake.keys = {KEY}

    piped(session, f"connect vllm --endpoint {url(fake)}", KEY)

    assert facts(session)["vllm"]["verified"] is True


def test_more_models_than_are_named_are_counted(session: Session, fake: FakeProviders) -> None:
    fake.keys = None
    fake.models["openai"] = tuple(f"m{number}" for number in range(1205))

    said = plain_words(run_command(session, f"connect ollama --endpoint {url(fake)}"))

    assert "`ollama/m4` and 1,200 more." in said


@pytest.mark.parametrize(("preset", "model"), [("azure", "DEPLOYMENT"), ("groq", "MODEL")])
def test_without_a_listing_to_go_by_no_model_is_invented(
    preset: str, model: str, session: Session, fake: FakeProviders
) -> None:
    """Azure's listing shows base models, which are not what one calls; Groq was not asked."""
    fake.keys = None
    more = "--unverified" if preset == "groq" else ""

    said = plain_words(piped(session, f"connect {preset} --endpoint {url(fake)} {more}", KEY))

    assert f"`assay-nb model {preset}/{model}`" in said
    assert "Its models" not in said


def test_next_command_is_for_the_workspace_that_was_named(
    session: Session, fake: FakeProviders
) -> None:
    fake.keys = None
    run_command(session, "workspace create 'my research'")

    said = plain_words(
        run_command(session, f"connect ollama -w 'my research' --endpoint {url(fake)}")
    )

    assert "`assay-nb model ollama/gpt-6-luna -w 'my research'`" in said
    assert "ollama" not in facts(session)


def test_what_the_server_speaks_and_how_it_takes_its_key_can_be_said(
    session: Session, fake: FakeProviders
) -> None:
    fake.keys = None
    how = "--kind openai-responses --placement api-key"

    piped(session, f"connect openai-compatible work --endpoint {url(fake)} {how}", KEY)

    fact = facts(session)["work"]
    assert (fact["kind"], fact["placement"]) == ("openai-responses", "api-key")
    assert fake.calls[0].headers["api-key"] == KEY
    assert "OpenAI Responses" in plain_words(run_command(session, "connections"))


def test_placement_none_asks_for_no_key(session: Session, fake: FakeProviders) -> None:
    fake.keys = None

    piped(session, f"connect vllm --endpoint {url(fake)} --placement none", "not read")

    assert facts(session)["vllm"]["placement"] == "none"


@pytest.mark.parametrize("more", ["", "openai", "openai --endpoint {url}"])
def test_connecting_a_first_name_is_setting_its_key(
    more: str, session: Session, fake: FakeProviders, canary: dict[str, str]
) -> None:
    fake.keys = {canary["openai"]}
    line = f"connect openai {more} --unverified".format(url=url(fake))

    said = plain_words(piped(session, line, canary["openai"]))

    assert "The OpenAI key is stored." in said
    assert list(facts(session)) == list(PROVIDERS)
    assert facts(session)["openai"]["state"] == "ready"


def test_second_account_of_a_provider_has_a_name_of_its_own(
    session: Session, canary: dict[str, str]
) -> None:
    piped(session, "connect openai second --unverified", canary["openai"])

    fact = facts(session)["second"]
    assert (fact["endpoint"], fact["kind"]) == ("https://api.openai.com/v1", "openai-responses")
    assert facts(session)["openai"]["state"] == "missing"


WRONG = {
    "a slip in the preset": ("connect olama", "no preset 'olama'", "Did you mean ollama?"),
    "no such preset": ("connect qqq", "no preset 'qqq'", "`assay-nb connect` lists them"),
    "an address for a preset": (
        "connect http://localhost:8080/v1",
        "does not say what its server speaks",
        "`assay-nb connect openai-compatible NAME --endpoint URL`",
    ),
    "no address": ("connect openai-compatible x", "needs the server's address", "--endpoint URL"),
    "no resource": ("connect azure", "needs the name of your resource", "--resource NAME"),
    "a host for a resource": ("connect azure --resource evil.example/", "resource", "--resource"),
    "a part with no place": ("connect groq --region x", "--region has no place", "Leave --region"),
    "a part beside a whole": (
        "connect azure --resource r --endpoint https://llm.example.org/v1",
        "--resource has no place",
        "Leave --resource out",
    ),
    "a name that is none": ("connect ollama Büro", "cannot be named 'Büro'", "lower-case"),
    "another protocol for a first name": (
        "connect anthropic-compatible openai --endpoint http://127.0.0.1:1/",
        "speaks its provider's own protocol",
        "another name",
    ),
    "no key for a service": (
        "connect groq --no-key",
        "Groq needs a key, so --no-key cannot be used",
        "Leave --no-key out",
    ),
    "an empty key for a service": (
        "connect groq",
        "Groq needs a key, and none was given",
        "https://console.groq.com/keys",
    ),
    "a kind that is none": ("connect vllm --kind grpc", "--kind cannot be 'grpc'", "openai-chat"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_connected_says_what_to_type(case: str, session: Session) -> None:
    line, message, hint = WRONG[case]

    error = refused(session, line)

    assert isinstance(error, WrongUsage)
    assert message in error.message
    assert hint in (error.hint or "")
    assert list(facts(session)) == list(PROVIDERS)


def test_key_that_the_server_refuses_is_not_stored(session: Session, fake: FakeProviders) -> None:
    fake.keys = {KEY}

    error = refused(session, f"connect vllm --endpoint {url(fake)}", "another")

    assert isinstance(error, ProviderAuthError)
    assert "does not accept this key, so it was not stored" in error.message
    assert "vllm" not in facts(session)


def test_server_that_does_not_answer_is_told_how_it_starts(session: Session) -> None:
    error = refused(session, f"connect ollama --endpoint http://127.0.0.1:{unused_port()}/v1")

    assert isinstance(error, ProviderUnavailable)
    assert "nothing was stored" in error.message
    assert "`ollama serve`" in (error.hint or "")
    assert "--unverified" in (error.hint or "")


@pytest.mark.parametrize("preset", ["vllm", "ollama"])
def test_stored_key_is_not_lost_to_an_empty_one(
    preset: str, session: Session, fake: FakeProviders
) -> None:
    line = f"connect vllm local --endpoint {url(fake)} --unverified"
    piped(session, line, KEY)
    again = line.replace("vllm", preset)

    error = refused(session, again)
    kept = facts(session)["local"]["placement"]
    piped(session, f"{again} --no-key")

    assert "key was kept" in error.message
    assert "`--no-key`" in (error.hint or "")
    assert (kept, facts(session)["local"]["placement"]) == ("bearer", "none")


def test_key_in_a_pipe_replaces_another_and_says_so(session: Session, fake: FakeProviders) -> None:
    line = f"connect vllm --endpoint {url(fake)} --unverified"

    first, second = piped(session, line, KEY), piped(session, line, KEY)

    assert [one.data["replaced"] for one in (first, second)] == [False, True]
    assert "It replaces the key that was stored." in plain_words(second)


def test_key_is_taken_over_from_the_environment(
    session: Session, fake: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    fake.keys = {KEY}

    said = plain_words(piped(session, f"connect vllm --from-env MY_KEY --endpoint {url(fake)}"))

    assert facts(session)["vllm"]["verified"] is True
    assert "unset MY_KEY" in said


def test_on_a_hub_that_does_not_answer_nothing_is_asked_for(home: Path) -> None:
    hub = Session(Config(home=home, gateway_url="http://127.0.0.1:1/services/assay"))

    error = refused(hub, "connect ollama")

    assert isinstance(error, PermissionDenied)
    assert "There is no hub token in this process" in (error.hint or "")
    hub.close()


# --- connections


@pytest.fixture
def keyless() -> Iterator[FakeProviders]:
    """A server that needs no key."""
    with FakeProviders() as server:
        yield server


@pytest.fixture
def two(session: Session, fake: FakeProviders, keyless: FakeProviders) -> Session:
    """A workspace with a keyless server and one that takes a key."""
    fake.keys = {KEY}
    piped(session, f"connect ollama local --endpoint {url(keyless)}")
    piped(session, f"connect openai-compatible work --endpoint {url(fake)}", KEY)
    return session


def test_connections_alone_lists_them(
    two: Session, fake: FakeProviders, keyless: FakeProviders
) -> None:
    said = plain_words(run_command(two, "connections"))

    assert said == plain_words(run_command(two, "connections list"))
    assert (
        f"local speaks OpenAI Chat Completions leads to {url(keyless)} key ✓ no key needed" in said
    )
    assert (
        f"work speaks OpenAI Chat Completions leads to {url(fake)} key ✓ ready tested yes" in said
    )
    assert "connection google speaks Gemini key none yet" in said
    assert KEY not in said


@pytest.mark.parametrize("line", ["connections -w empty", "connections -w empty list"])
def test_workspace_before_the_word_counts(line: str, two: Session) -> None:
    run_command(two, "workspace create empty")

    assert len(run_command(two, line).data) == len(PROVIDERS)


@pytest.mark.parametrize("command", ["connections", "keys"])
def test_connection_is_tested_and_removed_by_its_name(
    command: str, two: Session, fake: FakeProviders
) -> None:
    fake.calls.clear()
    tested = run_command(two, f"{command} test work")
    removed = run_command(two, f"{command} remove work")

    assert (tested.exit_status, tested.data["connection"]) == (0, "work")
    assert KEY in [call.key for call in fake.calls]
    assert "The 'work' key is removed." in plain_words(removed)
    assert f"only revoking it at `{fake.origin}` ends it" in plain_words(removed)
    assert [*PROVIDERS, "local"] == list(facts(two))


def test_removing_a_server_without_a_key_sends_nobody_to_revoke_one(two: Session) -> None:
    said = plain_words(run_command(two, "connections remove local"))

    assert "No key was stored for it." in said
    assert "revok" not in said


def test_renamed_connection_keeps_its_key_and_the_workspaces_model(
    two: Session, fake: FakeProviders
) -> None:
    run_command(two, "model work/m")

    fake.calls.clear()
    said = plain_words(run_command(two, "connections rename work office"))
    run_command(two, "connections test office")

    assert "Connection `work` is now `office`." in said
    assert KEY in [call.key for call in fake.calls]
    assert run_command(two, "model").data == {"model": "office/m"}


UNKNOWN = ("connections test {}", "connections remove {}", "connections rename {} other", "keys test {}",
    "keys remove {}", "keys set {}")  # fmt: skip


@pytest.mark.parametrize("line", UNKNOWN)
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("locl", "Did you mean local?"),
        ("groq", "Connect it: `assay-nb connect groq -w "),
        ("elsewhere", "Make it: `assay-nb connect PRESET elsewhere`"),
    ],
)
def test_unknown_name_says_what_was_meant_or_how_to_connect(
    name: str, hint: str, line: str, two: Session
) -> None:
    error = refused(two, line.format(name), KEY)

    assert isinstance(error, WrongUsage)
    assert f"no connection '{name}'" in error.message
    assert (error.hint or "").startswith(hint)


def test_key_of_a_connection_is_set_where_its_server_is(two: Session, fake: FakeProviders) -> None:
    fake.keys = {"another-token"}

    said = plain_words(piped(two, "keys set work", "another-token"))

    assert "The 'work' key is stored. The provider accepts it" in said
    assert "another-token" in [call.key for call in fake.calls]
    assert facts(two)["work"]["endpoint"] == url(fake)


def test_key_of_a_service_is_not_lost_to_an_empty_one(session: Session) -> None:
    piped(session, "connect groq --unverified", KEY)

    error = refused(session, "keys set groq --unverified")

    assert "Groq needs a key, and none was given" in error.message
    assert facts(session)["groq"]["placement"] == "bearer"


# --- model, models, status


def test_model_of_a_connection_that_there_is_not_is_refused(two: Session) -> None:
    run_command(two, "model local/llama3.2")

    error = refused(two, "model Qwen/Qwen3-8B")

    assert isinstance(error, ProviderKeyMissing)
    assert "`local/Qwen/Qwen3-8B` or `work/Qwen/Qwen3-8B`" in (error.hint or "")
    assert run_command(two, "model").data == {"model": "local/llama3.2"}


def test_models_of_every_server_are_asked_for(
    two: Session, fake: FakeProviders, keyless: FakeProviders
) -> None:
    fake.models["openai"] = keyless.models["openai"] = ("m",)

    listed = run_command(two, "models --ask").data

    assert [f"{one['provider']}/{one['name']}" for one in listed] == ["local/m", "work/m"]


def test_server_that_is_off_does_not_hide_the_models_of_another(
    two: Session, fake: FakeProviders
) -> None:
    dead = f"http://127.0.0.1:{unused_port()}/v1"
    piped(two, f"connect llamacpp dead --unverified --no-key --endpoint {dead}")

    outcome = run_command(two, "models --ask")

    assert {one["provider"] for one in outcome.data} == {"local", "work"}
    assert "`dead`: " in plain_words(outcome)


def test_only_server_that_is_off_is_a_failure(session: Session) -> None:
    dead = f"http://127.0.0.1:{unused_port()}/v1"
    piped(session, f"connect llamacpp dead --unverified --no-key --endpoint {dead}")

    assert isinstance(refused(session, "models --ask"), ProviderUnavailable)


def test_status_says_where_calls_go(two: Session, fake: FakeProviders) -> None:
    before = plain_words(run_command(two, "status"))
    run_command(two, "model work/m")
    after = plain_words(run_command(two, "status"))

    assert "It has no model yet." in before
    assert "Choose one: `assay-nb model local/MODEL -w " in before
    assert f"Its model is `work/m`, at {url(fake)}." in after
    assert "Choose one" not in after


def test_status_warns_of_a_model_whose_connection_is_gone(two: Session) -> None:
    run_command(two, "model work/m")
    removed = plain_words(run_command(two, "connections remove work"))

    said = plain_words(run_command(two, "status"))

    assert "model is work/m, so calls that name no model fail now." in removed
    assert "Calls that name no model fail: there is no connection 'work'" in said


def test_removing_another_connection_than_the_models_warns_of_nothing(two: Session) -> None:
    run_command(two, "model work/m")

    assert "fail" not in plain_words(run_command(two, "connections remove local"))


@pytest.mark.parametrize(
    ("name", "such"),
    [("Work", ", such as work."), ("my server", ", such as my-server."), ("a/b", ", such as a-b."),
     ("über", ", such as ber."), ("Ä", "underscores."), ("", "underscores.")],
)  # fmt: skip
def test_name_that_cannot_be_used_is_answered_with_one_that_can(
    session: Session, fake: FakeProviders, name: str, such: str
) -> None:
    error = refused(session, f"connect ollama {shlex.quote(name)} --endpoint {url(fake)}")

    assert "cannot be named" in error.message
    assert (error.hint or "").endswith(such)


def test_blanks_around_an_address_are_not_kept(session: Session, fake: FakeProviders) -> None:
    fake.keys = None

    outcome = piped(session, f"connect ollama local --endpoint ' {url(fake)} '")

    assert outcome.data["endpoint"] == facts(session)["local"]["endpoint"] == url(fake)
