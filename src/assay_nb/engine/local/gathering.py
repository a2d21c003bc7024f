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

    def __init__(self, lane: int, longest: int | None = None) -> None:
        """Begin the reply that is shown in `lane`, and whose text may have so many characters."""
        self._lane = lane
        self._longest = longest
        self._length = 0
        self._text: list[str] = []
        self._thoughts: list[str] = []
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

    def runs_on(self) -> bool:
        """Return whether the text is longer than is of use. The reply then counts as one that was cut."""
        if self._longest is None or self._length <= self._longest:
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
