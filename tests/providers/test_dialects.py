"""Dialects, through the real SDKs: where servers put text and thoughts, and how their streams go wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from assay_nb.errors import (
    AssayError,
    BadReply,
    ProviderAuthError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from assay_nb.messages import ProviderEvent, Request, TextDelta, ThoughtDelta, Usage
from assay_nb.providers.transport import Egress
from tests.canaries import make_canary
from tests.fakes.providers import Answer, FakeProviders
from tests.fakes.providers_client import (
    WIRES,
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

Frames = Sequence[dict[str, Any]]


def thoughts_of(events: Sequence[ProviderEvent]) -> str:
    """Return the thoughts; text that turned out to be thought is among them."""
    text = thoughts = ""
    for event in events:
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, ThoughtDelta):
            if event.so_far:
                thoughts, text = thoughts + text, ""
            thoughts += event.text
    return thoughts


def answer_of(events: Sequence[ProviderEvent]) -> str:
    """Return the text that is left as the answer."""
    taken_back = max(
        (n for n, e in enumerate(events) if isinstance(e, ThoughtDelta) and e.so_far), default=0
    )
    return text_of(events[taken_back:])


@dataclass
class Asking:
    """One wire, asked for a reply whose body a test writes."""

    egress: Egress
    fake: FakeProviders

    async def __call__(
        self, wire: str, raw: Sequence[bytes], request: Request | None = None, **answer: Any
    ) -> list[ProviderEvent]:
        self.fake.answer_by(lambda call: Answer(raw=raw, **answer))
        provider = make_provider(wire, self.egress, self.fake)
        credential = make_credential(self.fake.destination(provider_of(wire)))
        stream = provider.stream(request or make_request(), model="m", credential=credential)
        return await collect(stream)

    async def fail(self, wire: str, raw: Sequence[bytes], **answer: Any) -> AssayError:
        with pytest.raises(AssayError) as caught:
            await self(wire, raw, **answer)
        return caught.value


@pytest.fixture
def ask(egress: Egress, fake: FakeProviders) -> Asking:
    return Asking(egress, fake)


def sse(frames: Frames) -> bytes:
    return b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)


# --- the plainest stream of each wire, from pieces of text


def chat(*deltas: dict[str, Any], finish: str | None = "stop") -> Frames:
    """Return chunks with these deltas."""
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    return [{"model": "m", "choices": [choice]} for choice in choices] + [
        {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    ]


def messages(*deltas: dict[str, Any], finish: str | None = "end_turn") -> Frames:
    """Return a message with these deltas, all in one block."""
    return [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": finish}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


def responses(*events: dict[str, Any], output: Sequence[Any] | None = (), **fields: Any) -> Frames:
    """Return these events, and the one that closes the stream."""
    response = {"object": "response", "model": "m", "status": "completed", "output": output}
    return [*events, {"type": "response.completed", "response": {**response, **fields}}]


def gemini(*parts: dict[str, Any], finish: str | None = "STOP") -> Frames:
    """Return a chunk for each of these parts."""
    chunks = [{"candidates": [{"content": {"parts": [part]}}]} for part in parts]
    return [*chunks, {"candidates": [{"finishReason": finish}], "modelVersion": "m"}]


def plain(wire: str, *texts: str) -> Frames:
    """Return the stream of a wire that says these texts, one a frame."""
    if wire == "anthropic":
        return messages(*({"type": "text_delta", "text": text} for text in texts))
    if wire == "openai-chat":
        return chat(*({"content": text} for text in texts))
    if wire == "google":
        return gemini(*({"text": text} for text in texts))
    return responses(*({"type": "response.output_text.delta", "delta": text} for text in texts))


WHOLE: dict[str, dict[str, Any]] = {
    "anthropic": {
        "type": "message",
        "model": "m",
        "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 2},
    },
    "openai-chat": {
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello.", "reasoning": "Hm."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    },
    "openai-responses": {
        "object": "response",
        "model": "m",
        "status": "completed",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "message", "content": [{"type": "output_text", "text": "Hello."}]},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 2},
    },
    "google": {
        "candidates": [
            {
                "content": {"parts": [{"text": "Hm.", "thought": True}, {"text": "Hello."}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2},
        "modelVersion": "m",
    },
}
"""A whole reply of each wire, as a server sends it that does not stream."""


# --- how it is carried

CARRIED: dict[str, Callable[[Frames], bytes]] = {
    "frames": sse,
    "frames with noise": lambda frames: (
        b"\xef\xbb\xbf: hi\n\nretry: 1\n\nevent: ping\n\n"
        + b"data: null\n\nid: 4\n\n".join(sse([frame]) for frame in frames)
    ),
    "frames in CRLF": lambda frames: sse(frames).replace(b"\n", b"\r\n"),
    "frames without blanks": lambda frames: sse(frames).replace(b"data: ", b"data:"),
    "frames with a mark": lambda frames: sse(frames) + b"data: [DONE]\n\n",
    "frames with a mark of its own": lambda frames: sse(frames) + b"data:  [done] \n\n",
    "frames with words after the mark": lambda frames: (
        sse(frames) + b"data: [DONE]\n\ndata: bye\n\nEOF\n"
    ),
    "frames without a blank line between": lambda frames: (
        sse(frames).replace(b"\n\n", b"\n") + b"data: [DONE]\n\n"
    ),
    "frames in frames": lambda frames: (
        sse(frames).replace(b"data: ", b"data: data: ") + b"data: data: [DONE]\n\n"
    ),
    "frames on several lines": lambda frames: b"".join(
        b"event: x\ndata: " + json.dumps(frame, indent=2).encode() + b"\n\n" for frame in frames
    ),
    "frames with pings of one word": lambda frames: b"data: ping\n\n" + sse(frames),
    "lines": lambda frames: b"\n".join(json.dumps(frame).encode() for frame in frames),
    "an array": lambda frames: json.dumps(frames, indent=2).encode(),
}
LABELS = (
    "text/event-stream",
    "text/plain; charset=latin-1",
    "application/octet-stream",
    "application/x-ndjson",
    "application/json",
    "text/event-stream, text/event-stream",
    "*/*",
)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("carry", CARRIED.values(), ids=CARRIED.keys())
async def test_reply_is_read_however_it_is_carried(
    ask: Asking, wire: str, carry: Callable[[Frames], bytes]
) -> None:
    for label in LABELS:
        events = await ask(wire, [carry(plain(wire, "Grü", "ß 👋."))], label=label)

        assert text_of(events) == "Grüß 👋."
        assert (stop_of(events).reason, stop_of(events).model) == ("end", "m")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("carry", [CARRIED["frames"], CARRIED["an array"]])
async def test_reply_is_read_compressed_and_in_small_pieces(
    ask: Asking, wire: str, carry: Callable[[Frames], bytes]
) -> None:
    body = carry(plain(wire, "Grü", "ß 👋."))

    packed = await ask(wire, [gzip.compress(body)], headers={"Content-Encoding": "gzip"})
    pieces = await ask(wire, [body[at : at + 1] for at in range(len(body))])

    assert text_of(packed) == text_of(pieces) == "Grüß 👋."


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("in_frame", [False, True])
async def test_whole_reply_in_the_place_of_a_stream_is_read(
    ask: Asking, wire: str, in_frame: bool
) -> None:
    body = sse([WHOLE[wire]]) if in_frame else json.dumps(WHOLE[wire], indent=1).encode()

    events = await ask(wire, [body], label="application/json")

    assert (text_of(events), thoughts_of(events)) == ("Hello.", "Hm.")
    assert usage_of(events) in {Usage(5, 2), Usage(5, 2, 0)}
    stopped = stop_of(events)
    assert (stopped.reason, stopped.model, stopped.thought) == ("end", "m", True)


@pytest.mark.parametrize("wire", WIRES)
async def test_stream_without_its_end_is_not_whole(ask: Asking, wire: str) -> None:
    for more in (b"", b"data: [DONE]\n\n", b'data: {"choices": [{"del'):
        events = await ask(wire, [sse(plain(wire, "Hello.")[:-1]) + more])

        assert (text_of(events), stop_of(events).reason) == ("Hello.", "incomplete")


@pytest.mark.parametrize("wire", WIRES)
async def test_events_that_nobody_knows_yet_pass(ask: Asking, wire: str) -> None:
    news = sse([{"type": "response.news.of_2031", "choices": None}, {"cost": 0.1, "object": "x"}])

    events = await ask(wire, [news + sse(plain(wire, "Hello."))])

    assert (text_of(events), stop_of(events).reason) == ("Hello.", "end")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "body", [b"data: hello\n\n", b'data: {"a\n\n', b"no upstream\n", b"data: 3\n\n"]
)
async def test_what_is_not_the_protocol_is_said_in_our_words(
    ask: Asking, wire: str, body: bytes
) -> None:
    error = await ask.fail(wire, [body])

    assert isinstance(error, BadReply)
    assert "protocol" in error.message
    assert error.__cause__ is None


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "label", ["text/html", "text/plain", "application/json", "text/event-stream"]
)
async def test_page_is_named_whatever_its_label(ask: Asking, wire: str, label: str) -> None:
    error = await ask.fail(wire, [b"\n<!doctype html>\n<title>Log in</title>"], label=label)

    assert isinstance(error, ProviderUnavailable)
    assert "a web page" in error.message


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", [201, 206])
async def test_every_success_is_one(ask: Asking, wire: str, status: int) -> None:
    good = await ask(wire, [sse(plain(wire, "Hello."))], status=status)
    bad = await ask.fail(wire, [sse([{"error": {"code": "insufficient_quota"}}])], status=status)

    assert (text_of(good), getattr(bad, "status", None)) == ("Hello.", 402)


@pytest.mark.parametrize(
    ("encoding", "reason"), [("none", "end"), ("UTF-8", "end"), ("br", None), ("of-2031", None)]
)
async def test_encoding_that_is_not_one_changes_nothing(
    ask: Asking, encoding: str, reason: str | None
) -> None:
    body, headers = [sse(chat({"content": "x"}))], {"Content-Encoding": encoding}
    if reason:
        assert stop_of(await ask("openai-chat", body, headers=headers)).reason == reason
    else:
        assert "compressed" in (await ask.fail("openai-chat", body, headers=headers)).message


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "br"}, {"Content-Encoding": "zstd"}])
async def test_status_counts_where_the_body_of_an_error_cannot_be_read(
    ask: Asking, wire: str, headers: dict[str, str]
) -> None:
    error = await ask.fail(wire, [b"\xff\xfe{"], status=401, headers=headers)

    assert isinstance(error, ProviderAuthError)


async def test_label_of_something_else_is_refused(ask: Asking) -> None:
    error = await ask.fail("openai-chat", [sse(chat({"content": "x"}))], label="image/png")

    assert "image/png" in error.message


@pytest.mark.parametrize("wire", WIRES)
async def test_frames_without_end_are_cut_off(ask: Asking, wire: str, egress: Egress) -> None:
    most = egress.limits.body
    object.__setattr__(egress.limits, "body", 100_000)
    try:
        error = await ask.fail(wire, [b"data: " + b"x" * 60_000] * 2)
    finally:
        object.__setattr__(egress.limits, "body", most)

    assert "more than a reply can be" in error.message


# --- errors in a 200

FAILURES: dict[str, tuple[Any, type[AssayError], int]] = {
    "a number": ({"error": {"message": "no", "code": 401}}, ProviderAuthError, 401),
    "digits": ({"error": {"message": "no", "code": "402"}}, ProviderError, 402),
    "beside it": ({"error": "no", "status": 403}, ProviderAuthError, 403),
    "a limit": ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, RateLimited, 429),
    "overloaded": ({"type": "error", "error": {"code": 529}}, ProviderUnavailable, 529),
    "a text": ({"error": "The server broke."}, ProviderUnavailable, 500),
    "an invented one": ({"error": {"code": "too_tired"}}, ProviderUnavailable, 500),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("error", "kind", "status"), FAILURES.values(), ids=FAILURES.keys())
async def test_error_in_a_200_is_an_error_of_its_status(
    ask: Asking, wire: str, error: Any, kind: type[AssayError], status: int
) -> None:
    canary = "sk-" + "quoted"
    text = json.dumps(error).replace("no", canary)
    for body in (text, f"data: {text}\n\n", f"event: error\ndata: {text}\n\n"):
        failed = await ask.fail(wire, [body.encode()], label="application/json")

        assert type(failed) is kind
        assert getattr(failed, "status", None) == status
        assert canary not in f"{failed.message}{failed.hint}"


# --- more than was asked for, and what nobody reads


ODD: dict[str, tuple[str, Frames]] = {
    "a second choice": (
        "openai-chat",
        [
            {"choices": [{"index": 0, "delta": {"content": "Hel"}}, {"index": 1, "delta": {"content": "x"}}]},
            *chat({"content": "lo."}),
            {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "length"}]},
        ],
    ),
    "a choice that is null": ("openai-chat", [{"choices": [None]}, *chat({"content": "Hello."})]),
    "a filter's chunk after the end": (
        "openai-chat",
        [*chat({"content": "Hello."}), {"choices": [{"index": 0, "content_filter_offsets": {}}]}],
    ),
    "an end of null after the end": (
        "openai-chat",
        [*chat({"content": "Hello."}), *chat(finish="null")],
    ),
    "an unknown end of the upstream": (
        "openai-chat",
        [*chat({"content": "Hello."}), {"choices": [{"finish_reason": "stop", "native_finish_reason": "ok"}]}],
    ),
    "a delta without a type": ("anthropic", messages({"text": "Hello."})),
    "a last word that is missing": (
        "anthropic",
        [
            *messages({"type": "text_delta", "text": "Hello."})[:-1],
            {"type": "message_delta", "delta": {}},
            {"type": "message_stop"},
        ],
    ),
    "a message that is null": (
        "anthropic",
        [{"type": "message_start", "message": None}, *messages({"type": "text_delta", "text": "Hello."})[1:]],
    ),
    "a second candidate": (
        "google",
        [
            {"candidates": [{"index": 0, "content": {"parts": [{"text": "Hel"}]}}, {"index": 1, "content": {"parts": [{"text": "x"}]}}]},
            {"candidates": [{"index": 1, "content": {"parts": [{"text": "x"}]}, "finishReason": "MAX_TOKENS"}]},
            *gemini({"text": "lo."}),
        ],
    ),
    "parts that are null": ("google", [{"candidates": [{"content": {"parts": [None]}}]}, *gemini({"text": "Hello."})]),
    "parts of another kind": ("google", [*gemini({"moon": 1}, {"text": None}, {"text": "Hello."})]),
    "ratings of a new kind": (
        "google",
        [{"candidates": [{"safetyRatings": [{"blocked": "x"}], "citationMetadata": 1}]}, *gemini({"text": "Hello."})],
    ),
    "dates that are none": ("google", [{"createTime": "x", "modelStatus": 1}, *gemini({"text": "Hello."})]),
    "a chunk in a wrapper": ("google", [{"response": chunk} for chunk in gemini({"text": "Hello."})]),
    "a response without fields": (
        "openai-responses",
        [
            {"type": "response.output_text.delta", "delta": "Hello."},
            {"type": "response.completed", "response": {"status": "completed", "output": None}},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wire", "frames"), ODD.values(), ids=ODD.keys())
async def test_what_nobody_reads_changes_nothing(ask: Asking, wire: str, frames: Frames) -> None:
    events = await ask(wire, [sse(frames)])

    assert (text_of(events), stop_of(events).reason) == ("Hello.", "end")


@pytest.mark.parametrize(
    ("native", "reason"),
    [("error", "incomplete"), ("network_error", "incomplete"), ("MAX_TOKENS", "length"), (None, "end")],
)  # fmt: skip
async def test_upstream_that_broke_off_is_not_a_good_end(
    ask: Asking, native: str | None, reason: str
) -> None:
    frames = choices(delta={"content": "Hello."}, native_finish_reason=native)

    assert stop_of(await ask("openai-chat", [sse(frames)])).reason == reason


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("model", [7, {"a": 1}, "", "<b>x</b> y", "x" * 5_000])
async def test_what_is_not_a_models_name_is_not_told(ask: Asking, wire: str, model: Any) -> None:
    frames = json.loads(json.dumps(plain(wire, "Hello.")).replace('"m"', json.dumps(model)))

    assert stop_of(await ask(wire, [sse(frames)])).model is None


COUNTS: list[tuple[Any, Any, Usage]] = [
    (5, 2, Usage(5, 2)),
    ("5", "2", Usage(5, 2)),
    (5.0, 2.0, Usage(5, 2)),
    (0, 0, Usage()),
    (0, 2, Usage(None, 2)),
    (-1, -1, Usage()),
    ("few", "many", Usage()),
    (10**30, float("inf"), Usage()),
    (float("nan"), None, Usage()),
    ([5], {"a": 2}, Usage()),
]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("asked", "answered", "usage"), COUNTS)
async def test_counts_are_believed_where_they_make_sense(
    ask: Asking, wire: str, asked: Any, answered: Any, usage: Usage
) -> None:
    whole = json.loads(json.dumps(WHOLE[wire]))
    found = whole["usageMetadata" if wire == "google" else "usage"]
    found.update(zip(found, (asked, answered), strict=True))

    counted = usage_of(await ask(wire, [json.dumps(whole).encode()])) or Usage()

    assert (counted.input_tokens or None, counted.output_tokens or None) == (
        usage.input_tokens,
        usage.output_tokens,
    )


async def test_zeros_at_the_end_do_not_replace_what_was_counted(ask: Asking) -> None:
    frames = [{"usage": {"prompt_tokens": n, "completion_tokens": n}} for n in (5, 0)]

    events = await ask("openai-chat", [sse([*chat({"content": "x"}), *frames])])

    assert usage_of(events) == Usage(5, 5)


@pytest.mark.parametrize("wire", WIRES)
async def test_page_that_is_missing_with_a_200_is_not_asked_for_again(
    ask: Asking, wire: str, fake: FakeProviders
) -> None:
    body = json.dumps({"error": "Unexpected endpoint or method. (POST /chat/completions)"}).encode()

    failed = await ask.fail(wire, [body], label="application/json")

    assert "no such path" in failed.message
    assert len(fake.calls) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_error_after_text_is_raised_and_not_sent_again(
    ask: Asking, wire: str, fake: FakeProviders
) -> None:
    body = sse(plain(wire, "Hello.")[:-1]) + sse([{"error": {"code": 503, "message": "x"}}])

    failed = await ask.fail(wire, [body])

    assert (type(failed), getattr(failed, "status", None)) == (ProviderUnavailable, 503)
    assert len(fake.calls) == 1


async def test_words_of_a_provider_for_an_error_say_its_status(ask: Asking) -> None:
    for wire, error, status in (
        ("anthropic", {"type": "error", "error": {"type": "rate_limit_error"}}, 429),
        ("openai-responses", {"type": "error", "code": "rate_limit_exceeded"}, 429),
        ("openai-chat", {"error": {"code": "model_not_found"}}, 404),
        ("google", {"error": {"status": "UNAVAILABLE", "message": "x"}}, 503),
    ):
        assert getattr(await ask.fail(wire, [sse([error])]), "status", None) == status


# --- where text and thoughts are

HELLO = "Hello."
THINK = "Hm."


def part(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def block(**content: Any) -> Frames:
    """Return a message whose one block holds this from its start."""
    frames = list(messages())
    frames[1] = {"type": "content_block_start", "index": 0, "content_block": content}
    return frames


def choices(**fields: Any) -> Frames:
    """Return one chunk with a choice of these fields."""
    return [{"model": "m", "choices": [{"index": 0, "finish_reason": "stop", **fields}]}]


def thought_in(**fields: Any) -> Frames:
    return chat(fields, {"content": HELLO})


_DELTA = "response.output_text.delta"
_DONE = "response.output_text.done"
_ITEM = part("message", content=[part("output_text", text=HELLO)])
_SUMMARY = "response.reasoning_summary_text"

PLACES: dict[str, tuple[str, Frames, str]] = {
    # name: wire, frames, thoughts; the text is always HELLO
    "parts": ("openai-chat", chat({"content": [part("text", text=HELLO)]}), ""),
    "parts in two": (
        "openai-chat",
        chat({"content": [part("text", text="Hel")]}, {"content": [part("text", text="lo.")]}),
        "",
    ),
    "parts with thoughts": (
        "openai-chat",
        chat(
            {"content": [part("thinking", thinking=[part("text", text=THINK)])]},
            {"content": [part("text", text=HELLO)]},
        ),
        THINK,
    ),
    "thoughts as a string": (
        "openai-chat",
        chat({"content": [part("thinking", thinking=THINK), part("text", text=HELLO)]}),
        THINK,
    ),
    "parts of an unknown kind": (
        "openai-chat",
        chat({"content": [part("image_of_2031", text="no"), part("text", text=HELLO)]}),
        "",
    ),
    "a part that is a string": ("openai-chat", chat({"content": ["Hel", "lo."]}), ""),
    "an older text": ("openai-chat", choices(text=HELLO), ""),
    "a message": ("openai-chat", choices(message={"content": HELLO}), ""),
    "a message beside an empty delta": (
        "openai-chat",
        choices(delta={}, message={"content": HELLO}),
        "",
    ),
    "a message again at the end": (
        "openai-chat",
        [*chat({"content": HELLO}), *choices(message={"content": HELLO})],
        "",
    ),
    "content that is null": ("openai-chat", chat({"content": None}, {"content": HELLO}), ""),
    "a chunk without choices": ("openai-chat", [{"model": "m"}, *chat({"content": HELLO})], ""),
    "reasoning_content": ("openai-chat", thought_in(reasoning_content=THINK), THINK),
    "reasoning": ("openai-chat", thought_in(reasoning=THINK), THINK),
    "thinking": ("openai-chat", thought_in(thinking=THINK), THINK),
    "reasoning as an object": ("openai-chat", thought_in(reasoning={"content": THINK}), THINK),
    "reasoning as a list": ("openai-chat", thought_in(reasoning=[part("text", text=THINK)]), THINK),
    "reasoning_details": (
        "openai-chat",
        thought_in(reasoning_details=[part("reasoning.text", text=THINK)]),
        THINK,
    ),
    "a summary in reasoning_details": (
        "openai-chat",
        thought_in(reasoning_details=[part("reasoning.summary", summary=THINK)]),
        THINK,
    ),
    "the same words in two fields": (
        "openai-chat",
        thought_in(reasoning=THINK, reasoning_details=[part("reasoning.text", text=THINK)]),
        THINK,
    ),
    "a block that begins with text": ("anthropic", block(type="text", text=HELLO), ""),
    "a delta of thinking": (
        "anthropic",
        messages(
            part("thinking_delta", thinking=THINK),
            part("signature_delta", signature="x"),
            part("text_delta", text=HELLO),
        ),
        THINK,
    ),
    "parts of Gemini": ("google", gemini({"text": THINK, "thought": True}, {"text": HELLO}), THINK),
    "parts of Gemini without text": ("google", gemini({"text": ""}, {"text": HELLO}, {}), ""),
    "text only when it is done": ("openai-responses", responses(part(_DONE, text=HELLO)), ""),
    "text as deltas and when it is done": (
        "openai-responses",
        responses(part(_DELTA, delta=HELLO), part(_DONE, text=HELLO)),
        "",
    ),
    "two texts, one without deltas": (
        "openai-responses",
        responses(part(_DELTA, delta="Hel"), part(_DONE, text="Hel"), part(_DONE, text="lo.")),
        "",
    ),
    "text only at the end": ("openai-responses", responses(output=[_ITEM]), ""),
    "text only when its part is done": (
        "openai-responses",
        responses(part("response.content_part.done", part=_ITEM["content"][0])),
        "",
    ),
    "text only when its item is done": (
        "openai-responses",
        responses(part("response.output_item.done", item=_ITEM), output=None),
        "",
    ),
    "text four times": (
        "openai-responses",
        responses(
            part(_DELTA, delta=HELLO),
            part(_DONE, text=HELLO),
            part("response.content_part.done", part=_ITEM["content"][0]),
            part("response.output_item.done", item=_ITEM),
            output=[_ITEM],
        ),
        "",
    ),
    "text as deltas and at the end": (
        "openai-responses",
        responses(part(_DELTA, delta=HELLO), output=[_ITEM]),
        "",
    ),
    "a summary of thoughts": (
        "openai-responses",
        responses(
            part(f"{_SUMMARY}.delta", delta=THINK),
            part(f"{_SUMMARY}.done", text=THINK),
            part("response.reasoning_summary_part.done", part={"text": THINK}),
            part(_DELTA, delta=HELLO),
        ),
        THINK,
    ),
    "a summary only when it is done": (
        "openai-responses",
        responses(part(f"{_SUMMARY}.done", text=THINK), part(_DELTA, delta=HELLO)),
        THINK,
    ),
    "thoughts only at the end": (
        "openai-responses",
        responses(
            part(_DELTA, delta=HELLO),
            output=[part("reasoning", summary=[part("summary_text", text=THINK)]), _ITEM],
        ),
        THINK,
    ),
}


@pytest.mark.parametrize(("wire", "frames", "thoughts"), PLACES.values(), ids=PLACES.keys())
async def test_text_and_thoughts_are_taken_where_they_are(
    ask: Asking, wire: str, frames: Frames, thoughts: str
) -> None:
    events = await ask(wire, [sse(frames)])

    assert (text_of(events), thoughts_of(events)) == (HELLO, thoughts)
    assert (stop_of(events).reason, stop_of(events).thought) == ("end", bool(thoughts))


SEALED: dict[str, tuple[str, Frames]] = {
    "Anthropic": ("anthropic", block(type="redacted_thinking", data="x")),
    "Chat": ("openai-chat", thought_in(reasoning_details=[part("reasoning.encrypted", data="x")])),
    "Responses": ("openai-responses", responses(part("response.reasoning.of_2031"))),
    "Gemini": ("google", gemini({"thought": True, "thoughtSignature": "eA=="})),
}


@pytest.mark.parametrize(("wire", "frames"), SEALED.values(), ids=SEALED.keys())
async def test_thoughts_without_words_are_told_all_the_same(
    ask: Asking, wire: str, frames: Frames
) -> None:
    events = await ask(wire, [sse(frames)])

    assert (thoughts_of(events), stop_of(events).thought) == ("", True)


@pytest.mark.parametrize(
    "frames",
    [
        chat({"refusal": "No."}),
        chat({"content": [part("refusal", refusal="No.")]}),
        choices(message={"refusal": "No.", "content": None}),
    ],
)
async def test_refusal_is_told_wherever_it_is(ask: Asking, frames: Frames) -> None:
    assert stop_of(await ask("openai-chat", [sse(frames)])).reason == "refusal"


@pytest.mark.parametrize("wire", WIRES)
async def test_word_for_an_end_in_a_whole_body_is_read_as_in_a_stream(
    ask: Asking, wire: str
) -> None:
    fields = {
        "anthropic": ("stop_reason", {"max_tokens": "length", "pause_of_2031": "incomplete"}),
        "openai-chat": ("finish_reason", {"length": "length", "nap_of_2031": "incomplete"}),
        "google": ("finishReason", {"MAX_TOKENS": "length", "NAP_OF_2031": "incomplete"}),
        "openai-responses": ("status", {"cancelled": "incomplete", "napping": "incomplete"}),
    }
    field, words = fields[wire]
    for word, reason in words.items():
        whole = json.loads(json.dumps(WHOLE[wire]))
        inner = whole.get("choices", whole.get("candidates", [whole]))[0]
        inner[field] = word

        assert stop_of(await ask(wire, [json.dumps(whole).encode()])).reason == reason


# --- thoughts within the text


@pytest.mark.parametrize("wire", WIRES)
async def test_tags_around_thoughts_are_taken_off(ask: Asking, wire: str) -> None:
    texts = ("<thi", "nk>\nHm", ".\n</th", "ink>", "\n\nHel", "lo.")

    events = await ask(wire, [sse(plain(wire, *texts))])

    assert (text_of(events), thoughts_of(events).strip()) == (HELLO, THINK)
    assert stop_of(events).thought


@pytest.mark.parametrize("wire", WIRES)
async def test_closing_tag_alone_takes_back_what_came_before(ask: Asking, wire: str) -> None:
    events = await ask(wire, [sse(plain(wire, "Hm", ".\n</think>\n", "Hello."))])

    assert (answer_of(events), thoughts_of(events).strip()) == (HELLO, THINK)


@pytest.mark.parametrize("wire", WIRES)
async def test_thoughts_that_never_end_are_no_answer(ask: Asking, wire: str) -> None:
    events = await ask(wire, [sse(plain(wire, "<think>Hm", ". Hello."))])

    assert (text_of(events), thoughts_of(events)) == ("", "Hm. Hello.")
    assert (stop_of(events).reason, stop_of(events).thought) == ("empty", True)


@pytest.mark.parametrize("asked", ["Think in <thinking> tags.", "Use thinking tags first."])
async def test_tag_that_the_prompt_asks_for_is_the_answers_own(ask: Asking, asked: str) -> None:
    body = sse(chat({"content": "<think>Hm.</think><thinking>x</thinking>y"}))

    events = await ask("openai-chat", [body], make_request(asked))

    assert text_of(events) == "<thinking>x</thinking>y"
    assert thoughts_of(events) == THINK


async def test_reply_that_has_to_be_json_begins_with_no_tag(ask: Asking) -> None:
    request = make_request("Judge a prompt that says <think>.", schema={"type": "object"})

    events = await ask("openai-chat", [sse(chat({"content": "<think>{}</think>{}"}))], request)

    assert (text_of(events), thoughts_of(events)) == ("{}", "{}")


# --- what is shown


@pytest.mark.parametrize("wire", WIRES)
async def test_halves_of_a_pair_are_joined_over_pieces(ask: Asking, wire: str) -> None:
    frames = list(plain(wire, "a\ud83d", "\ude00b", "\ud83d"))
    middle = next(n for n, frame in enumerate(frames) if "\\ud83d" in json.dumps(frame)) + 1
    frames.insert(middle, {"type": "ping", "choices": [], "usage": None})

    events = await ask(wire, [sse(frames)])

    assert text_of(events) == "a😀b\ufffd"


async def test_halves_of_a_pair_are_joined_in_thoughts(ask: Asking) -> None:
    frames = chat({"reasoning": "\ud83d"}, {"content": "x\ud83d"}, {"reasoning": "\ude00"})

    events = await ask("openai-chat", [sse(frames)])

    assert (text_of(events), thoughts_of(events)) == ("x\ufffd", "😀")


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
@pytest.mark.parametrize("start", ["", "<think>", "x</think>"])
async def test_key_spelled_out_is_noticed_in_thoughts_too(
    egress: Egress, fake: FakeProviders, field: str, start: str
) -> None:
    key = make_canary("openai")
    frames = chat({"content": start}, *({field: letter} for letter in key))
    fake.answer_by(lambda call: Answer(raw=[sse(frames)]))
    stream = make_provider("openai-chat", egress, fake).stream(
        make_request(), model="m", credential=make_credential(fake.destination("openai"), key)
    )
    shown: list[ProviderEvent] = []

    async def show() -> None:
        async for event in stream:
            shown.append(event)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(ProviderError, match="the key itself"):
        await show()

    assert key[10:] not in text_of(shown) + thoughts_of(shown)


@pytest.mark.parametrize("wire", WIRES)
async def test_key_in_a_whole_body_is_noticed(
    egress: Egress, fake: FakeProviders, wire: str
) -> None:
    key = make_canary(provider_of(wire))
    body = json.dumps(WHOLE[wire]).replace("Hello.", f"Hello, {key}.").encode()
    fake.answer_by(lambda call: Answer(raw=[body[:-40], body[-40:]], label="application/json"))
    stream = make_provider(wire, egress, fake).stream(
        make_request(),
        model="m",
        credential=make_credential(fake.destination(provider_of(wire)), key),
    )

    with pytest.raises(ProviderError, match="the key itself"):
        await collect(stream)
