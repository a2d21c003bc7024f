"""Token counts: what a provider says that a call used, as far as it makes sense, in each dialect.

A count that is negative, not a number or beyond any model is as good as none. So is zero for a prompt,
which some servers send in the place of "not counted": a call would seem to cost nothing.

What is read may be an SDK's object or a JSON object: an instrument's reply comes through an SDK, and one that is
passed through does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from assay_nb.messages import Usage

_MOST_TOKENS = 100_000_000
"""Tokens: ten times the largest window that anybody offers."""


def read_tokens(value: Any) -> int | None:
    """Return a count of tokens, which may be written as a text or with a decimal point."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= len(str(_MOST_TOKENS)):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= _MOST_TOKENS or value != int(value):  # not of NaN either
        return None
    return int(value)


def read_usage(prompt: Any, reply: Any, cached: Any) -> Usage:
    """Return the tokens of a call from the three fields of a dialect, each None where it makes no sense."""
    asked, answered = read_tokens(prompt), read_tokens(reply)
    if asked == 0:
        return Usage(None, answered or None)
    return Usage(asked, answered, read_tokens(cached))


def read_anthropic(usage: Any, before: Usage | None = None) -> Usage:
    """Return the count so far. Anthropic leaves cached tokens out of `input_tokens`; we count them in.

    Args:
        usage: What an event or a message has as its `usage`.
        before: The count of the events before, which a later one replaces in part.
    """
    before = before or Usage()
    if usage is None:
        return before
    read = read_tokens(_field(usage, "cache_read_input_tokens"))
    written = read_tokens(_field(usage, "cache_creation_input_tokens"))
    fresh = read_tokens(_field(usage, "input_tokens"))
    output = read_tokens(_field(usage, "output_tokens"))
    total = None if fresh is None else fresh + (read or 0) + (written or 0)
    return Usage(
        total or before.input_tokens,  # a prompt has no zero tokens
        before.output_tokens if output is None else output,
        before.cached_tokens if read is None else read,
    )


def read_responses(usage: Any) -> Usage | None:
    """Return what OpenAI's Responses, images and transcriptions count, or None where nothing was counted."""
    details = _field(usage, "input_tokens_details")
    return _any(
        _field(usage, "input_tokens"),
        _field(usage, "output_tokens"),
        _field(details, "cached_tokens"),
    )


def read_chat(usage: Any) -> Usage | None:
    """Return what chat completions count, or None where nothing was counted."""
    details = _field(usage, "prompt_tokens_details")
    return _any(
        _field(usage, "prompt_tokens"),
        _field(usage, "completion_tokens"),
        _field(details, "cached_tokens"),
    )


def read_gemini(metadata: Any) -> Usage | None:
    """Return the count so far. Google counts thoughts apart; they are billed as output."""
    output = read_tokens(_field(metadata, "candidates_token_count", "candidatesTokenCount"))
    thoughts = read_tokens(_field(metadata, "thoughts_token_count", "thoughtsTokenCount"))
    return _any(
        _field(metadata, "prompt_token_count", "promptTokenCount"),
        (output or 0) + thoughts if thoughts else output,
        _field(metadata, "cached_content_token_count", "cachedContentTokenCount"),
    )


def _any(prompt: Any, reply: Any, cached: Any) -> Usage | None:
    counted = read_usage(prompt, reply, cached)
    return counted if counted != Usage() else None


def _field(thing: Any, *names: str) -> Any:
    """Return a field of an SDK's object or of a JSON object, by the first of its names that is there."""
    for name in names:
        if isinstance(thing, Mapping):
            value = cast("Mapping[str, Any]", thing).get(name)
        else:
            value = getattr(thing, name, None)
        if value is not None:
            return value
    return None
