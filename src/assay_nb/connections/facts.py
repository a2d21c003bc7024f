"""Live facts: limits, prices and shutdown days that a server's own listing gives of its models.

`read_entry` reads one entry of a listing, whoever serves it. Each server has its own words for the same
thing, and a value is taken only where it makes sense: a ceiling of -1, a price of "-1" (OpenRouter's sign for
"it depends") or a day in 1970 says nothing, and is left out instead of being shown, or counted as zero.

A `Fact` has the day on which it was read and who said it. Its value is JSON, so that other facts can be kept
beside these, such as what a server turned out not to accept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, cast

from assay_nb.connections import values

__all__ = [
    "LEARNED",
    "LISTED",
    "SET",
    "Fact",
    "Facts",
    "count_of",
    "day_of",
    "group_facts",
    "output_limit",
    "read_entry",
    "read_listing",
    "shown_name",
    "text_of",
]

LISTED = frozenset(
    {
        "context",
        "max_output",
        "input_price",
        "output_price",
        "cached_price",
        "lifecycle",
        "retires",
        "successor",
        "parameters",
    }
)
"""What a listing gives. A newer listing replaces all of it, so that what is no longer said is forgotten."""

LEARNED = "learned"
"""What a server turned out not to take, in whichever form it is told: it goes with the key."""

SET = frozenset({"set_input_price", "set_output_price"})
"""What a person has set. It outlives the key, and goes with the workspace."""

_CONTEXT = (
    ("max_input_tokens",),  # Anthropic
    ("inputTokenLimit",),  # Gemini
    ("input_token_limit",),  # the same, as its SDK names it
    ("context_length",),  # OpenRouter, Together, Fireworks
    ("context_window",),  # Groq
    ("max_context_length",),  # Mistral, LM Studio
    ("max_model_len",),  # vLLM
    ("meta", "n_ctx"),  # llama.cpp
)
"""Where listings write how many tokens fit, the prompt's among them."""

_OUTPUT = (
    ("outputTokenLimit",),
    ("output_token_limit",),
    ("max_completion_tokens",),
    ("max_output_tokens",),  # LiteLLM
    ("top_provider", "max_completion_tokens"),
)
"""Where they write how many tokens a reply has at most. Anthropic's word is read apart: it is ambiguous."""

_RETIRES = (
    ("retires_at",),  # Anthropic
    ("shutdown_date",),  # OpenAI
    ("expiration_date",),  # OpenRouter
    ("deprecation", "inference"),  # Azure
    ("deprecation",),  # Mistral
)
_SUCCESSOR = (("deprecation_replacement_model",), ("replacement_model",))

_LIFECYCLES = {
    "active": "active",
    "generally-available": "active",
    "preview": "active",
    "deprecated": "deprecated",
    "deprecating": "deprecated",
    "retired": "retired",
}
"""What stages are called, and what we call them. A word that is not here says nothing."""

_FILE = re.compile(r"\.gguf$|\.safetensors$|\.bin$", re.IGNORECASE)
_ROOTED = re.compile(r"~?/|\.{1,2}/|[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a connection, or of a model that it serves.

    Attributes:
        model: The model's name; `""` where it is about the connection itself.
        name: What it is about, such as `"context"`.
        value: The value, which JSON can hold.
        source: Who said it, such as `"openrouter.ai's listing"` or `"set by ada"`.
        day: The day on which they did.
    """

    model: str
    name: str
    value: Any
    source: str
    day: date

    @property
    def origin(self) -> str:
        """Source and day in words: `"openrouter.ai's listing of 2026-11-30"`."""
        return f"{self.source} {'on' if self.name in SET else 'of'} {self.day}"


Facts = Mapping[str, Fact]
"""What is known of one model, by the names of the facts."""


def read_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one entry of a listing says of its model, by the names in `LISTED`.

    Tokens are whole numbers, prices US dollars per million tokens, days ISO dates. What is missing,
    unknown or makes no sense is left out.
    """
    found: dict[str, Any] = {
        "context": _first(entry, _CONTEXT, values.as_count),
        "max_output": _max_output(entry),
        "lifecycle": _lifecycle(entry),
        "retires": _first(entry, _RETIRES, values.as_day),
        "successor": _first(entry, _SUCCESSOR, values.as_model),
        "parameters": values.as_words(entry.get("supported_parameters")),
        **_prices(entry),
        **_routed(entry),
    }
    return {name: value for name, value in found.items() if value is not None}


def read_listing(entries: Mapping[str, Mapping[str, Any]], *, source: str, day: date) -> list[Fact]:
    """Return the facts of a whole listing.

    Args:
        entries: The raw entries, by the model's name.
        source: Who lists them.
        day: The day on which they were listed.
    """
    return [
        Fact(model, name, value, source, day)
        for model, entry in entries.items()
        for name, value in read_entry(entry).items()
    ]


def group_facts(facts: list[Fact]) -> dict[str, dict[str, Fact]]:
    """Return facts by model and name."""
    grouped: dict[str, dict[str, Fact]] = {}
    for fact in facts:
        grouped.setdefault(fact.model, {})[fact.name] = fact
    return grouped


def count_of(facts: Facts, name: str) -> int | None:
    """Return a number of tokens, or None where none is known."""
    return values.as_count(facts[name].value) if name in facts else None


def text_of(facts: Facts, name: str) -> str | None:
    """Return a name or a word, or None where none is known."""
    return values.as_model(facts[name].value) if name in facts else None


def day_of(facts: Facts, name: str) -> date | None:
    """Return a day, or None where none is known."""
    day = values.as_day(facts[name].value) if name in facts else None
    return date.fromisoformat(day) if day else None


def output_limit(facts: Facts, catalogued: int | None = None) -> int | None:
    """Return how many tokens of output a request may ask for, or None where nobody has said.

    A server that names only its window gets half of it asked for. vLLM refuses a request whose ceiling does
    not fit beside the prompt, and llama.cpp writes on until the window is full.

    Args:
        facts: What the connection's listing says of the model. It goes first.
        catalogued: What the table of models says, for a model that is in it.
    """
    limit, context = count_of(facts, "max_output"), count_of(facts, "context")
    if context is None:
        return catalogued if limit is None else limit
    if limit is None:
        half = max(1, context // 2)
        return half if catalogued is None else min(catalogued, half)
    return min(limit, context)


def shown_name(model: str) -> str:
    """Return a model's name for people: the last part of it, where a server names a model by its file.

    llama.cpp's server does, and the path says nothing but where somebody keeps files.
    """
    is_path = bool(_ROOTED.match(model) or _FILE.search(model) or "\\" in model)
    last = re.split(r"[\\/]", model.rstrip("\\/"))[-1] if is_path else ""
    return last or model


def _first(entry: Mapping[str, Any], places: tuple[tuple[str, ...], ...], read: Any) -> Any:
    """Return the first value that makes sense of those at several places."""
    found = (read(_at(entry, place)) for place in places)
    return next((value for value in found if value is not None), None)


def _at(entry: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    value: Any = entry
    for name in place:
        value = _mapping(value).get(name)
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, and an empty one for anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _max_output(entry: Mapping[str, Any]) -> int | None:
    found = _first(entry, _OUTPUT, values.as_count)
    # Anthropic's entries are marked by `type`. Elsewhere `max_tokens` can mean the whole context.
    if found is None and entry.get("type") == "model":
        found = values.as_count(entry.get("max_tokens"))
    return found


def _lifecycle(entry: Mapping[str, Any]) -> str | None:
    words = (entry.get(name) for name in ("lifecycle", "lifecycle_status"))
    return next((_LIFECYCLES[w] for w in words if isinstance(w, str) and w in _LIFECYCLES), None)


def _prices(entry: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what tokens cost. Half a price would make a sum that is too low, so it takes both halves."""
    pricing = _mapping(entry.get("pricing"))
    if "prompt" in pricing:
        # What costs something per request as well costs more than its tokens: nobody can say how much.
        if values.as_token_price(pricing.get("request", "0")) != 0:
            return {}
        taken = _both(pricing, "prompt", "completion", values.as_token_price)
        cached = values.as_token_price(pricing.get("input_cache_read"))
    else:
        taken = _both(pricing, "input", "output", values.as_price)
        # Together lists 0 for what it does not sell by the token: no price, and not a free model.
        if not any(taken.values()):
            return {}
        cached = values.as_price(pricing.get("cached_input"))
    return {**taken, "cached_price": cached} if taken else {}


def _both(
    pricing: Mapping[str, Any], read: str, written: str, understand: Any
) -> dict[str, float | None]:
    halves = understand(pricing.get(read)), understand(pricing.get(written))
    return {} if None in halves else {"input_price": halves[0], "output_price": halves[1]}


def _routed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what holds whichever of its `providers` a router such as Hugging Face's sends a call to."""
    listed = entry.get("providers")
    routes = (
        [_mapping(one) for one in cast("list[Any]", listed)] if isinstance(listed, list) else []
    )
    live = [route for route in routes if route and route.get("status", "live") == "live"]
    if not live:
        return {}
    contexts = [values.as_count(one.get("context_length")) for one in live]
    prices = [_prices(one) for one in live]
    alike = all(a == b for a, b in pairwise(prices))
    found: dict[str, Any] = dict(prices[0]) if alike else {}
    if None not in contexts:
        found["context"] = min(cast("list[int]", contexts))
    return found
