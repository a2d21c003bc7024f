"""Keys of a server of one's own: any, or none; and what stays as it is for a provider's own endpoint."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay_nb.egress.origins import OFFICIAL, parse_endpoint
from assay_nb.engine.call import Call
from assay_nb.engine.control import KeyCheck, KeyFacts, Removal
from assay_nb.engine.session import Session
from assay_nb.errors import (
    AssayError,
    EndpointRefused,
    ProviderAuthError,
    ProviderError,
    ProviderUnavailable,
    WrongUsage,
)
from assay_nb.messages import PROVIDERS, Destination, ProviderId
from assay_nb.providers.transport import PLACEHOLDER
from assay_nb.vault.secret import SecretBytes
from tests.canaries import make_canary
from tests.fakes.providers import Answer, only
from tests.fakes.providers import Call as Arrived
from tests.kernel.stage import Stage, open_stage
from tests.tools import unused_port

CREDENTIALS = {
    "authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key",
    "x-portkey-api-key",
}  # fmt: skip
KEYS = ["x", "ollama", "EMPTY", "k" * 19, "k" * 20, "k" * 513, "k" * 8192]
WRITTEN: list[tuple[ProviderId, str | None]] = [
    *((provider, None) for provider in PROVIDERS),
    *OFFICIAL.items(),
    ("openai", "https://API.OpenAI.com/v1"),
    ("openai", "https://api.openai.com:443/v1/"),
    ("openai", OFFICIAL["google"]),
]


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    """An empty vault, before a server that takes whatever comes."""
    with open_stage(home / "vault", empty=True) as stage:
        stage.fake.keys = None
        yield stage


@pytest.fixture
def session(stage: Stage) -> Iterator[Session]:
    session = stage.session(hasty=True)
    yield session
    session.close()


def save(
    session: Session,
    provider: ProviderId,
    key: str,
    endpoint: str | None,
    *,
    check: bool = False,
) -> KeyCheck:
    async def run() -> KeyCheck:
        typed = bytearray(key.encode())
        return await session.control.set_key(None, provider, typed, endpoint=endpoint, check=check)

    return session.portal.call(run)


def fact_of(session: Session, provider: ProviderId) -> KeyFacts:
    facts = session.portal.call(session.control.keys, None)
    return next(fact for fact in facts if fact.provider == provider)


def remove(session: Session, provider: ProviderId) -> Removal:
    return session.portal.call(session.control.remove_key, None, provider)


def check(session: Session, provider: ProviderId) -> KeyCheck:
    return session.portal.call(session.control.test_key, None, provider)


def ask(session: Session, provider: ProviderId) -> Any:
    call = Call(instrument="playground", prompt="Say hello.", model=f"{provider}/a-model")

    async def run() -> Any:
        return await session.engine.ask(call)

    return session.portal.call(run)


def credentials_of(call: Arrived) -> dict[str, str]:
    """Return the headers that could carry a key; what the SDKs are given for one is nowhere at all."""
    assert PLACEHOLDER not in f"{call.headers}{call.path}{call.query}{call.text}"
    return {name: value for name, value in call.headers.items() if name in CREDENTIALS}


def header(provider: ProviderId, key: str) -> dict[str, str]:
    if provider == "google":
        return {"x-goog-api-key": key}
    return {"authorization": f"Bearer {key}"}


# --- what a request carries


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("key", KEYS)
def test_request_carries_exactly_the_key_that_was_entered(
    key: str, provider: ProviderId, stage: Stage, session: Session
) -> None:
    stage.fake.keys = {key}
    outcome = save(session, provider, key, stage.fake.endpoint(provider), check=True)

    assert ask(session, provider).output == "A reply."

    assert outcome.outcome == "accepted"
    assert [credentials_of(call) for call in stage.fake.calls] == [header(provider, key)] * 2
    assert [credentials_of(call) for call in stage.fake.strangers] == [{}]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_request_without_a_key_carries_no_credential_at_all(
    provider: ProviderId, stage: Stage, session: Session
) -> None:
    save(session, provider, "", stage.fake.endpoint(provider), check=True)

    assert ask(session, provider).output == "A reply."

    assert [credentials_of(call) for call in stage.fake.calls] == [{}, {}]


def test_models_of_a_server_without_a_key_can_be_asked(stage: Stage, session: Session) -> None:
    save(session, "openai", "", stage.fake.endpoint("openai"))
    stage.fake.models["openai"] = ("llama",)

    async def run() -> list[str]:
        return [one.name for one in await session.control.models(None, ask=True)]

    assert session.portal.call(run) == ["llama"]
    assert credentials_of(only(stage.fake.calls)) == {}


def test_blanks_around_nothing_are_nothing(stage: Stage, session: Session) -> None:
    save(session, "openai", " \r\n", stage.fake.endpoint("openai"))

    assert fact_of(session, "openai").placement == "none"


def test_key_in_the_place_of_none_is_sent_and_the_other_way_round(
    stage: Stage, session: Session
) -> None:
    endpoint = stage.fake.endpoint("openai")
    for key in ("", "ollama", ""):
        save(session, "openai", key, endpoint)
        ask(session, "openai")

    carried = [credentials_of(call) for call in stage.fake.calls]
    assert carried == [{}, header("openai", "ollama"), {}]


# --- what a provider's own endpoint takes


@pytest.mark.parametrize(("provider", "endpoint"), WRITTEN)
@pytest.mark.parametrize("key", ["", " ", "ollama", "k" * 19, "k" * 513, "k" * 8192])
def test_providers_own_endpoint_takes_neither_none_nor_another_length(
    key: str, provider: ProviderId, endpoint: str | None, session: Session
) -> None:
    with pytest.raises(WrongUsage, match="nothing was stored") as caught:
        save(session, provider, key, endpoint)

    assert "20 to 512 characters" in (caught.value.hint or "")
    assert fact_of(session, provider).state == "missing"


@pytest.mark.parametrize(("provider", "endpoint"), WRITTEN)
@pytest.mark.parametrize("length", [20, 512])
def test_providers_own_endpoint_takes_a_key_of_its_length(
    length: int, provider: ProviderId, endpoint: str | None, session: Session
) -> None:
    save(session, provider, "k" * length, endpoint)

    assert fact_of(session, provider).state == "ready"


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("key", ["sk-ant-admin01-", "sk-ant-oat01-", "sk-ant-ort01-", "sk-admin-"])
def test_key_that_is_not_for_calls_is_stored_for_no_endpoint(
    key: str, own: bool, stage: Stage, session: Session
) -> None:
    endpoint = stage.fake.endpoint("openai") if own else None

    with pytest.raises(WrongUsage, match="manages an account"):
        save(session, "openai", key + "k" * 40, endpoint)

    assert fact_of(session, "openai").state == "missing"


@pytest.mark.parametrize("key", ["k" * 8193, "two words", "caf\u00e9", "a\x00b"])
def test_key_that_no_header_takes_is_stored_for_no_endpoint(
    key: str, stage: Stage, session: Session
) -> None:
    with pytest.raises(WrongUsage, match="not a key"):
        save(session, "openai", key, stage.fake.endpoint("openai"), check=True)

    assert fact_of(session, "openai").state == "missing"
    assert stage.fake.calls == []


@pytest.mark.parametrize("key", ["", "ollama", "k" * 513])
def test_platform_key_is_always_a_providers_own(key: str, session: Session) -> None:
    with pytest.raises(WrongUsage, match="not a key"):
        session.portal.call(session.control.set_platform_key, "google", bytearray(key.encode()))

    assert session.portal.call(session.control.budget).granted == 0


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_row_that_calls_a_provider_without_a_key_calls_nobody(
    provider: ProviderId, session: Session, blocked_calls: list[str]
) -> None:
    """No face stores such a row; should one be there, the call is refused before anything is connected."""
    store_past_the_checks(session, replace(parse_endpoint(provider), placement="none"), "")

    with pytest.raises(EndpointRefused, match="needs a key"):
        ask(session, provider)

    assert blocked_calls == []


def store_past_the_checks(session: Session, destination: Destination, key: str) -> None:
    vault = session.control._resources.vault  # type: ignore[attr-defined]
    where = session.portal.call(session.control.show_workspace, None)
    with SecretBytes(key.encode()) as secret:
        vault.save_key(bytes.fromhex(where.id), destination, secret, added_by="me", verified=False)


# --- what is known of it


@pytest.mark.parametrize(
    ("provider", "key", "placement"),
    [
        ("anthropic", "ollama", "bearer"),
        ("openai", "ollama", "bearer"),
        ("google", "ollama", "x-goog-api-key"),
        ("anthropic", "", "none"),
        ("openai", "", "none"),
        ("google", "", "none"),
    ],
)
def test_facts_say_how_the_key_is_sent_and_show_nothing_of_a_short_one(
    provider: ProviderId, key: str, placement: str, stage: Stage, session: Session
) -> None:
    save(session, provider, key, stage.fake.endpoint(provider))

    fact = fact_of(session, provider)

    assert (fact.state, fact.placement, fact.last4) == ("ready", placement, "")
    assert fact.to_dict()["placement"] == placement
    assert fact.keyless is (key == "")


def test_facts_of_no_row_have_no_placement(session: Session) -> None:
    fact = fact_of(session, "openai")

    assert (fact.state, fact.placement, fact.keyless) == ("missing", "", False)


def test_server_that_answers_without_a_key_is_not_called_tested(
    stage: Stage, session: Session
) -> None:
    saved = save(session, "openai", "", stage.fake.endpoint("openai"), check=True)
    tested = check(session, "openai")

    assert saved == tested
    assert tested.outcome == "keyless"
    assert "answers without a key" in tested.detail
    assert not fact_of(session, "openai").verified


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_server_that_asks_for_a_key_is_not_stored_without_one(
    provider: ProviderId, status: int, stage: Stage, session: Session
) -> None:
    stage.fake.answers(status=status)

    with pytest.raises(ProviderAuthError) as caught:
        save(session, provider, "", stage.fake.endpoint(provider), check=True)

    assert "asks for a key, so nothing was stored" in caught.value.message
    assert fact_of(session, provider).state == "missing"


@pytest.mark.parametrize("act", [ask, check])
def test_server_that_begins_to_ask_for_a_key_is_named_with_the_command(
    act: Callable[[Session, ProviderId], object], stage: Stage, session: Session
) -> None:
    endpoint = stage.fake.endpoint("openai")
    save(session, "openai", "", endpoint)
    stage.fake.keys = {"ollama"}

    with pytest.raises(ProviderAuthError) as caught:
        act(session, "openai")

    assert caught.value.message == f"{stage.fake.origin} asks for a key, and none is stored for it."
    assert f"`assay-nb keys set openai --endpoint {endpoint} -w personal`" in (
        caught.value.hint or ""
    )


@pytest.mark.slow
def test_server_that_is_not_there_is_not_stored_without_a_key(session: Session) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        save(session, "openai", "", f"http://127.0.0.1:{unused_port()}/v1", check=True)

    assert "cannot be reached" in caught.value.message
    assert "key" not in caught.value.message
    assert "--unverified" in (caught.value.hint or "")
    assert fact_of(session, "openai").state == "missing"


def test_own_server_that_refuses_a_key_sends_nobody_to_the_provider(
    stage: Stage, session: Session
) -> None:
    stage.fake.keys = {"another"}

    with pytest.raises(ProviderAuthError) as caught:
        save(session, "openai", "ollama", stage.fake.endpoint("openai"), check=True)

    assert f"{stage.fake.origin} does not accept this key" in caught.value.message
    assert "openai.com" not in (caught.value.hint or "")


# --- what a listing proves


def test_listing_that_anybody_gets_proves_no_key(stage: Stage, session: Session) -> None:
    stage.fake.open_listing = True

    outcome = save(session, "openai", "ollama", stage.fake.endpoint("openai"), check=True)

    assert outcome.outcome == "unchecked"
    assert "lists its models without a key too" in outcome.detail
    assert fact_of(session, "openai").verified is False
    assert check(session, "openai").outcome == "unchecked"


@pytest.mark.parametrize("status", [405, 501])
def test_server_without_a_listing_is_stored_untested(
    stage: Stage, session: Session, status: int
) -> None:
    stage.fake.answer_by(lambda call: Answer(status=status))

    outcome = save(session, "openai", "ollama", stage.fake.endpoint("openai"), check=True)

    assert outcome.outcome == "unchecked"
    assert "has no list of models, so the key counts as untested" in outcome.detail
    assert fact_of(session, "openai").verified is False


def test_address_without_a_listing_is_not_stored_and_says_where_it_was_looked_for(
    stage: Stage, session: Session
) -> None:
    stage.fake.answer_by(lambda call: Answer(status=404))

    with pytest.raises(ProviderError) as caught:
        save(session, "openai", "ollama", stage.fake.endpoint("openai"), check=True)

    assert "has no list of models at http://127.0.0.1:" in caught.value.message
    assert "assay-nb models" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, "accepted") for status in (400, 401, 403, 404, 422)),
        *((status, "unchecked") for status in (408, 429, 500, 503)),
    ],
)
def test_only_a_refusal_without_the_key_shows_that_it_counts(
    status: int, outcome: str, stage: Stage, session: Session
) -> None:
    stage.fake.answer_by(lambda call: Answer(status=200 if call.key else status))
    stage.fake.open_listing = True

    saved = save(session, "openai", "ollama", stage.fake.endpoint("openai"), check=True)

    assert saved.outcome == outcome
    assert len(stage.fake.strangers) == 1


def test_key_without_the_right_to_list_is_stored_with_what_it_lacks(
    stage: Stage, session: Session
) -> None:
    message = "You have insufficient permissions. Missing scopes: api.model.read."
    body = {"error": {"message": message, "type": "invalid_request_error", "code": None}}
    stage.fake.answers("x", status=401, body=body)

    outcome = save(session, "openai", "ollama", stage.fake.endpoint("openai"), check=True)

    assert outcome.outcome == "limited"
    assert "lacks the right to list models (api.model.read)" in outcome.detail
    assert fact_of(session, "openai").verified is False


def test_key_that_was_found_in_public_is_not_stored_and_says_why(
    stage: Stage, session: Session
) -> None:
    error = {"code": 403, "status": "PERMISSION_DENIED", "message": "It was reported as leaked."}
    stage.fake.answers("x", status=403, body={"error": error})

    with pytest.raises(ProviderAuthError) as caught:
        save(session, "google", "ollama", stage.fake.endpoint("google"), check=True)

    assert "found in public. So it was not stored." in caught.value.message
    assert fact_of(session, "google").state == "missing"


# --- taking it away


def test_removing_a_row_without_a_key_sends_nobody_to_revoke_one(
    stage: Stage, session: Session
) -> None:
    endpoint = stage.fake.endpoint("openai")
    save(session, "openai", "", endpoint)
    without = remove(session, "openai")
    save(session, "openai", "ollama", endpoint)

    assert without.revoke_url == ""
    assert remove(session, "openai").revoke_url == stage.fake.origin
    assert fact_of(session, "openai").state == "missing"


def test_row_that_was_edited_to_hold_no_key_still_sends_people_to_revoke_it(
    stage: Stage, session: Session
) -> None:
    save(session, "openai", make_canary("openai"), stage.fake.endpoint("openai"))
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        other.execute("UPDATE provider_keys SET placement = 'none'")
        other.commit()

    fact = fact_of(session, "openai")

    assert (fact.state, fact.keyless) == ("unreadable", False)
    assert remove(session, "openai").revoke_url == stage.fake.origin


@pytest.mark.parametrize(("key", "edited"), [("ollama", "none"), ("", "bearer")])
def test_row_whose_placement_was_edited_is_sent_nowhere(
    key: str, edited: str, stage: Stage, session: Session
) -> None:
    save(session, "openai", key, stage.fake.endpoint("openai"))
    with closing(sqlite3.connect(stage.home / "vault.sqlite")) as other:
        other.execute("UPDATE provider_keys SET placement = ?", [edited])
        other.commit()

    with pytest.raises(AssayError, match="cannot be opened"):
        ask(session, "openai")

    assert stage.fake.calls == []


# --- endpoints that are not quite right


def test_endpoint_that_is_one_operation_is_refused_before_anybody_is_asked(
    stage: Stage, session: Session
) -> None:
    base = stage.fake.endpoint("openai")

    with pytest.raises(EndpointRefused, match="/chat/completions") as caught:
        save(session, "openai", "ollama", f"{base}/chat/completions", check=True)

    assert str(caught.value.hint) == f"Leave it out: {base}"
    assert stage.fake.calls == []
    assert fact_of(session, "openai").state == "missing"


def test_endpoint_without_its_version_is_told_although_nobody_is_asked(session: Session) -> None:
    origin = f"http://127.0.0.1:{unused_port()}"

    untested = save(session, "openai", "ollama", origin)
    tested = save(session, "openai", "ollama", f"{origin}/v1")

    assert f"Save it again with {origin}/v1:" in untested.detail
    assert "Save it again" not in tested.detail


def test_next_step_after_a_failed_test_is_kept_beside_storing_it_untested(
    stage: Stage, session: Session
) -> None:
    stage.fake.queue(Answer(status=404))

    with pytest.raises(ProviderError) as caught:
        save(session, "openai", "ollama", f"{stage.fake.origin}/nowhere", check=True)

    assert f"Save it again with {stage.fake.origin}/nowhere/v1:" in str(caught.value.hint)
    assert "`--unverified`" in str(caught.value.hint)
