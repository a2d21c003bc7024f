"""Estimates: what a call may cost, before it is made or where its price or its tokens are not known.

An estimate is on the high side, and is never called a cost. Limits in money count it, so that a server that does
not tell what it used is not the way around them.
"""

from __future__ import annotations

from functools import cache

from assay_nb.connections.presets import PRESETS
from assay_nb.messages import Usage
from assay_nb.models import catalog
from assay_nb.models.prices import estimate_cost

BYTES_PER_TOKEN = 3
"""Bytes of a request that make a token at least: prose in English has four or five, JSON and other scripts fewer."""

STREAMED_BYTES_PER_TOKEN = 30
"""The same of a stream of events, each of which has some 150 to 300 bytes around a few tokens."""

CONTEXT = 200_000
"""Tokens that a model reads at most of which nothing is known."""

OUTPUT = 32_000
"""Tokens that a model is taken to write at most where a request does not say: more than nearly any reply has."""

TOKENS_PER_SECOND = 100
"""Tokens that a model is taken to write in a second, also where they are thoughts that nobody is shown."""

_LEAST = 1_000
"""Tokens that a call is taken to read and to write at least: images and tools are not seen in its bytes."""

_STEPS = (1_000, 150_000, 250_000, 500_000)
"""Input tokens, one in each range that price lists tell apart."""


def bound_usage(size: int, model: str, most_output: int | None, *, writes: bool = True) -> Usage:
    """Return the tokens that a call will use at most, as far as that can be told from its request.

    Args:
        size: Bytes of the request.
        model: The model.
        most_output: Tokens of the reply at most, as the request says; None where it does not.
        writes: Whether the model writes a reply.
    """
    known = catalog.find_model(model)
    context = known.context if known else CONTEXT
    most = min(known.max_output, OUTPUT) if known else OUTPUT
    asked = min(context, max(_LEAST, size // BYTES_PER_TOKEN))
    if not writes:
        return Usage(asked, 0)
    return Usage(asked, max(_LEAST, min(most_output, context) if most_output else most))


def fill_in(
    known: Usage, bound: Usage, reply_size: int, *, streamed: bool, seconds: float = 0.0
) -> Usage:
    """Return the tokens of a call of which only some are known, at least those that are.

    Args:
        known: What the reply says, which may be a part.
        bound: What the call uses at most.
        reply_size: Bytes of the reply.
        streamed: Whether those are events.
        seconds: How long the model may have written.
    """
    written = reply_size // (STREAMED_BYTES_PER_TOKEN if streamed else BYTES_PER_TOKEN)
    output = min(bound.output_tokens or 0, max(written, int(seconds * TOKENS_PER_SECOND), 1))
    return Usage(
        bound.input_tokens if known.input_tokens is None else known.input_tokens,
        max(output, known.output_tokens or 0),
        known.cached_tokens,
    )


def dearest(usage: Usage) -> float:
    """Return the US dollars that tokens cost at the dearest model that is known by name."""
    read, written = _dearest_rates(next((n for n in _STEPS if (usage.input_tokens or 0) <= n), 0))
    return ((usage.input_tokens or 0) * read + (usage.output_tokens or 0) * written) / 1e6


@cache
def _dearest_rates(step: int) -> tuple[float, float]:
    """Return the highest prices per million tokens of input and of output, for a call of about this length."""
    tokens = step or 1_000_000
    read = written = 0.0
    for model in catalog.MODELS.values():
        endpoint = PRESETS[model.provider].endpoint
        into = estimate_cost(model.id, Usage(tokens, 0), endpoint=endpoint)
        both = estimate_cost(model.id, Usage(tokens, 1_000), endpoint=endpoint)
        if into is not None and both is not None:
            read = max(read, into.dollars * 1e6 / tokens)
            written = max(written, (both.dollars - into.dollars) * 1e3)
    return read, written
