"""Token counts: what a provider says that a call used, as far as it makes sense.

A count that is negative, not a number or beyond any model is as good as none. So is zero for a prompt,
which some servers send in the place of "not counted": a call would seem to cost nothing.
"""

from __future__ import annotations

from typing import Any

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
