"""What rules know about models: a dated table, no more.

Each line holds for every model whose id begins like it; the longest beginning wins. A model that is not
here is one that the rules say nothing about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

AS_OF = date(2026, 11, 23)
"""The day on which the table was last compared with the providers' documentation."""

_SAMPLING = frozenset({"temperature", "top_p", "top_k"})


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the rules need to know about a family of models.

    Attributes:
        reasons: Whether it reasons by itself, so that a request to do so in the prompt adds only tokens.
        refused: Knobs that it answers with an error, whatever their value.
        needs_effort_none: Knobs that it takes only together with `effort="none"`.
        lowest_temperature: Below this its maker warns of loops and worse replies.
    """

    reasons: bool = False
    refused: frozenset[str] = frozenset()
    needs_effort_none: frozenset[str] = frozenset()
    lowest_temperature: float | None = None


_CLAUDE = ModelFacts(refused=_SAMPLING)
_CLAUDE_NO_PREFILL = ModelFacts(refused=_SAMPLING | {"prefill"})
_CLAUDE_REASONING = ModelFacts(reasons=True, refused=_SAMPLING | {"prefill"})
_GPT_REASONING = ModelFacts(reasons=True, refused=frozenset({"temperature", "top_p"}))
_GPT_EFFORT = ModelFacts(reasons=True, needs_effort_none=frozenset({"temperature", "top_p"}))
_GEMINI = ModelFacts(reasons=True, lowest_temperature=1.0)

_FAMILIES: Mapping[str, ModelFacts] = {
    "claude-": _CLAUDE,  # API version 2026-10-21 refuses sampling parameters for all of them
    "claude-opus-4-6": _CLAUDE_NO_PREFILL,
    "claude-sonnet-4-6": _CLAUDE_NO_PREFILL,
    "claude-opus-4-7": _CLAUDE_REASONING,
    "claude-opus-4-8": _CLAUDE_REASONING,
    "claude-opus-5": _CLAUDE_REASONING,
    "claude-sonnet-5": _CLAUDE_REASONING,
    "claude-haiku-5": _CLAUDE_REASONING,
    "claude-fable-5": _CLAUDE_REASONING,
    "claude-mythos-5": _CLAUDE_REASONING,
    "gpt-5": _GPT_REASONING,
    "gpt-5.": _GPT_EFFORT,
    "gpt-6": _GPT_EFFORT,
    "gpt-6-astra": _GPT_REASONING,
    "gpt-6.2": _GPT_REASONING,
    "o1": _GPT_REASONING,
    "o3": _GPT_REASONING,
    "o4": _GPT_REASONING,
    "gemini-3": _GEMINI,
    "gemini-4": _GEMINI,
}


def find_facts(model: str | None) -> ModelFacts | None:
    """Return what is known about the model, or None for one that is not in the table."""
    fitting = [beginning for beginning in _FAMILIES if (model or "").startswith(beginning)]
    return _FAMILIES[max(fitting, key=len)] if fitting else None


def refused_knobs(model: str | None, knobs: Mapping[str, Any]) -> list[str]:
    """Return the knobs among those set that the model answers with an error."""
    facts = find_facts(model)
    if facts is None:
        return []
    refused = facts.refused
    if knobs.get("effort") != "none":
        refused |= facts.needs_effort_none
    return [name for name, value in knobs.items() if value is not None and name in refused]
