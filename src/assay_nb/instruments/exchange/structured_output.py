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
from assay_nb.instruments.exchange.fitting import fit
from assay_nb.instruments.exchange.parsing import get_text, parse_object, parse_partial
from assay_nb.instruments.exchange.salvage import Salvaged, salvage_object
from assay_nb.instruments.exchange.schema import (
    Data,
    Malformed,
    find_longest,
    find_missing,
    has_lists,
    merge,
    object_of,
)
from assay_nb.messages import Message, Reply, Request, StopReason
from assay_nb.text.thoughts import without_thoughts

ResultT = TypeVar("ResultT")
_LONGEST_ECHO = 40_000
Asking: TypeAlias = Generator[tuple[Request, ...], tuple[Reply, ...], ResultT]
"""A part of a script: it yields requests, is sent replies, and returns what was read from them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered, over both rounds.

    Attributes:
        data: The members that fit the schema.
        cut: Whether the reply broke off, so that lists in it may be short.
        missing: The names of what was asked for and did not come.
        limited: Whether it ended there, so that there was no room for more.
        begun: Where nothing is of use but the beginning of the form's `main` text: that beginning.
    """

    data: Data
    cut: bool = False
    missing: tuple[str, ...] = ()
    limited: bool = False
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
    requests = [_bounded(request) for request in requests]
    replies = yield tuple(requests)
    attempts = [
        _check(_read(q, r, form), q, r, form) for q, r in zip(requests, replies, strict=True)
    ]
    repairs = {
        index: repair
        for index, attempt in enumerate(attempts)
        if (repair := _make_repair(requests[index], replies[index], attempt, form))
    }
    if repairs:
        for index, second in zip(repairs, (yield from _repair(repairs, form)), strict=True):
            request = requests[index]
            both = _combine(attempts[index], second, request)
            attempts[index] = _check(both, request, replies[index], form)
    answers = [attempt for attempt in attempts if isinstance(attempt, Answer)]
    if not answers:
        raise _find_first_fault(attempts)
    return answers


def _bounded(request: Request) -> Request:
    """Return the request with the length at which a reply to it has lost its way."""
    read = sum(len(message.text) for message in request.messages)
    return replace(request, longest=find_longest(request.schema or {}, read))


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
    schema = request.schema or {}
    try:
        found = _parse(request, reply, last=last)
    except (BadReply, CallStopped, Malformed) as fault:
        return fault
    fitting = fit(found.data, schema, cut=found.cut)
    limited = found.cut and not found.faulty
    # After a fault each member that lacks is asked for. Only of a list nobody knows how long it is.
    cut = limited or (found.faulty and has_lists(schema))
    begun = get_text(parse_partial(reply.text), form.main) if limited and not fitting else ""
    return Answer(fitting, cut, tuple(find_missing(fitting, schema)), limited, begun)


def _parse(request: Request, reply: Reply, *, last: bool) -> Salvaged:
    """Return the reply's object, as far as it can be read.

    Within an object that cannot be read to its end stand whole ones: it is read as far as it goes where that
    gives more.
    """
    if reply.stop == "length":
        return salvage_object(reply.text)._replace(faulty=False)
    # An empty one that cost little is asked for again, once.
    if last or reply.thought or reply.stop != "empty":
        check_stop(reply, request)
    schema = request.schema or {}
    salvaged = salvage_object(without_thoughts(reply.text))
    gain = len(fit(salvaged.data, schema, cut=True)) if salvaged.cut else 0
    try:
        found = parse_object(reply.text, lambda data: bool(fit(data, schema)))
    except Malformed:
        if gain:
            return salvaged
        raise
    return salvaged if gain > len(fit(found, schema)) else Salvaged(found, cut=False)


def _check(attempt: Attempt, request: Request, reply: Reply, form: Form) -> Attempt:
    """Return the attempt; a fault for an answer that is of no use."""
    if not isinstance(attempt, Answer) or form.usable(attempt.data) or attempt.begun.strip():
        return attempt
    if attempt.limited:
        return _make_stop_error(reply, request)
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
    names = [n for n in form.essential if n in schema["properties"]] if attempt.limited else None
    missing = find_missing(attempt.data, schema, names)
    if not missing:
        return None
    order = (
        "That is what can be used of your reply. Send one JSON object with what it lacks and nothing "
        f"else: {_list_keys(missing)}."
    )
    # A reply that ran on until it was cut may fill a small model's context: what is of use is enough.
    echo = json.dumps(attempt.data, ensure_ascii=False)
    again = replace(_continue(request, echo, order), schema=object_of(**missing))
    return _bounded(again)


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
    return Answer(
        data, first.cut or second.cut, missing, first.limited or second.limited, second.begun
    )


def _find_first_fault(attempts: Sequence[object]) -> AssayError:
    for attempt in attempts:
        if isinstance(attempt, AssayError):
            return attempt
    return BadReply(
        "Neither the model's reply nor its repair fits the schema.",
        hint="Run it again, or choose another model: add `-m CONNECTION/MODEL`.",
    )


def check_stop(reply: Reply, request: Request) -> None:
    """Raise if the reply is not a complete one: each cause has its own sentence and next step."""
    if reply.stop == "end":
        return
    if reply.stop == "stopped":
        raise CallStopped("The call was stopped before the reply was whole.")
    raise _make_stop_error(reply, request)


def _make_stop_error(reply: Reply, request: Request) -> BadReply:
    message, hint = _STOPS[_find_cause(reply, request)]
    stop: StopReason = "length" if reply.stop == "end" else reply.stop
    return BadReply(message.format(limit=f"{request.ceiling:,}"), hint=hint, stop=stop)


def _find_cause(reply: Reply, request: Request) -> str:
    """Return why a reply is not whole: its stop word, or more than that says."""
    if reply.stop == "empty" and reply.thought:
        return "thought"
    if reply.stop in {"length", "end"}:  # what ended well may be cut: by the one who relayed it
        if request.longest is not None and len(reply.text) > request.longest:
            return "lost"
        came = reply.usage.output_tokens
        if request.max_output_tokens is None and (came is None or came < 0.95 * request.ceiling):
            return "full"
        return "length"
    return reply.stop


_STOPS: dict[str, tuple[str, str]] = {
    "refusal": (
        "The model declined to work on this prompt.",
        "Choose another model, which may accept it: add `-m CONNECTION/MODEL`.",
    ),
    "filtered": (
        "The provider's content filter stopped the reply.",
        "Choose another model or provider, which may accept the prompt: add `-m CONNECTION/MODEL`.",
    ),
    "length": (
        "The reply reached the limit of {limit} output tokens before it was whole.",
        "Raise max_output_tokens, lower the effort, or give it a shorter prompt.",
    ),
    "full": (
        "The reply reached the model's own limit before it was whole.",
        "Set max_output_tokens, give it a shorter prompt, or choose a model with more room.",
    ),
    "lost": (
        "The reply ran on and was stopped: it was longer than any answer to this can be.",
        "Run it again, lower the temperature, or choose a larger model: add `-m CONNECTION/MODEL`.",
    ),
    "incomplete": (
        "The reply ended before it was whole: the provider did not mark it as complete.",
        "Run it again; nothing was changed.",
    ),
    "empty": (
        "The model sent an empty reply.",
        "Run it again, or choose another model: add `-m CONNECTION/MODEL`.",
    ),
    "thought": (
        "The reply is empty: the model used its output tokens for thinking.",
        "Raise max_output_tokens, or lower the effort.",
    ),
}
