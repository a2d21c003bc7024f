"""Parts of a reply: where each dialect puts the text, the thoughts and a refusal.

Servers fill the same SDK's objects in different ways: a list in the place of a string, a whole message in the
place of a delta, the text only at the end. What is read here is what came, as an object or a mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from assay_nb.messages import StopReason, TextDelta, ThoughtDelta
from assay_nb.providers.stops import read_routed_stop

Part: TypeAlias = TextDelta | ThoughtDelta

_CHAT_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Where Chat servers put a model's thoughts, beside `content`. Some fill several with the same words."""

_THOUGHT_TYPES = frozenset({"thinking", "reasoning", "thought", "redacted_thinking"})
_WORDS = ("text", "thinking", "reasoning", "summary", "content", "value")
"""Where a part has its words."""


class ChatReply:
    """Reads a Chat reply, streamed or whole.

    Attributes:
        refused: Whether the model declined, in the field for it.
    """

    def __init__(self) -> None:
        self.refused = False
        self._stop: StopReason = "incomplete"
        self._index: object = None
        self._source: dict[type[Part], str] = {}

    @property
    def stop(self) -> StopReason:
        """Why the reply ended, as far as it has come."""
        return "refusal" if self.refused else self._stop

    def read(self, chunk: object) -> Iterator[Part]:
        """Yield what a chunk adds. One choice is asked for; of others that come, nothing is taken."""
        for choice in _list(_get(chunk, "choices")):
            index = _get(choice, "index")
            self._index = index if self._index is None else self._index
            if index is None or index == self._index:
                yield from self._choice(choice)

    def _choice(self, choice: object) -> Iterator[Part]:
        """Yield what a choice adds.

        Some servers repeat the whole message in the last chunk: what the first of the fields gave is not
        taken from another.
        """
        for field in ("delta", "message", "text"):
            found = _get(choice, field)
            if not found:
                continue
            self.refused = self.refused or bool(_get(found, "refusal"))
            for part in _text(found) if field == "text" else self._message(found):
                if self._source.setdefault(type(part), field) == field:
                    yield part
        said, native = _get(choice, "finish_reason"), _get(choice, "native_finish_reason")
        self._stop = read_routed_stop(said, native, self._stop)

    def _message(self, message: object) -> Iterator[Part]:
        for name in _CHAT_THOUGHTS:
            if thoughts := _get(message, name):
                yield ThoughtDelta(_words(thoughts))
                break
        for part in _list(_get(message, "content")):
            self.refused = self.refused or bool(_get(part, "refusal"))
            yield from _one(part)


class ResponsesReply:
    """Reads the events of a Responses stream.

    Attributes:
        refused: Whether the model declined, in the events for it.
    """

    def __init__(self) -> None:
        self.refused = False
        self._source: dict[type[Part], str] = {}
        self._since_done: set[type[Part]] = set()

    def read(self, event: object) -> Iterator[Part]:
        """Yield what an event adds.

        The same words may come as deltas, and whole when a part, an item and the response are done. They
        are taken from whichever brought them first.
        """
        kind = str(_get(event, "type"))
        if kind in {"response.completed", "response.incomplete"}:
            yield from self._whole(kind, self._output(_get(_get(event, "response"), "output")))
        elif kind == "response.output_item.done":
            yield from self._whole(kind, self._output([_get(event, "item")]))
        elif kind == "response.content_part.done":
            yield from self._whole(kind, self._content(_get(event, "part")))
        elif kind.startswith("response.refusal"):
            self.refused = True
        elif kind.startswith("response.output_text."):
            yield from self._piece(kind, event, TextDelta)
        elif kind.startswith(("response.reasoning_text.", "response.reasoning_summary_text.")):
            yield from self._piece(kind, event, ThoughtDelta)
        elif kind == "response.reasoning_summary_part.added" and ThoughtDelta in self._source:
            yield ThoughtDelta("\n\n")
        elif kind.startswith("response.reasoning"):
            yield ThoughtDelta("")

    def _whole(self, kind: str, parts: Iterable[Part]) -> Iterator[Part]:
        """Yield parts that came whole, unless another kind of event brought such parts before."""
        for part in parts:
            if self._source.get(type(part), kind) == kind:
                if part.text:
                    self._source[type(part)] = kind
                yield part

    def _piece(self, kind: str, event: object, part: type[Part]) -> Iterator[Part]:
        if kind.endswith(".delta"):
            self._since_done.add(part)
            text = _words(_get(event, "delta"))
        elif kind.endswith(".done"):
            text = "" if part in self._since_done else _words(_get(event, "text"))
            self._since_done.discard(part)
        else:
            return
        if text:
            self._source[part] = "piece"
            yield part(text)

    def _output(self, output: object) -> Iterator[Part]:
        for item in _list(output):
            if _get(item, "type") == "reasoning":
                yield ThoughtDelta(_words(_get(item, "summary") or _get(item, "content")))
                continue
            for part in _list(_get(item, "content")):
                yield from self._content(part)

    def _content(self, part: object) -> Iterator[Part]:
        self.refused = self.refused or bool(_get(part, "refusal"))
        yield from _one(part)


def read_message(event: object) -> Iterator[Part]:
    """Yield what an event of Anthropic's adds: a delta, or a block that holds something from its start."""
    kind = _get(event, "type")
    if kind == "content_block_start":
        yield from _one(_get(event, "content_block"))
    elif kind == "content_block_delta":
        delta = _get(event, "delta")
        if _get(delta, "type") in {None, "text_delta"}:  # some proxies leave the type out
            yield from _text(_get(delta, "text"))
        elif _get(delta, "type") == "thinking_delta":
            yield ThoughtDelta(_words(_get(delta, "thinking")))


def read_candidate(candidate: object) -> Iterator[Part]:
    """Yield what a candidate of Gemini's adds."""
    for part in _list(_get(_get(candidate, "content"), "parts")):
        if _get(part, "thought"):
            yield ThoughtDelta(_words(_get(part, "text")))
        else:
            yield from _text(_get(part, "text"))


def _one(part: object) -> Iterator[Part]:
    """Yield a part of a list: text, thoughts, or nothing for a kind that is neither."""
    kind = None if isinstance(part, str) else _get(part, "type")
    if kind in _THOUGHT_TYPES:
        yield ThoughtDelta(_words(part))
    elif kind in {None, "text", "output_text"}:
        yield from _text(part)


def _text(value: object) -> Iterator[Part]:
    if text := _words(value):
        yield TextDelta(text)


def _words(value: object) -> str:
    """Return the words in a value: a string, a part, or a list of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "".join(map(_words, cast("Iterable[object]", value)))
    return next((_words(found) for name in _WORDS if (found := _get(value, name))), "")


def _list(value: object) -> Iterable[Any]:
    """Return a value's items; a value that is not a list is one."""
    if isinstance(value, (list, tuple)):
        return cast("Iterable[Any]", value)
    return (value,) if value else ()


def _get(value: object, name: str) -> Any:
    """Return a field of an SDK's object or of a mapping; None if it is absent."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value).get(name)
    return None if isinstance(value, (str, int)) else getattr(value, name, None)
