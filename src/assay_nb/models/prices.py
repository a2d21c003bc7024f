"""Prices of models: about what a call cost, by the installed price list."""

from __future__ import annotations

from assay_nb.messages import ProviderId, Usage


def estimate_cost(
    provider: ProviderId, model: str, usage: Usage, *, official: bool = True
) -> float | None:
    """Return about how many US dollars a call cost, or None when that cannot be known.

    Prices are those that the installed genai-prices knows; nothing is fetched. A custom endpoint sets
    its own prices.
    """
    if not official or usage.input_tokens is None or usage.output_tokens is None:
        return None
    import genai_prices

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        price = genai_prices.calc_price(tokens, model_ref=model, provider_id=provider)
    except LookupError:
        return None
    return float(price.total_price)
