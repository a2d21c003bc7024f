"""What is known about models, with the date on which it was known. Data; any other model name works too.

`assay-nb models` shows what a key can really see. This table says what a listing does not: which
parameters a model refuses, and which model to begin with.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import date
from typing import Literal

from assay_nb.errors import WrongUsage
from assay_nb.messages import PROVIDERS, ProviderId, Usage

TABLE_DATE = date(2026, 11, 23)

DEMO_MODEL = "claude-sonnet-4-6"

DEFAULT_MODEL: dict[ProviderId, str] = {
    "anthropic": "claude-sonnet-4-6",
    "openai": "gpt-6.2-sol",
    "google": "gemini-3.8-flash",
}

Temperature = Literal["taken", "refused", "without reasoning"]
Thinking = Literal["off", "on request", "adaptive", "always"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model.

    Attributes:
        id: As its provider names it.
        provider: Who serves it.
        context: Tokens that fit, prompt and reply together.
        max_output: Tokens of a reply at most, thinking included.
        temperature: Whether sampling parameters are taken. `without reasoning`: only with effort `none`.
        thinking: How it thinks unless told: not at all, only on request, as it sees fit, or always.
    """

    id: str
    provider: ProviderId
    context: int
    max_output: int
    temperature: Temperature = "refused"
    thinking: Thinking = "adaptive"


def _anthropic(
    name: str, thinking: Thinking = "adaptive", temperature: Temperature = "refused"
) -> Model:
    return Model(
        id=name,
        provider="anthropic",
        context=1_000_000,
        max_output=128_000,
        temperature=temperature,
        thinking=thinking,
    )


def _openai(name: str, temperature: Temperature = "without reasoning") -> Model:
    return Model(
        id=name,
        provider="openai",
        context=1_050_000,
        max_output=128_000,
        temperature=temperature,
    )


def _google(name: str, context: int = 1_048_576) -> Model:
    return Model(
        id=name, provider="google", context=context, max_output=65_536, temperature="taken"
    )


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        _anthropic("claude-sonnet-4-6", "on request", "taken"),
        _anthropic("claude-haiku-5-5"),
        _anthropic("claude-sonnet-5-5"),
        _anthropic("claude-opus-5-5", "always"),
        _anthropic("claude-fable-5-1"),
        _anthropic("claude-fable-5-2"),
        _openai("gpt-6.2-sol", "refused"),
        _openai("gpt-6.2-astra", "refused"),
        _openai("gpt-6.1-sol"),
        _openai("gpt-6.1-terra"),
        _openai("gpt-6-sol"),
        _openai("gpt-6-luna"),
        _openai("gpt-6-astra", "refused"),
        _google("gemini-3.8-flash"),
        _google("gemini-3.5-flash-lite"),
        _google("gemini-3.1-flash-lite"),
        _google("gemini-4-argon"),
    )
}

_FAMILIES: tuple[tuple[str, ProviderId], ...] = (
    ("claude", "anthropic"),
    ("gpt", "openai"),
    ("chatgpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
)


def parse_model(text: str) -> tuple[ProviderId, str]:
    """Return provider and model for `provider/model`, or for a bare name whose provider is plain.

    Any model name is accepted after a provider: models appear faster than releases of this package.
    The name may hold slashes itself, as local servers' names do (`openai/org/model`).

    Raises:
        WrongUsage: If no provider can be told from it.
    """
    text = text.strip()
    head, slash, rest = text.partition("/")
    for provider in PROVIDERS:
        if slash and head.lower() == provider and rest:
            return provider, rest
    if found := find_provider(text):
        return found, text
    raise WrongUsage(
        f"{text[:80]!r} does not say whose model it is." if text else "No model was named.",
        hint=_name_hint(text),
    )


def find_provider(model: str) -> ProviderId | None:
    """Return the provider of a bare model name, or None when it could be anybody's."""
    if model in MODELS:
        return MODELS[model].provider
    if "/" in model:
        return None
    for family, provider in _FAMILIES:
        if model == family or model.startswith(f"{family}-"):
            return provider
    return None


def find_model(model: str) -> Model | None:
    """Return what is known about a model, or None. A dated name counts as the one it pins."""
    if model in MODELS:
        return MODELS[model]
    name, _, tail = model.rpartition("-")
    return MODELS.get(name) if tail.isdigit() and len(tail) == 8 else None


def suggest_model(model: str, provider: ProviderId | None = None) -> str | None:
    """Return the known model whose name is nearest, as `provider/model`, or None."""
    names = [name for name, known in MODELS.items() if provider in {None, known.provider}]
    near = difflib.get_close_matches(model.lower(), names, n=1, cutoff=0.6)
    return f"{MODELS[near[0]].provider}/{near[0]}" if near else None


def table_age_days(today: date) -> int:
    """Return how old this table is. `doctor` says so when it is more than a quarter."""
    return (today - TABLE_DATE).days


def estimate_cost(
    provider: ProviderId, model: str, usage: Usage, *, official: bool = True
) -> float | None:
    """Return about how many US dollars a call cost, or None when that cannot be known.

    Prices are those that the installed genai-prices knows; nothing is fetched. A custom endpoint's
    prices are its own affair.
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


def _name_hint(text: str) -> str:
    near = suggest_model(text.rpartition("/")[2]) if text else None
    example = near or f"anthropic/{DEFAULT_MODEL['anthropic']}"
    return f"Write PROVIDER/MODEL, such as `{example}`; `assay-nb models` lists them."
