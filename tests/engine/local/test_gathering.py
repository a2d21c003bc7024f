"""Gathering of a reply: thoughts apart, and text taken back that turned out to be thought."""

from __future__ import annotations

import pytest

from assay_nb.engine.events import Delta, Event, Thought
from assay_nb.engine.local.gathering import Gathering
from assay_nb.engine.sse import decode_event, encode_event
from assay_nb.messages import (
    ProviderEvent,
    Reply,
    Stopped,
    TextDelta,
    ThoughtDelta,
    Usage,
    UsageReport,
)

END = Stopped("end", "m", "id", thought=True)


def gather(*events: ProviderEvent, lane: int = 0) -> tuple[Reply, list[Event]]:
    """Return the reply that these events make, and what the caller sees of them."""
    gathering = Gathering(lane)
    seen = [shown for event in events for shown in gathering.take(event)]
    return gathering.reply(), seen


def test_thoughts_are_no_part_of_the_text() -> None:
    reply, seen = gather(
        ThoughtDelta("\nHm."), TextDelta("Yes."), UsageReport(Usage(1, 2)), END, lane=3
    )

    assert reply == Reply("Yes.", "end", Usage(1, 2), "m", "id", True, "Hm.")
    assert seen == [Thought("\nHm.", 3), Delta("Yes.", 3)]


def test_text_that_turns_out_to_be_thought_is_taken_back() -> None:
    reply, seen = gather(
        TextDelta("Hm"), ThoughtDelta("", so_far=True), ThoughtDelta("."), TextDelta("Yes."), END
    )

    assert (reply.text, reply.thoughts) == ("Yes.", "Hm.")
    assert seen[1] == Thought("", 0, so_far=True)


def test_everything_that_came_counts_as_paid_for() -> None:
    gathering = Gathering(0)
    list(gathering.take(TextDelta("Hm")))
    list(gathering.take(ThoughtDelta("", so_far=True)))

    assert gathering.came == ["Hm", ""]


@pytest.mark.parametrize(
    ("events", "runs_on"),
    [
        ([TextDelta("12345"), TextDelta("67890")], False),
        ([TextDelta("12345"), TextDelta("678901")], True),
        ([ThoughtDelta("a thought of any length"), TextDelta("12345")], False),
        ([TextDelta("thought as text"), ThoughtDelta("", so_far=True), TextDelta("1")], False),
    ],
)
def test_text_that_is_longer_than_is_of_use_counts_as_cut(
    events: list[ProviderEvent], runs_on: bool
) -> None:
    gathering = Gathering(0)
    for event in events:
        list(gathering.take(event))

    assert gathering.stop_beyond(None) is False
    assert gathering.stop_beyond(10) is runs_on
    assert gathering.reply().stop == ("length" if runs_on else "incomplete")


def test_thought_crosses_the_gateway_as_it_is() -> None:
    thought = Thought("Hm.\n\n\ud83d", 2, so_far=True)
    name, data = encode_event(thought).decode().removeprefix("event: ").split("\ndata: ")

    assert decode_event(name, data, lambda fields: None) == thought  # type: ignore[arg-type,return-value]
