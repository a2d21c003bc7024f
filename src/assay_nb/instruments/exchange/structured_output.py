"""Structured output: a request for data, one more if the reply does not fit, an error if that fails too.

The providers enforce the schema themselves, mostly. A refusal, a reply that was cut, and servers that
only claim to know schemas give something else, so all of it is checked here again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from assay_nb.errors import AssayError, BadReply, CallStopped
from assay_nb.instruments.exchange.parsing import parse_object
from assay_nb.instruments.exchange.schema import Data, Malformed, check_schema
from assay_nb.messages import Message, Reply, Request

ReadT = TypeVar("ReadT")
_LONGEST_ECHO = 40_000
Asking: TypeAlias = Generator[tuple[Request, ...], tuple[Reply, ...], ReadT]
"""A part of a script: it yields requests, is sent replies, and returns what was read from them."""


def ask(request: Request, read: Callable[[Data], ReadT]) -> Asking[ReadT]:
    """Ask, and ask once more if the reply does not fit.

    Args:
        request: What to ask; the reply is checked against its schema.
        read: Turns the data into something better, or raises `Malformed` where it does not hold.

    Raises:
        BadReply: If there is no reply that can be read.
    """
    readings = yield from ask_each((request,), read)
    return readings[0]


def ask_each(requests: Sequence[Request], read: Callable[[Data], ReadT]) -> Asking[list[ReadT]]:
    """Ask all at once, and once more for those whose replies do not fit; return what can be read.

    Raises:
        BadReply: If not a single reply can be read; it is the first fault that is told.
    """
    replies = yield tuple(requests)
    attempts = [_read(q, r, read) for q, r in zip(requests, replies, strict=True)]
    repairs = {
        index: _make_repair(requests[index], replies[index], attempt)
        for index, attempt in enumerate(attempts)
        if isinstance(attempt, Malformed)
    }
    if repairs:
        second = yield tuple(repairs.values())
        for index, reply in zip(repairs, second, strict=True):
            attempts[index] = _read(requests[index], reply, read, last=True)
    readings = [a for a in attempts if not isinstance(a, (AssayError, Malformed))]
    if not readings:
        raise _find_first_fault(attempts)
    return readings


def _read(
    request: Request, reply: Reply, read: Callable[[Data], ReadT], *, last: bool = False
) -> ReadT | AssayError | Malformed:
    """Return what the reply says, or the fault as a value: others may still be good."""
    try:
        # An empty one that cost little is asked for again, once.
        if last or reply.thought or reply.stop != "empty":
            check_stop(reply, request)
        data = parse_object(reply.text, lambda found: _fits(found, request))
        check_schema(data, request.schema or {})
        return read(data)
    except (BadReply, CallStopped, Malformed) as fault:
        return fault


def _fits(data: Data, request: Request) -> bool:
    try:
        check_schema(data, request.schema or {})
    except Malformed:
        return False
    return True


def _find_first_fault(attempts: Sequence[object]) -> AssayError:
    for attempt in attempts:
        if isinstance(attempt, AssayError):
            return attempt
    return BadReply(
        f"The model's reply does not fit what was asked for, and neither does its repair: "
        f"{attempts[0]}.",
        hint="Running it again may help; so may a model that supports structured output.",
    )


def check_stop(reply: Reply, request: Request) -> None:
    """Raise if the reply is not a complete one: each cause has its own sentence and next step."""
    if reply.stop == "end":
        return
    if reply.stop == "stopped":
        raise CallStopped("The call was stopped before the reply was whole.")
    message, hint = _STOPS["thought" if reply.stop == "empty" and reply.thought else reply.stop]
    raise BadReply(message.format(limit=f"{request.ceiling:,}"), hint=hint, stop=reply.stop)


_STOPS: dict[str, tuple[str, str]] = {
    "refusal": (
        "The model declined to work on this prompt.",
        "Another model may accept it: add `-m PROVIDER/MODEL`.",
    ),
    "filtered": (
        "The provider's content filter stopped the reply.",
        "Another model or provider may accept the prompt: add `-m PROVIDER/MODEL`.",
    ),
    "length": (
        "The reply reached the limit of {limit} output tokens before it was whole.",
        "Raise max_output_tokens, lower the effort, or give it a shorter prompt.",
    ),
    "incomplete": (
        "The reply ended before it was whole: the provider did not mark it as complete.",
        "Run it again; nothing was changed.",
    ),
    "empty": (
        "The model sent an empty reply.",
        "Run it again, or choose another model: add `-m PROVIDER/MODEL`.",
    ),
    "thought": (
        "The reply is empty: the model used its {limit} output tokens for thinking.",
        "Raise max_output_tokens, or lower the effort.",
    ),
}


def _make_repair(request: Request, reply: Reply, fault: Malformed) -> Request:
    """Return the request with the reply and its fault added, so that the model can mend it."""
    order = (
        f"That reply cannot be used: {fault}. Send the whole JSON object again with this mended, and "
        "nothing else."
    )
    echo = reply.text[:_LONGEST_ECHO].strip() or "(an empty reply)"
    turns = (*request.messages, Message("assistant", echo), Message("user", order))
    return replace(request, messages=turns)
