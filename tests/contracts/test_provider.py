"""What every provider promises, run against all four implementations with the real SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from assay_nb.egress.credential import Credential
from assay_nb.errors import (
    AssayError,
    BadReply,
    ProviderAuthError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    VaultSealed,
    WrongUsage,
)
from assay_nb.messages import Message, ProviderEvent, Request, Stopped, TextDelta, Usage
from assay_nb.providers.base import Provider
from assay_nb.providers.exchange import Limits
from assay_nb.providers.retry import Retry
from assay_nb.providers.transport import Egress
from tests.canaries import find_canary, make_canary
from tests.fakes.providers import Answer, FakeProviders, only
from tests.fakes.providers_client import (
    SCHEMA,
    WIRES,
    Opened,
    collect,
    make_credential,
    make_provider,
    make_request,
    provider_of,
    stop_of,
    text_of,
    usage_of,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def limits() -> Limits:
    return Limits(idle=0.6, connect=2, body=2_000_000)


@dataclass
class Subject:
    """One implementation, where it calls, and with what."""

    wire: str
    provider: Provider
    credential: Credential
    key: str
    waits: list[tuple[float, int]]

    def stream(self, text: str = "Hello?", model: str = "a-model", **options: Any) -> Any:
        request = make_request(text, **options)
        return self.provider.stream(request, model=model, credential=self.credential)

    async def ask(self, text: str = "Hello?", model: str = "a-model", **options: Any) -> Any:
        return await collect(self.stream(text, model, **options))

    async def fail(self, text: str = "Hello?", model: str = "a-model", **options: Any) -> Any:
        with pytest.raises(AssayError) as caught:
            await self.ask(text, model, **options)
        return caught.value


@pytest.fixture(params=WIRES)
def subject(request: pytest.FixtureRequest, egress: Egress, fake: FakeProviders) -> Subject:
    wire = request.param
    waits: list[tuple[float, int]] = []

    async def sleep(seconds: float) -> None:
        pass

    retry = Retry(sleep=sleep, on_wait=lambda seconds, attempt: waits.append((seconds, attempt)))
    key = make_canary(provider_of(wire))
    credential = make_credential(fake.destination(provider_of(wire)), key)
    return Subject(wire, make_provider(wire, egress, fake, retry), credential, key, waits)


# --- a reply


@pytest.mark.slow
async def test_text_arrives_piece_by_piece_and_whole(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("Good", " ", "prompt, naïve — 日本\u2028 👩‍🔬.")

    events = await subject.ask()

    assert text_of(events) == "Good prompt, naïve — 日本\u2028 👩‍🔬."
    assert [type(event) for event in events].count(TextDelta) == 3


async def test_half_a_surrogate_pair_does_not_end_the_reply(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("before", "\ud83d", "after")

    text = text_of(await subject.ask())

    assert text.startswith("before")
    assert text.endswith("after")


async def test_last_event_is_the_only_stop(subject: Subject) -> None:
    events = await subject.ask()

    assert [event for event in events if isinstance(event, Stopped)] == [events[-1]]
    assert stop_of(events).reason == "end"
    assert stop_of(events).model is not None
    assert stop_of(events).request_id == "req_fake"


async def test_usage_counts_cached_tokens_as_input(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", input_tokens=120, cached_tokens=100, output_tokens=7)

    assert usage_of(await subject.ask()) == Usage(120, 7, 100)


async def test_missing_usage_is_no_error(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", input_tokens=None)

    events = await subject.ask()

    assert text_of(events) == "x"
    assert usage_of(events) in {None, Usage()}


async def test_thinking_is_not_the_reply(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("Answer.", thinking="Let me think about it.")

    assert text_of(await subject.ask()) == "Answer."


async def test_first_piece_is_handed_on_before_the_second_was_sent(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("first", "second", fault="stall")

    stream = subject.stream()
    pieces = (event async for event in stream if isinstance(event, TextDelta))
    first = await asyncio.wait_for(anext(pieces), 60)
    await stream.aclose()

    assert first.text == "first"


@pytest.mark.parametrize(
    ("said", "reason"), [("length", "length"), ("refusal", "refusal"), ("filtered", "filtered")]
)
async def test_stop_reason_is_told(
    subject: Subject, fake: FakeProviders, said: str, reason: str
) -> None:
    fake.answers("part", stop=said)
    if subject.wire == "anthropic" and said == "filtered":
        reason = "refusal"

    assert stop_of(await subject.ask()).reason == reason


async def test_stream_without_a_terminal_marker_is_incomplete(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("half an ", "answer", fault="eof")

    events = await subject.ask()

    assert text_of(events) == "half an "
    assert stop_of(events).reason == "incomplete"


_WHOLE = ("stop", "eos", "eos_token", "stop_sequence", "end_turn", "STOP", "COMPLETE")
WHOLE = {
    "anthropic": _WHOLE,
    "openai-responses": ("",),
    "openai-chat": _WHOLE,
    "google": _WHOLE,
}
"""The words that say that a reply is whole, in whichever dialect: a proxy translates a reply and leaves the
word as it was. Whatever else comes, known today or not, says that it is not."""

_OF_ANY_DIALECT = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "MAX_TOKENS": "length",
    "token_limit": "length",
    "content_filter": "filtered",
    "content-filter": "filtered",
    "content_filtered": "filtered",
    "guardrail_intervened": "filtered",
    "SAFETY": "filtered",
    "PROHIBITED_CONTENT": "filtered",
    "refusal": "refusal",
    "tool_calls": "incomplete",
    "error": "incomplete",
    "": "incomplete",
    "null": "incomplete",
    "stop_of_2031": "incomplete",
}

NOT_WHOLE = {
    "anthropic": {
        **_OF_ANY_DIALECT,
        "model_context_window_exceeded": "length",
        "pause_turn": "incomplete",
        "tool_use": "incomplete",
        "compaction": "incomplete",
        "pause_of_2031": "incomplete",
    },
    "openai-responses": {
        "max_output_tokens": "length",
        "content_filter": "filtered",
        "max_tokens": "length",
        "stop": "incomplete",
        "max_tool_calls": "incomplete",
        "limit_of_2031": "incomplete",
    },
    "openai-chat": {
        **_OF_ANY_DIALECT,
        "model_length": "length",
        "sensitive": "filtered",
        "model_context_window_exceeded": "length",
        "insufficient_system_resource": "incomplete",
        "function_call": "incomplete",
        "abort": "incomplete",
    },
    "google": {
        **_OF_ANY_DIALECT,
        "RECITATION": "filtered",
        "LANGUAGE": "filtered",
        "BLOCKLIST": "filtered",
        "SPII": "filtered",
        "IMAGE_SAFETY": "filtered",
        "IMAGE_PROHIBITED_CONTENT": "filtered",
        "IMAGE_RECITATION": "filtered",
        "CONTINUATION": "incomplete",
        "MALFORMED_FUNCTION_CALL": "incomplete",
        "MODEL_ARMOR": "filtered",
        "STOP_OF_2031": "incomplete",
        "OTHER": "incomplete",
        "MALFORMED_RESPONSE": "incomplete",
        "FINISH_REASON_UNSPECIFIED": "incomplete",
    },
}


async def read_ends(subject: Subject, fake: FakeProviders, words: Iterable[str]) -> dict[str, str]:
    """Return what each of the provider's words for an end is read as."""
    found: dict[str, str] = {}
    for word in words:
        fake.answers("part", finish=word)
        found[word] = stop_of(await subject.ask()).reason
    return found


async def test_words_for_a_whole_reply_are_a_closed_list(
    subject: Subject, fake: FakeProviders
) -> None:
    words = WHOLE[subject.wire]

    assert await read_ends(subject, fake, words) == dict.fromkeys(words, "end")


async def test_every_other_word_says_why_it_is_not_whole(
    subject: Subject, fake: FakeProviders
) -> None:
    words = NOT_WHOLE[subject.wire]

    assert await read_ends(subject, fake, words) == words


async def test_word_that_nobody_knows_yet_is_not_whole(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("part", finish="paused_for_thought_v9")

    assert stop_of(await subject.ask()).reason == "incomplete"


@pytest.mark.parametrize("chunks", [("",), (" ", "\n\n"), ()])
async def test_reply_that_ended_well_and_holds_no_text_is_empty(
    subject: Subject, fake: FakeProviders, chunks: tuple[str, ...]
) -> None:
    fake.answer_by(lambda call: Answer(chunks=chunks))

    events = await subject.ask()

    assert text_of(events).strip() == ""
    assert stop_of(events).reason == "empty"


@pytest.mark.parametrize("stop", ["length", "refusal"])
async def test_empty_reply_that_ended_badly_keeps_its_own_reason(
    subject: Subject, fake: FakeProviders, stop: str
) -> None:
    fake.answers("", stop=stop)

    assert stop_of(await subject.ask()).reason == stop


@pytest.mark.parametrize("sign", [{"thinking": "Let me think."}, {"thinking_tokens": 400}])
async def test_thoughts_are_told_whether_shown_or_only_counted(
    subject: Subject, fake: FakeProviders, sign: dict[str, Any]
) -> None:
    fake.answers("", **sign)
    thought = stop_of(await subject.ask())
    fake.answers("")
    plain = stop_of(await subject.ask())

    assert (thought.reason, thought.thought) == ("empty", True)
    assert (plain.reason, plain.thought) == ("empty", False)


async def test_empty_body_is_incomplete(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", fault="empty")

    assert stop_of(await subject.ask()).reason == "incomplete"


# --- what is sent


async def test_turns_and_system_reach_the_provider(subject: Subject, fake: FakeProviders) -> None:
    request = Request(
        messages=(Message("user", "one"), Message("assistant", "two"), Message("user", "three")),
        system="Be brief.",
        max_output_tokens=321,
    )

    await collect(subject.provider.stream(request, model="m", credential=subject.credential))

    sent = only(fake.calls).text
    assert all(text in sent for text in ("one", "two", "three", "Be brief.", "321"))


async def test_brace_in_a_prompt_is_left_alone(subject: Subject, fake: FakeProviders) -> None:
    await subject.ask("{{ticket}} {x} %s ${y}")

    assert "{{ticket}} {x} %s ${y}" in only(fake.calls).text


async def test_no_sampling_parameter_is_sent_that_nobody_set(
    subject: Subject, fake: FakeProviders
) -> None:
    await subject.ask()

    sent = only(fake.calls).text
    for name in (
        "temperature",
        "top_p",
        "topP",
        "top_k",
        "topK",
        "reasoning",
        "thinking",
        "effort",
    ):
        assert name not in sent


async def test_temperature_is_sent_when_the_user_set_it(
    subject: Subject, fake: FakeProviders
) -> None:
    await subject.ask(knobs={"temperature": 0.25})

    body = only(fake.calls).body
    assert body.get("temperature", body.get("generationConfig", {}).get("temperature")) == 0.25


async def test_unknown_setting_is_refused_before_anything_is_sent(
    subject: Subject, fake: FakeProviders
) -> None:
    error = await subject.fail(knobs={"temprature": 1})

    assert isinstance(error, WrongUsage)
    assert fake.calls == []


async def test_nothing_is_stored_at_the_provider(subject: Subject, fake: FakeProviders) -> None:
    await subject.ask()

    if subject.wire == "openai-responses":
        assert only(fake.calls).body["store"] is False
    else:
        assert "store" not in only(fake.calls).body


async def test_schema_goes_in_the_providers_own_parameter(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers('{"score": 7}')

    events = await subject.ask(schema=SCHEMA)

    assert text_of(events) == '{"score": 7}'
    body = only(fake.calls).body
    where: dict[str, Callable[[], Any]] = {
        "anthropic": lambda: body["output_config"]["format"]["schema"],
        "openai-responses": lambda: body["text"]["format"]["schema"],
        "openai-chat": lambda: body["response_format"]["json_schema"]["schema"],
        "google": lambda: body["generationConfig"]["responseJsonSchema"],
    }
    assert where[subject.wire]() == SCHEMA


async def test_refused_schema_goes_in_the_prompt_and_the_model_is_remembered(
    subject: Subject, egress: Egress, fake: FakeProviders
) -> None:
    fake.refuse_schema = True
    fake.answers('{"score": 7}')

    first = await subject.ask(schema=SCHEMA)
    tried = len(fake.calls)
    another = make_provider(subject.wire, egress, fake)
    stream = another.stream(
        make_request(schema=SCHEMA), model="a-model", credential=subject.credential
    )
    second = await collect(stream)

    assert text_of(first) == text_of(second) == '{"score": 7}'
    assert "JSON Schema" in fake.calls[-1].text
    assert len(fake.calls) == tried + 1


async def test_schema_that_is_refused_after_another_was_taken_still_goes_in_the_prompt(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers('{"score": 7}')
    await subject.ask(schema=SCHEMA)
    fake.refuse_schema = True

    assert text_of(await subject.ask(schema=SCHEMA)) == '{"score": 7}'


async def test_a_plainer_shape_is_sent_only_where_another_request_may_be(
    subject: Subject, egress: Egress, fake: FakeProviders
) -> None:
    fake.refuse_schema = True
    frugal = make_provider(subject.wire, egress, fake, Retry(may_send=lambda: False))

    with pytest.raises(ProviderError):
        await collect(
            frugal.stream(
                make_request(schema=SCHEMA), model="a-model", credential=subject.credential
            )
        )

    assert len(fake.calls) == 1


# --- errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProviderError),
        (401, ProviderAuthError),
        (402, ProviderError),
        (403, ProviderAuthError),
        (404, ProviderError),
        (413, ProviderError),
        (422, ProviderError),
        (429, RateLimited),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
        (504, ProviderUnavailable),
        (529, ProviderUnavailable),
    ],
)
async def test_status_becomes_an_error_of_ours_with_a_next_step(
    subject: Subject, fake: FakeProviders, status: int, kind: type[ProviderError]
) -> None:
    fake.answers("x", status=status)

    error = await subject.fail()

    assert type(error) is kind
    assert error.status == status
    assert error.provider == subject.provider.id
    assert error.request_id == "req_fake"
    assert error.hint
    assert f"The request failed with {status}" not in str(error), "the provider's text"


async def test_error_drags_nothing_of_the_sdk_along(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", status=401)

    error = await subject.fail()

    assert error.__cause__ is None
    assert error.__context__ is None


async def test_refused_key_is_to_be_replaced(subject: Subject, fake: FakeProviders) -> None:
    fake.keys = {"another"}

    error = await subject.fail()

    assert isinstance(error, ProviderAuthError)
    assert error.key_step is not None
    assert (error.key_step.act, error.key_step.connection) == ("replace", subject.provider.id)


async def test_unknown_model_is_named_with_the_nearest_known_one(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("x", status=404)
    near = {
        "anthropic": "claude-sonet-4-6",
        "openai": "gpt-6-lunar",
        "google": "gemini-3.8-flesh",
    }
    model = near[subject.provider.id]

    error = await subject.fail(model=model)

    assert model in error.message
    assert "Nearest known name" in error.hint


async def test_short_wait_that_the_provider_asks_for_is_kept(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.queue(Answer(status=429, retry_after="7"))

    events = await subject.ask()

    assert stop_of(events).reason == "end"
    assert [(round(seconds), attempt) for seconds, attempt in subject.waits] == [(7, 2)]


async def test_long_wait_is_told_instead_of_waited(subject: Subject, fake: FakeProviders) -> None:
    fake.queue(Answer(status=429, retry_after="3600"))

    error = await subject.fail()

    assert isinstance(error, RateLimited)
    assert error.retry_after == 3600
    assert "60 minutes" in error.hint
    assert len(fake.calls) == 1


async def test_overloaded_provider_is_asked_three_times_and_no_more(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("x", status=529)

    error = await subject.fail()

    assert isinstance(error, ProviderUnavailable)
    assert len(fake.calls) == 3
    assert [attempt for _, attempt in subject.waits] == [2, 3]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
async def test_refusal_that_will_not_change_is_not_repeated(
    subject: Subject, fake: FakeProviders, status: int
) -> None:
    fake.answers("x", status=status)

    await subject.fail()

    sent = [call.raw for call in fake.calls]  # a server may be asked again in another form
    assert len(sent) == len(set(sent)) > 0
    assert subject.waits == []


async def test_error_after_the_first_piece_is_not_retried(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("first", "second", fault="error_event")
    events: list[ProviderEvent] = []

    async def read() -> None:
        async for event in subject.stream():
            events.append(event)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(ProviderUnavailable):
        await read()

    assert text_of(events) == "first"
    assert len(fake.calls) == 1


@pytest.mark.parametrize("fault", ["cut", "reset"])
async def test_broken_connection_is_unavailable(
    subject: Subject, fake: FakeProviders, fault: str
) -> None:
    fake.answers("first", "second", fault=fault)

    error = await subject.fail()

    assert isinstance(error, ProviderUnavailable)
    assert (error.broken_off, error.unreached) == (True, False)
    assert len(fake.calls) == 1


@pytest.mark.parametrize("fault", ["half_frame", "garbage"])
async def test_frame_that_is_not_json_is_a_bad_reply(
    subject: Subject, fake: FakeProviders, fault: str
) -> None:
    fake.answers("first", "second", fault=fault)

    assert isinstance(await subject.fail(), BadReply)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["stall", "stall_headers"])
async def test_silent_provider_is_left_after_the_idle_time(
    subject: Subject, fake: FakeProviders, fault: str
) -> None:
    fake.answers("first", "second", fault=fault)

    error = await subject.fail()

    assert isinstance(error, ProviderUnavailable)
    assert (error.broken_off, error.unreached) == (False, False)
    assert len(fake.calls) == 1


async def test_refused_connection_is_retried_and_then_told(
    subject: Subject, fake: FakeProviders
) -> None:
    gone = fake.destination(subject.provider.id)
    fake.__exit__()
    try:
        credential = make_credential(gone)
        with pytest.raises(ProviderUnavailable, match="cannot be reached") as caught:
            await collect(subject.provider.stream(make_request(), model="m", credential=credential))
    finally:
        fake.restart()

    assert (caught.value.broken_off, caught.value.unreached) == (False, True)
    assert [attempt for _, attempt in subject.waits] == [2, 3]


async def test_web_page_with_200_is_unavailable(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", fault="html")

    error = await subject.fail()

    assert isinstance(error, ProviderUnavailable)
    assert "web page" in error.message


async def test_web_page_with_403_is_not_blamed_on_the_key(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("x", status=403, headers={"Content-Type": "text/html"})

    assert isinstance(await subject.fail(), ProviderUnavailable)


@pytest.mark.slow
async def test_compressed_flood_is_cut_at_the_limit(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", fault="gzip_bomb")

    assert isinstance(await subject.fail(), ProviderUnavailable)


async def test_endless_reply_is_cut_at_the_limit(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", fault="flood")

    error = await subject.fail()

    assert isinstance(error, ProviderUnavailable)
    assert await asyncio.to_thread(only(fake.calls).closed.wait, 2)


async def test_error_of_the_vault_arrives_as_it_is(subject: Subject, fake: FakeProviders) -> None:
    def sealed() -> Any:
        raise VaultSealed("The vault is sealed.")

    credential = Credential(subject.credential.destination, sealed)

    with pytest.raises(VaultSealed, match="The vault is sealed"):
        await collect(subject.provider.stream(make_request(), model="m", credential=credential))

    assert fake.calls == []


# --- stopping


async def test_cancelling_the_reader_closes_the_upstream_connection_at_once(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("a", "b", fault="stall")
    first = asyncio.Event()

    async def read() -> None:
        async for event in subject.stream():
            if isinstance(event, TextDelta):
                first.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(first.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await asyncio.to_thread(only(fake.calls).closed.wait, 60)


async def test_leaving_the_loop_closes_the_upstream_connection_at_once(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("a", "b", fault="stall")

    stream = subject.stream()
    async for event in stream:
        if isinstance(event, TextDelta):
            break
    await stream.aclose()

    assert await asyncio.to_thread(only(fake.calls).closed.wait, 60)


async def test_cancelling_before_the_headers_closes_the_connection(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("x", delay=20)

    task = asyncio.create_task(subject.ask())
    assert await asyncio.to_thread(fake.arrived.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await asyncio.to_thread(only(fake.calls).closed.wait, 1)


# --- the key


async def test_key_is_opened_once_per_request_and_wiped(
    subject: Subject, fake: FakeProviders
) -> None:
    opened = Opened(subject.key)
    credential = Credential(subject.credential.destination, opened.open)

    await collect(subject.provider.stream(make_request(), model="m", credential=credential))

    assert only(fake.calls).key == subject.key
    assert len(opened.buffers) == 1
    assert not any(opened.buffers[0])


async def test_key_goes_in_the_header_alone(subject: Subject, fake: FakeProviders) -> None:
    await subject.ask()

    call = only(fake.calls)
    places = [name for name, value in call.headers.items() if find_canary(value, subject.key)]
    assert places == ["x-goog-api-key" if subject.wire == "google" else "authorization"]
    assert not find_canary(call.path + call.query + call.text, subject.key)


async def test_without_a_key_nothing_stands_in_its_place(
    subject: Subject, fake: FakeProviders
) -> None:
    there = replace(fake.destination(subject.provider.id), placement="none")
    subject.credential = make_credential(there, "")

    await subject.ask()
    await subject.provider.list_models(subject.credential)
    await subject.provider.count_tokens(make_request(), model="m", credential=subject.credential)

    assert {call.path for call in fake.calls} > {fake.calls[0].path}
    for call in fake.calls:
        named = {"authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"}
        assert named.isdisjoint(call.headers)
        assert "assay-placeholder" not in f"{call.headers}{call.query}{call.text}"


async def test_short_key_is_sent_as_it_is(subject: Subject, fake: FakeProviders) -> None:
    subject.credential = make_credential(fake.destination(subject.provider.id), "ollama")
    fake.answers("I am ollama, at your service.")

    assert text_of(await subject.ask()) == "I am ollama, at your service."
    assert only(fake.calls).key == "ollama"


async def test_refusal_without_a_key_says_that_one_is_wanted(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.keys = {"another"}
    there = replace(fake.destination(subject.provider.id), placement="none")
    subject.credential = make_credential(there, "")

    error = await subject.fail()

    assert isinstance(error, ProviderAuthError)
    assert error.message == f"{fake.origin} asks for a key, and none is stored for it."


async def test_two_keys_on_one_connection_do_not_mix(
    subject: Subject, egress: Egress, fake: FakeProviders
) -> None:
    keys = [make_canary(subject.provider.id) for _ in range(20)]
    destination = fake.destination(subject.provider.id)

    async def call(number: int) -> None:
        credential = make_credential(destination, keys[number])
        request = make_request(f"number {number}.")
        await collect(subject.provider.stream(request, model="m", credential=credential))

    await asyncio.gather(*(call(number) for number in range(20)))

    assert len(fake.calls) == 20
    for number in range(20):
        found = [call for call in fake.calls if f"number {number}." in call.text]
        assert only(found).key == keys[number]


# --- beside replies


async def test_listing_names_the_models(subject: Subject, fake: FakeProviders) -> None:
    fake.models[subject.provider.id] = ("one", "two")

    listed = await subject.provider.list_models(subject.credential)

    assert [model.id for model in listed] == ["one", "two"]


async def test_listing_with_a_bad_key_is_an_auth_error(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.keys = set()

    with pytest.raises(ProviderAuthError):
        await subject.provider.list_models(subject.credential)


async def test_listing_through_a_log_in_page_is_unavailable(
    subject: Subject, fake: FakeProviders
) -> None:
    fake.answers("x", fault="html")

    with pytest.raises(ProviderUnavailable):
        await subject.provider.list_models(subject.credential)


async def test_counted_tokens_are_the_providers_own(subject: Subject, fake: FakeProviders) -> None:
    fake.answers("x", input_tokens=77)

    counted = await subject.provider.count_tokens(
        make_request(system="Be brief."), model="m", credential=subject.credential
    )

    assert counted == (None if subject.wire == "openai-chat" else 77)
