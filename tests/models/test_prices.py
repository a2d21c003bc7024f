"""Prices: whose goes first, where a list holds, and that nobody's is never taken for nothing."""

from __future__ import annotations

import pytest

from assay_nb.egress.origins import OFFICIAL
from assay_nb.messages import PROVIDERS, ProviderId, Usage
from assay_nb.models.catalog import DEFAULT_MODEL, MODELS, Model
from assay_nb.models.prices import PRICES, Price, estimate_cost

ANTHROPIC = OFFICIAL["anthropic"]
OPENAI = OFFICIAL["openai"]


def test_cost_of_a_known_model_is_tokens_times_price_with_its_source() -> None:
    cost = estimate_cost("claude-sonnet-4-6", Usage(1_500, 700), endpoint=ANTHROPIC)

    assert cost is not None
    assert cost.dollars == pytest.approx(0.015)
    assert cost.source.startswith("genai-prices ")


def test_cached_tokens_cost_less() -> None:
    whole = estimate_cost("claude-sonnet-4-6", Usage(10_000, 0), endpoint=ANTHROPIC)
    cached = estimate_cost("claude-sonnet-4-6", Usage(10_000, 0, 9_000), endpoint=ANTHROPIC)

    assert whole is not None
    assert cached is not None
    assert cached.dollars < whole.dollars / 2


@pytest.mark.parametrize(
    ("model", "usage", "endpoint"),
    [
        ("nobody-knows-this-one", Usage(1, 1), ANTHROPIC),
        ("claude-sonnet-4-6", Usage(None, 1), ANTHROPIC),
        ("claude-sonnet-4-6", Usage(1, None), ANTHROPIC),
        ("claude-sonnet-4-6", Usage(1, 1, 5), ANTHROPIC),  # more was cached than there was
        ("claude-sonnet-4-6", Usage(1, 1), "http://localhost:11434/v1"),
        ("claude-sonnet-4-6", Usage(1, 1), "https://llm.example.org/https://api.anthropic.com"),
        ("claude-sonnet-4-6", Usage(1, 1), "https://api.anthropic.com.example.org"),
        ("gpt-6.2-sol", Usage(1, 1), "https://llm.example.org/v1"),
        ("gpt-6.2-sol-of-nobody", Usage(1, 1), OPENAI),
        ("gemini-4-of-nobody", Usage(1, 1), OFFICIAL["google"]),
    ],
)
def test_cost_is_unknown_rather_than_guessed(model: str, usage: Usage, endpoint: str) -> None:
    assert estimate_cost(model, usage, endpoint=endpoint) is None


@pytest.mark.parametrize(
    ("endpoint", "model"),
    [
        ("https://openrouter.ai/api/v1", "openai/gpt-4o"),
        ("https://api.groq.com/openai/v1", "llama-3.1-8b-instant"),
        ("https://api.mistral.ai/v1", "mistral-large-latest"),
        ("https://api.deepseek.com", "deepseek-chat"),
    ],
)
def test_price_list_is_found_by_the_address_of_a_foreign_endpoint(
    endpoint: str, model: str
) -> None:
    cost = estimate_cost(model, Usage(1_000_000, 1_000_000), endpoint=endpoint)

    assert cost is not None
    assert cost.dollars > 0


WORKSPACE = Price(read=1, written=2, source="set by ada on 2026-11-30")
OPERATOR = Price(read=3, written=4, source="the operator's")
LISTING = Price(read=5, written=6, source="openrouter.ai's listing of 2026-11-30")


@pytest.mark.parametrize(
    ("known", "dollars", "source"),
    [
        ((WORKSPACE, OPERATOR, LISTING), 3, WORKSPACE.source),
        ((OPERATOR, LISTING), 7, OPERATOR.source),
        ((LISTING,), 11, LISTING.source),
    ],
)
def test_what_is_known_of_the_connection_goes_before_the_list(
    known: tuple[Price, ...], dollars: float, source: str
) -> None:
    cost = estimate_cost("gpt-6-sol", Usage(1_000_000, 1_000_000), endpoint=OPENAI, known=known)

    assert cost is not None
    assert (cost.dollars, cost.source) == (pytest.approx(dollars), source)


def test_price_of_nothing_is_a_price() -> None:
    free = Price(read=0, written=0, source="openrouter.ai's listing of 2026-11-30")
    cost = estimate_cost(
        "x:free", Usage(10, 10), endpoint="https://openrouter.ai/api/v1", known=[free]
    )

    assert cost is not None
    assert cost.dollars == 0


@pytest.mark.parametrize(
    ("usage", "dollars"), [(Usage(1_000_000, 0, 400_000), 1.24), (Usage(1_000_000, 0), 2.0)]
)
def test_cached_input_has_its_own_price(usage: Usage, dollars: float) -> None:
    price = Price(read=2, written=9, cached=0.1, source="a listing")

    assert price.apply(usage) == pytest.approx(dollars)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_default_model_has_a_price(provider: ProviderId) -> None:
    cost = estimate_cost(DEFAULT_MODEL[provider], Usage(1_000, 1_000), endpoint=OFFICIAL[provider])

    assert cost is not None
    assert cost.dollars > 0


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_each_known_model_has_a_price(model: Model) -> None:
    cost = estimate_cost(model.id, Usage(1_000, 1_000), endpoint=OFFICIAL[model.provider])

    assert cost is not None
    assert cost.dollars > 0


@pytest.mark.parametrize("prices", PRICES.values(), ids=[model for _, model in PRICES])
def test_prices_of_our_own_say_who_and_when_and_reach_to_any_length(
    prices: tuple[Price, ...],
) -> None:
    reaches = [one.up_to for one in prices]

    assert all("2026-" in one.source for one in prices)
    assert None not in reaches[:-1]
    assert reaches[-1] is None


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("gpt-6.2-sol", Usage(100_000, 100_000), 0.2 + 1.0),
        ("gpt-6.2-sol", Usage(272_000, 0), 0.544),
        ("gpt-6.2-sol", Usage(272_001, 0), 1.088004),  # from here on, all of it costs double
        ("gpt-6.2-sol", Usage(300_000, 100_000), 1.2 + 1.5),
        ("gpt-6.2-sol", Usage(100_000, 0, 100_000), 0.01),
        ("gpt-6.2-astra", Usage(100_000, 100_000), 0.8 + 4.0),
    ],
)
def test_table_prices_what_the_list_lacks(model: str, usage: Usage, dollars: float) -> None:
    cost = estimate_cost(model, usage, endpoint=OPENAI)

    assert cost is not None
    assert cost.dollars == pytest.approx(dollars)


@pytest.mark.parametrize(
    ("model", "dollars"),
    [("gemini-4-carbon", 24.0), ("gemini-4-neon", 18.0), ("gemini-4-hydrogen", 9.0)],
)
def test_table_prices_googles_newest(model: str, dollars: float) -> None:
    cost = estimate_cost(model, Usage(1_000_000, 1_000_000), endpoint=OFFICIAL["google"])

    assert cost is not None
    assert cost.dollars == pytest.approx(dollars)
