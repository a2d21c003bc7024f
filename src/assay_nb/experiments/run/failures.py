"""Failures of a row: what each says of the other rows, and what helps."""

from __future__ import annotations

import enum

from assay_nb.errors import (
    AssayError,
    BadReply,
    KeyPasted,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)

PATIENCE = 60.0
"""Seconds that a run waits for a limit at a time, a hub's or a provider's. What opens later ends it."""

_TOO_LONG = 413
_OF_ONE_ROW = frozenset({400, 413, 422})
"""Statuses that may concern one row alone: it is too long, or against the provider's rules.

Another status (no credit, no such model, a key that is refused) would hit every row.
"""

_BUSY = frozenset({503, 529})


class Effect(enum.Enum):
    """What follows from a failure."""

    ENDS = "every later row would fail alike, for longer than a run waits"
    WAITS = "a limit that opens at a time that was said"
    BACKS_OFF = "a limit of which nobody says when it opens"
    UNREACHED = "nobody answers at that address"
    BROKEN_OFF = "a reply had begun, and did not come to its end"
    OF_ROW = "one row's: what is wrong with it alone, or bad luck"
    OF_ALL = "anything else"


def find_effect(error: ProviderError) -> Effect:
    """Return what follows from a failure for the run that it is part of."""
    wait = error.retry_after
    if isinstance(error, RateLimited):
        if error.daily or (wait or 0.0) > PATIENCE:
            return Effect.ENDS
        return Effect.BACKS_OFF if wait is None else Effect.WAITS
    if isinstance(error, BadReply):
        return Effect.BROKEN_OFF if error.stop == "incomplete" else Effect.OF_ROW
    if isinstance(error, ProviderUnavailable):
        return _find_effect_of_outage(error)
    return Effect.OF_ROW if refuses_text(error) else Effect.OF_ALL


def _find_effect_of_outage(error: ProviderUnavailable) -> Effect:
    wait = error.retry_after
    if error.unreached:
        return Effect.UNREACHED
    if error.broken_off:
        return Effect.BROKEN_OFF
    if wait is not None and wait <= PATIENCE:
        return Effect.WAITS
    return Effect.BACKS_OFF if wait is None and error.status in _BUSY else Effect.OF_ROW


def describe_cause(error: ProviderError) -> str:
    """Return why a run waits after a failure, as a clause."""
    if isinstance(error, RateLimited):
        return "its limit is reached"
    unreached = isinstance(error, ProviderUnavailable) and error.unreached
    return "it cannot be reached" if unreached else "it is overloaded"


def says_nothing_of_others(error: AssayError) -> bool:
    """Return whether a failure says nothing of other rows: a text that is too long, or that nobody answers.

    Data is often sorted, so the first rows may well be the longest.
    """
    if isinstance(error, BadReply):
        return error.stop in {"length", "filtered", "refusal"}
    return isinstance(error, KeyPasted) or getattr(error, "status", None) == _TOO_LONG


def refuses_text(error: ProviderError) -> bool:
    """Return whether a provider did not take what was sent: it is too long, or against the rules."""
    return error.status in _OF_ONE_ROW


def cost_of(error: ProviderError, requests: int) -> float | None:
    """Return what a failed call cost: nothing where the provider refused it, unknown where it broke off.

    Of several requests, others may have been answered before one was refused.
    """
    unknown = isinstance(error, BadReply) or error.status in {None, 200} or requests > 1
    return None if unknown else 0.0
