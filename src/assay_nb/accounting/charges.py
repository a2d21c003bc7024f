"""Charges: what a call that was passed through cost, and what it counts for where that is not known.

One order holds. What is free counts as nothing. Where the provider's own count of tokens and a price are known, the
call has a cost. Otherwise it counts for an estimate: its tokens, or else its bytes, at the model's price, or else at
the dearest known model's. Only a call of which there is nothing to count has no estimate either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from assay_nb.accounting.meters import Reading
from assay_nb.accounting.routes import MeteredRoute
from assay_nb.messages import Usage
from assay_nb.models.estimates import BYTES_PER_TOKEN, bound_usage, dearest, fill_in

PriceOf: TypeAlias = Callable[[Usage], float | None]
"""Returns what tokens cost at the model, in US dollars; None where no price is known."""

_BATCH_SHARE = 0.5
"""What providers take for a call in a batch, of the price of the same call by itself."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call is charged with.

    Attributes:
        usage: The tokens, as the provider counted them; none where it was cut off before it told all.
        cost: US dollars, where price and tokens are known.
        counted: US dollars that it counts for; None where there is nothing to estimate it from.
    """

    usage: Usage
    cost: float | None
    counted: float | None


FREE = Charge(Usage(), 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a request.

    Attributes:
        route: What it asks for.
        size: Its bytes.
        is_text: Whether they are JSON, whose size says something of its tokens.
        model: The model that it names; `""` where it does not say.
        most_output: Tokens of the reply at most, as it says, in a batch of all replies; None where it does not.
        batch_is_elsewhere: Whether it names a file of requests, in the place of a batch's own.
    """

    route: MeteredRoute
    size: int
    is_text: bool
    model: str = ""
    most_output: int | None = None
    batch_is_elsewhere: bool = False

    @property
    def bound(self) -> Usage:
        """The tokens that it will use at most."""
        return bound_usage(self.size, self.model, self.most_output, writes=self.route.writes)


def estimate(asked: Asked, price: PriceOf) -> float | None:
    """Return what a call may cost, before it is made; None where nothing says so."""
    if asked.route.charge == "free":
        return 0.0
    if not (asked.is_text and asked.route.sized):
        return None
    if asked.route.charge == "batch":
        return _estimate_batch(asked, price)
    return _at_some_price(asked.bound, price)


def charge(
    asked: Asked, reading: Reading, price: PriceOf, *, streamed: bool, seconds: float = 0.0
) -> Charge:
    """Return what a call cost that the provider has answered.

    Args:
        asked: The request.
        reading: What the reply says.
        price: The prices of the model that answered.
        streamed: Whether the reply was a stream of events.
        seconds: How long the call took: a model thinks, too, what its reply does not show.
    """
    if asked.route.charge == "free":
        return FREE
    if asked.route.charge == "batch":
        return Charge(Usage(), None, _estimate_batch(asked, price) if asked.is_text else None)
    usage = reading.usage
    if reading.is_final and usage.input_tokens is not None and usage.output_tokens is not None:
        cost = price(usage)
        return Charge(usage, cost, dearest(usage) if cost is None else cost)
    if usage == Usage() and not (asked.is_text and asked.route.sized):
        return Charge(Usage(), None, None)
    bound = asked.bound
    if reading.goes_on or not (streamed or reading.is_final):
        # The model writes all of it, whatever has come: a reply that is one document is sent when it is whole.
        likely = Usage(
            bound.input_tokens if usage.input_tokens is None else usage.input_tokens,
            max(bound.output_tokens or 0, usage.output_tokens or 0),
            usage.cached_tokens,
        )
    else:
        likely = fill_in(usage, bound, reading.size, streamed=streamed, seconds=seconds)
    return Charge(Usage(), None, _at_some_price(likely, price))


def _estimate_batch(asked: Asked, price: PriceOf) -> float | None:
    """Estimate a batch when it is made: as many tokens of output as it allows, or as its bytes make of input.

    What it did use stands in its results, which may be read many times, or never.
    """
    if asked.batch_is_elsewhere:
        return None
    tokens = asked.size // BYTES_PER_TOKEN
    return _BATCH_SHARE * _at_some_price(Usage(tokens, max(tokens, asked.most_output or 0)), price)


def _at_some_price(usage: Usage, price: PriceOf) -> float:
    known = price(usage)
    return dearest(usage) if known is None else known
