"""Prices of models: about what a call cost, and who says so.

Prices are asked of several sources in one order. First come those that the caller knows for this very
connection, in their own order: what somebody set for the workspace, what the operator set for all, what the
server's listing said. Then the installed genai-prices, by the address that the call goes to, and last our own
table of what that does not have yet. Nothing is fetched. What nobody knows is unknown, and never zero.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from assay_nb.messages import Usage

if TYPE_CHECKING:
    from genai_prices.types import Provider

_PACKAGE = "genai-prices"
_WINDOW = 272_000
"""Input tokens above which OpenAI charges more, for the whole call."""
_PLAIN = 30_000
"""Input tokens up to which no list has a second price: the lowest step in genai-prices 0.2.3 is at 32,000."""
_WHILE = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model's tokens cost, in US dollars per million.

    Attributes:
        read: For input.
        written: For output, thoughts included.
        cached: For input that the provider had kept; None where it is not known to be cheaper.
        source: Who says so, and when.
        up_to: Input tokens of a call up to which it holds; None for any number.
    """

    read: float
    written: float
    cached: float | None = None
    source: str
    up_to: int | None = None

    def apply(self, usage: Usage) -> float | None:
        """Return about how many dollars a call cost, or None where its tokens are not known."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        if self.up_to is not None and usage.input_tokens > self.up_to:
            return None
        kept = 0 if self.cached is None else min(usage.cached_tokens or 0, usage.input_tokens)
        dollars = (usage.input_tokens - kept) * self.read + usage.output_tokens * self.written
        return (dollars + kept * (self.cached or 0.0)) / 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """About how many US dollars a call cost, and whose price that is by."""

    dollars: float
    source: str


def _openai(read: float, written: float, cached: float, source: str) -> tuple[Price, ...]:
    """Return a model's prices up to the window and above: double for input, one and a half for output."""
    return (
        Price(read=read, written=written, cached=cached, source=source, up_to=_WINDOW),
        Price(read=2 * read, written=1.5 * written, cached=2 * cached, source=source),
    )


def _google(read: float, written: float, cached: float) -> tuple[Price, ...]:
    source = "reports of Google's pages of 2026-11-18"
    return (Price(read=read, written=written, cached=cached, source=source),)


PRICES: dict[tuple[str, str], tuple[Price, ...]] = {
    # None of these is in genai-prices 0.2.3. Sol's are from its page at OpenAI. Astra's page and Google's were
    # not read themselves: several reports of each agree.
    ("openai", "gpt-6.2-sol"): _openai(2, 10, 0.1, "OpenAI's page, read 2026-11-30"),
    ("openai", "gpt-6.2-astra"): _openai(8, 40, 0.4, "reports of OpenAI's page of 2026-11-18"),
    # Half of that until 2026-11-30.
    ("google", "gemini-4-carbon"): _google(4, 20, 0.2),
    ("google", "gemini-4-neon"): _google(3, 15, 0.15),
    ("google", "gemini-4-hydrogen"): _google(1.5, 7.5, 0.075),
}
"""What the installed price list does not have yet, by the id of its vendor and the model: the first that holds
for a call's input counts."""


def estimate_cost(
    model: str, usage: Usage, *, endpoint: str, known: Sequence[Price] = ()
) -> Cost | None:
    """Return about how many US dollars a call cost and by whose price, or None when nobody knows.

    Args:
        model: The model that answered.
        usage: The tokens.
        endpoint: Where the call went, whose prices count.
        known: Prices that are known for this connection, the one that goes first at the beginning.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    for price in known:
        dollars = price.apply(usage)
        if dollars is not None:
            return Cost(dollars, price.source)
    vendor = _find_vendor(endpoint)
    if vendor is None:
        return None
    return _by_price_list(vendor.id, model, usage) or _by_table(vendor.id, model, usage)


@cache
def _find_vendor(url: str) -> Provider | None:
    """Return whose price list holds at an address, or None.

    The list's patterns match beginnings: `https://api.openai.com.proxy.example` is somebody else's.
    """
    from genai_prices.data_snapshot import get_snapshot

    try:
        vendor = get_snapshot().find_provider(None, None, url)
    except LookupError:
        return None
    match = re.match(vendor.api_pattern, url)
    end = match.end() if match else 0
    return vendor if url[end : end + 1] in {"", "/", ":"} or url[end - 1] in "/." else None


def _by_price_list(vendor: str, model: str, usage: Usage) -> Cost | None:
    import genai_prices

    tokens, kept = usage.input_tokens or 0, usage.cached_tokens or 0
    if kept <= tokens <= _PLAIN:
        unit = _unit_price(vendor, model, int(time.time()) // _WHILE)
        if unit is not None:
            return Cost(unit.apply(usage) or 0.0, unit.source)
    dollars = _ask_price_list(vendor, model, usage)
    source = f"{_PACKAGE} {genai_prices.__version__}"
    return None if dollars is None else Cost(dollars, source)


def _ask_price_list(vendor: str, model: str, usage: Usage) -> float | None:
    import genai_prices

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        price = genai_prices.calc_price(tokens, model_ref=model, provider_id=vendor)
    except (LookupError, ValueError):  # the model is not listed; more tokens were cached than read
        return None
    return float(price.total_price)


@lru_cache(maxsize=4096)
def _unit_price(vendor: str, model: str, half_hour: int) -> Price | None:
    """Return what a model's tokens cost in a call of ordinary length, or None where they cost something else too.

    Asking the list takes 160 microseconds, a tenth of what a gateway has for a call. Prices can depend on the time
    of day, so an answer holds for half an hour.
    """
    import genai_prices

    del half_hour  # a part of what is remembered
    asked = [Usage(0, 0), Usage(_PLAIN, 0), Usage(0, _PLAIN), Usage(_PLAIN, 0, _PLAIN)]
    found = [_ask_price_list(vendor, model, usage) for usage in asked]
    if None in found or found[0]:
        return None
    read, written, cached = (round((one or 0.0) * 1e6 / _PLAIN, 9) for one in found[1:])
    source = f"{_PACKAGE} {genai_prices.__version__}"
    return Price(read=read, written=written, cached=cached, source=source, up_to=_PLAIN)


def _by_table(vendor: str, model: str, usage: Usage) -> Cost | None:
    for price in PRICES.get((vendor, model), ()):
        dollars = price.apply(usage)
        if dollars is not None:
            return Cost(dollars, price.source)
    return None
