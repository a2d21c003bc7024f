"""Streams in which nothing comes: the reply is asked for once more, whole, which says what is wrong."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from assay_nb.errors import AssayError, ProviderError
from assay_nb.providers.exchange import Limits
from assay_nb.providers.learned import Learned, MemoryStore, Place
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

CONTEXT = {"error": {"message": "too many tokens", "code": "context_length_exceeded"}}
SCHEMA_REFUSED = {"error": {"message": "No.", "param": "response_format"}}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def egress(store: MemoryStore) -> AsyncIterator[Egress]:
    learned = Learned(store, today=lambda: datetime.date(2026, 11, 30))
    async with Egress(learned=learned) as shared:
        yield shared


class Asker:
    """One implementation on one server."""

    def __init__(self, wire: str, egress: Egress, fake: FakeProviders, **retry: Any) -> None:
        self.fake = fake
        self.provider = make_provider(wire, egress, fake, Retry(**retry))
        self.credential = make_credential(fake.destination(provider_of(wire)))

    async def ask(self, **options: Any) -> list[Any]:
        stream = self.provider.stream(
            make_request(**options), model="a-model", credential=self.credential
        )
        return await collect(stream)

    async def fail(self, **options: Any) -> AssayError:
        with pytest.raises(AssayError) as caught:
            await self.ask(**options)
        return caught.value

    @property
    def streamed(self) -> list[bool]:
        return [is_streamed(call) for call in self.fake.calls]

    def learned(self, store: MemoryStore) -> Any:
        there = self.credential.destination
        record = store.load(Place("", there.connection, there.endpoint, "a-model"))
        return record and record["facts"]


def is_streamed(call: Call) -> bool:
    return bool(call.body.get("stream")) or call.path.endswith(":streamGenerateContent")


BLANKS: dict[str, Answer] = {
    "not one byte": Answer(fault="empty"),
    "comments alone": Answer(raw=(b": one moment\n\n", b": still here\n\n")),
    "frames without data": Answer(raw=(b"data:\n\nevent: ping\n\ndata: null\n\n",)),
    "only a closing mark": Answer(raw=(b"data: [DONE]\n\n",)),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("blank", BLANKS.values(), ids=list(BLANKS))
async def test_reply_that_a_server_does_not_stream_comes_whole_and_is_remembered(
    blank: Answer, wire: str, egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answer_by(lambda call: blank if is_streamed(call) else Answer(chunks=("Hel", "lo.")))

    first = await asker.ask()
    second = await asker.ask()

    assert [text_of(first), text_of(second)] == ["Hello.", "Hello."]
    assert [stop_of(first).reason, stop_of(second).reason] == ["end", "end"]
    assert asker.streamed == [True, False, False]
    assert asker.learned(store) == {"streamed": False}


@pytest.mark.parametrize("wire", WIRES)
async def test_refusal_that_a_stream_hides_is_told_and_nothing_is_remembered(
    wire: str, egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answer_by(
        lambda call: (
            Answer(fault="empty") if is_streamed(call) else Answer(status=400, body=CONTEXT)
        )
    )

    error = await asker.fail()

    assert isinstance(error, ProviderError)
    assert error.status == 413
    assert "longer than" in error.message
    assert asker.streamed == [True, False]
    assert asker.learned(store) is None


async def test_schema_that_is_refused_in_silence_goes_down_a_rung_and_is_streamed_again(
    egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker("openai-chat", egress, fake)

    def answer(call: Call) -> Answer:
        if call.body.get("response_format", {}).get("type") != "json_schema":
            return Answer(chunks=("{}",))
        return (
            Answer(fault="empty") if is_streamed(call) else Answer(status=400, body=SCHEMA_REFUSED)
        )

    fake.answer_by(answer)

    assert text_of(await asker.ask(schema=SCHEMA)) == "{}"

    assert asker.streamed == [True, False, True]
    assert asker.learned(store) == {"schema:reply": "json_object_schema"}


async def test_form_that_is_remembered_is_not_forgotten_for_a_row_that_is_too_long(
    egress: Egress, fake: FakeProviders, store: MemoryStore
) -> None:
    asker = Asker("openai-chat", egress, fake)
    fake.answer_by(
        lambda call: (
            Answer(status=400, body=SCHEMA_REFUSED)
            if "response_format" in call.body
            else Answer(chunks=("{}",))
        )
    )
    await asker.ask(schema=SCHEMA)
    before = asker.learned(store)
    fake.answer_by(
        lambda call: (
            Answer(fault="empty") if is_streamed(call) else Answer(status=400, body=CONTEXT)
        )
    )

    await asker.fail(schema=SCHEMA)

    assert before == {"schema:reply": "prompt"}
    assert asker.learned(store) == before


@pytest.mark.parametrize("wire", WIRES)
async def test_stream_that_breaks_off_after_some_text_is_not_asked_for_again(
    wire: str, egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker(wire, egress, fake)
    fake.answers("Hello", fault="eof", fault_after=1)

    events = await asker.ask()

    assert (text_of(events), stop_of(events).reason) == ("Hello", "incomplete")
    assert asker.streamed == [True]


async def test_reply_is_not_asked_for_whole_where_the_call_may_not_pay_for_it(
    egress: Egress, fake: FakeProviders
) -> None:
    asker = Asker("openai-chat", egress, fake, may_send=lambda: False)
    fake.answers("x", fault="empty")

    events = await asker.ask()

    assert (text_of(events), stop_of(events).reason) == ("", "incomplete")
    assert asker.streamed == [True]


async def test_whole_reply_that_takes_too_long_is_streamed_the_next_time(
    fake: FakeProviders, store: MemoryStore
) -> None:
    limits = Limits(idle=0.2)
    async with Egress(learned=Learned(store), limits=limits) as egress:
        asker = Asker("openai-chat", egress, fake)
        fake.answer_by(lambda call: Answer(fault="empty") if is_streamed(call) else Answer())
        await asker.ask()
        before = asker.learned(store)
        fake.answers("x", fault="stall_headers")

        error = await asker.fail()

    assert "not sent a byte" in str(error)
    assert (before, asker.learned(store)) == ({"streamed": False}, None)
