"""Structured output: a request for data, one more for what is missing from the reply, and what that adds.

The providers enforce the schema themselves, mostly. A refusal, a reply that was cut, and servers that
only claim to know schemas give something else. What fits is kept all the same: it was paid for. Only what
is missing is asked for again, once, and what is missing then is for the instrument to tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from assay_nb.errors import (
    AssayError,
    BadReply,
    CallStopped,
    ProviderUnavailable,
    RateLimited,
)
from assay_nb.instruments.exchange.parsing import get_text, parse_object, parse_partial
from assay_nb.instruments.exchange.salvage import salvage_object
from assay_nb.instruments.exchange.schema import (
    Data,
    Malformed,
    find_missing,
    keep_fitting,
    merge,
    object_of,
)
from assay_nb.messages import Message, Reply, Request, StopReason

ResultT = TypeVar("ResultT")
_LONGEST_ECHO = 40_000
Asking: TypeAlias = Generator[tuple[Request, ...], tuple[Reply, ...], ResultT]
"""A part of a script: it yields requests, is sent replies, and returns what was read from them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered, over both rounds.

    Attributes:
        data: The members that fit the schema.
        cut: Whether the reply reached its limit of output tokens, so that lists in it may be short.
        missing: The names of what was asked for and did not come.
        begun: Where nothing is of use but the beginning of the form's `main` text: that beginning.
    """

    data: Data
    cut: bool = False
    missing: tuple[str, ...] = ()
    begun: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """What a reply needs in order to be of use.

    Attributes:
        usable: Says whether data that fits the schema is of any use. Without it, there is no answer.
        essential: The properties that are asked for again even after the reply was cut. What else a
            model had no room for would not fit the second time either.
        main: The text that the reply is about, of which the beginning is shown where it was cut within it;
            empty where there is none.
    """

    usable: Callable[[Data], bool]
    essential: tuple[str, ...]
    main: str = ""


def ask(request: Request, form: Form) -> Asking[Answer]:
    """Ask, and ask once more for what is missing.

    Args:
        request: What to ask; the reply is checked against its schema.
        form: What the reply needs.

    Raises:
        BadReply: If nothing in either reply can be used.
    """
    answers = yield from ask_each((request,), form)
    return answers[0]


def ask_each(requests: Sequence[Request], form: Form) -> Asking[list[Answer]]:
    """Ask all at once, and once more for what is missing; return the answers that can be used.

    Raises:
        BadReply: If not a single reply can be used; it is the first fault that is told.
    """
    replies = yield tuple(requests)
    attempts = [_check(_read(q, r, form), q, form) for q, r in zip(requests, replies, strict=True)]
    repairs = {
        index: repair
        for index, attempt in enumerate(attempts)
        if (repair := _make_repair(requests[index], replies[index], attempt, form))
    }
    if repairs:
        for index, second in zip(repairs, (yield from _repair(repairs, form)), strict=True):
            request = requests[index]
            attempts[index] = _check(_combine(attempts[index], second, request), request, form)
    answers = [attempt for attempt in attempts if isinstance(attempt, Answer)]
    if not answers:
        raise _find_first_fault(attempts)
    return answers


Attempt: TypeAlias = Answer | AssayError | Malformed
"""An answer, or the fault as a value: other replies may still be good."""


def _repair(repairs: Mapping[int, Request], form: Form) -> Asking[list[Attempt]]:
    """Ask again; where that cannot be done now, what came before stays as it is.

    Any other error ends the call: a server that sends back the key, say, is not to be passed over.
    """
    try:
        replies = yield tuple(repairs.values())
    except (BadReply, ProviderUnavailable, RateLimited) as fault:
        return [fault] * len(repairs)
    asked = zip(repairs.values(), replies, strict=True)
    return [_read(request, reply, form, last=True) for request, reply in asked]


def _read(request: Request, reply: Reply, form: Form, *, last: bool = False) -> Attempt:
    """Return what the reply says, as far as it fits."""
    try:
        data, cut = _parse(request, reply, last=last)
    except (BadReply, CallStopped, Malformed) as fault:
        return fault
    schema = request.schema or {}
    fitting = keep_fitting(data, schema, cut=cut)
    if not fitting and not cut:  # what was read is an object within one that was cut off, perhaps
        data, cut = salvage_object(reply.text)
        fitting = keep_fitting(data, schema, cut=cut)
        cut = cut and bool(fitting)
    begun = get_text(parse_partial(reply.text), form.main) if cut and not fitting else ""
    return Answer(fitting, cut, tuple(find_missing(fitting, schema)), begun)


def _parse(request: Request, reply: Reply, *, last: bool) -> tuple[Data, bool]:
    """Return the reply's object, and whether it was cut off."""
    if reply.stop == "length":
        return salvage_object(reply.text)
    # An empty one that cost little is asked for again, once.
    if last or reply.thought or reply.stop != "empty":
        check_stop(reply, request)
    return parse_object(reply.text, lambda found: _fits(found, request)), False


def _check(attempt: Attempt, request: Request, form: Form) -> Attempt:
    """Return the attempt; a fault for an answer that is of no use."""
    if not isinstance(attempt, Answer) or form.usable(attempt.data) or attempt.begun.strip():
        return attempt
    if attempt.cut:
        return _make_stop_error("length", "length", request)
    missing = find_missing(attempt.data, request.schema or {})
    return Malformed(f"it lacks {_list_keys(missing)}" if missing else "nothing in it can be used")


def _make_repair(request: Request, reply: Reply, attempt: Attempt, form: Form) -> Request | None:
    """Return the request for what is missing, or None where nothing is, or nothing can be done."""
    if isinstance(attempt, Malformed):
        order = f"That reply cannot be used: {attempt}. Send the whole JSON object again, and nothing else."
        echo = reply.text[:_LONGEST_ECHO].strip() or "(an empty reply)"
        return _continue(request, echo, order)
    if isinstance(attempt, AssayError) or attempt.begun.strip():
        return None
    schema = request.schema or {}
    names = [n for n in form.essential if n in schema["properties"]] if attempt.cut else None
    missing = find_missing(attempt.data, schema, names)
    if not missing:
        return None
    order = (
        "That is what can be used of your reply. Send one JSON object with what it lacks and nothing "
        f"else: {_list_keys(missing)}."
    )
    # A reply that ran on until it was cut may fill a small model's context: what is of use is enough.
    echo = json.dumps(attempt.data, ensure_ascii=False)
    return replace(_continue(request, echo, order), schema=object_of(**missing))


def _list_keys(properties: Mapping[str, Mapping[str, Any]]) -> str:
    named = (
        f"{name} ({', '.join(member['properties'])})" if "properties" in member else name
        for name, member in properties.items()
    )
    return "; ".join(named)


def _continue(request: Request, echo: str, order: str) -> Request:
    turns = (*request.messages, Message("assistant", echo), Message("user", order))
    return replace(request, messages=turns)


def _combine(first: Attempt, second: Attempt, request: Request) -> Attempt:
    """Return what both attempts say together; an interruption ends the call all the same."""
    if isinstance(second, CallStopped):
        return second
    if not isinstance(first, Answer):
        return second
    if not isinstance(second, Answer):
        return first
    data = merge(first.data, second.data)
    missing = tuple(find_missing(data, request.schema or {}))
    return Answer(data, first.cut or second.cut, missing, second.begun)


def _fits(data: Data, request: Request) -> bool:
    return bool(keep_fitting(data, request.schema or {}))


def _find_first_fault(attempts: Sequence[object]) -> AssayError:
    for attempt in attempts:
        if isinstance(attempt, AssayError):
            return attempt
    return BadReply(
        "Neither the model's reply nor its repair fits the schema.",
        hint="Run it again, or choose another model: add `-m PROVIDER/MODEL`.",
    )


def check_stop(reply: Reply, request: Request) -> None:
    """Raise if the reply is not a complete one: each cause has its own sentence and next step."""
    if reply.stop == "end":
        return
    if reply.stop == "stopped":
        raise CallStopped("The call was stopped before the reply was whole.")
    thought = reply.stop == "empty" and reply.thought
    raise _make_stop_error("thought" if thought else reply.stop, reply.stop, request)


def _make_stop_error(cause: str, stop: StopReason, request: Request) -> BadReply:
    message, hint = _STOPS[cause]
    # Where nobody set one, what was sent is the adapter's affair: many servers get none.
    limit = "" if request.max_output_tokens is None else f"{request.max_output_tokens:,} "
    return BadReply(message.format(limit=limit), hint=hint, stop=stop)


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
        "The reply reached the limit of {limit}output tokens before it was whole.",
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
        "The reply is empty: the model used its {limit}output tokens for thinking.",
        "Raise max_output_tokens, or lower the effort.",
    ),
}
