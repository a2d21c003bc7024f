"""Named connections: any number in a workspace, each with what it speaks and how it takes its key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from assay_nb.engine.call import Call
from assay_nb.engine.control import KeyCheck, KeyFacts
from assay_nb.engine.session import Session
from assay_nb.errors import AssayError, EndpointRefused, ProviderKeyMissing, WrongUsage
from assay_nb.messages import Kind
from tests.canaries import make_canary
from tests.fakes.providers import only
from tests.kernel.stage import Stage, open_stage

CREDENTIALS = {"authorization", "x-api-key", "api-key", "x-goog-api-key", "x-portkey-api-key"}


@pytest.fixture
def stage(home: Any) -> Iterator[Stage]:
    with open_stage(home / "vault", empty=True) as stage:
        stage.fake.keys = None
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    session = stage.session(hasty=True)
    yield session
    session.close()


def connect(
    session: Session,
    name: str,
    key: str,
    endpoint: str | None = None,
    kind: Kind | None = None,
    placement: str | None = None,
    *,
    check: bool = False,
) -> KeyCheck:
    async def run() -> KeyCheck:
        return await session.control.set_key(
            None,
            name,
            bytearray(key.encode()),
            endpoint=endpoint,
            check=check,
            kind=kind,
            placement=placement,
        )

    return session.portal.call(run)


def ask(session: Session, model: str | None) -> Any:
    call = Call(instrument="playground", prompt="Say hello.", model=model)

    async def run() -> Any:
        return await session.engine.ask(call)

    return session.portal.call(run)


def facts(session: Session) -> dict[str, KeyFacts]:
    return {one.connection: one for one in session.portal.call(session.control.keys, None)}


WAYS: list[tuple[Kind, str, str, str]] = [
    ("anthropic", "anthropic", "x-api-key", "/v1/messages"),
    ("anthropic", "anthropic", "bearer", "/v1/messages"),
    ("openai-responses", "openai", "api-key", "/responses"),
    ("openai-chat", "openai", "api-key", "/chat/completions"),
    ("openai-chat", "openai", "x-portkey-api-key", "/chat/completions"),
    ("openai-chat", "openai", "bearer", "/chat/completions"),
    ("gemini", "google", "x-goog-api-key", ":streamGenerateContent"),
]


@pytest.mark.parametrize(("kind", "provider", "placement", "path"), WAYS)
def test_each_kind_is_spoken_and_each_placement_carries_the_key(
    kind: Kind, provider: Any, placement: str, path: str, stage: Stage, session: Session
) -> None:
    key = make_canary(provider)
    connect(session, "mine", key, stage.fake.endpoint(provider), kind, placement)
    stage.fake.answers("Hello")

    result = ask(session, "mine/some-model")

    call = only(stage.fake.calls)
    assert path in call.path
    sent = {name: value for name, value in call.headers.items() if name in CREDENTIALS}
    assert sent == (
        {"authorization": f"Bearer {key}"} if placement == "bearer" else {placement: key}
    )
    assert result.provenance.provider == "mine"
    assert facts(session)["mine"].kind == kind


def test_a_server_without_a_key_is_a_connection_too(stage: Stage, session: Session) -> None:
    connect(session, "local", "", stage.fake.endpoint("openai"), "openai-chat")
    stage.fake.answers("Hello")

    ask(session, "local/llama3.2")

    call = only(stage.fake.calls)
    assert json.loads(call.text)["model"] == "llama3.2"
    assert CREDENTIALS.isdisjoint(call.headers)
    assert facts(session)["local"].keyless


def test_a_server_and_a_provider_stand_side_by_side(stage: Stage, session: Session) -> None:
    one, other = make_canary("openai"), make_canary("openai")
    connect(session, "openai", one, stage.fake.endpoint("openai"))
    connect(session, "work", other, stage.fake.endpoint("openai"), "openai-chat")
    stage.fake.answers("Hello")

    ask(session, "openai/m")
    ask(session, "work/m")

    assert [call.key for call in stage.fake.calls] == [one, other]
    assert [name for name, one in facts(session).items() if one.state == "ready"] == [
        "openai",
        "work",
    ]


def test_the_three_first_are_listed_before_any_other(stage: Stage, session: Session) -> None:
    connect(session, "a-server", "", stage.fake.endpoint("openai"), "openai-chat")

    assert list(facts(session)) == ["anthropic", "openai", "google", "a-server"]


def test_another_key_keeps_what_is_known_of_the_connection(stage: Stage, session: Session) -> None:
    connect(
        session, "mine", "first-key", stage.fake.endpoint("openai"), "openai-responses", "api-key"
    )

    connect(session, "mine", "second-key")

    fact = facts(session)["mine"]
    assert (fact.kind, fact.placement, fact.endpoint) == (
        "openai-responses",
        "api-key",
        stage.fake.endpoint("openai"),
    )
    stage.fake.answers("Hello")
    ask(session, "mine/m")
    assert only(stage.fake.calls).headers["api-key"] == "second-key"


def test_a_key_for_a_connection_that_had_none_goes_where_its_kind_says(
    stage: Stage, session: Session
) -> None:
    connect(session, "local", "", stage.fake.endpoint("openai"), "openai-chat")

    connect(session, "local", "a-key")

    assert facts(session)["local"].placement == "bearer"


def test_calls_that_name_no_model_say_how_to_choose_one(stage: Stage, session: Session) -> None:
    connect(session, "local", "", stage.fake.endpoint("openai"), "openai-chat")

    with pytest.raises(ProviderKeyMissing, match="No model is chosen") as caught:
        ask(session, None)

    assert "assay-nb model local/MODEL" in (caught.value.hint or "")
    assert stage.fake.calls == []


def test_the_chosen_model_follows_its_connection_to_a_new_name(
    stage: Stage, session: Session
) -> None:
    connect(session, "local", "", stage.fake.endpoint("openai"), "openai-chat")
    session.portal.call(session.control.set_model, None, "local/org/llama")

    session.portal.call(session.control.rename_connection, None, "local", "lab")

    stage.fake.answers("Hello")
    assert ask(session, None).provenance.provider == "lab"
    assert session.portal.call(session.control.model, None) == "lab/org/llama"


@pytest.mark.parametrize(
    ("name", "kind", "endpoint", "message"),
    [
        ("mine", None, "{fake}", "no connection 'mine'"),
        ("mine", "openai-chat", None, "needs an address"),
        ("mine", "soap", "{fake}", "no kind 'soap'"),
        ("Mine", "openai-chat", "{fake}", "cannot be named"),
        ("a/b", "openai-chat", "{fake}", "cannot be named"),
        ("", "openai-chat", "{fake}", "cannot be named"),
        ("openai", "anthropic", "{fake}", "its provider's own protocol"),
        ("google", "openai-chat", "{fake}", "its provider's own protocol"),
    ],
)
def test_what_cannot_be_a_connection_is_refused(
    name: str, kind: Any, endpoint: str | None, message: str, stage: Stage, session: Session
) -> None:
    there = endpoint and stage.fake.endpoint("openai")

    with pytest.raises(AssayError, match=message):
        connect(session, name, "a-key", there, kind)

    assert {one.state for one in facts(session).values()} == {"missing"}


@pytest.mark.parametrize(
    "placement", ["query", "cookie", "Authorization", "x-assay-ticket", "host"]
)
def test_a_placement_that_is_not_known_is_refused(
    placement: str, stage: Stage, session: Session
) -> None:
    with pytest.raises(WrongUsage, match="put on a request"):
        connect(session, "mine", "a-key", stage.fake.endpoint("openai"), "openai-chat", placement)

    assert "mine" not in facts(session)


@pytest.mark.parametrize("placement", ["none", "api-key", "x-portkey-api-key"])
def test_an_official_endpoint_takes_its_key_as_ever(placement: str, session: Session) -> None:
    """Whatever a connection to it is called: no key in a header that the provider does not know."""
    connect(
        session,
        "work",
        make_canary("openai"),
        "https://api.openai.com/v1",
        "openai-chat",
        placement,
    )

    assert facts(session)["work"].placement == "bearer"


@pytest.mark.parametrize("key", ["", "ollama", "x" * 19, "x" * 513])
def test_an_official_endpoint_keeps_its_checks_under_any_name(key: str, session: Session) -> None:
    with pytest.raises((WrongUsage, EndpointRefused)):
        connect(session, "work", key, "https://api.openai.com/v1", "openai-chat")

    assert "work" not in facts(session)


def test_an_unknown_connection_names_those_there_are(stage: Stage, session: Session) -> None:
    connect(session, "local", "", stage.fake.endpoint("openai"), "openai-chat")

    with pytest.raises(ProviderKeyMissing, match="no connection 'meta-llama'") as caught:
        ask(session, "meta-llama/Llama-3")

    assert "local/meta-llama/Llama-3" in (caught.value.hint or "")


def test_testing_and_removing_go_by_name(stage: Stage, session: Session) -> None:
    for name in ("one", "two"):
        connect(session, name, f"key-{name}", stage.fake.endpoint("openai"), "openai-chat")

    outcome = session.portal.call(session.control.test_key, None, "two")
    removal = session.portal.call(session.control.remove_key, None, "one")

    assert (outcome.connection, removal.connection) == ("two", "one")
    assert only(stage.fake.calls).key == "key-two"
    assert [name for name, one in facts(session).items() if one.state == "ready"] == ["two"]
    with pytest.raises(ProviderKeyMissing, match="no connection 'one'"):
        session.portal.call(session.control.test_key, None, "one")


def test_connecting_names_what_the_server_has(stage: Stage, session: Session) -> None:
    outcome = connect(
        session, "local", "", stage.fake.endpoint("openai"), "openai-chat", check=True
    )

    assert outcome.names
