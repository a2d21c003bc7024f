"""Gathering of a reply: a provider's events become the engine's, and in the end one `Reply`."""

from __future__ import annotations

from collections.abc import Iterator

from assay_nb.engine.events import Delta, Event, Thought
from assay_nb.messages import (
    ProviderEvent,
    Reply,
    Stopped,
    TextDelta,
    ThoughtDelta,
    Usage,
    UsageReport,
)


class Gathering:
    """What has come of one reply.

    Attributes:
        came: Every piece of text and thought, in the order in which it came.
        usage: Its tokens, as far as the provider has counted.
        stopped: How it ended.
    """

    def __init__(self, lane: int) -> None:
        """Begin the reply that is shown in `lane`."""
        self._lane = lane
        self._text: list[str] = []
        self._thoughts: list[str] = []
        self._length = 0
        self.came: list[str] = []
        self.usage = Usage()
        self.stopped = Stopped("incomplete")

    def take(self, event: ProviderEvent) -> Iterator[Event]:
        """Take an event, and yield what the caller is to see of it."""
        match event:
            case TextDelta(text):
                self.came.append(text)
                self._text.append(text)
                self._length += len(text)
                yield Delta(text, self._lane)
            case ThoughtDelta(text, so_far):
                if so_far:
                    self._thoughts, self._text = [*self._thoughts, *self._text], []
                    self._length = 0
                self.came.append(text)
                self._thoughts.append(text)
                yield Thought(text, self._lane, so_far)
            case UsageReport(usage):
                self.usage = usage
            case Stopped():
                self.stopped = event

    def stop_beyond(self, longest: int | None) -> bool:
        """Say whether the text is longer than a reply can be; it then counts as cut, there."""
        if longest is None or self._length <= longest:
            return False
        self.stopped = Stopped("length")
        return True

    def reply(self) -> Reply:
        """Return the whole reply."""
        return Reply(
            "".join(self._text),
            self.stopped.reason,
            self.usage,
            self.stopped.model,
            self.stopped.request_id,
            self.stopped.thought,
            "".join(self._thoughts).strip(),
        )
