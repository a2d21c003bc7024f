"""The ladder: which form follows a refusal, what is never sent in another form, and what is remembered."""

from __future__ import annotations

import datetime
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from assay_nb.errors import AssayError, ProviderAuthError, ProviderError, RateLimited
from assay_nb.messages import Request
from assay_nb.providers.ladder import MOST_FORMS, Ladder, Rungs
from assay_nb.providers.learned import Learned, MemoryStore, Place
from assay_nb.providers.refusals import read_refusal
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import Egress
from tests.fakes.providers import Answer, Call, FakeProviders
from tests.fakes.providers_client import (
    SCHEMA,
    WIRES,
    collect,
    make_credential,
    make_provider,
    make_request,
    provider_of,
    stop_of,
    text_of,
)

pytestmark = pytest.mark.anyio

TODAY = datetime.date(2026, 11, 30)


class Asker:
    """One implementation on one server, and what it sent there."""

    def __init__(self, wire: str, egress: Egress, fake: FakeProviders, **retry: Any) -> None:
        async def sleep(seconds: float) -> None:
            """Wait for nothing."""

        self.fake = fake
        self.provider = make_provider(wire, egress, fake, Retry(sleep=sleep, **retry))
        self.credential = make_credential(fake.destination(provider_of(wire)))

    async def ask(self, **options: Any) -> Any:
        request = make_request(**options)
        return await collect(
            self.provider.stream(request, model="a-model", credential=self.credential)
        )

    async def fail(self, **options: Any) -> AssayError:
        with pytest.raises(AssayError) as caught:
            await self.ask(**options)
        return caught.value

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [call.body for call in self.fake.calls]


def refusing(*judges: Callable[[dict[str, Any]], Any], status: int = 400) -> Callable[[Call], Any]:
    """Return what answers with the body of the first judge that has one, and otherwise with `{}`."""

    def answer(call: Call) -> Answer:
        for judge in judges:
            if (body := judge(call.body)) is not None:
                return Answer(status=status, body=body)
        return Answer(chunks=("{}",))

    return answer


def plain(message: str = "No.", **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


def form_of(body: dict[str, Any]) -> str:
    """Return how a schema travels in a Chat Completions request."""
    form = body.get("response_format")
    if form is None:
        return "prompt" if "JSON Schema" in str(body["messages"]) else "none"
    return form["type"] + ("+schema" if "schema" in form else "")


# --- the schema


FORMS = ["json_schema", "json_object+schema", "json_object", "prompt"]


@pytest.mark.parametrize("taken", FORMS)
async def test_schema_goes_down_rung_by_rung_to_what_a_server_takes(
    taken: str, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(
        refusing(lambda body: None if form_of(body) == taken else plain(param="response_format"))
    )

    assert text_of(await asker.ask(schema=SCHEMA)) == "{}"

    assert [form_of(body) for body in asker.sent] == FORMS[: FORMS.index(taken) + 1]


async def test_every_form_but_the_parameter_shows_the_model_the_schema_and_the_word_json(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(refusing(lambda body: None if form_of(body) == "prompt" else plain("schema")))

    await asker.ask(schema=SCHEMA)

    told = ["JSON Schema" in str(body["messages"]) for body in asker.sent]
    assert told == [False, True, True, True]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, plain("JSON schema error at #/properties")),
        (400, plain("Invalid schema for response_format 'x'", code="invalid_json_schema")),
        (400, plain("This model does not support response format `json_schema`")),
        (422, {"detail": [{"type": "literal_error", "loc": ["body", "response_format", "type"]}]}),
        (404, plain("No endpoints found that can handle the requested parameters.", code=404)),
        (404, plain("invented")),
        (500, plain("[{'type': 'literal_error', 'loc': ('body', 'response_format')}]", code=500)),
        (500, {"error": "Failed to parse grammar"}),
        (501, plain("not implemented")),
        (400, {"detail": "invented"}),
    ],
)
async def test_schema_is_given_up_after_each_way_of_refusing_it(
    status: int, body: Any, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(
        refusing(lambda sent: body if "response_format" in sent else None, status=status)
    )

    assert text_of(await asker.ask(schema=SCHEMA)) == "{}"

    assert [form_of(sent) for sent in asker.sent] == FORMS, "each once, and none of them repeated"


async def test_error_in_the_stream_before_any_text_is_a_refusal_too(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    error = {"error": {"message": "unsupported schema", "code": 400}}
    fake.answer_by(
        lambda call: Answer(error_frame=error) if "response_format" in call.body else "{}"
    )

    assert text_of(await asker.ask(schema=SCHEMA)) == "{}"


async def test_server_that_is_down_is_retried_in_the_plainest_form_only(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answers("x", status=500)

    await asker.fail(schema=SCHEMA)

    assert [form_of(body) for body in asker.sent] == [*FORMS, "prompt", "prompt"]


# --- each feature by itself


async def test_only_what_the_refusal_names_changes(egress: Egress, fake: FakeProviders) -> None:
    asker = Asker("openai-chat", egress, fake)

    def usage(body: dict[str, Any]) -> Any:
        loc = ["body", "stream_options"]
        extra = {"detail": [{"type": "extra_forbidden", "loc": loc, "msg": "Extra"}]}
        return extra if "stream_options" in body else None

    fake.answer_by(refusing(usage, status=422))

    await asker.ask(schema=SCHEMA, max_output_tokens=100)

    first, second = asker.sent
    assert second == {name: value for name, value in first.items() if name != "stream_options"}


async def test_ceiling_takes_its_newer_name(egress: Egress, fake: FakeProviders) -> None:
    asker = Asker("openai-chat", egress, fake)
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    fake.answer_by(
        refusing(
            lambda body: (
                plain(message, code="unsupported_parameter") if "max_tokens" in body else None
            )
        )
    )

    await asker.ask(max_output_tokens=100, schema=SCHEMA)

    first, second = asker.sent
    assert (first.pop("max_tokens"), second.pop("max_completion_tokens")) == (100, 100)
    assert first == second


async def test_plainest_form_of_all_is_reached(egress: Egress, fake: FakeProviders) -> None:
    asker = Asker("openai-chat", egress, fake)
    beyond = ("max_tokens", "response_format", "stream_options")
    fake.answer_by(refusing(lambda body: plain() if any(name in body for name in beyond) else None))

    await asker.ask(max_output_tokens=100, schema=SCHEMA)

    assert set(asker.sent[-1]) == {"model", "messages", "stream", "max_completion_tokens"}
    assert len(asker.sent) <= MOST_FORMS


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
@pytest.mark.parametrize(
    "body",
    [
        plain("Your organization must be verified.", code="unsupported_value", param="stream"),
        plain("It does not go with structured output.", param="stream"),
        {"detail": [{"type": "literal_error", "loc": ["body", "stream"]}]},
        {"message": "The model is unsupported for streaming."},
    ],
)
async def test_reply_that_may_not_be_streamed_comes_whole(
    wire: str, body: Any, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answer_by(
        lambda call: (
            Answer(status=400, body=body) if call.body["stream"] else Answer(chunks=("whole",))
        )
    )

    events = await asker.ask()

    assert (text_of(events), stop_of(events).reason) == ("whole", "end")
    assert [sent["stream"] for sent in asker.sent] == [True, False]


async def test_organisation_that_may_not_use_it_at_all_is_told_what_to_do(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answers(
        "x", status=400, body=plain("must be verified to stream this model", param="stream")
    )

    error = await asker.fail()

    assert "verified" in str(error)
    assert len(asker.sent) == 2


NO_SYSTEM = [
    (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
    (400, "System role not supported"),
    (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
    (422, "system role is not supported"),
    (500, "Only user, assistant and tool roles are supported, got system."),
]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("status", "said"), NO_SYSTEM)
async def test_system_text_goes_into_the_prompt_of_a_model_that_takes_none(
    wire: str, status: int, said: str, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker(wire, egress, fake)

    def judge(body: dict[str, Any]) -> Any:
        turns = [turn["role"] for turn in body.get("messages", [])]
        apart = {"system", "instructions", "systemInstruction"} & body.keys() or "system" in turns
        return plain(said, code=status) if apart else None

    fake.answer_by(refusing(judge, status=status))

    await asker.ask(system="Be brief.")
    await asker.ask(system="Be brief.")

    assert ["Be brief.\\n\\nHello?" in json.dumps(body) for body in asker.sent] == [
        False,
        True,
        True,
    ]


async def test_system_text_stays_where_another_thing_is_refused(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answers("x", status=400, body=plain("invented"))

    await asker.fail(system="Be brief.", schema=SCHEMA)

    assert {body["messages"][0]["role"] for body in asker.sent} == {"system"}


# --- the ceiling


async def test_unknown_server_is_sent_no_ceiling_that_nobody_set(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)

    await asker.ask()
    await asker.ask(max_output_tokens=16_000)

    first, second = asker.sent
    assert {"max_tokens", "max_completion_tokens"}.isdisjoint(first)
    assert second["max_tokens"] == 16_000


async def test_ceiling_that_is_refused_under_each_name_is_halved_once(
    egress: Egress, fake: FakeProviders
) -> None:
    vague = Answer(status=400, body={"error": {"message": "Bad.", "param": "max_tokens"}})
    most = 10_000
    fake.answer_by(lambda call: Answer() if (ceiling_in(call.body) or 0) <= most else vague)
    asker = Asker("openai-chat", egress, fake)
    await asker.ask(max_output_tokens=20_000)
    await asker.ask(max_output_tokens=20_000)

    assert [ceiling_in(body) for body in asker.sent] == [20_000, 20_000, 10_000, 10_000]

    most = 100
    error = await asker.fail(max_output_tokens=20_000)
    assert "max_output_tokens" in error.message
    assert "Set a lower max_output_tokens" in (error.hint or "")


def ceiling_in(body: dict[str, Any]) -> int | None:
    config = body.get("generationConfig", {})
    return next(
        (
            place[name]
            for place in (body, config)
            for name in (
                "max_tokens",
                "max_completion_tokens",
                "max_output_tokens",
                "maxOutputTokens",
            )
            if name in place
        ),
        None,
    )


def too_large(limit: int, message: str) -> Callable[[dict[str, Any]], Any]:
    def judge(body: dict[str, Any]) -> Any:
        now = ceiling_in(body)
        if now is None or now <= limit:
            return None
        return plain(message.format(now=now, limit=limit), type="invalid_request_error")

    return judge


SAYS_WHICH = "max_tokens: {now} > {limit}, which is the maximum allowed number of output tokens"
SAYS_NOTHING = "max_tokens is too large"
SAYINGS = [
    SAYS_WHICH,
    "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum",
    "`max_tokens` must be less than or equal to `{limit}`, the maximum value for `max_tokens` is",
    "max_completion_tokens must be less than or equal to {limit}, the maximum value",
    "max_tokens ({now}) exceeds model's maximum output tokens ({limit}) for model x",
    "Range of max_tokens should be [1, {limit}]",
    "Invalid 'max_output_tokens': integer above maximum value. Expected a value <= {limit}, but got",
    "body.max_tokens: Input should be less than or equal to {limit}",
    "max_tokens must be at most {limit}",
]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("said", SAYINGS)
async def test_ceiling_above_the_models_is_lowered_to_it_and_remembered(
    wire: str, said: str, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answer_by(refusing(too_large(4_096, said)))

    await asker.ask(max_output_tokens=20_000)
    await asker.ask(max_output_tokens=20_000)

    assert [ceiling_in(body) for body in asker.sent] == [20_000, 4_096, 4_096]


@pytest.mark.parametrize("wire", WIRES)
async def test_ceiling_of_which_nothing_is_said_is_halved_once(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answer_by(refusing(too_large(100, SAYS_NOTHING)))

    error = await asker.fail(max_output_tokens=20_000)

    assert [ceiling_in(body) for body in asker.sent] == [20_000, 10_000]
    assert "max_output_tokens" in (error.hint or "")


@pytest.mark.parametrize("wire", ["google", "openai-responses"])
async def test_ceiling_that_nobody_set_is_left_out_in_the_end(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answer_by(refusing(too_large(100, SAYS_NOTHING)))

    await asker.ask()

    assert [ceiling_in(body) for body in asker.sent] == [16_000, 8_000, None]


VLLM = (
    "'max_tokens' or 'max_completion_tokens' is too large: {now}. This model's maximum context length is "
    "8192 tokens and your request has 300 input tokens."
)


async def test_ceiling_that_fills_the_context_is_fitted_to_this_prompt_alone(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(refusing(too_large(7_892, VLLM)))

    await asker.ask(max_output_tokens=16_000)
    await asker.ask(max_output_tokens=16_000)

    assert [ceiling_in(body) for body in asker.sent] == [16_000, 7_892] * 2


async def test_context_that_the_prompt_alone_overflows_is_not_asked_again(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    message = (
        "This model's maximum context length is 8192 tokens, and your request has 9000 input tokens"
    )
    fake.answers("x", status=400, body=plain(message, code="context_length_exceeded"))

    error = await asker.fail(schema=SCHEMA, max_output_tokens=100)

    assert (getattr(error, "status", None), len(asker.sent)) == (413, 1)


# --- what never goes down


NEVER: list[tuple[int, dict[str, Any], type[AssayError], int]] = [
    (401, plain(code="invalid_api_key"), ProviderAuthError, 1),
    (401, plain("invented"), ProviderAuthError, 1),
    (403, plain("invented"), ProviderAuthError, 1),
    (402, plain("invented"), ProviderError, 1),
    (429, plain(code="insufficient_quota"), ProviderError, 1),
    (429, plain("invented"), RateLimited, 3),
    (400, plain(code="content_filter"), ProviderError, 1),
    (400, plain(code="context_length_exceeded"), ProviderError, 1),
    (404, plain(code="model_not_found"), ProviderError, 1),
    (400, plain("bad role", param="messages"), ProviderError, 1),
    (418, plain("invented"), ProviderError, 1),
]


@pytest.mark.parametrize(("status", "body", "kind", "sent"), NEVER)
async def test_refusal_that_is_not_about_the_form_is_not_sent_in_another(
    status: int,
    body: Any,
    kind: type[AssayError],
    sent: int,
    egress: Egress,
    fake: FakeProviders,
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answers("x", status=status, body=body)

    error = await asker.fail(schema=SCHEMA)

    assert (type(error), len(asker.sent)) == (kind, sent)
    assert {form_of(one) for one in asker.sent} == {"json_schema"}


async def test_no_form_is_sent_that_the_call_may_not_pay_for(
    egress: Egress, fake: FakeProviders
) -> None:
    allowed = iter([True, True, False])
    asker = Asker("openai-chat", egress, fake, may_send=lambda: next(allowed, False))
    fake.answers("x", status=400)

    await asker.fail(schema=SCHEMA)

    assert len(asker.sent) == 3


@pytest.mark.parametrize("wire", WIRES)
async def test_no_form_is_sent_twice_and_not_more_than_eight(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answers("x", status=400)

    await asker.fail(schema=SCHEMA, max_output_tokens=100)

    raw = [call.raw for call in fake.calls]
    assert len(raw) == len(set(raw)) <= MOST_FORMS


def test_ladder_with_more_forms_than_eight_ends_there() -> None:
    rungs = Rungs({"ceiling": tuple("abcdefghijkl")}, order=("ceiling",))
    ladder = Ladder(rungs, Request(messages=()), official=False, known={})
    shape, count = ladder.shape, 1

    while lower := ladder.after(shape, read_refusal(400, None)):
        shape, count = lower, count + 1

    assert count == MOST_FORMS


# --- what is remembered


class Days:
    """A calendar that a test turns."""

    def __init__(self) -> None:
        self.today = TODAY

    def __call__(self) -> datetime.date:
        return self.today


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def egress(days: Days, store: MemoryStore) -> AsyncIterator[Egress]:
    async with Egress(learned=Learned(store, today=days)) as shared:
        yield shared


def no_schema(body: dict[str, Any]) -> Any:
    return plain(param="response_format") if "response_format" in body else None


def place_of(asker: Asker) -> Place:
    there = asker.credential.destination
    return Place("", there.connection, there.endpoint, "a-model")


async def test_what_was_learned_is_kept_with_its_day_and_used(
    egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(refusing(no_schema))
    await asker.ask(schema=SCHEMA)
    fake.calls.clear()

    await asker.ask(schema=SCHEMA)

    assert [form_of(body) for body in asker.sent] == ["prompt"]
    record = {"day": "2026-11-30", "facts": {"schema:reply": "prompt"}}
    assert store.load(place_of(asker)) == record


async def test_another_schema_is_tried_in_its_best_form(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(refusing(no_schema))
    await asker.ask(schema=SCHEMA)
    fake.calls.clear()
    fake.answers("{}")

    await asker.ask(schema=SCHEMA, schema_name="another")

    assert [form_of(body) for body in asker.sent] == ["json_schema"]


async def test_what_was_learned_expires_after_thirty_days(
    egress: Egress, fake: FakeProviders, days: Days
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(refusing(no_schema))
    await asker.ask(schema=SCHEMA)
    fake.answers("{}")
    fake.calls.clear()

    days.today += datetime.timedelta(days=29)
    await asker.ask(schema=SCHEMA)
    days.today += datetime.timedelta(days=1)
    await asker.ask(schema=SCHEMA)

    assert [form_of(body) for body in asker.sent] == ["prompt", "json_schema"]


async def test_form_that_was_remembered_and_is_refused_is_forgotten(
    egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(refusing(no_schema))
    await asker.ask(schema=SCHEMA)
    fake.calls.clear()
    fake.answer_by(refusing(lambda body: plain() if form_of(body) == "prompt" else None))

    assert text_of(await asker.ask(schema=SCHEMA)) == "{}"

    assert [form_of(body) for body in asker.sent] == ["prompt", "json_schema"]
    assert store.load(place_of(asker)) is None


@pytest.mark.parametrize("failure", [{"status": 401}, {"status": 429}, {"status": 503}])
async def test_failure_that_is_not_about_the_form_forgets_nothing(
    failure: dict[str, int], egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(refusing(no_schema))
    await asker.ask(schema=SCHEMA)
    fake.answers("x", **failure)

    await asker.fail(schema=SCHEMA)

    assert store.load(place_of(asker)) is not None


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"day": 5, "facts": {}},
        {"day": "soon", "facts": {"usage": False}},
        {"day": "2026-11-30", "facts": ["usage"]},
        {"day": "2026-11-30", "facts": {"usage": "maybe", "schema:reply": 7, "most": "9", "x": 1}},
    ],
)
async def test_record_that_makes_no_sense_changes_nothing(
    record: dict[str, Any], egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker("openai-chat", egress, fake)
    await store.save(place_of(asker), record)
    fake.answers("{}")

    await asker.ask(schema=SCHEMA, max_output_tokens=100)

    (body,) = asker.sent
    assert (form_of(body), body["max_tokens"]) == ("json_schema", 100)
    assert "stream_options" in body


async def test_memory_keeps_the_newest_of_too_many() -> None:
    store = MemoryStore()
    for number in range(1_500):
        await store.save(Place("", "openai", "http://a", str(number)), {"day": "2026-11-30"})

    kept = [
        number
        for number in range(1_500)
        if store.load(Place("", "openai", "http://a", str(number)))
    ]
    assert kept == list(range(500, 1_500))
