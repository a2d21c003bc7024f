"""Metering of the pass-through: tokens, cost and limits, as members and admins see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from anyio.to_thread import run_sync

from assay_nb.accounting.allowances import EVERYBODY, Allowance
from assay_nb.engine.control import Facts
from tests.fakes.providers import Answer, FakeProviders
from tests.gateway.members import Member, ask_raw, calls_of, join, open_stream, post
from tests.gateway.stage import Stage

pytestmark = pytest.mark.anyio

MakeMember = Callable[..., Awaitable[Member]]
GEMINI = "v1beta/models/gemini-x"
USED = Answer(input_tokens=1_000, output_tokens=200, cached_tokens=400)
PRICE = (2.0, 10.0)
COST = (1_000 * 2 + 200 * 10) / 1e6


@pytest.fixture
def make_member(stage: Stage) -> MakeMember:
    async def make(provider: str = "openai", user: str = "ada") -> Member:
        return await join(stage, provider, user)

    return make


async def set_price(member: Member, model: str, price: tuple[float, float] = PRICE) -> None:
    """Say in the workspace what a model costs, and wait until a gateway that runs has noticed."""
    control = member.stage.services.control("ada")
    facts: Facts = await control.set_price(member.workspace, model, price)
    assert facts
    await asyncio.sleep(0.05)


async def allow(member: Member, allowance: Allowance) -> None:
    allowances = member.stage.services.resources.allowances
    await run_sync(allowances.set, bytes.fromhex(member.workspace), allowance)
    await asyncio.sleep(0.05)


async def used(member: Member) -> Any:
    allowances = member.stage.services.resources.allowances
    return await run_sync(allowances.used, bytes.fromhex(member.workspace), "ada")


ROUTES = {
    "messages": ("anthropic", "v1/messages", {"model": "m", "max_tokens": 9, "messages": []}),
    "messages, streamed": ("anthropic", "v1/messages", {"model": "m", "max_tokens": 9, "stream": True}),
    "responses": ("openai", "responses", {"model": "m"}),
    "responses, streamed": ("openai", "responses", {"model": "m", "stream": True}),
    "chat": ("openai", "chat/completions", {"model": "m"}),
    "chat, streamed": ("openai", "chat/completions",
        {"model": "m", "stream": True, "stream_options": {"include_usage": True}}),
    "gemini": ("google", f"{GEMINI}:generateContent", {"contents": []}),
    "gemini, streamed": ("google", f"{GEMINI}:streamGenerateContent?alt=sse", {"contents": []}),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUTES)
async def test_log_has_the_tokens_and_the_cost_of_each_known_route(
    name: str, make_member: MakeMember, fake: FakeProviders
) -> None:
    provider, path, body = ROUTES[name]
    member = await make_member(provider)
    model = "gemini-x" if provider == "google" else "m"
    await set_price(member, f"{provider}/{model}")
    fake.queue(USED)

    status, _ = await ask_raw(member, provider, path, body)

    line = (await calls_of(member))[0]
    assert status == 200
    assert (line["input_tokens"], line["output_tokens"], line["cached_tokens"]) == (1_000, 200, 400)
    assert line["model"] == model
    assert line["cost"] == line["counted"] == pytest.approx(COST)


async def test_metrics_have_tokens_and_cost_by_provider_and_nobody(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await set_price(member, "openai/m")
    fake.queue(USED)

    await ask_raw(member, "openai", "responses", {"model": "m"})
    await calls_of(member)
    text = member.stage.services.metrics.text().decode()

    assert 'assay_tokens_total{direction="input",provider="openai"} 1000.0' in text
    assert f'assay_cost_dollars_total{{provider="openai"}} {COST}' in text
    assert "ada" not in text
    assert member.workspace not in text


async def test_unknown_price_is_estimated_and_never_called_a_cost(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    fake.queue(USED)

    await ask_raw(member, "openai", "responses", {"model": "m"})

    line = (await calls_of(member))[0]
    assert line["cost"] is None
    assert line["counted"] == pytest.approx((1_000 * 10 + 200 * 50) / 1e6)


async def test_stream_that_was_cut_has_no_tokens_and_no_cost_and_counts_all_the_same(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    await set_price(member, "anthropic/m")
    fake.queue(Answer(fault="cut", input_tokens=1_000))

    async with open_stream(member) as response:
        assert b"message_stop" not in await response.read()

    line = (await calls_of(member))[0]
    assert (line["input_tokens"], line["output_tokens"], line["cost"]) == (None, None, None)
    assert line["counted"] > 1_000 * 2 / 1e6


@pytest.mark.parametrize(
    "path", ["v1/messages/count_tokens", "v1/files", "v1/messages/batches/b/cancel"]
)
async def test_free_routes_count_as_nothing(
    path: str, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    await allow(member, Allowance(EVERYBODY, calls_per_day=0, micros_per_day=0))

    status, _ = await ask_raw(member, "anthropic", path, {"model": "m"})

    assert status == 200
    assert (await calls_of(member))[0]["counted"] == 0
    assert (await used(member)).calls == 0


async def test_budget_counts_what_calls_cost_and_gives_back_what_was_reserved(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await set_price(member, "openai/m")
    await allow(member, Allowance(EVERYBODY, micros_per_day=1_000_000))
    fake.queue(USED, Answer(status=400), Answer(status=529))

    for _ in range(3):
        await ask_raw(member, "openai", "responses", {"model": "m", "max_output_tokens": 9_000})

    counted = await used(member)
    assert (counted.calls, counted.micros, counted.reserved) == (1, round(COST * 1e6), 0)


async def test_caller_is_warned_from_four_fifths_on(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await allow(member, Allowance(EVERYBODY, calls_per_day=5))
    said: list[str | None] = []

    for _ in range(4):
        async with post(member, "openai", "responses", {"model": "m"}) as response:
            said.append(response.headers.get("X-Assay-Budget"))

    assert said[:3] == [None, None, None]
    assert said[3] == "used=80%; counted=4; limit=5; unit=calls; period=day; of=own"


MODEL_LIMIT = Allowance(EVERYBODY, calls_per_day=1, model="openai/dear-*")


@pytest.mark.parametrize("padding", [0, 100_000], ids=["small", "large"])
async def test_limit_for_a_model_counts_its_calls_alone(
    padding: int, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await allow(member, MODEL_LIMIT)
    models = ["cheap", "dear-1", "cheap", "dear-2"]

    statuses = [
        (await ask_raw(member, "openai", "responses", {"input": "x" * padding, "model": model}))[0]
        for model in models
    ]

    assert statuses == [200, 200, 200, 429]


@pytest.mark.parametrize("model", ["dear-1-20261101", "dear-1-2026-11-01", "DEAR-1", "dear-1"])
@pytest.mark.parametrize("limited", ["dear-1", "dear-1-20261101"])
async def test_other_spelling_of_a_model_is_not_the_way_around_its_limit(
    limited: str, model: str, make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await allow(member, Allowance(EVERYBODY, calls_per_day=1, model=f"openai/{limited}"))

    statuses = [
        (await ask_raw(member, "openai", "responses", {"model": name}))[0]
        for name in ("dear-10", model, model)
    ]

    assert statuses == [200, 200, 429]


@pytest.mark.parametrize(
    ("paths", "bodies"),
    [
        (["dear-1", "dear-2"], [{"model": "cheap"}] * 2),
        (["cheap", "cheap"], [{"model": "dear-1"}] * 2),
        (["dear-1", "dear-2"], [{}] * 2),
        (["cheap", "cheap"], [{"input": {"model": "cheap"}}] * 2),
    ],
    ids=["in the path", "in the body", "in the path alone", "in the body, hidden"],
)
async def test_model_in_the_path_does_not_hide_the_one_in_the_body_nor_the_other_way(
    paths: list[str],
    bodies: list[dict[str, Any]],
    make_member: MakeMember,
    fake: FakeProviders,
) -> None:
    member = await make_member()
    await allow(member, MODEL_LIMIT)

    statuses = [
        (await ask_raw(member, "openai", f"deployments/{path}/chat/completions", body))[0]
        for path, body in zip(paths, bodies, strict=True)
    ]

    assert statuses == [200, 429]


BATCH_OF_BOOKS = {
    "requests": [
        {"custom_id": str(n), "params": {"model": "m", "max_tokens": 60_000, "messages": []}}
        for n in range(900)
    ]
}


async def test_call_in_the_background_counts_for_all_that_it_may_write(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await set_price(member, "openai/m", PRICE)
    await allow(member, Allowance(EVERYBODY, micros_per_day=10**9))
    queued = {"id": "resp_1", "status": "queued", "background": True, "model": "m", "usage": None}
    fake.queue(Answer(raw=[json.dumps(queued).encode()], label="application/json"))

    body = {"model": "m", "background": True, "max_output_tokens": 9_000}
    await ask_raw(member, "openai", "responses", body)

    assert (await used(member)).micros >= 9_000 * PRICE[1]


async def test_name_of_a_cheap_model_beside_the_real_one_does_not_set_the_price(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await set_price(member, "openai/cheap", (0.0, 0.0))
    await allow(member, Allowance(EVERYBODY, micros_per_day=10**9))
    fake.queue(Answer(raw=[b"{}"], label="application/json"))

    body = {"metadata": {"model": "cheap"}, "model": "m", "max_output_tokens": 9_000}
    await ask_raw(member, "openai", "responses", body)

    assert (await used(member)).micros > 0


async def test_batch_counts_what_its_requests_allow_themselves(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member("anthropic")
    await set_price(member, "anthropic/m", PRICE)
    await allow(member, Allowance(EVERYBODY, micros_per_day=10**9))

    await ask_raw(member, "anthropic", "v1/messages/batches", BATCH_OF_BOOKS)

    assert (await used(member)).micros >= 900 * 60_000 * PRICE[1] / 2


async def test_batch_in_a_file_counts_the_same_however_much_it_says_beside(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await allow(member, Allowance(EVERYBODY, micros_per_day=10**9))
    body = {"input_file_id": "file-x", "endpoint": "/v1/responses", "metadata": {"a": "x" * 4_000}}

    await ask_raw(member, "openai", "batches", body)

    unknown = member.stage.services.settings.limits.unpriced_call
    assert (await used(member)).micros == unknown * 1_000_000


async def test_call_whose_model_is_not_known_counts_against_every_models_limit(
    make_member: MakeMember, fake: FakeProviders
) -> None:
    member = await make_member()
    await allow(member, MODEL_LIMIT)

    statuses = [
        (await ask_raw(member, "openai", "responses", body))[0]
        for body in ({}, {"model": "cheap"}, {"input": {"model": "cheap"}})
    ]

    assert statuses == [200, 200, 429]
