"""What goes to the providers' own endpoints: through a tunnel, to a server that has their names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_nb.egress.origins import parse_endpoint
from assay_nb.errors import ProviderUnavailable, WrongUsage
from assay_nb.instruments.lint import lint
from assay_nb.messages import PROVIDERS, ProviderId
from assay_nb.models.catalog import DEFAULT_MODEL, DEMO_MODEL, MODELS, Model
from assay_nb.providers import get_provider
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import Egress
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import Answer, Call, FakeProviders, only
from tests.fakes.providers_client import SCHEMA, collect, make_credential, make_request, text_of
from tests.fakes.providers_tls import Authority, FakeProxy

pytestmark = pytest.mark.anyio

HOSTS = ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def fake(authority: Authority) -> Iterator[FakeProviders]:
    with FakeProviders(tls=authority.context(*HOSTS)) as server:
        yield server


@pytest.fixture
def proxy(fake: FakeProviders) -> Iterator[FakeProxy]:
    with FakeProxy(to=fake.port) as server:
        yield server


@pytest.fixture
async def egress(proxy: FakeProxy, authority: Authority) -> AsyncIterator[Egress]:
    async with Egress(proxy=proxy.url, ca_file=authority.file) as shared:
        yield shared


async def ask(
    provider: ProviderId, egress: Egress, key: str | None = None, model: str = "", **options: Any
) -> Any:
    async def sleep(seconds: float) -> None:
        """Wait for nothing."""

    credential = make_credential(parse_endpoint(provider), key)
    implementation = await get_provider(provider, egress, retry=Retry(sleep=sleep))
    stream = implementation.stream(
        make_request(**options), model=model or DEFAULT_MODEL[provider], credential=credential
    )
    return await collect(stream)


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_official_endpoint_is_reached_by_its_own_api(
    provider: ProviderId, egress: Egress, fake: FakeProviders
) -> None:
    events = await ask(provider, egress, schema=SCHEMA)

    assert text_of(events) == "Hello, world."
    path = {
        "anthropic": "/v1/messages",
        "openai": "/v1/responses",
        "google": f"/v1beta/models/{DEFAULT_MODEL['google']}:streamGenerateContent",
    }
    assert only(fake.calls).path == path[provider]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_proxy_sees_a_host_name_and_no_key(
    provider: ProviderId, egress: Egress, fake: FakeProviders, proxy: FakeProxy
) -> None:
    key = make_canary(provider)

    await ask(provider, egress, key)

    assert only(fake.calls).key == key
    assert proxy.heads[0].startswith(b"CONNECT " + HOSTS[PROVIDERS.index(provider)].encode())
    assert not any(find_canary(head, key) for head in proxy.heads)


async def test_demo_model_does_not_think_on_the_budget(egress: Egress, fake: FakeProviders) -> None:
    await ask("anthropic", egress, model=DEMO_MODEL)

    assert only(fake.calls).body["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize(
    ("provider", "model", "where"),
    [
        ("anthropic", "claude-sonnet-5-5", ("output_config", "effort")),
        ("openai", "gpt-6.2-sol", ("reasoning", "effort")),
        ("google", "gemini-3.8-flash", ("generationConfig", "thinkingConfig", "thinking_level")),
    ],
)
async def test_model_that_thinks_unasked_is_asked_to_think_little(
    provider: ProviderId, model: str, where: tuple[str, ...], egress: Egress, fake: FakeProviders
) -> None:
    await ask(provider, egress, model=model)

    value: Any = only(fake.calls).body
    for name in where:
        value = value[name]
    assert value.lower() == "low"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_model_nobody_knows_is_sent_nothing_special(
    provider: ProviderId, egress: Egress, fake: FakeProviders
) -> None:
    await ask(provider, egress, model="brand-new-model")

    sent = only(fake.calls).text
    assert all(word not in sent for word in ("effort", "thinking", "reasoning"))


async def test_effort_that_the_user_set_wins(egress: Egress, fake: FakeProviders) -> None:
    await ask("openai", egress, model="gpt-6-luna", knobs={"effort": "high"})

    assert only(fake.calls).body["reasoning"] == {"effort": "high"}


async def test_temperature_goes_to_claude_under_the_version_that_takes_it(
    egress: Egress, fake: FakeProviders
) -> None:
    await ask("anthropic", egress, model="claude-sonnet-4-6", knobs={"temperature": 0})

    call = only(fake.calls)
    assert call.body["temperature"] == 0
    assert call.headers["anthropic-version"] == "2023-06-01"


async def test_temperature_turns_reasoning_off_where_both_are_not_taken(
    egress: Egress, fake: FakeProviders
) -> None:
    await ask("openai", egress, model="gpt-6-luna", knobs={"temperature": 0})

    assert only(fake.calls).body["reasoning"] == {"effort": "none"}


async def test_temperature_is_refused_here_where_the_model_would(
    egress: Egress, fake: FakeProviders
) -> None:
    with pytest.raises(WrongUsage, match=r"claude-opus-5-5 takes no temperature"):
        await ask("anthropic", egress, model="claude-opus-5-5", knobs={"temperature": 0})

    assert fake.calls == []


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
async def test_lint_and_the_request_agree_on_what_a_model_takes(
    model: Model, egress: Egress, fake: FakeProviders
) -> None:
    for knobs in ({"temperature": 0.5}, {"top_p": 0.5}):
        made = len(fake.calls)
        try:
            await ask(model.provider, egress, model=model.id, knobs=knobs)
        except WrongUsage:
            as_sent: dict[str, Any] = {**knobs, "effort": "none"}
        else:
            reasoning = fake.calls[-1].body.get("reasoning", {})
            as_sent = {**knobs, **reasoning}

        is_sent = len(fake.calls) > made
        assert find_refusals(model, as_sent) == ([] if is_sent else list(knobs))


def find_refusals(model: Model, knobs: dict[str, Any]) -> list[str]:
    """Return the knobs of which lint says that the model refuses them."""
    report = lint("Add it up.", model=f"{model.provider}/{model.id}", knobs=knobs)
    said = [finding.message for finding in report.findings if finding.level == "error"]
    return [knob for knob in knobs if any(f"refuses `{knob}`" in message for message in said)]


# --- a provider that fails


def has_schema(call: Call) -> bool:
    """Say whether a schema travels as a parameter."""
    config = call.body.get("generationConfig", {})
    places = (call.body.get("output_config", {}), call.body.get("text", {}))
    return "responseJsonSchema" in config or any("format" in place for place in places)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_schema_that_a_provider_fails_at_is_put_into_the_prompt_after_the_retries(
    provider: ProviderId, egress: Egress, fake: FakeProviders
) -> None:
    fake.answer_by(lambda call: Answer(status=500) if has_schema(call) else Answer(chunks=("{}",)))

    first = await ask(provider, egress, schema=SCHEMA)
    sent = [has_schema(call) for call in fake.calls]
    fake.calls.clear()
    fake.answers("{}")
    second = await ask(provider, egress, schema=SCHEMA)

    assert [text_of(first), text_of(second)] == ["{}", "{}"]
    assert sent == [True, True, True, False]
    assert has_schema(only(fake.calls)), "one success after an outage is not remembered"


FAILING: list[tuple[int, bool, list[bool]]] = [
    (500, True, [True, True, True, False]),
    (501, True, [True, False]),
    (502, True, [True, True, True]),
    (503, True, [True, True, True]),
    (504, True, [True, True, True]),
    (529, True, [True, True, True]),
    (500, False, [False, False, False]),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("status", "schema", "sent"), FAILING)
async def test_provider_that_is_down_is_retried_and_asked_in_one_other_form_at_most(
    status: int,
    schema: bool,
    sent: list[bool],
    provider: ProviderId,
    egress: Egress,
    fake: FakeProviders,
) -> None:
    fake.answers("x", status=status)

    with pytest.raises(ProviderUnavailable):
        await ask(provider, egress, **({"schema": SCHEMA} if schema else {}))

    assert [has_schema(call) for call in fake.calls] == sent


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_stream_in_which_nothing_came_is_a_providers_slip_and_not_remembered(
    provider: ProviderId, egress: Egress, fake: FakeProviders
) -> None:
    def is_streamed(call: Call) -> bool:
        return bool(call.body.get("stream")) or call.path.endswith(":streamGenerateContent")

    fake.answer_by(lambda call: Answer(fault="empty") if is_streamed(call) else Answer())

    first = await ask(provider, egress)
    await ask(provider, egress)

    assert text_of(first) == "Hello, world."
    assert [is_streamed(call) for call in fake.calls] == [True, False, True, False]
